//! Over SQLite, with the pools and the settings that session-sqlite has.

use std::str::FromStr;

use session_bench_kit::Database;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Row as _, SqlitePool, query};

use super::{Failure, Row, Sessions, Token, now};

pub(crate) async fn open(database: &Database) -> Result<Sessions, sqlx::Error> {
    let options = SqliteConnectOptions::from_str(&database.url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(false)
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging();
    let writer = pool(1).connect_with(options.clone()).await?;
    query(
        "CREATE TABLE sessions (id INTEGER PRIMARY KEY, token_hash BLOB NOT NULL UNIQUE, \
         user_id TEXT, data TEXT NOT NULL, expires_at INTEGER NOT NULL) STRICT",
    )
    .execute(&writer)
    .await?;
    let readers = pool(database.connections).connect_lazy_with(options.pragma("query_only", "ON"));
    Ok(Sessions::Sqlite { writer, readers })
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

pub(crate) async fn find(pool: &SqlitePool, token: &Token) -> Result<Option<Row>, Failure> {
    let found = query("SELECT user_id, data, expires_at FROM sessions WHERE token_hash = ?1")
        .bind(token.0.as_slice())
        .fetch_optional(pool)
        .await?;
    let Some(found) = found else { return Ok(None) };
    let (user_id, data, expires_at) = (found.try_get(0)?, found.try_get(1)?, found.try_get(2)?);
    Ok(Some(Row { user_id, data, expires_at }))
}

pub(crate) async fn set(
    pool: &SqlitePool,
    token: &Token,
    changes: String,
) -> Result<bool, Failure> {
    let done = query(
        "UPDATE sessions SET data = json_patch(data, ?2) WHERE token_hash = ?1 AND expires_at > ?3",
    )
    .bind(token.0.as_slice())
    .bind(changes)
    .bind(now())
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn insert(
    pool: &SqlitePool,
    token: &Token,
    user: &str,
    expires_at: i64,
) -> Result<(), Failure> {
    query("INSERT INTO sessions (token_hash, user_id, data, expires_at) VALUES (?1, ?2, '{}', ?3)")
        .bind(token.0.as_slice())
        .bind(user)
        .bind(expires_at)
        .execute(pool)
        .await?;
    Ok(())
}
