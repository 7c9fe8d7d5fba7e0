//! What a long purge does to the write-ahead log: [`Wal`].
//!
//! Each batch changes pages all over the indexes. SQLite moves them into the file at every thousandth
//! page, on the connection that happens to commit, with two waits for the disk: a request would pay
//! for it, and the same pages would be written again and again. So for as long as a purge finds more
//! to do, the log may grow, to 256 MB at most, and it is moved by a connection of its own, while the
//! others read and write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use session_core::BackendError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection, query};

use crate::connections::Connections;
use crate::error::driver;
use crate::transaction::outlive;

/// Pages that a deleted row leaves in the log: two in the indexes that are in no order of time, and
/// its share of the others.
const PAGES_PER_ROW: u64 = 3;
/// Below so many pages (16 MB) it is not worth a wait for the disk.
const FEWEST: u64 = 4096;
/// Above so many (256 MB) it takes more room than it saves time. A quarter of it made a purge of half
/// a million rows a fifth slower: the same pages are moved more often.
const MOST: u64 = 65_536;

/// What SQLite does by itself, and what it may do in a purge, should this never come to its turn.
const USUAL: &str = "PRAGMA wal_autocheckpoint = 1000";
const IN_A_PURGE: &str = "PRAGMA wal_autocheckpoint = 131072";

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
        let pages = state.pages.fetch_add(rows * PAGES_PER_ROW, Ordering::Relaxed);
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
        if !more && state.is_ours.swap(false, Ordering::Relaxed) {
            writer.fetch_all(query(USUAL)).await.map_err(driver)?;
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

/// Nobody waits for this but who asked. Once everything is in the file, the next to write begins the
/// log anew; what came meanwhile is moved in one more go.
async fn move_into_file(connection: &mut SqliteConnection) -> Result<(), BackendError> {
    for _ in 0..3 {
        let row = query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *connection).await;
        let row = row.map_err(driver)?;
        let (written, moved): (i64, i64) = (row.get(1), row.get(2));
        if written == moved {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;
    use crate::config::SqliteConfig;
    use crate::{connect, migrate};

    async fn limit(writer: &Connections) -> i64 {
        let rows = writer.fetch_all(query("PRAGMA wal_autocheckpoint")).await.unwrap();
        rows[0].get(0)
    }

    #[tokio::test]
    async fn a_long_purge_has_the_log_to_itself_and_then_empties_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let config = SqliteConfig::new(path.to_str().unwrap());
        let pools = connect::pools(&config).await.unwrap();
        migrate::run(&pools.writer).await.unwrap();
        let wal = pools.wal.clone().unwrap();

        wal.after_batch(&pools.writer, 1000, false).await.unwrap();
        assert_eq!(limit(&pools.writer).await, 1000, "one batch is nothing");

        wal.after_batch(&pools.writer, 1000, true).await.unwrap();
        assert_eq!(limit(&pools.writer).await, 131_072, "more to do");
        pools.writer.fetch_all(query("CREATE TABLE seen (n INTEGER)")).await.unwrap();
        // One that was begun before, and would see nothing but what was there then.
        let mut reader = pools.readers.lease().await.unwrap();
        let mut reading = reader.begin().await.unwrap();
        query("SELECT count(*) FROM seen").fetch_one(&mut *reading).await.unwrap();
        pools.writer.fetch_all(query("INSERT INTO seen VALUES (1)")).await.unwrap();
        for _ in 0..100 {
            wal.after_batch(&pools.writer, 1000, true).await.unwrap();
        }
        assert_eq!(limit(&pools.writer).await, 131_072, "it waits for no reader");
        reading.rollback().await.unwrap();
        reader.give_back();

        wal.after_batch(&pools.writer, 1000, false).await.unwrap();
        assert_eq!(limit(&pools.writer).await, 1000, "as SQLite has it");
        // The file without its log: everything is in it.
        let copy = folder.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        let options = SqliteConnectOptions::new().filename(&copy);
        let copy = SqlitePoolOptions::new().connect_with(options).await.unwrap();
        let seen: i64 =
            sqlx::query_scalar("SELECT count(*) FROM seen").fetch_one(&copy).await.unwrap();
        assert_eq!(seen, 1);
    }
}
