//! Who has a connection, and where it waits meanwhile: [`Connections`].
//!
//! The driver's pool asks each connection that comes back whether it is well: a round trip for every
//! statement. So connections of our own are kept here: a caller waits his turn, takes the one that
//! was used last, and puts it back without a word. What is known of a connection is when it was last used;
//! what is known of the server, when one of them last broke, and when it last turned out to be the wrong
//! one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// After this long a connection is replaced, as in the driver's pools: balancers and servers like to
/// see new ones now and then.
const LIFETIME: Duration = Duration::from_mins(30);

/// After this long without work it is closed.
const IDLE: Duration = Duration::from_mins(10);

/// How often is looked for those, as long as any wait.
const ROUND: Duration = Duration::from_mins(1);

/// How long a connection has to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// For how long a connection may have been silent before a change asks it first. An empty server on a
/// fast disk was back 40 ms after it was killed; none restarts in a quarter of that. A request reads before
/// it writes, on the connection that was used last, so it asks only where its handler takes longer.
const SILENCE: Duration = Duration::from_millis(10);

/// How long a connection that somebody left in the middle of a statement may take to be ready again.
pub(crate) const RECOVERY: Duration = Duration::from_secs(1);

/// Connections to one server. Clones share them.
#[derive(Clone)]
pub(crate) struct Connections(Source);

#[derive(Clone)]
enum Source {
    /// Of our own.
    Own(Arc<Parking>),
    /// Of the application's pool.
    Pooled(PgPool),
}

struct Parking {
    options: PgConnectOptions,
    /// How long the server may work for a caller who has gone away.
    patience: Duration,
    /// As many as may be open at once. A caller's turn lasts until his connection is parked again.
    turns: Semaphore,
    most: u32,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// The one that was used last is the last.
    parked: Vec<Parked>,
    /// When one last broke: others may have, that were not used since.
    broke: Option<Instant>,
    /// When the server last turned out to be read-only: connections that are older lead there.
    demoted: Option<Instant>,
    /// Looks for those that have waited too long. It ends with its runtime, which may be before this does.
    watcher: Option<JoinHandle<()>>,
}

/// A connection that waits.
struct Parked {
    connection: PgConnection,
    opened: Instant,
    used: Instant,
}

impl Connections {
    /// At most `most` connections, opened as they are needed. `patience`: after how long the server has given a
    /// statement up by itself.
    pub(crate) fn own(options: PgConnectOptions, most: u32, patience: Duration) -> Self {
        let (turns, idle) = (Semaphore::new(most as usize), Mutex::default());
        Self(Source::Own(Arc::new(Parking { options, patience, turns, most, idle })))
    }

    pub(crate) const fn pooled(pool: PgPool) -> Self {
        Self(Source::Pooled(pool))
    }

    /// A connection. Waits without an end: the caller knows how long. Dropped, the future leaves nothing
    /// behind.
    pub(crate) async fn lease(&self) -> Result<Lease, sqlx::Error> {
        let parking = match &self.0 {
            Source::Own(parking) => parking,
            Source::Pooled(pool) => {
                let connection = pool.acquire().await?;
                // A pool that asks every connection has asked this one.
                let trust = match pool.options().get_test_before_acquire() {
                    true => Trust::Well,
                    false => Trust::Unheard,
                };
                return Ok(Lease { held: Some(Held::Pooled(connection)), trust });
            }
        };
        let turn = parking.turn().await?;
        let (connection, opened, trust) = match parking.fresh() {
            Some((Parked { connection, opened, .. }, trust)) => (connection, opened, trust),
            None => {
                // Before it: what it leads to is no newer than that.
                let opened = Instant::now();
                (parking.options.connect().await?, opened, Trust::Well)
            }
        };
        Ok(Lease { held: Some(Held::Own { connection, opened, turn }), trust })
    }

    /// One broke: whatever was not used since may have broken with it.
    pub(crate) fn one_broke(&self) {
        if let Source::Own(parking) = &self.0 {
            parking.idle().broke = Some(Instant::now());
        }
    }

    /// One was asked and said nothing for so long: what nobody has heard since is closed, or as many calls would wait
    /// as long for nothing.
    pub(crate) fn was_silent_for(&self, patience: Duration) {
        if let Source::Own(parking) = &self.0 {
            let mut idle = parking.idle();
            idle.broke = Some(Instant::now());
            idle.parked.retain(|parked| parked.used.elapsed() < patience);
        }
    }

    /// The server is read-only: every connection that there is leads to one that is not to be asked any
    /// more, for reading neither. Those that wait are closed, the others when they come back.
    pub(crate) fn was_demoted(&self) {
        if let Source::Own(parking) = &self.0 {
            let mut idle = parking.idle();
            idle.demoted = Some(Instant::now());
            idle.parked.clear();
        }
    }

