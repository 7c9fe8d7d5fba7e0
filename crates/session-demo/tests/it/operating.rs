//! `docs/operating.md` is true: its SQL runs, on each database that it is meant for, and its events
//! have these names.

use std::time::Duration;

use session_core::{
    EndedBy, EventKind, Found, MismatchAction, NewSession, Patch, SessionBackend, SessionChange,
    SessionData, SessionId, SessionRef, SessionToken, Timestamp,
};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_sqlite::SqliteBackend;
use session_test_servers::{Postgres, given};
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
        for (tag, sql) in fenced(part) {
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

/// The SQL of the section with this heading, under the heading of PostgreSQL.
pub(crate) fn section(heading: &str) -> Vec<&'static str> {
    let (_, postgres) = PAGE.split_once("\n## PostgreSQL\n").unwrap();
    let (_, section) = postgres.split_once(&format!("\n### {heading}\n")).expect(heading);
    let section = section.split("\n### ").next().unwrap();
    fenced(section).map(|(_, sql)| sql).collect()
}

/// Each block of SQL, also one in a list, with what its first line says behind `sql`.
fn fenced(part: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    part.split("```sql").skip(1).map(|block| {
        let (tag, rest) = block.split_once('\n').unwrap();
        let (sql, _) = rest.split_once("```").expect("a block that ends");
        (tag, sql)
    })
}

/// Literally, on a server of its own: the roles first, each step as the role that the page says, then
/// everything.
#[tokio::test]
async fn operating_md_over_postgres() {
    let Some(server) = given::own_postgres() else { return };
    let steps = section("Roles");
    let [by_an_administrator, by_the_owner] = &steps[..] else { panic!("{steps:?}") };
    run(&server.url, &[by_an_administrator]).await;

    let (owner, app) = (url_of(&server, "app_migrates"), url_of(&server, "app"));
    let early = connect(&app).await.migrate().await.unwrap_err();
    assert!(early.to_string().contains("GRANT USAGE"), "{early}");
    connect(&owner).await.migrate().await.unwrap();
    run(&owner, &[by_the_owner]).await;
    let backend = connect(&app).await;
    backend.migrate().await.unwrap();
    serve(&backend).await;
    let mut connection = PgConnection::connect(&app).await.unwrap();
    for refused in [
        "DELETE FROM sessions.web_sessions_migrations",
        "UPDATE sessions.web_sessions_migrations SET success = false",
        "DROP TABLE sessions.web_sessions",
        "CREATE TABLE sessions.another ()",
    ] {
        let error = raw_sql(refused).execute(&mut connection).await.unwrap_err();
        let state = error.as_database_error().unwrap().code();
        assert_eq!(state.as_deref(), Some("42501"), "{refused}: {error}");
    }
    // What a later release adds.
    run(&owner, &["CREATE TABLE sessions.another ()"]).await;
    run(&app, &["SELECT FROM sessions.another", "DELETE FROM sessions.another"]).await;

    let mut all = vec!["SET search_path = sessions"];
    all.extend(blocks(Database::Postgres).into_iter().filter(|block| !steps.contains(block)));
    assert!(all.len() >= 7, "{} blocks", all.len());
    run(&server.url, &all).await;
    backend.close().await;
}

/// In the place of the step that makes the schema: the right to make one.
#[tokio::test]
async fn operating_md_lets_migrate_make_the_schema() {
    let Some(server) = given::own_postgres() else { return };
    let roles = section("Roles")[0].replace(
        "CREATE SCHEMA sessions AUTHORIZATION app_migrates",
        "GRANT CREATE ON DATABASE postgres TO app_migrates",
    );
    run(&server.url, &[&roles]).await;
    let owner = url_of(&server, "app_migrates");
    connect(&owner).await.migrate().await.unwrap();
    run(&owner, &[section("Roles")[1]]).await;
    serve(&connect(&url_of(&server, "app")).await).await;
}

fn url_of(server: &Postgres, role: &str) -> String {
    server.url.replacen("postgres@", &format!("{role}@"), 1)
}

async fn connect(url: &str) -> PostgresBackend {
    PostgresBackend::connect_with(PostgresConfig::new(url).schema("sessions")).await.unwrap()
}

/// Runs each, as `psql` would.
pub(crate) async fn run(url: &str, blocks: &[&str]) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    for block in blocks {
        let done = raw_sql(AssertSqlSafe(*block)).execute(&mut connection).await;
        done.unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
    connection.close().await.unwrap();
}

/// A session that is made, found, changed and purged.
pub(crate) async fn serve(backend: &PostgresBackend) {
    let (now, lifetime) = (Timestamp::from_micros(1_795_305_600_000_000), Duration::from_secs(60));
    let token = SessionToken::generate().unwrap().hash();
    let record = SessionData::new(SessionId::generate(now).unwrap(), now, lifetime);
    let created = backend.create(NewSession::new(record, token), now).await.unwrap().session;
    assert!(matches!(backend.find(&token, now).await, Ok(Some(Found::Live { .. }))));
    let mut patch = Patch::new();
    patch.set("k", 1.into());
    let session = SessionRef { token: Some(token), ..SessionRef::by_id(created.id) };
    backend.update(&session, &SessionChange::patch(patch), now).await.unwrap();
    assert!(backend.remove(&session, None, None, EndedBy::SignedOut, now).await.unwrap());
    backend.purge_expired(now, 10, Default::default()).await.unwrap();
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
