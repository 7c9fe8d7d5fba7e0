//! [`Database`]: the backend that the arguments name.

use std::sync::Arc;
use std::time::Duration;

use session_core::{Clock, Finding, SessionBackend, SessionConfig, SessionStore, SystemClock};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_sqlite::{SqliteBackend, SqliteConfig};

use crate::arguments::Place;
use crate::failure::Failure;
use crate::file;

/// How long one statement may take: to count everything takes longer than a request may.
const PATIENCE: Duration = Duration::from_secs(60);

/// The backend, whichever it is.
pub(crate) enum Database {
    Sqlite(Box<SqliteBackend>),
    Postgres(PostgresBackend),
}

/// What becomes of a SQLite file that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    IsMade,
    /// A name with a slip in it must not make a database, nor change another program's.
    IsAnError,
}

impl Database {
    pub(crate) async fn open(place: &Place, missing: Missing) -> Result<Self, Failure> {
        let Some(url) = place.backend.as_deref() else {
            return Err(Failure::usage(
                "which database? Give --backend URL, or SESSION_BACKEND in the environment",
            ));
        };
        if url.starts_with("sqlite:") {
            if place.schema.is_some() {
                return Err(Failure::usage("--schema is for PostgreSQL: SQLite has none"));
            }
            let config = SqliteConfig::new(url).as_it_is(missing == Missing::IsAnError);
            return Ok(Self::Sqlite(Box::new(SqliteBackend::connect_with(config).await?)));
        }
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let mut config = PostgresConfig::new(url).statement_timeout(PATIENCE);
            if let Some(schema) = &place.schema {
                config = config.schema(schema);
            }
            return Ok(Self::Postgres(PostgresBackend::connect_with(config).await?));
        }
        // It is not repeated: it may have a password in it.
        Err(Failure::usage(
            "the URL of --backend begins with neither sqlite: nor postgres:, and no other database is known",
        ))
    }

    /// With the application's configuration, if one is named.
    pub(crate) fn store(&self, place: &Place) -> Result<SessionStore, Failure> {
        let mut config = match &place.config {
            Some(path) => file::read(path)?,
            None => SessionConfig::default(),
        };
        config.backend_timeout_ms = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX) + 5000;
        let backend: Arc<dyn SessionBackend> = match self {
            Self::Sqlite(backend) => Arc::new(SqliteBackend::clone(backend)),
            Self::Postgres(backend) => Arc::new(backend.clone()),
        };
        SessionStore::shared(backend, config)
            .map_err(|error| Failure::refused(format!("the configuration: {error}")))
    }

    pub(crate) async fn migrate(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(backend) => backend.migrate().await?,
            Self::Postgres(backend) => backend.migrate().await?,
        }
        Ok(())
    }

    pub(crate) async fn diagnose(&self) -> Result<Vec<Finding>, Failure> {
        let now = SystemClock.now();
        Ok(match self {
            Self::Sqlite(backend) => backend.diagnose(now).await?,
            Self::Postgres(backend) => backend.diagnose(now).await?,
        })
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(backend) => backend.close().await,
            Self::Postgres(backend) => backend.close().await,
        }
    }
}
