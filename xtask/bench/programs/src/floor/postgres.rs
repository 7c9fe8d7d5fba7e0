//! Over PostgreSQL, with the pool and the settings that session-postgres has.

use std::str::FromStr;

use session_bench_kit::Database;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool, Row as _, query};

use super::{Failure, Row, Sessions, Token, now};

pub(crate) async fn open(database: &Database) -> Result<Sessions, sqlx::Error> {
    let options = PgConnectOptions::from_str(&database.url)?.disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(database.connections)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    // Room in each page for the next version of a row, as in the table of session-postgres.
    query(
        "CREATE TABLE sessions (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
         token_hash bytea NOT NULL UNIQUE, user_id text, data jsonb NOT NULL, \
         expires_at bigint NOT NULL) WITH (fillfactor = 85)",
    )
    .execute(&pool)
    .await?;
    Ok(Sessions::Postgres(pool))
}

pub(crate) async fn find(pool: &PgPool, token: &Token) -> Result<Option<Row>, Failure> {
    let found = query("SELECT user_id, data::text, expires_at FROM sessions WHERE token_hash = $1")
        .bind(token.0.as_slice())
        .fetch_optional(pool)
        .await?;
    let Some(found) = found else { return Ok(None) };
    let (user_id, data, expires_at) = (found.try_get(0)?, found.try_get(1)?, found.try_get(2)?);
    Ok(Some(Row { user_id, data, expires_at }))
}

pub(crate) async fn set(pool: &PgPool, token: &Token, changes: String) -> Result<bool, Failure> {
    let done = query(
        "UPDATE sessions SET data = data || $2::jsonb WHERE token_hash = $1 AND expires_at > $3",
    )
    .bind(token.0.as_slice())
    .bind(changes)
    .bind(now())
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn insert(
    pool: &PgPool,
    token: &Token,
    user: &str,
    expires_at: i64,
) -> Result<(), Failure> {
    query("INSERT INTO sessions (token_hash, user_id, data, expires_at) VALUES ($1, $2, '{}', $3)")
        .bind(token.0.as_slice())
        .bind(user)
        .bind(expires_at)
        .execute(pool)
        .await?;
    Ok(())
}
