//! Who has a connection, and where it waits meanwhile: [`Connections`].
//!
//! The driver's pool asks each connection that comes back whether it is well, on a task made for it.
//! For SQLite that is another message to the connection's thread and back, and costs as much as a
//! session's look-up itself. So connections to a file of our own are kept here: a caller waits his
//! turn, takes the one that was used last, and puts it back without a word. Only one that was left in
//! the middle of something is asked.
//!
//! A statement that waits for the lock does so on the connection's thread, and would be done when its
//! caller has long told somebody that it was not. SQLite asks before it commits, and is told no where
//! the caller is gone.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, SqlitePool};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::timeout;

use crate::row::Statement;

/// Connections of one kind. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Source);

#[derive(Debug, Clone)]
enum Source {
    /// Of our own, to a file.
    Own(Arc<Parking>),
    /// Of a pool: the application's, or one that keeps a database in memory.
    Pooled(SqlitePool),
}

#[derive(Debug)]
struct Parking {
    options: SqliteConnectOptions,
    /// As many as may be open at once. A caller's turn lasts until his connection is parked again.
    turns: Semaphore,
    most: u32,
    patience: Duration,
    idle: Mutex<Vec<Open>>,
}

/// A connection that commits nothing for a caller who is gone.
#[derive(Debug)]
struct Open {
    connection: SqliteConnection,
    given_up: Arc<AtomicBool>,
}

impl Open {
    async fn new(options: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect().await?;
        let given_up = Arc::new(AtomicBool::new(false));
        let asked = given_up.clone();
        let may_commit = move || !asked.load(Ordering::Acquire);
        connection.lock_handle().await?.set_commit_hook(may_commit);
        Ok(Self { connection, given_up })
    }
}

impl Connections {
    /// At most `most` connections, opened as they are needed. A caller waits for one at most
    /// `patience`.
    pub(crate) fn own(options: SqliteConnectOptions, most: u32, patience: Duration) -> Self {
        Self(Source::Own(Arc::new(Parking {
            options,
            turns: Semaphore::new(most as usize),
            most,
            patience,
            idle: Mutex::default(),
        })))
    }

    pub(crate) const fn pooled(pool: SqlitePool) -> Self {
        Self(Source::Pooled(pool))
    }

    /// Whether a statement that waits for the lock is given up together with its caller. A pool's connection
    /// commits it all the same.
    pub(crate) const fn can_give_up(&self) -> bool {
        matches!(self.0, Source::Own(_))
    }

    /// A connection. Dropped, the future leaves nothing behind.
    pub(crate) async fn lease(&self) -> Result<Lease, sqlx::Error> {
        let parking = match &self.0 {
            Source::Own(parking) => parking,
            Source::Pooled(pool) => {
                let connection = pool.acquire().await?;
                return Ok(Lease { held: Some(Held::Pooled(connection)), is_idle: false });
            }
        };
        let turn = parking.turn().await?;
        let parked = parking.idle().pop();
        let connection = match parked {
            Some(connection) => connection,
            None => Open::new(&parking.options).await?,
        };
        Ok(Lease { held: Some(Held::Own(connection, turn)), is_idle: false })
    }

    /// All rows of a statement, which is then at its end. Dropped before that, it changes nothing,
    /// unless it was committing already, or the connection is a pool's.
    pub(crate) async fn fetch_all(
        &self,
        statement: Statement<'_>,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let mut lease = self.lease().await?;
        let rows = statement.fetch_all(&mut *lease).await?;
        lease.give_back();
        Ok(rows)
    }

    /// Waits for those who have a connection, and closes all. Whoever comes later gets an error.
    pub(crate) async fn close(&self) {
        match &self.0 {
            Source::Pooled(pool) => pool.close().await,
            Source::Own(parking) => {
                let all = parking.turns.acquire_many(parking.most).await;
                parking.turns.close();
                drop(all);
                let idle = std::mem::take(&mut *parking.idle());
                for open in idle {
                    // What could not be said to SQLite is done by the next one that opens the file.
                    let _ = open.connection.close().await;
                }
            }
        }
    }
}

impl Parking {
    async fn turn(self: &Arc<Self>) -> Result<Turn, sqlx::Error> {
        let permit = match self.turns.try_acquire() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(sqlx::Error::PoolClosed),
            Err(TryAcquireError::NoPermits) => {
                let waiting = timeout(self.patience, self.turns.acquire()).await;
                let permit = waiting.map_err(|_| sqlx::Error::PoolTimedOut)?;
                permit.map_err(|_| sqlx::Error::PoolClosed)?
            }
        };
        permit.forget();
        Ok(Turn(self.clone()))
    }

    /// Held for a push or a pop.
    fn idle(&self) -> MutexGuard<'_, Vec<Open>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who may have a connection, given up when it is dropped.
#[derive(Debug)]
struct Turn(Arc<Parking>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.turns.add_permits(1);
    }
}

/// A connection on loan. One that was left in the middle of a statement, or after an error, commits
/// nothing more, and is asked in the background whether it is well before anybody else gets it.
#[derive(Debug)]
pub(crate) struct Lease {
    held: Option<Held>,
    is_idle: bool,
}

#[derive(Debug)]
enum Held {
    Own(Open, Turn),
    Pooled(PoolConnection<Sqlite>),
}

impl Lease {
    /// Its last statement came to its end, and no transaction is open.
    pub(crate) fn give_back(mut self) {
        self.is_idle = true;
    }

    /// Nobody gets this connection again.
    pub(crate) fn discard(mut self) {
        match self.held.take() {
            Some(Held::Pooled(mut connection)) => connection.close_on_drop(),
            Some(Held::Own(Open { connection, .. }, turn)) => {
                // A transaction on it ends with it, and only then may others take its place.
                match Handle::try_current() {
                    Ok(runtime) => drop(runtime.spawn(async move {
                        let _ = connection.close_hard().await;
                        drop(turn);
                    })),
                    Err(_) => drop((connection, turn)),
                }
            }
            None => {}
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A pool's own connection knows its way.
        let Some(Held::Own(mut open, turn)) = self.held.take() else { return };
        if self.is_idle {
            turn.0.idle().push(open);
            return;
        }
        open.given_up.store(true, Ordering::Release);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                // Answered after the statement is at its end.
                if open.connection.ping().await.is_ok() {
                    open.given_up.store(false, Ordering::Release);
                    turn.0.idle().push(open);
                }
            })),
            Err(_) => drop(open),
        }
    }
}

impl Deref for Lease {
    type Target = SqliteConnection;

    #[expect(clippy::expect_used, reason = "it is taken only by what consumes the lease")]
    fn deref(&self) -> &SqliteConnection {
        match self.held.as_ref().expect("a lease holds its connection") {
            Held::Own(open, _) => &open.connection,
            Held::Pooled(connection) => connection,
        }
    }
}

impl DerefMut for Lease {
    #[expect(clippy::expect_used, reason = "it is taken only by what consumes the lease")]
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self.held.as_mut().expect("a lease holds its connection") {
            Held::Own(open, _) => &mut open.connection,
            Held::Pooled(connection) => connection,
        }
    }
}
