//! How a statement reaches the server, and what becomes of the connection afterwards: [`Server`].
//!
//! A statement that failed has surely not been applied, nobody knows, or the error is its answer ([`Fate`]); it
//! is sent again in the first case alone, which is that of everything that only reads.
//!
//! Three rules. A call ends in bounded time, whatever the server does. A connection that may be
//! broken is never given back unseen: a pool of the driver's would wait for it without an end, and be
//! one smaller for as long. And a caller that goes away leaves nothing behind: each
//! operation is one statement, which the server does wholly or not at all.

use std::time::{Duration, Instant};

use session_core::BackendError;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::connections::{Connections, Lease, RECOVERY, Trust};
use crate::error::{Fate, driver, fate, is_read_only, too_slow};
use crate::row::Statement;

/// What a busy machine may add before an answer counts as missing.
const MARGIN: Duration = Duration::from_millis(250);

/// How often a statement is sent that has not been applied.
const ATTEMPTS: u32 = 4;

/// The server as the backend calls it: over which connections, and how long to wait.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) connections: Connections,
    pub(crate) acquire_timeout: Duration,
    pub(crate) statement_timeout: Duration,
}

impl Server {
    pub(crate) const fn new(
        connections: Connections,
        acquire_timeout: Duration,
        statement_timeout: Duration,
    ) -> Self {
        Self { connections, acquire_timeout, statement_timeout }
    }

    /// A statement that only reads.
    pub(crate) async fn read(
        &self,
        statement: impl Fn() -> Statement,
    ) -> Result<Vec<PgRow>, BackendError> {
        self.repeat(statement, Kind::Reads).await
    }

    /// A statement that changes something. On a connection that breaks nobody knows whether it did. So one that
    /// may have broken while nobody looked is asked first.
    pub(crate) async fn write(
        &self,
        statement: impl Fn() -> Statement,
    ) -> Result<Vec<PgRow>, BackendError> {
        self.repeat(statement, Kind::Writes).await
    }

    async fn repeat(
        &self,
        statement: impl Fn() -> Statement,
        kind: Kind,
    ) -> Result<Vec<PgRow>, BackendError> {
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            let mut lease = self.lease(kind).await.map_err(driver)?;
            // All rows, also where there is one: the statement commits at its end, and not before.
            let answer = statement().fetch_all(lease.connection());
            let patience = self.statement_timeout + MARGIN;
            let Ok(answer) = timeout(patience, answer).await else {
                // The server would have given the statement up before that, and have said so.
                self.connections.was_silent_for(patience);
                return Err(too_slow("PostgreSQL did not answer within the statement timeout"));
            };
            let error = match answer {
                Ok(rows) => {
                    lease.give_back();
                    return Ok(rows);
                }
                Err(error) => error,
            };
            let (fate, is_well) = fate(&error);
            if is_well {
                lease.give_back();
            } else {
                lease.discard();
            }
            if fate == Fate::Unknown {
                self.connections.one_broke();
            } else if is_read_only(&error) {
                self.connections.was_demoted();
            }
            // Whatever became of a statement that only reads, it has changed nothing.
            let is_not_applied =
                fate == Fate::NotApplied || (fate == Fate::Unknown && kind == Kind::Reads);
            let is_late = started.elapsed() >= self.statement_timeout / 2;
            if !is_not_applied || is_late || attempt == ATTEMPTS {
                return Err(driver(error));
            }
            attempt += 1;
        }
    }

    /// A connection that is good for a statement of this kind.
    async fn lease(&self, kind: Kind) -> Result<Lease, sqlx::Error> {
        let started = Instant::now();
        loop {
            let left = (self.acquire_timeout + MARGIN).saturating_sub(started.elapsed());
            // One that cannot be asked any more would be taken for broken.
            if left.is_zero() {
                return Err(sqlx::Error::PoolTimedOut);
            }
            let mut lease = match timeout(left, self.connections.lease()).await {
                Ok(lease) => lease?,
                Err(_) => return Err(sqlx::Error::PoolTimedOut),
            };
            let is_trusted = match lease.trust {
                Trust::Well => true,
                Trust::Unheard => kind == Kind::Reads,
                Trust::Suspect => false,
            };
            if is_trusted {
                return Ok(lease);
            }
            let left = (self.acquire_timeout + MARGIN).saturating_sub(started.elapsed());
            let patience = RECOVERY.min(left);
            match timeout(patience, lease.connection().ping()).await {
                Ok(Ok(())) => return Ok(lease),
                Err(_) if patience == RECOVERY => self.connections.was_silent_for(patience),
                _ => self.connections.one_broke(),
            }
            lease.discard();
        }
    }

    /// A connection that is the caller's to keep: whatever happens on it, nobody else sees it
    /// again.
    pub(crate) async fn detached(&self) -> Result<PgConnection, BackendError> {
        let lease = self.lease(Kind::Writes).await.map_err(driver)?;
        lease.detach().ok_or_else(|| driver(sqlx::Error::PoolTimedOut))
    }
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Reads,
    Writes,
}
