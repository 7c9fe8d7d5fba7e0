//! How long the write-ahead log may get: [`Log`].
//!
//! SQLite begins the log anew if all of it is in the database and nobody reads any of it. It looks for
//! such a moment at each commit and never waits for one. If reads overlap without a gap there is none,
//! and the log grows for as long as they go on;
//! <https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files>. Only who has the lock for
//! writing can wait: whoever begins to read meanwhile reads the end of the log, which is then moved, and
//! whoever comes after that needs no log. So the wait is as long as the reads that were going on.
//!
//! A long read would make it long for nothing, so one is looked for first. Who has one keeps the log,
//! and pays with disk; the writers do not pay with time.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Row, SqliteConnection, query, query_scalar};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::connections::Connections;
use crate::transaction::Guarded;

/// So long the log is left to SQLite, which cuts it to this where it begins it anew.
pub(crate) const USUAL: u64 = 64 << 20;
/// In a purge it is moved seldom, and may be half as long as this.
pub(crate) const IN_A_PURGE: u64 = 512 << 20;
/// The file's length is asked for once in so many writes.
const EVERY: u64 = 16;
/// Who reads for longer is not waited for.
const LONG_READ: Duration = Duration::from_millis(100);
/// So long the writers wait at most, in milliseconds: for reads that were younger than that, and those
/// of the moment between. No longer than half of what a writer's own patience is, which is another process's too:
/// it shall wait, and not fail.
const WAIT: i64 = 250;
/// Another process may move the log at this moment, or be about to.
const TRIES: u32 = 8;
const BETWEEN_TRIES: Duration = Duration::from_millis(5);
/// After a first failure; it doubles with each, up to about a minute.
const PAUSE: Duration = Duration::from_secs(1);
const MOST_DOUBLINGS: u32 = 6;

/// The log of one database. Clones share what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Log(Arc<State>);

#[derive(Debug)]
struct State {
    database: PathBuf,
    /// Of the log, beside what the database's name leads to.
    path: OnceLock<PathBuf>,
    writes: AtomicU64,
    /// Locked while somebody sees to the log. Nobody waits for this.
    failures: Arc<Mutex<Failures>>,
}

#[derive(Debug, Default)]
struct Failures {
    count: u32,
    not_before: Option<Instant>,
}

impl Log {
    pub(crate) fn of(database: impl Into<PathBuf>) -> Self {
        Self(Arc::new(State {
            database: database.into(),
            path: OnceLock::new(),
            writes: AtomicU64::new(0),
            failures: Arc::default(),
        }))
    }

    /// Counts a write, and sees to a log that is longer than `most` bytes, in the background: on a
    /// connection that writes, which is free again after each step. If there is no file there is
    /// nothing to do.
    ///
    /// A runtime that ends takes the job with it, and the next one begins it anew.
    pub(crate) fn at_write(&self, writer: &Connections, most: u64) {
        let before = self.0.writes.fetch_add(1, Ordering::Relaxed);
        if before % EVERY != EVERY - 1 || self.len().is_none_or(|len| len <= most) {
            return;
        }
        let Ok(mut failures) = self.0.failures.clone().try_lock_owned() else { return };
        if failures.not_before.is_some_and(|moment| Instant::now() < moment) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let writer = writer.clone();
        drop(runtime.spawn(async move {
            // An error is nobody's: no call asked for this, and each meets by itself what is wrong.
            match begin_anew(&writer).await {
                Ok(true) => *failures = Failures::default(),
                Ok(false) | Err(_) => failures.one_more(),
            }
        }));
    }

    /// Asks the folder and opens nothing: see [`Location::check`](crate::location::Location::check).
    fn len(&self) -> Option<u64> {
        let path = match self.0.path.get() {
            Some(path) => path,
            None => {
                let mut path = std::fs::canonicalize(&self.0.database).ok()?.into_os_string();
                path.push("-wal");
                self.0.path.get_or_init(|| path.into())
            }
        };
        std::fs::metadata(path).ok().map(|file| file.len())
    }
}

impl Failures {
    fn one_more(&mut self) {
        let pause = PAUSE * (1 << self.count.min(MOST_DOUBLINGS));
        self.not_before = Some(Instant::now() + pause);
        self.count = self.count.saturating_add(1);
    }
}

/// Whether the log is empty. If somebody reads for long it stays as it is.
async fn begin_anew(writer: &Connections) -> Result<bool, sqlx::Error> {
    let mut lease = writer.lease().await?;
    let earlier = move_into_file(&mut lease).await?;
    lease.give_back();
    let Some(earlier) = earlier else { return Ok(false) };
    sleep(LONG_READ).await;

    // Writers of this process wait for the connection from here on, and readers do not.
    let mut lease = writer.lease().await?;
    let now = move_into_file(&mut lease).await?;
    // Who began to read before the first look keeps what was there then from being moved.
    if now.is_none_or(|now| now.moved < earlier.written && now.written >= earlier.written) {
        lease.give_back();
        return Ok(false);
    }
    // With another timeout nobody else may have it.
    let mut guarded = Guarded::new(lease);
    let usual: i64 = query_scalar("PRAGMA busy_timeout").fetch_one(guarded.connection()).await?;
    let wait = AssertSqlSafe(format!("PRAGMA busy_timeout = {}", WAIT.min(usual / 2)));
    query(wait).fetch_all(guarded.connection()).await?;
    let done = truncate(guarded.connection()).await?;
    let usual = AssertSqlSafe(format!("PRAGMA busy_timeout = {usual}"));
    query(usual).fetch_all(guarded.connection()).await?;
    guarded.is_clean();
    Ok(done)
}

/// Pages of the log.
struct Pages {
    written: i64,
    /// How many of them are in the database.
    moved: i64,
}

