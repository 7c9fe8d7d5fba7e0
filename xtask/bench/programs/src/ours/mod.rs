//! This project's sessions: opens the backend that the command line names, with the default configuration: fingerprint, touch,
//! cap and graces as a new application has them.

pub(crate) mod axum;
pub(crate) mod salvo;

use std::num::NonZeroU32;

use session_bench_kit::{Database, Failure};
use session_core::{MemoryBackend, SessionConfig, SessionStore};
use session_sqlite::{SqliteBackend, SqliteConfig};

/// Connects, and makes the tables.
pub(crate) async fn open(database: &Database) -> Result<SessionStore, Failure> {
    let config = SessionConfig::default();
    let connections = NonZeroU32::new(database.connections).ok_or("no connections")?;
    Ok(match database.scheme() {
        "memory" => SessionStore::new(MemoryBackend::with_capacity(10_000_000), config)?,
        "sqlite" => {
            let sqlite = SqliteConfig::new(database.url.as_str()).readers(connections);
            let backend = SqliteBackend::connect_with(sqlite).await?;
            backend.migrate().await?;
            SessionStore::new(backend, config)?
        }
        #[cfg(feature = "postgres")]
        "postgres" => {
            use session_postgres::{PostgresBackend, PostgresConfig};
            let postgres = PostgresConfig::new(database.url.as_str()).max_connections(connections);
            let backend = PostgresBackend::connect_with(postgres).await?;
            backend.migrate().await?;
            SessionStore::new(backend, config)?
        }
        other => return Err(format!("no backend for {other}:").into()),
    })
}
