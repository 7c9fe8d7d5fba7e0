//! Where is measured: a database of its own for each measurement, and a connection beside the
//! backend's for filling it and looking at it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};
use session_core::{MemoryBackend, SessionBackend, SessionId, SessionRef, TokenHash, UserId};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_sqlite::SqliteBackend;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, SqliteConnection};

#[derive(Debug, Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(String),
    Memory,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            Ok(Self::Sqlite(path.into()))
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Ok(Self::Postgres(text.to_owned()))
        } else if text == "memory:" {
            Ok(Self::Memory)
        } else {
            Err("sqlite:PATH, postgres://… or memory:".to_owned())
        }
    }
}

impl Place {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::Memory => "memory",
        }
    }
}

/// A database that nobody has used before, migrated.
pub(crate) struct Scratch {
    pub(crate) place: Place,
    /// The file, or the schema.
    pub(crate) name: String,
    opened: Opened,
}

enum Opened {
    Sqlite(SqliteBackend),
    Postgres(PostgresBackend),
    Memory(Arc<MemoryBackend>),
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

impl Scratch {
    pub(crate) async fn new(place: &Place) -> Result<Self> {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = match place {
            Place::Sqlite(path) => format!("{}.{number}", path.display()),
            _ => format!("session_bench_{}_{number}", std::process::id()),
        };
        if matches!(place, Place::Sqlite(_)) {
            remove_files(&name);
        }
        Self::open(place, name).await
    }

    /// A copy of a database that nobody writes to any more.
    pub(crate) async fn copy_of(other: &Self) -> Result<Self> {
        let Place::Sqlite(_) = &other.place else {
            let copy = Self::new(&other.place).await?;
            let from = &other.name;
            let mut raw = copy.raw().await?;
            let text = format!("INSERT INTO web_sessions SELECT * FROM {from}.web_sessions");
            raw.execute(&text).await?;
            raw.settle().await?;
            return Ok(copy);
        };
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}.{number}", other.name);
        remove_files(&name);
        std::fs::copy(&other.name, &name)?;
        // As it is after a while: on the disk, so that no copying is in the way.
        std::fs::File::open(&name)?.sync_all()?;
        Self::open(&other.place, name).await
    }

    async fn open(place: &Place, name: String) -> Result<Self> {
        let opened = match place {
            Place::Sqlite(_) => {
                let backend = SqliteBackend::connect(&name).await?;
                backend.migrate().await?;
                Opened::Sqlite(backend)
            }
            Place::Postgres(url) => Opened::Postgres(postgres(url, &name).await?),
            Place::Memory => Opened::Memory(Arc::new(MemoryBackend::with_capacity(usize::MAX))),
        };
        Ok(Self { place: place.clone(), name, opened })
    }

    pub(crate) fn backend(&self) -> Arc<dyn SessionBackend> {
        match &self.opened {
            Opened::Sqlite(backend) => Arc::new(backend.clone()),
            Opened::Postgres(backend) => Arc::new(backend.clone()),
            Opened::Memory(backend) => backend.clone(),
        }
    }

    pub(crate) async fn raw(&self) -> Result<Raw> {
        match &self.place {
            Place::Sqlite(_) => {
                // Set as the backend's own connections are.
                let connection = SqliteConnectOptions::new()
                    .filename(Path::new(&self.name))
                    .synchronous(SqliteSynchronous::Normal)
                    .pragma("journal_size_limit", "67108864")
                    .disable_statement_logging()
                    .connect()
                    .await?;
                Ok(Raw::Sqlite(connection))
            }
            Place::Postgres(url) => {
                let options = PgConnectOptions::from_str(url)?
                    .options([("search_path", self.name.as_str())])
                    .disable_statement_logging();
                Ok(Raw::Postgres(options.connect().await?))
            }
            Place::Memory => bail!("the memory backend speaks no SQL"),
        }
    }

    pub(crate) async fn remove(self) -> Result<()> {
        match self.opened {
            Opened::Sqlite(backend) => {
                backend.close().await;
                remove_files(&self.name);
            }
            Opened::Postgres(backend) => {
                backend.close().await;
                let Place::Postgres(url) = &self.place else { return Ok(()) };
                let mut connection = PgConnection::connect(url).await?;
                let text = format!("DROP SCHEMA {} CASCADE", self.name);
                sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await?;
            }
            Opened::Memory(_) => {}
        }
        Ok(())
    }
}

/// A backend with its tables in a schema of that name.
pub(crate) async fn postgres(url: &str, schema: &str) -> Result<PostgresBackend> {
    let backend = PostgresBackend::connect_with(PostgresConfig::new(url).schema(schema)).await?;
    backend.migrate().await?;
    Ok(backend)
}

fn remove_files(name: &str) {
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{name}{end}"));
    }
}

/// One connection of the bench's own.
pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    pub(crate) async fn execute(&mut self, text: &str) -> Result<()> {
        let text = AssertSqlSafe(text.to_owned());
        match self {
            Self::Sqlite(connection) => drop(sqlx::raw_sql(text).execute(connection).await?),
            Self::Postgres(connection) => drop(sqlx::raw_sql(text).execute(connection).await?),
        }
        Ok(())
    }

    /// The first column of the only row.
    pub(crate) async fn number(&mut self, text: &str) -> Result<i64> {
        let text = AssertSqlSafe(text.to_owned());
        Ok(match self {
            Self::Sqlite(connection) => sqlx::query_scalar(text).fetch_one(connection).await?,
            Self::Postgres(connection) => sqlx::query_scalar(text).fetch_one(connection).await?,
        })
    }

    /// Names and numbers.
    pub(crate) async fn table(&mut self, text: &str) -> Result<Vec<(String, i64)>> {
        let text = AssertSqlSafe(text.to_owned());
        Ok(match self {
            Self::Sqlite(connection) => sqlx::query_as(text).fetch_all(connection).await?,
            Self::Postgres(connection) => sqlx::query_as(text).fetch_all(connection).await?,
        })
    }

    /// Sessions that `condition` picks, in no order.
    pub(crate) async fn sessions(&mut self, condition: &str) -> Result<Vec<SessionRef>> {
        let text = AssertSqlSafe(format!(
            "SELECT id, token_hash, user_id FROM web_sessions WHERE {condition}"
        ));
        let rows: Vec<(String, Vec<u8>, Option<String>)> = match self {
            Self::Sqlite(connection) => {
                let rows = sqlx::query(text).fetch_all(connection).await?;
                rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
            }
            Self::Postgres(connection) => {
                let rows = sqlx::query(text).fetch_all(connection).await?;
                rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
            }
        };
        rows.into_iter().map(|(id, token, user)| session(&id, &token, user)).collect()
    }

    /// Brings everything to where it would be after a quiet while.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(_) => self.execute("PRAGMA wal_checkpoint(TRUNCATE)").await,
            Self::Postgres(_) => {
                self.execute("VACUUM (ANALYZE) web_sessions").await?;
                self.execute("CHECKPOINT").await
            }
        }
    }

    pub(crate) async fn close(self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => connection.close().await?,
            Self::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }
}

fn session(id: &str, token: &[u8], user: Option<String>) -> Result<SessionRef> {
    let id: SessionId = id.parse()?;
    let token = TokenHash::from_bytes(token.try_into()?);
    let user = user.map(UserId::new).transpose()?;
    Ok(SessionRef { id, token: Some(token), user })
}