    /// Waits for those who have a connection, and closes all. Whoever comes later gets an error.
    pub(crate) async fn close(&self) {
        match &self.0 {
            Source::Pooled(pool) => pool.close().await,
            Source::Own(parking) => {
                let all = parking.turns.acquire_many(parking.most).await;
                parking.turns.close();
                drop(all);
                let idle = std::mem::take(&mut parking.idle().parked);
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
    fn fresh(&self) -> Option<(Parked, Trust)> {
        let mut idle = self.idle();
        idle.parked.retain(Parked::is_fresh);
        let parked = idle.parked.pop()?;
        let trust = if idle.broke.is_some_and(|broke| parked.used <= broke) {
            Trust::Suspect
        } else if parked.used.elapsed() > SILENCE {
            Trust::Unheard
        } else {
            Trust::Well
        };
        Some((parked, trust))
    }

    fn park(self: &Arc<Self>, connection: PgConnection, opened: Instant) {
        let mut idle = self.idle();
        if idle.demoted.is_some_and(|demoted| opened <= demoted) {
            return;
        }
        idle.parked.push(Parked { connection, opened, used: Instant::now() });
        if idle.watcher.as_ref().is_none_or(JoinHandle::is_finished)
            && let Ok(runtime) = Handle::try_current()
        {
            idle.watcher = Some(runtime.spawn(watch(Arc::downgrade(self))));
        }
    }

    /// Closes what has waited too long; whether any is left.
    fn clear_out(&self) -> bool {
        let mut idle = self.idle();
        idle.parked.retain(Parked::is_fresh);
        if idle.parked.is_empty() {
            idle.watcher = None;
        }
        !idle.parked.is_empty()
    }

    /// Held for moments; what is dropped under it closes a socket.
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that have waited too long, until there are none.
async fn watch(parking: Weak<Parking>) {
    loop {
        sleep(ROUND).await;
        match parking.upgrade() {
            Some(parking) if parking.clear_out() => {}
            _ => return,
        }
    }
}

impl Parked {
    fn is_fresh(&self) -> bool {
        self.used.elapsed() < IDLE && self.opened.elapsed() < LIFETIME
    }
}

/// A place among those who may have a connection, given up when it is dropped.
struct Turn(Arc<Parking>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.turns.add_permits(1);
    }
}

/// How far a connection is trusted that nobody has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It was heard a moment ago, or has just been opened.
    Well,
    /// It may have broken since it was last used: good enough for what may be sent again.
    Unheard,
    /// Another broke since: good for nothing unless it is asked.
    Suspect,
}

/// A connection on loan. Dropped in the middle of a statement, it is looked after in the background.
pub(crate) struct Lease {
    held: Option<Held>,
    pub(crate) trust: Trust,
}

enum Held {
    Own { connection: PgConnection, opened: Instant, turn: Turn },
    Pooled(PoolConnection<Postgres>),
}

impl Lease {
    #[expect(clippy::expect_used, reason = "it is taken only by what consumes the lease")]
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        self.held.as_mut().expect("a lease holds its connection").connection()
    }

    /// Its last statement came to its end.
    pub(crate) fn give_back(mut self) {
        if let Some(held) = self.held.take() {
            held.give_back();
        }
    }

    /// Nobody gets this connection again: its socket is closed at once, which makes room for another.
    pub(crate) fn discard(self) {
        drop(self.detach());
    }

    /// The connection, out of its place, which another may then take; `None` where there is none any
    /// more.
    pub(crate) fn detach(mut self) -> Option<PgConnection> {
        self.held.take().map(Held::detach)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take() else { return };
        // Left to itself the driver asks the connection too, but waits for ever, and keeps its place
        // in the pool meanwhile (https://github.com/launchbadge/sqlx/issues/4349).
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                // Its place is kept meanwhile: the server would have more than there are.
                let patience = held.patience();
                match timeout(patience, held.connection().ping()).await {
                    Ok(Ok(())) => held.give_back(),
                    _ => drop(held.detach()),
                }
            })),
            Err(_) => drop(held.detach()),
        }
    }
}

impl Held {
    fn connection(&mut self) -> &mut PgConnection {
        match self {
            Self::Own { connection, .. } => connection,
            Self::Pooled(connection) => connection,
        }
    }

    /// Until the server has given the statement up that somebody left, or is not there at all.
    fn patience(&self) -> Duration {
        match self {
            Self::Own { turn, .. } => turn.0.patience + RECOVERY,
            Self::Pooled(_) => RECOVERY,
        }
    }

    fn give_back(self) {
        match self {
            Self::Own { connection, opened, turn } => turn.0.park(connection, opened),
            Self::Pooled(connection) => drop(connection),
        }
    }

    fn detach(self) -> PgConnection {
        match self {
            Self::Own { connection, .. } => connection,
            Self::Pooled(connection) => connection.detach(),
        }
    }
}
