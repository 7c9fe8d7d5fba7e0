//! Where sessions are kept: the library's stores over this program's pools.

use std::error::Error;
use std::str::FromStr as _;
use std::time::Duration;

use salvo::Router;
use salvo::session::{CookieStore, MemoryStore, SessionHandler, SessionStore};
use saysion::{RedisStore, SqlxPostgresStore, SqlxSqliteStore};
use session_bench_kit::Database;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::app::routes;

/// The application over the database that was asked for.
pub(crate) async fn router(database: &Database) -> Result<Router, Box<dyn Error>> {
    match database.scheme() {
        "memory" => over(MemoryStore::new()),
        "cookie" => over(CookieStore::new()),
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
            let store = SqlxSqliteStore::new(pool);
            store.migrate().await?;
            over(store)
        }
        "postgres" | "postgresql" => {
            let pool = PgPoolOptions::new()
                .max_connections(database.connections)
                .acquire_timeout(Duration::from_secs(5))
                .connect(&database.url)
                .await?;
            let store = SqlxPostgresStore::new(pool);
            store.migrate().await?;
            over(store)
        }
        "redis" => over(RedisStore::from_url(&database.url).await?),
        other => Err(format!("no store for {other}:").into()),
    }
}

fn over<S>(store: S) -> Result<Router, Box<dyn Error>>
where
    S: SessionStore + Send + Sync + 'static,
{
    // The same in every process over one database.
    let handler = SessionHandler::builder(store, &[7; 64]).build()?;
    Ok(routes().hoop(handler))
}
