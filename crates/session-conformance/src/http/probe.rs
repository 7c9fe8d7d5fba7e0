//! [`Probe`]: the backend as the application under test gets it. It writes down every hash that
//! goes through it, also of calls that fail, and which sessions were asked for; all else the laws ask of
//! the [`Watched`] behind it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use session_core::{
    BackendError, Created, EndedBy, Found, NewSession, Purged, SessionBackend, SessionChange,
    SessionData, SessionId, SessionRef, Timestamp, TokenHash, Updated, UserId,
};

use super::desk::lock;
use super::secrets::Secrets;
use crate::backends::Watched;

pub(crate) struct Probe {
    backend: Watched,
    secrets: Arc<Secrets>,
    made: Made,
}

/// The tokens of all sessions that were asked for, whether they were made or not.
pub(crate) type Made = Arc<Mutex<Vec<TokenHash>>>;

impl Probe {
    pub(crate) const fn new(backend: Watched, secrets: Arc<Secrets>, made: Made) -> Self {
        Self { backend, secrets, made }
    }
}

#[async_trait]
impl SessionBackend for Probe {
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError> {
        self.secrets.hash(&new.token);
        lock(&self.made).push(new.token);
        self.backend.create(new, now).await
    }

    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError> {
        self.secrets.hash(token);
        self.backend.find(token, now).await
    }

    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        if let Some(rotation) = &change.rotation {
            self.secrets.hash(rotation.token());
            lock(&self.made).push(*rotation.token());
        }
        self.backend.update(session, change, now).await
    }

    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        self.backend.remove(session, owner, how, now).await
    }

    async fn remove_user(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        self.backend.remove_user(user, except, how, now).await
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        self.backend.list(user, now).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, BackendError> {
        self.backend.purge_expired(now, limit).await
    }

    async fn ping(&self) -> Result<(), BackendError> {
        self.backend.ping().await
    }
}