/// Moves what nobody's reading keeps in the log, and waits for nobody. `None` if others were at it all
/// the time.
async fn move_into_file(connection: &mut SqliteConnection) -> Result<Option<Pages>, sqlx::Error> {
    for _ in 0..TRIES {
        let row = query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *connection).await?;
        let pages = Pages { written: row.get(1), moved: row.get(2) };
        if pages.written >= 0 {
            return Ok(Some(pages));
        }
        sleep(BETWEEN_TRIES).await;
    }
    Ok(None)
}

/// Moves all of the log and empties its file, for which it waits for readers and keeps writers away.
/// `RESTART` would leave the file as long as it is.
async fn truncate(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    for _ in 0..TRIES {
        let row = query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await?;
        let (is_busy, written): (i64, i64) = (row.get(0), row.get(1));
        // Without a number it did not come to waiting: others were at it.
        if is_busy == 0 || written >= 0 {
            return Ok(is_busy == 0);
        }
        sleep(BETWEEN_TRIES).await;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, Executor};
    use tempfile::TempDir;

    use super::*;
    use crate::config::SqliteConfig;
    use crate::connect::{self, Pools};

    /// A database with something in its log.
    async fn database() -> (TempDir, SqliteConnectOptions, Pools) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let pools = connect::pools(&SqliteConfig::new(path.to_str().unwrap())).await.unwrap();
        pools.writer.fetch_all(query("CREATE TABLE seen (n INTEGER)")).await.unwrap();
        (folder, SqliteConnectOptions::new().filename(path), pools)
    }

    /// As many writes as it takes until somebody looks at the file.
    fn write(pools: &Pools) {
        (0..EVERY).for_each(|_| pools.log.as_ref().unwrap().at_write(&pools.writer, 0));
    }

    fn length(pools: &Pools) -> u64 {
        pools.log.as_ref().unwrap().len().unwrap()
    }

    #[tokio::test]
    async fn what_is_read_for_long_is_not_waited_for() {
        let (_folder, options, pools) = database().await;
        let usual = "PRAGMA busy_timeout";
        let mut reader = options.connect().await.unwrap();
        reader.execute("BEGIN; SELECT count(*) FROM seen").await.unwrap();
        pools.writer.fetch_all(query("INSERT INTO seen VALUES (1)")).await.unwrap();
        assert!(!begin_anew(&pools.writer).await.unwrap(), "somebody reads");
        assert!(length(&pools) > 0);
        reader.execute("ROLLBACK").await.unwrap();
        assert!(begin_anew(&pools.writer).await.unwrap(), "nobody reads");
        assert_eq!(length(&pools), 0);
        let timeout = pools.writer.fetch_all(query(usual)).await.unwrap();
        assert_eq!(timeout[0].get::<i64, _>(0), 2000, "others have the connection as it was");
    }

    #[tokio::test]
    async fn failures_are_paid_for_seldom() {
        let (_folder, options, pools) = database().await;
        let mut reader = options.connect().await.unwrap();
        reader.execute("BEGIN; SELECT count(*) FROM seen").await.unwrap();
        pools.writer.fetch_all(query("INSERT INTO seen VALUES (1)")).await.unwrap();
        let failures = &pools.log.as_ref().unwrap().0.failures;
        for round in 0..2 {
            write(&pools);
            // As soon as the job is done.
            let failures = failures.lock().await;
            assert_eq!(failures.count, 1, "round {round}: the second comes within the pause");
        }
        let mut pauses = Vec::new();
        let mut noted = Failures::default();
        for _ in 0..9 {
            let before = Instant::now();
            noted.one_more();
            pauses.push(noted.not_before.unwrap().duration_since(before).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        reader.execute("ROLLBACK").await.unwrap();
        failures.lock().await.not_before = None;
        write(&pools);
        assert_eq!(failures.lock().await.count, 0, "it began anew");
        assert_eq!(length(&pools), 0);
    }

    #[tokio::test]
    async fn a_log_of_usual_length_is_left_alone() {
        let (_folder, _, pools) = database().await;
        for _ in 0..EVERY {
            pools.to_write();
        }
        assert!(pools.log.as_ref().unwrap().0.failures.try_lock().is_ok(), "nobody looks after it");
        assert!(length(&pools) > 0);
        let nowhere = Log::of("nowhere/sessions.db");
        (0..EVERY).for_each(|_| nowhere.at_write(&pools.writer, 0));
        assert!(nowhere.0.failures.try_lock().is_ok(), "nor after one that is not there");
    }

    #[tokio::test]
    async fn closing_leaves_no_log() {
        let (folder, _, pools) = database().await;
        write(&pools);
        // The job has the connection, or waits for it.
        tokio::task::yield_now().await;
        pools.readers.close().await;
        pools.writer.close().await;
        assert!(!folder.path().join("sessions.db-wal").exists());
        let failures = pools.log.as_ref().unwrap().0.failures.lock().await;
        assert_eq!(failures.count, 1, "it found the connections closed");
    }

    #[test]
    fn a_runtime_that_ends_takes_the_job_along() {
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let first = runtime();
        let (_folder, options, pools) = first.block_on(database());
        // The job's connection ends with its runtime, and the last one would take the log with it.
        let _other = first.block_on(options.connect()).unwrap();
        first.block_on(async {
            write(&pools);
            tokio::task::yield_now().await;
        });
        drop(first);
        runtime().block_on(async {
            assert!(length(&pools) > 0, "it came to nothing");
            write(&pools);
            assert_eq!(pools.log.as_ref().unwrap().0.failures.lock().await.count, 0);
            assert_eq!(length(&pools), 0, "the next one");
        });
    }
}
