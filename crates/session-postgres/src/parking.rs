//! Where connections wait between statements: [`Source`].
//!
//! The driver's pool asks each connection that comes back whether it is well: a round trip for every
//! statement. So connections of our own are kept here: a caller waits his turn, takes the one that
//! was used last, and puts it back without a word.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, Postgres};
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::timeout;

/// After this long a connection is replaced, as in the driver's pools: balancers and servers like to
/// see new ones now and then.
const LIFETIME: Duration = Duration::from_mins(30);

/// After this long without work it is closed.
const IDLE: Duration = Duration::from_mins(10);

/// How long a connection has to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Where connections come from. Clones share them.
#[derive(Clone)]
pub(crate) enum Source {
    /// Connections of our own.
    Parked(Arc<Parking>),
    /// The application's pool.
    Pooled(PgPool),
}

pub(crate) struct Parking {
    options: PgConnectOptions,
    /// As many as may be open at once. A caller's turn lasts until his connection is parked again.
    turns: Semaphore,
    most: u32,
    /// The one that was used last is the last.
    idle: Mutex<Vec<Parked>>,
}

struct Parked {
    connection: PgConnection,
    opened: Instant,
    used: Instant,
}

impl Source {
    /// At most `most` connections, opened as they are needed.
    pub(crate) fn parked(options: PgConnectOptions, most: u32) -> Self {
        let turns = Semaphore::new(most as usize);
        Self::Parked(Arc::new(Parking { options, turns, most, idle: Mutex::default() }))
    }

    /// A connection. Waits without an end: the caller knows how long.
    pub(crate) async fn acquire(&self) -> Result<Held, sqlx::Error> {
        let parking = match self {
            Self::Pooled(pool) => return pool.acquire().await.map(Held::Pooled),
            Self::Parked(parking) => parking,
        };
        let turn = parking.turn().await?;
        if let Some(Parked { connection, opened, .. }) = parking.fresh() {
            return Ok(Held::Parked { connection, opened, turn });
        }
        let connection = parking.options.connect().await?;
        Ok(Held::Parked { connection, opened: Instant::now(), turn })
    }

    /// At least how many are idle.
    pub(crate) fn idle(&self) -> u32 {
        match self {
            Self::Pooled(pool) => pool.size(),
            Self::Parked(parking) => u32::try_from(parking.idle().len()).unwrap_or(u32::MAX),
        }
    }

    /// Waits for those who have a connection, and closes all. Whoever comes later gets an error.
    pub(crate) async fn close(&self) {
        match self {
            Self::Pooled(pool) => pool.close().await,
            Self::Parked(parking) => {
                let all = parking.turns.acquire_many(parking.most).await;
                parking.turns.close();
                drop(all);
                let idle = std::mem::take(&mut *parking.idle());
                for parked in idle {
                    // A server that does not listen finds out by itself.
                    let _ = timeout(GOODBYE, parked.connection.close()).await;
                }
            }
        }
    }
}

impl Parking {
    async fn turn(self: &Arc<Self>) -> Result<Turn, sqlx::Error> {
        let permit = match self.turns.try_acquire() {
            Err(TryAcquireError::NoPermits) => self.turns.acquire().await.ok(),
            permit => permit.ok(),
        };
        permit.ok_or(sqlx::Error::PoolClosed)?.forget();
        Ok(Turn(self.clone()))
    }

    /// The one that was used last, unless it is too old; what is too old is closed.
    fn fresh(&self) -> Option<Parked> {
        let mut idle = self.idle();
        idle.retain(|parked| parked.used.elapsed() < IDLE && parked.opened.elapsed() < LIFETIME);
        idle.pop()
    }

    fn park(&self, connection: PgConnection, opened: Instant) {
        self.idle().push(Parked { connection, opened, used: Instant::now() });
    }

    /// Held for moments; what is dropped under it closes a socket.
    fn idle(&self) -> MutexGuard<'_, Vec<Parked>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who may have a connection, given up when it is dropped.
pub(crate) struct Turn(Arc<Parking>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.turns.add_permits(1);
    }
}

/// A connection that somebody has. Dropped as it is, it is closed, or is the pool's to look after.
pub(crate) enum Held {
    Parked { connection: PgConnection, opened: Instant, turn: Turn },
    Pooled(PoolConnection<Postgres>),
}

impl Held {
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        match self {
            Self::Parked { connection, .. } => connection,
            Self::Pooled(connection) => connection,
        }
    }

    /// It is well, and for the next one.
    pub(crate) fn give_back(self) {
        match self {
            Self::Parked { connection, opened, turn } => turn.0.park(connection, opened),
            Self::Pooled(connection) => drop(connection),
        }
    }

    /// Out of its place, which another connection may then take.
    pub(crate) fn detach(self) -> PgConnection {
        match self {
            Self::Parked { connection, .. } => connection,
            Self::Pooled(connection) => connection.detach(),
        }
    }
}
