//! Where sessions are kept: the library's stores over this program's pools.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use session_bench_kit::Database;
use session_guard::{Guard, GuardConfig, MemoryStore, PgStore, SessionStore, ValkeyStore};
use sqlx::postgres::PgPoolOptions;

use crate::app::app;

/// The application over the database that was asked for.
pub(crate) async fn router(database: &Database) -> Result<Router, Box<dyn Error>> {
    match database.scheme() {
        "memory" => over(MemoryStore::new()),
        "postgres" | "postgresql" => {
            let pool = PgPoolOptions::new()
                .max_connections(database.connections)
                .acquire_timeout(Duration::from_secs(5))
                .connect(&database.url)
                .await?;
            over(PgStore::migrated(pool).await?)
        }
        "redis" => over(ValkeyStore::connect(&database.url).await?),
        other => Err(format!("no store for {other}:").into()),
    }
}

/// Its defaults, but that a user is a name.
fn over<S: SessionStore>(store: S) -> Result<Router, Box<dyn Error>> {
    let guard: Guard<S, String> =
        Guard::builder(store, GuardConfig::builder().build()?).subject::<String>().build();
    Ok(app(guard))
}
