//! [`Probe`]: the backend as the application under test gets it. It writes down every hash that
//! goes through it, also of calls that fail; all else the laws ask of the [`Watched`] behind it.

use std::sync::Arc;

use async_trait::async_trait;
use session_core::{
    BackendError, Created, EndedBy, Found, NewSession, Purged, SessionBackend, SessionChange,
    SessionData, SessionId, SessionRef, Timestamp, TokenHash, Updated, UserId,
};

use super::secrets::Secrets;
use crate::backends::Watched;

pub(crate) struct Probe {
    backend: Watched,
    secrets: Arc<Secrets>,
}

impl Probe {
    pub(crate) const fn new(backend: Watched, secrets: Arc<Secrets>) -> Self {
        Self { backend, secrets }
    }
}

#[async_trait]
impl SessionBackend for Probe {
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError> {
        self.secrets.hash(&new.token);
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
