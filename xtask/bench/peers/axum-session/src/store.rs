//! Where sessions are kept: the library's stores over this program's pools.

use std::error::Error;
use std::str::FromStr as _;
use std::time::Duration;

use axum::Router;
use axum_session::{Key, SessionConfig, SessionNullPool, SessionStore};
use axum_session_sqlx::{SessionPgPool, SessionSqlitePool};
use session_bench_kit::Database;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::app::app;

/// What `SESSION_BENCH_VARIANT` changes.
pub(crate) struct Variant {
    signed: bool,
    cached: bool,
}

impl Variant {
    pub(crate) fn read() -> Self {
        let wanted = std::env::var("SESSION_BENCH_VARIANT").unwrap_or_default();
        let has = |name| wanted.split(',').any(|part| part == name);
        Self { signed: has("signed"), cached: has("cached") }
    }
}

/// The application over the database that was asked for.
pub(crate) async fn router(
    database: &Database,
    variant: &Variant,
) -> Result<Router, Box<dyn Error>> {
    Ok(match database.scheme() {
        "memory" => app(SessionStore::<SessionNullPool>::new(None, config(variant, true)).await?),
        "sqlite" => {
            let options = SqliteConnectOptions::from_str(&database.url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .busy_timeout(Duration::from_secs(5));
            let pool = SqlitePoolOptions::new()
                .max_connections(database.connections)
                .connect_with(options)
                .await?;
            let pool = Some(SessionSqlitePool::from(pool));
            app(SessionStore::new(pool, config(variant, variant.cached)).await?)
        }
        "postgres" | "postgresql" => {
            let pool = PgPoolOptions::new()
                .max_connections(database.connections)
                .acquire_timeout(Duration::from_secs(5))
                .connect(&database.url)
                .await?;
            let pool = Some(SessionPgPool::from(pool));
            app(SessionStore::new(pool, config(variant, variant.cached)).await?)
        }
        other => return Err(format!("no store for {other}:").into()),
    })
}

fn config(variant: &Variant, cached: bool) -> SessionConfig {
    let mut config = SessionConfig::default().with_table_name("sessions_table");
    if variant.signed {
        // The same in every process over one database.
        config = config.with_key(Key::from(&[7; 64]));
    }
    if !cached {
        // The check is for what stays in memory. With it, a request that finds the session loaded by
        // a parallel one takes it for expired, and clears its data.
        config = config.with_memory_lifetime(time::Duration::ZERO).with_clear_check_on_load(false);
    }
    config
}
