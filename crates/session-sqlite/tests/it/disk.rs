//! A full disk: an error that says so, nothing half written, and all is well once there is space.

use session_core::{BackendErrorKind, NewSession, SessionBackend};
use session_sqlite::SqliteBackend;
use sqlx::sqlite::SqlitePoolOptions;

use super::support::{Fresh, NOW, chain, live, record, record_of, set, stored, token};

/// SQLite's own bound on the size of a file fails with the same code, on any machine.
#[tokio::test]
async fn a_file_that_may_not_grow() {
    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record()).await;
    let pages: i64 =
        sqlx::query_scalar("PRAGMA page_count").fetch_one(&fresh.pool().await).await.unwrap();
    // More than one connection, as an application may have.
    let options = fresh.options().pragma("max_page_count", (pages + 20).to_string());
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
    let backend = SqliteBackend::from_pool(pool);

    fill(&backend, record, "one statement").await;
    fill(&backend, || record_of("alice"), "a transaction").await;
    let error = backend.update(&session, &set("k", "x".repeat(200_000)), NOW).await.unwrap_err();
    check(&error, "a patch");

    assert!(live(&fresh.backend, &session.token.unwrap()).await.data.is_empty());
    let check: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&fresh.pool().await).await.unwrap();
    assert_eq!(check, "ok");
    // The connections are as good as before.
    for _ in 0..4 {
        backend.update(&session, &set("k", 1), NOW).await.unwrap();
        backend
            .purge_expired(super::support::after(100_000), 1000, Default::default())
            .await
            .unwrap();
    }
}

async fn fill(backend: &SqliteBackend, record: impl Fn() -> session_core::SessionData, name: &str) {
    for _ in 0..1000 {
        let mut new = NewSession::new(record(), token());
        new.patch.set("ballast", "x".repeat(3000).into());
        if let Err(error) = backend.create(new, NOW).await {
            return check(&error, name);
        }
    }
    panic!("{name}: the disk is never full");
}

fn check(error: &session_core::BackendError, name: &str) {
    assert_eq!(error.kind(), BackendErrorKind::Other, "{name}: {}", chain(error));
    assert!(error.to_string().contains("is full"), "{name}: {}", chain(error));
}

/// A real one, if this process may mount it. Here the WAL is what does not fit, so it is the
/// commit that fails, after the statement's row was handed out.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_system_without_space() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mounted) = Mounted::new(folder.path(), "size=1m") else {
        eprintln!("not shown here: this process may not mount a file system");
        return;
    };
    let path = folder.path().join("sessions.db");
    let backend = SqliteBackend::connect(path.to_str().unwrap()).await.unwrap();
    backend.migrate().await.unwrap();
    let session = stored(&backend, record()).await;
    let ballast = folder.path().join("ballast");
    // Takes what is left, whatever error says so.
    let _ = std::fs::write(&ballast, vec![1; 1 << 20]);

    let mut acknowledged = 0;
    let error = loop {
        assert!(acknowledged < 10_000, "the full disk goes unseen");
        match backend.update(&session, &set("k", acknowledged + 1), NOW).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    check(&error, "a patch");
    let error = backend.create(NewSession::new(record_of("alice"), token()), NOW).await;
    check(&error.unwrap_err(), "a sign-in");
    let stored = live(&backend, &session.token.unwrap()).await.data;
    let seen = stored.get("k").map_or(0, |value| value.as_i64().unwrap());
    assert_eq!(seen, acknowledged, "what was acknowledged is there, what failed is not");

    std::fs::remove_file(&ballast).unwrap();
    backend.update(&session, &set("k", "again"), NOW).await.unwrap();
    backend.create(NewSession::new(record_of("alice"), token()), NOW).await.unwrap();
    backend.close().await;
    drop(mounted);
}

/// The superuser too may write nothing there, and a start says so.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_system_that_is_read_only() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mounted) = Mounted::new(folder.path(), "size=4m") else {
        eprintln!("not shown here: this process may not mount a file system");
        return;
    };
    let path = folder.path().join("sessions.db");
    let backend = SqliteBackend::connect(path.to_str().unwrap()).await.unwrap();
    backend.migrate().await.unwrap();
    backend.close().await;
    mounted.make_read_only();

    let error = SqliteBackend::connect(path.to_str().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Other, "{}", chain(&error));
    let text = error.to_string();
    assert!(text.contains("this process may write") || text.contains("read-only"), "{text}");
    assert!(text.contains("sessions.db"), "{text}");
}

/// A file system in memory, mounted for one test.
#[cfg(target_os = "linux")]
struct Mounted(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Mounted {
    fn new(at: &std::path::Path, options: &str) -> Option<Self> {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at);
        let done = mount.output().is_ok_and(|output| output.status.success());
        done.then(|| Self(at.to_owned()))
    }

    fn make_read_only(&self) {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-o", "remount,ro"]).arg(&self.0);
        assert!(mount.output().unwrap().status.success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for Mounted {
    fn drop(&mut self) {
        // Detached if a connection is still open, so that the folder can be removed.
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).output();
    }
}
