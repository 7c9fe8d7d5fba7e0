//! Faults in what administrators, jobs and streams ask.

use std::collections::HashSet;
use std::sync::Mutex;

use session_conformance::async_trait;
use session_core::{
    BackendError, Data, EndedBatch, EndedBy, PurgeReport, Purged, SessionCount, SessionData,
    SessionId, Timestamp,
};

use super::{Db, Fault};

/// Leaves the data out, which a list of devices has no use for.
pub(super) struct GetsWithoutData;

#[async_trait]
impl Fault for GetsWithoutData {
    async fn get(
        &self,
        db: &Db,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionData>, BackendError> {
        let mut session = db.get(id, now).await?;
        if let Some(session) = &mut session {
            session.data = Data::new();
        }
        Ok(session)
    }
}

/// `expires_at >= now` for what is asked for by its id.
pub(super) struct GetsTheLastMicrosecond;

#[async_trait]
impl Fault for GetsTheLastMicrosecond {
    async fn get(
        &self,
        db: &Db,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionData>, BackendError> {
        db.get(id, Timestamp::from_micros(now.as_micros() - 1)).await
    }
}

/// Remembers whom it found live, so as to ask less.
#[derive(Default)]
pub(super) struct RemembersTheLiving {
    known: Mutex<HashSet<SessionId>>,
}

#[async_trait]
impl Fault for RemembersTheLiving {
    async fn live(
        &self,
        db: &Db,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        let live = db.live(ids, now).await?;
        let mut known = self.known.lock().unwrap();
        known.extend(live);
        let mut live: Vec<_> = ids.iter().filter(|id| known.contains(id)).copied().collect();
        live.sort_unstable();
        live.dedup();
        Ok(live)
    }
}

/// Counts a user for each of their devices.
pub(super) struct CountsDevices;

#[async_trait]
impl Fault for CountsDevices {
    async fn count(&self, db: &Db, now: Timestamp) -> Result<SessionCount, BackendError> {
        let count = db.count(now).await?;
        Ok(SessionCount { users: count.signed_in, ..count })
    }
}

/// Says that it is done when a batch ended nobody, or fewer than it might have.
pub(super) struct StopsAtTheExpired;

#[async_trait]
impl Fault for StopsAtTheExpired {
    async fn end_all(
        &self,
        db: &Db,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<EndedBatch, BackendError> {
        let mut batch = db.end_all(how, after, now, limit).await?;
        if batch.ended.len() < limit as usize {
            batch.next = None;
        }
        Ok(batch)
    }
}

/// Names what expired, and not whose it was.
pub(super) struct NamesNoUsers;

#[async_trait]
impl Fault for NamesNoUsers {
    async fn purge_expired(
        &self,
        db: &Db,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged, BackendError> {
        let mut purged = db.purge_expired(now, limit, report).await?;
        for session in &mut purged.expired {
            session.user_id = None;
        }
        Ok(purged)
    }
}
