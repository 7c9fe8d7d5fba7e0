//! Every failure has its kind and a sentence that says what to do.

use std::time::{Duration, Instant};

use session_core::{BackendErrorKind as Kind, NewSession, SessionBackend, SessionRef};
use session_sqlite::{SqliteBackend, SqliteConfig};
use sqlx::{Connection, Executor};

use super::support::{Fresh, NOW, chain, record, record_of, set, stored, token};

#[tokio::test]
async fn a_database_that_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "This is text, and rather longer than a header. ".repeat(40)).unwrap();
    for (name, path, sentence) in [
        ("no folder", folder.path().join("missing/sessions.db"), "create it first"),
        ("a folder", folder.path().to_owned(), "is a folder"),
        ("a file in the way", text.join("sessions.db"), "create it first"),
        ("no database", text.clone(), "not a SQLite database"),
    ] {
        let error = SqliteBackend::connect(path.to_str().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Other, "{name}");
        assert!(error.to_string().contains(sentence), "{name}: {error}");
        assert_eq!(error.to_string().lines().count(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_read_only_database() {
    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record()).await;
    let options = fresh.options().read_only(true);
    let backend = SqliteBackend::from_pool(sqlx::SqlitePool::connect_with(options).await.unwrap());
    super::support::live(&backend, &session.token.unwrap()).await;
    for (name, error) in [
        ("update", backend.update(&session, &set("k", 1), NOW).await.unwrap_err()),
        ("create", backend.create(NewSession::new(record(), token()), NOW).await.unwrap_err()),
        (
            "purge",
            backend.purge_expired(NOW, 1, Default::default()).await.err().unwrap_or_else(read_only),
        ),
    ] {
        assert_eq!(error.kind(), Kind::Other, "{name}: {error}");
        assert!(error.to_string().contains("is read-only"), "{name}: {error}");
    }
}

/// A purge that finds nothing due writes nothing, and may succeed.
fn read_only() -> session_core::BackendError {
    session_core::BackendError::from_kind(Kind::Other).with_context("is read-only")
}

#[tokio::test]
async fn a_read_only_file() {
    let fresh = Fresh::new().await;
    fresh.backend.close().await;
    let mut permissions = std::fs::metadata(&fresh.path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&fresh.path, permissions).unwrap();
    // The superuser may write it all the same, and then that is no error.
    let writable = std::fs::OpenOptions::new().append(true).open(&fresh.path).is_ok();
    match SqliteBackend::connect(fresh.path.to_str().unwrap()).await {
        Ok(_) => assert!(writable, "found out at the start, and not by the first request"),
        Err(error) => {
            assert!(!writable, "{error}");
            assert!(error.to_string().contains("read-only"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_lock_that_another_process_keeps() {
    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record_of("alice")).await;
    let config = SqliteConfig::new(fresh.path.to_str().unwrap())
        .busy_timeout(Duration::from_millis(50))
        .acquire_timeout(Duration::from_secs(4));
    let backend = SqliteBackend::connect_with(config).await.unwrap();
    let mut other = sqlx::SqliteConnection::connect_with(&fresh.options()).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();

    let started = Instant::now();
    for (name, error) in [
        ("one statement", backend.update(&session, &set("k", 1), NOW).await.unwrap_err()),
        ("a transaction", backend.purge_expired(NOW, 1, Default::default()).await.unwrap_err()),
        (
            "a sign-in",
            backend.create(NewSession::new(record_of("bob"), token()), NOW).await.unwrap_err(),
        ),
        ("a migration", backend.migrate().await.unwrap_err()),
    ] {
        assert_eq!(error.kind(), Kind::Unavailable, "{name}: {}", chain(&error));
    }
    assert!(started.elapsed() < Duration::from_secs(4), "within the time that was set");
    // Readers do not wait for anybody.
    super::support::live(&backend, &session.token.unwrap()).await;
    other.execute("COMMIT").await.unwrap();
    backend.update(&session, &set("k", 1), NOW).await.unwrap();
}

#[tokio::test]
async fn missing_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let backend = SqliteBackend::connect(path.to_str().unwrap()).await.unwrap();
    let session = session_core::SessionRef::by_id(record().id);
    for (name, error) in [
        ("find", backend.find(&token(), NOW).await.unwrap_err()),
        ("update", backend.update(&session, &set("k", 1), NOW).await.unwrap_err()),
        ("create", backend.create(NewSession::new(record(), token()), NOW).await.unwrap_err()),
        (
            "sign-in",
            backend.create(NewSession::new(record_of("a"), token()), NOW).await.unwrap_err(),
        ),
        ("purge", backend.purge_expired(NOW, 1, Default::default()).await.unwrap_err()),
        ("ping", backend.ping().await.unwrap_err()),
    ] {
        assert_eq!(error.kind(), Kind::Other, "{name}");
        assert!(error.to_string().contains("run migrate() first"), "{name}: {error}");
    }
}

#[tokio::test]
async fn rows_that_make_no_sense() {
    let fresh = Fresh::new().await;
    let pool = fresh.pool().await;
    for (column, value) in [
        ("data", "'{'"),
        ("data", "'[]'"),
        ("data", "'hunter2'"),
        ("data", "'{\"a\":1e999}'"),
        ("device_type", "'toaster'"),
        ("ip_address", "'nowhere'"),
        ("fingerprint", "x'00'"),
    ] {
        let session = stored(&fresh.backend, record()).await;
        let text = format!("UPDATE web_sessions SET {column} = {value}");
        sqlx::query(sqlx::AssertSqlSafe(text)).execute(&pool).await.unwrap();
        let error = fresh.backend.find(&session.token.unwrap(), NOW).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "{column} = {value}");
        assert!(error.to_string().contains(&session.id.to_string()), "{error}");
        assert!(
            error.to_string().contains(column) && !chain(&error).contains("hunter2"),
            "{error}"
        );
        if column == "data" && value == "'{'" {
            let error = fresh.backend.update(&session, &set("k", 1), NOW).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Corrupt, "{}", chain(&error));
        }
        sqlx::query("DELETE FROM web_sessions").execute(&pool).await.unwrap();
    }
}

/// `is_damaged`: which of its pages, counted from 1 as SQLite does, of those that the second argument names
/// as the first of a table or an index.
async fn damaged(is_damaged: impl Fn(usize, &[i64]) -> bool) -> (Fresh, SessionRef) {
    const PAGE: usize = 4096;
    let fresh = Fresh::new().await;
    for _ in 0..200 {
        stored(&fresh.backend, record()).await;
    }
    let session = stored(&fresh.backend, record()).await;
    let pool = fresh.pool().await;
    let roots = "SELECT rootpage FROM sqlite_schema WHERE rootpage > 1";
    let roots: Vec<i64> = sqlx::query_scalar(roots).fetch_all(&pool).await.unwrap();
    pool.close().await;
    fresh.backend.close().await;
    let mut bytes = std::fs::read(&fresh.path).unwrap();
    for (index, page) in bytes.chunks_mut(PAGE).enumerate() {
        if is_damaged(index + 1, &roots) {
            page.fill(0xa5);
        }
    }
    std::fs::write(&fresh.path, bytes).unwrap();
    (fresh, session)
}

#[tokio::test]
async fn a_file_that_is_damaged() {
    let is_root = |page, roots: &[i64]| roots.iter().any(|root| usize::try_from(*root) == Ok(page));
    let (fresh, session) = damaged(is_root).await;
    let backend = SqliteBackend::connect(fresh.path.to_str().unwrap()).await.unwrap();
    let error = backend.find(&session.token.unwrap(), NOW).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt, "{}", chain(&error));

    // The schema fills more than the first page, so this shows as soon as the file is opened.
    let (fresh, _) = damaged(|page, _| page > 1).await;
    let error = SqliteBackend::connect(fresh.path.to_str().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt, "{}", chain(&error));
}

#[tokio::test]
async fn conflicts_name_no_value() {
    let fresh = Fresh::new().await;
    let (record, hash) = (record(), token());
    fresh.backend.create(NewSession::new(record.clone(), hash), NOW).await.unwrap();
    for (name, record, hash) in [
        ("the id", record.clone(), token()),
        ("the token", super::support::record(), hash),
        ("the token, at a sign-in", record_of("alice"), hash),
        ("both, later than it lived", record, hash),
    ] {
        let late = super::support::after(100_000);
        let error = fresh.backend.create(NewSession::new(record, hash), late).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{name}");
        let text = format!("{} {error:?}", chain(&error));
        let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(
            !text.contains(&hex) && !text.contains(&format!("{:?}", hash.as_bytes())),
            "{name}"
        );
    }
}
