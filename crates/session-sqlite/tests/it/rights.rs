//! Who may read the files.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use session_core::SessionBackend;
use session_sqlite::SqliteBackend;

use super::support::{record, stored};

/// The database, its log, and the log's index.
fn files(path: &Path) -> [PathBuf; 3] {
    ["db", "db-wal", "db-shm"].map(|extension| path.with_extension(extension))
}

fn check(name: &str, path: &Path, expected: u32) {
    for file in files(path) {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{name}: {mode:o} {}", file.display());
    }
}

async fn used(path: &Path) -> SqliteBackend {
    let backend = SqliteBackend::connect(path.to_str().unwrap()).await.unwrap();
    backend.migrate().await.unwrap();
    stored(&backend, record()).await;
    backend
}

#[tokio::test]
async fn new_files_are_their_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let backend = used(&path).await;
    check("new", &path, 0o600);
    backend.close().await;
    let again = used(&path).await;
    check("opened again", &path, 0o600);
    drop(again);

    // A link to where there is nothing yet.
    let link = folder.path().join("link.db");
    let other = folder.path().join("other.db");
    std::os::unix::fs::symlink("other.db", &link).unwrap();
    let linked = used(&link).await;
    check("behind a link", &other, 0o600);
    drop(linked);
    for file in std::fs::read_dir(&folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with('.'), "{name} was only on the way");
    }

    // SQLite says so, and nobody looks for the end of it.
    let circle = folder.path().join("circle.db");
    std::os::unix::fs::symlink("circle.db", &circle).unwrap();
    SqliteBackend::connect(circle.to_str().unwrap()).await.unwrap_err();
}

/// As when a link `current` leads to the next release while a process of the former one goes on.
#[tokio::test]
async fn a_link_that_leads_elsewhere_later_takes_no_session_away() {
    let folder = tempfile::tempdir().unwrap();
    let [former, next, current] = ["former", "next", "current"].map(|it| folder.path().join(it));
    std::fs::create_dir(&former).unwrap();
    std::fs::create_dir(&next).unwrap();
    drop(used(&next.join("sessions.db")).await);
    std::os::unix::fs::symlink("former", &current).unwrap();
    let path = current.join("sessions.db");
    let backend = SqliteBackend::connect(path.to_str().unwrap()).await.unwrap();
    backend.migrate().await.unwrap();
    let session = stored(&backend, record()).await;
    std::fs::remove_file(&current).unwrap();
    std::os::unix::fs::symlink("next", &current).unwrap();
    let found = backend.find(&session.token.unwrap(), super::support::NOW).await.unwrap();
    assert!(found.is_some(), "it was acknowledged");
}

#[tokio::test]
async fn a_file_that_was_there_keeps_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let backend = used(&path).await;
    check("a group's", &path, 0o640);
    drop(backend);
}

/// Two that start at once both get the one file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_at_once_make_one_file() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let mut starts = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let path = path.clone();
            starts.spawn(async move { used(&path).await });
        }
        let backends = starts.join_all().await;
        check("at once", &path, 0o600);
        let rows: i64 = {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
            let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
            sqlx::query_scalar("SELECT count(*) FROM web_sessions").fetch_one(&pool).await.unwrap()
        };
        assert_eq!(rows, 4);
        drop(backends);
    }
}
