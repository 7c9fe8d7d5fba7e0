//! A backend that writes down what is asked of it, and hands it on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use session_core::{
    BackendError, Created, EndedBy, Found, NewSession, Purged, SessionBackend, SessionChange,
    SessionData, SessionId, SessionRef, Timestamp, TokenHash, Updated, UserId,
};

/// One batch of a purge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch {
    pub(crate) began: Instant,
    pub(crate) took: Duration,
    pub(crate) limit: u32,
    pub(crate) removed: u64,
    pub(crate) more: bool,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) batches: Vec<Batch>,
    pub(crate) finds: u64,
    pub(crate) updates: u64,
    pub(crate) touched: u64,
}

#[derive(Clone)]
pub(crate) struct Watched {
    inner: Arc<dyn SessionBackend>,
    seen: Arc<Mutex<Seen>>,
}

impl Watched {
    pub(crate) fn new(inner: Arc<dyn SessionBackend>) -> Self {
        Self { inner, seen: Arc::default() }
    }

    pub(crate) fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl SessionBackend for Watched {
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError> {
        self.inner.create(new, now).await
    }

    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError> {
        self.seen(|seen| seen.finds += 1);
        self.inner.find(token, now).await
    }

    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let updated = self.inner.update(session, change, now).await?;
        self.seen(|seen| {
            seen.updates += 1;
            if let Updated::Applied(applied) = &updated {
                seen.touched += u64::from(applied.touched);
            }
        });
        Ok(updated)
    }

    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        self.inner.remove(session, owner, acting, how, now).await
    }

    async fn remove_user(
        &self,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        self.inner.remove_user(user, acting, except, how, now).await
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        self.inner.list(user, now).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, BackendError> {
        let began = Instant::now();
        let purged = self.inner.purge_expired(now, limit).await?;
        let took = began.elapsed();
        let Purged { removed, more } = purged;
        self.seen(|seen| seen.batches.push(Batch { began, took, limit, removed, more }));
        Ok(purged)
    }

    async fn ping(&self) -> Result<(), BackendError> {
        self.inner.ping().await
    }
}
