//! `docs/operating.md` is true: its SQL runs, on each database that it is meant for, and its events
//! have these names.

use session_core::{EventKind, MismatchAction};
use session_postgres::PostgresBackend;
use session_sqlite::SqliteBackend;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, raw_sql};

const PAGE: &str = include_str!("../../../../docs/operating.md");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Database {
    Postgres,
    Sqlite,
}

/// The page's SQL: the blocks under a database's heading are for that database; before, those that
/// name no database are for both.
fn blocks(database: Database) -> Vec<&'static str> {
    let mut blocks = Vec::new();
    for part in PAGE.split("\n## ") {
        let heading = match part.lines().next() {
            Some("PostgreSQL") => Some(Database::Postgres),
            Some("SQLite") => Some(Database::Sqlite),
            _ => None,
        };
        for block in part.split("\n```sql").skip(1) {
            let (tag, rest) = block.split_once('\n').unwrap();
            let (sql, _) = rest.split_once("\n```").expect("a block that ends");
            let meant = match tag.trim() {
                "postgres" => Some(Database::Postgres),
                "sqlite" => Some(Database::Sqlite),
                "" => heading,
                other => panic!("nobody knows the database {other}"),
            };
            if meant.is_none_or(|meant| meant == database) {
                blocks.push(sql);
            }
        }
    }
    blocks
}

/// In one transaction that is taken back, because a role belongs to the whole server.
#[tokio::test]
async fn operating_md_over_postgres() {
    let Some(url) = crate::postgres::fresh().await else { return };
    let backend = PostgresBackend::connect(&url).await.unwrap();
    backend.migrate().await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let schema: String =
        sqlx::query_scalar("SELECT current_schema()").fetch_one(&mut connection).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    let role = "DO $$ BEGIN CREATE ROLE app; EXCEPTION WHEN duplicate_object THEN NULL; END $$";
    sqlx::query(role).execute(&mut *transaction).await.unwrap();
    let blocks = blocks(Database::Postgres);
    assert!(blocks.len() >= 7, "{} blocks", blocks.len());
    for block in blocks {
        let sql = block.replace("SCHEMA sessions", &format!("SCHEMA {schema}"));
        let done = raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await;
        done.unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
    transaction.rollback().await.unwrap();
    backend.close().await;
}

#[tokio::test]
async fn operating_md_over_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let backend = SqliteBackend::connect(&url).await.unwrap();
    backend.migrate().await.unwrap();
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let blocks = blocks(Database::Sqlite);
    assert!(blocks.len() >= 6, "{} blocks", blocks.len());
    for block in blocks {
        let done = raw_sql(AssertSqlSafe(block)).execute(&mut connection).await;
        done.unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
    connection.close().await.unwrap();
    backend.close().await;
}

#[test]
fn operating_md_names_the_events() {
    for event in [
        EventKind::Created,
        EventKind::Authenticated,
        EventKind::Reauthenticated,
        EventKind::Rotated,
        EventKind::Revoked,
        EventKind::Evicted,
        EventKind::SignedOut,
        EventKind::FingerprintMismatch(MismatchAction::Reject),
        EventKind::FingerprintUnrecognised,
        EventKind::AmbiguousToken,
        EventKind::DataDroppedOnUserSwitch,
        EventKind::DataDroppedOnServerError,
        EventKind::DataDroppedOnStartOver,
        EventKind::TokenLost,
        EventKind::ClockSkew,
        EventKind::TouchFailed,
    ] {
        assert!(PAGE.contains(&format!("`{event}`")), "{event}");
    }
}
