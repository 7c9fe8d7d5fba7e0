//! What a long purge does to the write-ahead log: [`Wal`].
//!
//! Each batch changes pages all over the indexes. SQLite moves them into the file at every thousandth
//! page, on the connection that happens to commit, with two waits for the disk: a request would pay
//! for it, and the same pages would be written again and again. So for as long as a purge finds more
//! to do, the log may grow, to about 256 MB, and it is moved by a connection of its own, while the
//! others read and write. The connection that deletes has memory for the pages that it meets again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use session_core::BackendError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection, query};

use crate::connections::Connections;
use crate::error::driver;
use crate::transaction::outlive;

/// Pages that three deleted rows leave in the log: each has its own in the index of the tokens, which
/// is in no order of time, and its share of the others.
const PAGES_PER_THREE_ROWS: u64 = 4;
/// Below so many pages (16 MB) it is not worth a wait for the disk.
const FEWEST: u64 = 4096;
/// Above so many (256 MB) a page takes longer to find in the log than it saves time.
const MOST: u64 = 65_536;
/// So often the log is moved at a time. A site that writes without a pause never lets it be empty.
const MOST_PASSES: usize = 8;

/// What SQLite does by itself, with the limit that `connect` sets, and what it may do in a purge: move
/// the log where this never comes to its turn; not cut it where it begins anew, for which a request
/// would wait; and keep 64 MB of pages.
const USUAL: &str = "PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864; \
     PRAGMA cache_size = -2000; PRAGMA shrink_memory";
const IN_A_PURGE: &str = "PRAGMA wal_autocheckpoint = 262144; PRAGMA journal_size_limit = -1; \
     PRAGMA cache_size = -65536";

/// The log of one database.
#[derive(Debug, Clone)]
pub(crate) struct Wal {
    options: SqliteConnectOptions,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the connection that writes leaves the log to the purge.
    is_ours: AtomicBool,
    /// Pages that were written since it was moved, about.
    pages: AtomicU64,
}

impl Wal {
    pub(crate) fn new(options: SqliteConnectOptions) -> Self {
        Self { options, state: Arc::default() }
    }

    /// Whether a purge has more to do, and the log may be longer than usual.
    pub(crate) fn is_purging(&self) -> bool {
        self.state.is_ours.load(Ordering::Relaxed)
    }

