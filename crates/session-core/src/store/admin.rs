//! What administrators and jobs ask of a [`SessionStore`]: one session by its id, all of them at once,
//! and the purge.

use std::time::Instant;

use super::SessionStore;
use crate::backend::{EndedBy, PurgeReport, Purged, SessionCount};
use crate::error::Error;
use crate::event::{EventKind, SessionEvent};
use crate::expiry;
use crate::id::SessionId;
use crate::pace::Pace;
use crate::record::SessionData;

/// How many sessions one call ends at most: a few milliseconds of a database's time.
const END_BATCH: u32 = 500;

impl SessionStore {
    /// The live session of this id, whoever's it is: for jobs and administration. `None` if it ended,
    /// expired, or never was. It does not count as a use: nothing is touched.
    ///
    /// # Errors
    /// Only if the backend fails.
    pub async fn get(&self, id: &SessionId) -> Result<Option<SessionData>, Error> {
        let now = self.now();
        let session = self.call_and_tell(self.backend().get(id, now)).await?;
        // Tightened lifetimes hold at once, whatever the record says.
        Ok(session.filter(|session| expiry::end(self.settings(), session) > now))
    }

    /// Whether the session of this id is live: for a job that was begun for it, and should stop if its
    /// user has signed out meanwhile. As [`get`](Self::get), which it costs.
    ///
    /// # Errors
    /// Only if the backend fails.
    pub async fn is_live(&self, id: &SessionId) -> Result<bool, Error> {
        self.get(id).await.map(|session| session.is_some())
    }

    /// How many sessions are live, how many of them are signed in, and of how many users; by what is
    /// stored, so a lifetime that was tightened since is not looked at.
    ///
    /// The backend may read all sessions for it: for a metric once a minute, or an administrator's page.
    ///
    /// # Errors
    /// Only if the backend fails, or takes longer than `backend_timeout_ms` to count.
    pub async fn count(&self) -> Result<SessionCount, Error> {
        self.call_and_tell(self.backend().count(self.now())).await
    }

    /// Ends every session, signed in or anonymous, as [`Revoked`](EndedBy::Revoked): after a break-in,
    /// or with a release that must not meet old sessions. Returns how many there were; each is told of
    /// as [`EventKind::Revoked`].
    ///
    /// It goes in batches of at most 500 sessions, each within `backend_timeout_ms`. When it returns, all
    /// that had been made before the call are gone; one that is made meanwhile may be among them or stay.
    ///
    /// # Errors
    /// Only if the backend fails; batches before that are done, and calling it again does the rest.
    ///
    /// # Cancellation
    /// A dropped call may have ended some of them.
    pub async fn end_all(&self) -> Result<u64, Error> {
        let (mut after, mut count) = (None, 0);
        loop {
            let now = self.now();
            let batch = self.backend().end_all(EndedBy::Revoked, after.as_ref(), now, END_BATCH);
            let batch = self.call_and_tell(batch).await?;
            for id in batch.ended {
                count += 1;
                self.emit(&SessionEvent::new(EventKind::Revoked).session(id, None));
            }
            after = batch.next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    /// Tells the hook (and `tracing`, at `debug`) of each session that expired, with its user, as
    /// [`EventKind::Expired`]. Off if nothing is said, and then it costs nothing. Clones made before keep
    /// theirs.
    ///
    /// - It is told when this store's purge deletes the session ([`purge`](Self::purge), or the cleanup
    ///   job), which may be long after it expired. Of several servers, the one that deletes it tells.
    /// - A backend deletes some expired sessions on its way, as it makes room for a sign-in or ends all of
    ///   a user's sessions. Nobody is told of these, nor of a batch whose answer was lost: it is for
    ///   statistics and for cleaning up, and no record of everything.
    #[must_use]
    pub fn with_expired_events(mut self) -> Self {
        self.own().report = PurgeReport::Sessions;
        self
    }

    /// Deletes what has expired, in small batches without a pause, until nothing is due; returns how
    /// many sessions went. For a background task, use the cleanup job.
    ///
    /// # Errors
    /// Only if the backend fails; batches before that are done.
    pub async fn purge(&self) -> Result<u64, Error> {
        let (mut pace, mut removed) = (Pace::new(), 0);
        loop {
            let began = Instant::now();
            let batch = self.purge_batch(pace.rows()).await?;
            removed += batch.removed;
            if !batch.more {
                return Ok(removed);
            }
            pace.after(began.elapsed());
        }
    }

    /// One batch of a purge.
    pub(crate) async fn purge_batch(&self, limit: u32) -> Result<Purged, Error> {
        let purge = self.backend().purge_expired(self.now(), limit, self.inner.report);
        let batch = self.call_and_tell(purge).await?;
        for session in &batch.expired {
            let event = SessionEvent::new(EventKind::Expired);
            self.emit(&event.session(session.id, session.user_id.as_ref()));
        }
        if batch.removed > 0 {
            self.emit(&SessionEvent::new(EventKind::Purged(batch.removed)));
        }
        Ok(batch)
    }
}
