//! A backend in this process's memory: for tests, and for applications of one process that may
//! lose their sessions with it.

mod admin;
mod ends;
mod hashing;
mod purge;
mod replace;
mod state;
mod stored;
mod table;
mod tombstone;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use self::state::State;
use crate::backend::{
    Created, EndedBatch, EndedBy, Found, NewSession, PurgeReport, Purged, SessionBackend,
    SessionChange, SessionCount, SessionRef, Updated,
};
use crate::clock::Timestamp;
use crate::error::BackendError;
use crate::id::{SessionId, UserId};
use crate::record::SessionData;
use crate::token::TokenHash;

/// Sessions in memory, shared by all threads of one process.
///
/// - **Bounded**: holds at most [`capacity`](Self::with_capacity) sessions, expired but unpurged
///   ones counted, and 100,000 where nothing is said. When it is full it drops what has expired;
///   where nothing has, making a session is an error `Unavailable`. Anonymous sessions may take
///   nine tenths, so that a flood of visitors does not keep users from signing in. One takes about
///   700 bytes, and its data on top as compact JSON.
/// - **Atomic**: every call holds one lock for its whole work and awaits nothing under it.
/// - **As fast with many**: no call looks at more sessions if there are more. One that is asked for
///   again and again is found at a million as fast as at ten thousand. One that was not asked for of
///   late is not in the processor's cache, and then a plain map is slower by the same factor, about
///   three (`examples/memory_growth.rs` measures both, and the bytes).
/// - **Not durable**: what it holds ends with the process.
pub struct MemoryBackend {
    state: RwLock<State>,
}

impl MemoryBackend {
    /// How many sessions are held where nothing is said.
    pub const DEFAULT_CAPACITY: usize = 100_000;

    /// An empty backend for [`DEFAULT_CAPACITY`](Self::DEFAULT_CAPACITY) sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(Self::DEFAULT_CAPACITY)
    }

    /// An empty backend for at most `sessions` sessions. Nothing is set aside in advance.
    #[must_use]
    pub fn with_capacity(sessions: usize) -> Self {
        Self { state: RwLock::new(State::new(sessions)) }
    }

    /// Everything that is stored, as text: for tests that look for secrets. It shows token hashes
    /// and data; keep it out of logs.
    #[must_use]
    pub fn dangerous_dump(&self) -> String {
        self.read().dump()
    }

    // A panic while the lock was held would have to come from the allocator; the maps are whole
    // after every step, so a poisoned lock is taken as it is.

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryBackend").finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionBackend for MemoryBackend {
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError> {
        self.write().create(new, now)
    }

    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError> {
        Ok(self.read().find(token, now))
    }

    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        self.write().update(session, change, now)
    }

    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        self.write().remove(session, owner, acting, how, now)
    }

    async fn remove_user(
        &self,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        self.write().remove_user(user, acting, except, how, now)
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        Ok(self.read().list(user, now))
    }

    async fn get(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionData>, BackendError> {
        Ok(self.read().get(id, now))
    }

    async fn live(
        &self,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        Ok(self.read().live_among(ids, now))
    }

    async fn count(&self, now: Timestamp) -> Result<SessionCount, BackendError> {
        Ok(self.read().count(now))
    }

    async fn end_all(
        &self,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<EndedBatch, BackendError> {
        Ok(self.write().end_batch(how, after, now, limit))
    }

    async fn purge_expired(
        &self,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged, BackendError> {
        Ok(self.write().purge_expired(now, limit, report))
    }

    async fn ping(&self) -> Result<(), BackendError> {
        Ok(())
    }
}
