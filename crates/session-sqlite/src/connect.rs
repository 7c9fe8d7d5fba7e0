//! How connections are opened, and what they are set to: [`pools`].

use std::time::{Duration, Instant};

use session_core::{BackendError, BackendErrorKind};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::config::SqliteConfig;
use crate::connections::Connections;
use crate::error::{SQLITE_BUSY, driver, other, primary_code};
use crate::library::Library;
use crate::location::{self, Location};
use crate::log::{self, Log};
use crate::wal::Wal;

/// The connections of one backend.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    pub(crate) writer: Connections,
    pub(crate) readers: Connections,
    /// Where the database may have one: it is not known to be in memory.
    pub(crate) log: Option<Log>,
    /// Where the database is a file of this backend's own opening.
    pub(crate) wal: Option<Wal>,
    pub(crate) library: Library,
}

impl Pools {
    /// The connections to write on, for a write that is counted.
    pub(crate) fn to_write(&self) -> &Connections {
        if let Some(log) = &self.log {
            let is_purging = self.wal.as_ref().is_some_and(Wal::is_purging);
            log.at_write(&self.writer, if is_purging { log::IN_A_PURGE } else { log::USUAL });
        }
        &self.writer
    }
}

/// Opens the database, creates the file where there is none, and puts it into WAL mode.
pub(crate) async fn pools(config: &SqliteConfig) -> Result<Pools, BackendError> {
    let location = Location::parse(&config.url)?;
    location.check()?;
    if config.create_if_missing {
        location.make();
    } else {
        location.check_exists()?;
    }
    let Location::File(path) = &location else {
        let pool = in_memory(config).connect_with(options(config).in_memory(true)).await;
        let pool = pool.map_err(driver)?;
        let library = Library::default();
        library.check(&mut *pool.acquire().await.map_err(driver)?).await?;
        let one = Connections::pooled(pool);
        return Ok(Pools { writer: one.clone(), readers: one, log: None, wal: None, library });
    };

    let named = |error: BackendError| {
        let context = format!("{error} ({})", path.display());
        error.with_context(context)
    };
    // Connections are opened as they are needed, and all have to find this file: also when the process has moved
    // to another folder, or a link leads elsewhere (`current` to the next release).
    let file = location::resolved(path);
    let options = options(config).filename(&file).create_if_missing(config.create_if_missing);
    let mut connection = options.connect().await.map_err(driver).map_err(named)?;
    let library = Library::default();
    library.check(&mut connection).await?;
    let has_wal = if config.as_it_is {
        journal_mode(&mut connection).await.map_err(named)? == "wal"
    } else {
        enter_wal(&mut connection, config.busy_timeout).await.map_err(named)?;
        check_writable(&mut connection).await.map_err(named)?;
        true
    };

    let writer = Connections::own(options.clone(), 1, config.acquire_timeout);
    writer.lease().await.map_err(driver).map_err(named)?.give_back();
    // That nothing is written here is a rule of this crate; the database holds it to it.
    let options = options.create_if_missing(false);
    let readers = options.clone().pragma("query_only", "ON");
    let readers = Connections::own(readers, config.readers.get(), config.acquire_timeout);
    // Only now: the last connection to close would take the WAL's files away.
    connection.close().await.map_err(driver)?;
    let log = has_wal.then(|| Log::of(&file));
    let wal = has_wal.then(|| Wal::new(options));
    Ok(Pools { writer, readers, log, wal, library })
}

fn options(config: &SqliteConfig) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .busy_timeout(config.busy_timeout)
        // With a WAL this loses no consistency. A loss of power may take back the last moments, a
        // crash of the process nothing; https://www.sqlite.org/pragma.html#pragma_synchronous.
        .synchronous(SqliteSynchronous::Normal)
        // There are none: a tombstone outlives its session.
        .foreign_keys(false)
        // After a burst of writes the WAL is cut to this again.
        .pragma("journal_size_limit", "67108864")
        // Its lines would repeat the same constants for every request.
        .disable_statement_logging()
}

/// A database in memory is its connection, which must outlive whatever becomes of a call. The
/// driver's pool sees to that, and costs a little more.
fn in_memory(config: &SqliteConfig) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(config.acquire_timeout)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

async fn journal_mode(connection: &mut SqliteConnection) -> Result<String, BackendError> {
    sqlx::query_scalar("PRAGMA journal_mode").fetch_one(connection).await.map_err(driver)
}

/// Switches to the WAL where the database is not in it yet, which needs a moment without other
/// connections. For that moment SQLite itself does not wait, and several processes may start at
/// once.
async fn enter_wal(
    connection: &mut SqliteConnection,
    patience: Duration,
) -> Result<(), BackendError> {
    let started = Instant::now();
    loop {
        let mode = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL");
        match mode.fetch_one(&mut *connection).await {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(other(format!(
                    "the SQLite database stays in the journal mode {mode:?}: put it on a local \
                     file system, which can share memory between processes"
                )));
            }
            Err(error) if primary_code(&error) == Some(SQLITE_BUSY) => {
                if started.elapsed() >= patience {
                    return Err(BackendError::new(BackendErrorKind::Unavailable, error)
                        .with_context(
                            "the SQLite database is in use by a connection that is not in WAL mode",
                        ));
                }
            }
            Err(error) => return Err(driver(error)),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Finds out at the start what would fail at the first write: SQLite opens a file that it may only read
/// without a word, and even begins a transaction on it. So something is written, and taken back; who
/// has the lock meanwhile may write.
async fn check_writable(connection: &mut SqliteConnection) -> Result<(), BackendError> {
    const ATTEMPT: &str =
        "PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; PRAGMA user_version = 0; ROLLBACK";
    match sqlx::raw_sql(ATTEMPT).execute(connection).await {
        Err(error) if primary_code(&error) != Some(SQLITE_BUSY) => Err(driver(error)),
        _ => Ok(()),
    }
}
