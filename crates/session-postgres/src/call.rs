//! How a statement reaches the server, and what becomes of the connection afterwards: [`Server`].
//!
//! Three rules. A call ends in bounded time, whatever the server does. A connection that may be
//! broken is never given back unseen: a pool of the driver's would wait for it without an end, and be
//! one smaller for as long. And a caller that goes away leaves nothing behind: each
//! operation is one statement, which the server does wholly or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use session_core::BackendError;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::connections::{Connections, Lease, RECOVERY};
use crate::error::{breaks_connection, driver, lost_a_race, too_slow};
use crate::row::Statement;

/// What a busy machine may add before an answer counts as missing.
const MARGIN: Duration = Duration::from_millis(250);

/// For how long the server may have been silent before a change asks its connection first. An empty
/// server on a fast disk was back 40 ms after it was killed; none restarts in a quarter of that. A
/// request reads before it writes, so that it asks only where its handler takes longer.
const SILENCE: Duration = Duration::from_millis(10);

/// How often a statement is sent that the server takes back because of others.
const ATTEMPTS: u32 = 4;

/// The server as the backend calls it: over which connections, and how long to wait.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) connections: Connections,
    pub(crate) acquire_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    /// How many idle connections are older than the last one that broke: after a restart of the
    /// server none of them is good. Each is asked before it is used.
    suspects: Arc<AtomicU32>,
    /// When the server last answered anything, in milliseconds from `began`.
    heard: Arc<AtomicU64>,
    began: Instant,
}

impl Server {
    pub(crate) fn new(
        connections: Connections,
        acquire_timeout: Duration,
        statement_timeout: Duration,
    ) -> Self {
        let (suspects, heard, began) = (Arc::default(), Arc::default(), Instant::now());
        Self { connections, acquire_timeout, statement_timeout, suspects, heard, began }
    }

    /// A statement that only reads, so that it may be sent again where its connection turns out to
    /// be broken.
    pub(crate) async fn read(
        &self,
        statement: impl Fn() -> Statement,
    ) -> Result<Vec<PgRow>, BackendError> {
        match self.send(statement(), Trust::Blind).await {
            Err(Failure::Driver(error)) if breaks_connection(&error) => {
                self.send(statement(), Trust::Blind).await.map_err(Failure::into_error)
            }
            answer => answer.map_err(Failure::into_error),
        }
    }

    /// A statement that changes something. Sent again only where the server says that it took
    /// everything back: on a connection that breaks nobody knows whether it happened. So a connection
    /// that may have broken while nobody looked is asked first.
    pub(crate) async fn write(
        &self,
        statement: impl Fn() -> Statement,
    ) -> Result<Vec<PgRow>, BackendError> {
        let started = Instant::now();
        for _ in 1..ATTEMPTS {
            match self.send(statement(), Trust::WhileHeard).await {
                Err(Failure::Driver(error))
                    if lost_a_race(&error) && started.elapsed() < self.statement_timeout / 2 => {}
                answer => return answer.map_err(Failure::into_error),
            }
        }
        self.send(statement(), Trust::WhileHeard).await.map_err(Failure::into_error)
    }

    async fn send(&self, statement: Statement, trust: Trust) -> Result<Vec<PgRow>, Failure> {
        let mut lease = self.lease(trust).await?;
        // All rows, also where there is one: the statement commits at its end, and not before.
        let answer = statement.fetch_all(lease.connection());
        match timeout(self.statement_timeout + MARGIN, answer).await {
            Ok(Ok(rows)) => {
                self.heard.store(self.now(), Ordering::Relaxed);
                lease.give_back();
                Ok(rows)
            }
            Ok(Err(error)) if breaks_connection(&error) => {
                lease.discard();
                self.suspect_all();
                Err(Failure::Driver(error))
            }
            Ok(Err(error)) => {
                lease.give_back();
                Err(Failure::Driver(error))
            }
            Err(_) => Err(Failure::Slow("PostgreSQL did not answer within the statement timeout")),
        }
    }

    async fn lease(&self, trust: Trust) -> Result<Lease, Failure> {
        let started = Instant::now();
        let is_silent = self.now().saturating_sub(self.heard.load(Ordering::Relaxed))
            > u64::try_from(SILENCE.as_millis()).unwrap_or(u64::MAX);
        let must_ask = trust == Trust::WhileHeard && is_silent;
        loop {
            let left = (self.acquire_timeout + MARGIN).saturating_sub(started.elapsed());
            let mut lease = match timeout(left, self.connections.lease()).await {
                Ok(lease) => lease.map_err(Failure::Driver)?,
                Err(_) => return Err(Failure::Driver(sqlx::Error::PoolTimedOut)),
            };
            let suspected =
                self.suspects
                    .try_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
            if suspected.is_err() && !must_ask {
                return Ok(lease);
            }
            if let Ok(Ok(())) = timeout(RECOVERY.min(left), lease.connection().ping()).await {
                return Ok(lease);
            }
            lease.discard();
            if must_ask {
                self.suspect_all();
            }
        }
    }

    /// One broke: those that are as old may have broken with it.
    fn suspect_all(&self) {
        self.suspects.store(self.connections.idle(), Ordering::Relaxed);
    }

    /// In milliseconds, so that it fits an atomic.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A connection that is the caller's to keep: whatever happens on it, nobody else sees it
    /// again.
    pub(crate) async fn detached(&self) -> Result<PgConnection, BackendError> {
        let lease = self.lease(Trust::WhileHeard).await.map_err(Failure::into_error)?;
        lease.detach().ok_or_else(|| driver(sqlx::Error::PoolTimedOut))
    }
}

/// Whether an idle connection is used as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Always: what breaks is sent again.
    Blind,
    /// Where the server answered something a moment ago.
    WhileHeard,
}

enum Failure {
    Driver(sqlx::Error),
    Slow(&'static str),
}

impl Failure {
    fn into_error(self) -> BackendError {
        match self {
            Self::Driver(error) => driver(error),
            Self::Slow(context) => too_slow(context),
        }
    }
}
