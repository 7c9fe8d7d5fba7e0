//! `migrate`: twice, by many at once, and on databases that are not ours to change.

use session_core::{BackendErrorKind, NewSession, SessionBackend};
use session_sqlite::SqliteBackend;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::support::{Fresh, NOW, chain, live, record, stored, token};

#[tokio::test]
async fn connecting_changes_no_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let backend = SqliteBackend::connect(path.to_str().unwrap()).await.unwrap();
    let error = backend.ping().await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Other);
    assert!(error.to_string().contains("run migrate() first"), "{error}");
}

#[tokio::test]
async fn twice_is_once() {
    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record()).await;
    fresh.backend.migrate().await.unwrap();
    live(&fresh.backend, &session.token.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_processes_start_at_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.db").display().to_string();
        let mut starts = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let path = path.clone();
            // Each with connections of its own, as processes have.
            starts.spawn(async move {
                let backend = SqliteBackend::connect(&path).await?;
                backend.migrate().await?;
                backend.ping().await
            });
        }
        while let Some(start) = starts.join_next().await {
            start.unwrap().unwrap_or_else(|error| panic!("{}", chain(&error)));
        }
    }
}

#[tokio::test]
async fn a_schema_from_the_future_is_refused() {
    let fresh = Fresh::new().await;
    sqlx::query(
        "INSERT INTO web_sessions_migrations (version, description, success, checksum, \
         execution_time) VALUES (9999, 'later', TRUE, x'00', 0)",
    )
    .execute(&fresh.pool().await)
    .await
    .unwrap();
    let error = fresh.backend.migrate().await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Other);
    assert!(error.to_string().contains("migrated by a newer release: migration 9999"), "{error}");
    // A server of the release before goes on while the new one starts.
    let session = stored(&fresh.backend, record()).await;
    live(&fresh.backend, &session.token.unwrap()).await;
}

/// What the first migration was while nothing was released, as far as it differs.
const OLDER_SHAPE: &str = "
CREATE TABLE web_sessions (id TEXT NOT NULL PRIMARY KEY, token_hash BLOB NOT NULL) STRICT;
CREATE TABLE web_session_tombstones (token_hash BLOB NOT NULL PRIMARY KEY, session_id TEXT NOT NULL,
    grace_until INTEGER) STRICT, WITHOUT ROWID;
CREATE INDEX web_session_tombstones_grace ON web_session_tombstones (session_id)
    WHERE grace_until IS NOT NULL;";

#[tokio::test]
async fn a_database_from_before_the_first_release_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let backend = SqliteBackend::connect(path.to_str().unwrap()).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let older = Migration::new(
        1,
        "sessions".into(),
        MigrationType::Simple,
        OLDER_SHAPE.into_sql_str(),
        false,
    );
    let mut migrator = Migrator::with_migrations(vec![older]);
    migrator.dangerous_set_table_name("web_sessions_migrations");
    migrator.run(&pool).await.unwrap();
    sqlx::raw_sql("INSERT INTO web_sessions VALUES ('kept', x'00')").execute(&pool).await.unwrap();

    let error = backend.migrate().await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Other);
    for part in [
        "made before the first release, and must be made anew",
        "drop the tables web_sessions, web_session_tombstones and web_sessions_migrations",
        "or delete the file",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM web_sessions").fetch_one(&pool).await.unwrap();
    assert_eq!(rows, 1, "nothing was changed");
    // Its statements do not fit either.
    let error = backend.create(NewSession::new(record(), token()), NOW).await.unwrap_err();
    assert!(error.to_string().contains("run migrate() first"), "{error}");

    sqlx::raw_sql(
        "DROP TABLE web_sessions; DROP TABLE web_session_tombstones; \
         DROP TABLE web_sessions_migrations",
    )
    .execute(&pool)
    .await
    .unwrap();
    backend.migrate().await.unwrap();
    let session = stored(&backend, record()).await;
    live(&backend, &session.token.unwrap()).await;
}

#[tokio::test]
async fn the_applications_own_tables_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let backend = SqliteBackend::connect(path.to_str().unwrap()).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql("CREATE TABLE _sqlx_migrations (mine); CREATE TABLE web_sessions (mine)")
        .execute(&pool)
        .await
        .unwrap();
    let error = backend.migrate().await.unwrap_err();
    assert!(error.to_string().contains("other tables of these names"), "{error}");
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'table'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(tables, 2, "all or nothing, the bookkeeping too");

    sqlx::raw_sql("DROP TABLE web_sessions").execute(&pool).await.unwrap();
    backend.migrate().await.unwrap();
    backend.ping().await.unwrap();
}

#[tokio::test]
async fn tables_are_strict_and_indexed() {
    let fresh = Fresh::new().await;
    let pool = fresh.pool().await;
    let strict: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM pragma_table_list WHERE strict AND name LIKE 'web_session%' ORDER BY name",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(strict, ["web_session_tombstones", "web_sessions"]);
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&pool).await.unwrap();
    assert_eq!(journal, "wal");
}