    /// Sees to the log after a batch that looked at so many rows.
    ///
    /// A caller that is dropped leaves the log longer than usual, until the next purge.
    pub(crate) async fn after_batch(
        &self,
        writer: &Connections,
        rows: u64,
        more: bool,
    ) -> Result<(), BackendError> {
        let state = &self.state;
        if more && !state.is_ours.swap(true, Ordering::Relaxed) {
            writer.fetch_all(query(IN_A_PURGE)).await.map_err(driver)?;
        }
        if !state.is_ours.load(Ordering::Relaxed) {
            return Ok(());
        }
        let pages = state.pages.fetch_add(rows * PAGES_PER_THREE_ROWS / 3, Ordering::Relaxed);
        if !more || pages >= FEWEST {
            let options = self.options.clone();
            let moved = outlive(async move {
                let mut connection = options.connect().await.map_err(driver)?;
                let moved = match !more || pages >= worth_it(&mut connection).await? {
                    true => move_into_file(&mut connection).await.map(|()| true),
                    false => Ok(false),
                };
                connection.close().await.map_err(driver)?;
                moved
            });
            if moved.await? {
                state.pages.store(0, Ordering::Relaxed);
            }
        }
        if !more && state.is_ours.load(Ordering::Relaxed) {
            writer.fetch_all(query(USUAL)).await.map_err(driver)?;
            // Not before: a later purge's end tries again.
            state.is_ours.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// How many pages the log may have: as many as the database, within bounds.
async fn worth_it(connection: &mut SqliteConnection) -> Result<u64, BackendError> {
    let pages: i64 =
        sqlx::query_scalar("PRAGMA page_count").fetch_one(connection).await.map_err(driver)?;
    Ok(pages.unsigned_abs().clamp(FEWEST, MOST))
}

/// Nobody waits for this but who asked.
///
/// Only a log of which everything is in the file is begun anew by the next to write. What others write
/// during a pass is left to the next one, so there are passes until nothing came.
async fn move_into_file(connection: &mut SqliteConnection) -> Result<(), BackendError> {
    let mut before = None;
    for _ in 0..MOST_PASSES {
        let row = query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *connection).await;
        let row = row.map_err(driver)?;
        let (written, moved): (i64, i64) = (row.get(1), row.get(2));
        // Less than all was moved where somebody still reads what was there before.
        if moved < written || before.replace(written) == Some(written) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;
    use crate::config::SqliteConfig;
    use crate::{connect, migrate};

    /// How far the log may grow before SQLite moves it, what is left of it, and the cache.
    async fn settings(writer: &Connections) -> [i64; 3] {
        let mut settings = [0; 3];
        for (setting, name) in
            settings.iter_mut().zip(["wal_autocheckpoint", "journal_size_limit", "cache_size"])
        {
            let text = AssertSqlSafe(format!("PRAGMA {name}"));
            *setting = writer.fetch_all(query(text)).await.unwrap()[0].get(0);
        }
        settings
    }

    #[tokio::test]
    async fn a_long_purge_has_the_log_to_itself_and_then_empties_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let config = SqliteConfig::new(path.to_str().unwrap());
        let pools = connect::pools(&config).await.unwrap();
        migrate::run(&pools).await.unwrap();
        let wal = pools.wal.clone().unwrap();

        let usual = settings(&pools.writer).await;
        let in_a_purge = [262_144, -1, -65_536];
        wal.after_batch(&pools.writer, 1000, false).await.unwrap();
        assert_eq!(settings(&pools.writer).await, usual, "one batch is nothing");

        wal.after_batch(&pools.writer, 1000, true).await.unwrap();
        assert_eq!(settings(&pools.writer).await, in_a_purge, "more to do");
        pools.writer.fetch_all(query("CREATE TABLE seen (n INTEGER)")).await.unwrap();
        // One that was begun before, and would see nothing but what was there then.
        let mut reader = pools.readers.lease().await.unwrap();
        let mut reading = reader.begin().await.unwrap();
        query("SELECT count(*) FROM seen").fetch_one(&mut *reading).await.unwrap();
        pools.writer.fetch_all(query("INSERT INTO seen VALUES (1)")).await.unwrap();
        for _ in 0..100 {
            wal.after_batch(&pools.writer, 1000, true).await.unwrap();
        }
        assert_eq!(settings(&pools.writer).await, in_a_purge, "it waits for no reader");
        reading.rollback().await.unwrap();
        reader.give_back();

        wal.after_batch(&pools.writer, 1000, false).await.unwrap();
        assert_eq!(settings(&pools.writer).await, usual, "as it was");
        // The file without its log: everything is in it.
        let copy = folder.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        let options = SqliteConnectOptions::new().filename(&copy);
        let copy = SqlitePoolOptions::new().connect_with(options).await.unwrap();
        let seen: i64 =
            sqlx::query_scalar("SELECT count(*) FROM seen").fetch_one(&copy).await.unwrap();
        assert_eq!(seen, 1);
    }

    /// Else it grows through the whole purge, as somebody always writes while it is moved.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_log_that_others_write_into_begins_anew() {
        const ROUNDS: u64 = 20;
        const PAGES: u64 = 1000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let pools = connect::pools(&SqliteConfig::new(path.to_str().unwrap())).await.unwrap();
        migrate::run(&pools).await.unwrap();
        let wal = pools.wal.clone().unwrap();
        let ready = "CREATE TABLE seen (data BLOB); CREATE TABLE large AS \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
             SELECT zeroblob(4000) AS data FROM n";
        pools.writer.fetch_all(query(ready)).await.unwrap();

        for _ in 0..ROUNDS {
            pools
                .writer
                .fetch_all(query("UPDATE large SET data = randomblob(4000)"))
                .await
                .unwrap();
            // Six times within the first pass, or a little longer: a disk that is slow still gets to
            // a pass without any.
            let others = async {
                let mut clock = tokio::time::interval(std::time::Duration::from_millis(1));
                for _ in 0..6 {
                    clock.tick().await;
                    pools.writer.fetch_all(query("INSERT INTO seen VALUES (1)")).await.unwrap();
                }
            };
            let (moved, ()) = tokio::join!(wal.after_batch(&pools.writer, 100_000, true), others);
            moved.unwrap();
        }
        let length = std::fs::metadata(path.with_extension("db-wal")).unwrap().len();
        let written = ROUNDS * PAGES * 4096;
        assert!(length < written / 2, "{length} bytes of {written} that were written");
    }
}
