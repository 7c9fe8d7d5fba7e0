//! A backend in memory that writes down which tokens it was given, so that no session escapes notice.

use std::sync::{Arc, Mutex};

use session_conformance::async_trait;
use session_core::{
    BackendError, Created, EndedBy, Found, MemoryBackend, NewSession, Purged, SessionBackend,
    SessionChange, SessionData, SessionId, SessionRef, Timestamp, TokenHash, Updated, UserId,
};

#[derive(Default)]
pub(crate) struct Recorder {
    memory: MemoryBackend,
    tokens: Mutex<Vec<TokenHash>>,
}

impl Recorder {
    /// Every session that is live, by its current token.
    pub(crate) async fn live(&self, now: Timestamp) -> Vec<(TokenHash, Arc<SessionData>)> {
        let tokens = self.tokens.lock().unwrap().clone();
        let mut live = Vec::new();
        for token in tokens {
            if let Some(Found::Live(session)) = self.memory.find(&token, now).await.unwrap() {
                live.push((token, session));
            }
        }
        live
    }

    fn record(&self, token: TokenHash) {
        self.tokens.lock().unwrap().push(token);
    }
}

#[async_trait]
impl SessionBackend for Recorder {
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError> {
        self.record(new.token);
        self.memory.create(new, now).await
    }

    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError> {
        self.memory.find(token, now).await
    }

    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        if let Some(rotation) = &change.rotation {
            self.record(*rotation.token());
        }
        self.memory.update(session, change, now).await
    }

    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        self.memory.remove(session, owner, how, now).await
    }

    async fn remove_user(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        self.memory.remove_user(user, except, how, now).await
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        self.memory.list(user, now).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, BackendError> {
        self.memory.purge_expired(now, limit).await
    }

    async fn ping(&self) -> Result<(), BackendError> {
        self.memory.ping().await
    }
}
