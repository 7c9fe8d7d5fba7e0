//! The sound database behind the faults.

use super::*;

/// The sound backend: sessions in memory, that can be made to fail.
pub(super) struct Db {
    pub(super) memory: MemoryBackend,
    pub(super) failing: Mutex<Option<Failure>>,
    /// The current token of each session, so that a fault can look at one by its id.
    pub(super) tokens: Mutex<HashMap<SessionId, TokenHash>>,
}

impl Db {
    pub(super) fn check(&self) -> Result<(), BackendError> {
        match *self.failing.lock().unwrap() {
            None => Ok(()),
            Some(Failure::Unreachable | Failure::Slow) => {
                Err(BackendError::from_kind(BackendErrorKind::Unavailable))
            }
            Some(Failure::Broken) => Err(BackendError::from_kind(BackendErrorKind::Corrupt)),
        }
    }

    /// The live session of this id. Asked by the id, in one step: between a rotation and the note of its
    /// token another call may come.
    pub(super) async fn peek(&self, id: &SessionId, now: Timestamp) -> Option<Arc<SessionData>> {
        self.memory.get(id, now).await.ok().flatten().map(Arc::new)
    }

    /// Whether the session's token is its current one or in grace.
    pub(super) async fn is_good(&self, session: &SessionRef, now: Timestamp) -> bool {
        let Some(token) = &session.token else { return false };
        match self.memory.find(token, now).await {
            Ok(Some(Found::Live { session: found, .. } | Found::Grace { session: found, .. })) => {
                found.id == session.id
            }
            _ => false,
        }
    }

    /// The same session, as whoever has its current token names it.
    pub(super) async fn by_name(&self, session: &SessionRef, now: Timestamp) -> SessionRef {
        let is_live = self.peek(&session.id, now).await.is_some();
        let current = self.token(&session.id).filter(|_| is_live);
        SessionRef { token: current.or(session.token), ..session.clone() }
    }

    pub(super) fn token(&self, id: &SessionId) -> Option<TokenHash> {
        self.tokens.lock().unwrap().get(id).copied()
    }

    pub(super) async fn create(
        &self,
        new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        self.check()?;
        let (id, token) = (new.record.id, new.token);
        let created = self.memory.create(new, now).await?;
        self.tokens.lock().unwrap().insert(id, token);
        Ok(created)
    }

    pub(super) async fn find(
        &self,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Found>, BackendError> {
        self.check()?;
        self.memory.find(token, now).await
    }

    pub(super) async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        self.check()?;
        let updated = self.memory.update(session, change, now).await?;
        if let (Updated::Applied(_), Some(rotation)) = (&updated, &change.rotation) {
            self.tokens.lock().unwrap().insert(session.id, *rotation.token());
        }
        Ok(updated)
    }

    pub(super) async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        self.check()?;
        self.memory.remove(session, owner, acting, how, now).await
    }

    pub(super) async fn remove_user(
        &self,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        self.check()?;
        self.memory.remove_user(user, acting, except, how, now).await
    }

    pub(super) async fn list(
        &self,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<SessionData>, BackendError> {
        self.check()?;
        self.memory.list(user, now).await
    }

    pub(super) async fn get(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionData>, BackendError> {
        self.check()?;
        self.memory.get(id, now).await
    }

    pub(super) async fn live(
        &self,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        self.check()?;
        self.memory.live(ids, now).await
    }

    pub(super) async fn count(&self, now: Timestamp) -> Result<SessionCount, BackendError> {
        self.check()?;
        self.memory.count(now).await
    }

    pub(super) async fn end_all(
        &self,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<EndedBatch, BackendError> {
        self.check()?;
        self.memory.end_all(how, after, now, limit).await
    }

    pub(super) async fn purge_expired(
        &self,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged, BackendError> {
        self.check()?;
        self.memory.purge_expired(now, limit, report).await
    }
}
