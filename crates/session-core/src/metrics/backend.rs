//! A backend around another one, which times each call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::called;
use crate::backend::{
    Created, EndedBatch, EndedBy, Found, NewSession, PurgeReport, Purged, SessionBackend,
    SessionChange, SessionCount, SessionRef, Updated,
};
use crate::clock::Timestamp;
use crate::error::{BackendError, BackendErrorKind};
use crate::id::{SessionId, UserId};
use crate::record::SessionData;
use crate::token::TokenHash;

/// This backend, with its calls timed. `limit`: how long the store waits for one.
pub(crate) fn metered(
    backend: Arc<dyn SessionBackend>,
    limit: Duration,
) -> Arc<dyn SessionBackend> {
    Arc::new(Metered { backend, limit })
}

struct Metered {
    backend: Arc<dyn SessionBackend>,
    limit: Duration,
}

impl Metered {
    async fn timed<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let mut timer = Timer { operation, limit: self.limit, began: Instant::now(), told: false };
        let answer = call.await;
        timer.tell(answer.as_ref().map_or_else(|error| outcome(error.kind()), |_| "ok"));
        answer
    }
}

/// Tells of a call once: with its outcome, or when it is dropped.
struct Timer {
    operation: &'static str,
    limit: Duration,
    began: Instant,
    told: bool,
}

impl Timer {
    fn tell(&mut self, outcome: &'static str) {
        self.told = true;
        called(self.operation, outcome, self.began.elapsed());
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if !self.told {
            let is_late = self.began.elapsed() >= self.limit;
            self.tell(if is_late { "timeout" } else { "cancelled" });
        }
    }
}

const fn outcome(kind: BackendErrorKind) -> &'static str {
    match kind {
        BackendErrorKind::Conflict => "conflict",
        BackendErrorKind::TooLarge => "too_large",
        BackendErrorKind::ActingEnded => "acting_ended",
        BackendErrorKind::Unavailable => "unavailable",
        BackendErrorKind::Corrupt => "corrupt",
        BackendErrorKind::Other => "other",
    }
}

#[async_trait]
impl SessionBackend for Metered {
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError> {
        self.timed("create", self.backend.create(new, now)).await
    }

    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError> {
        self.timed("find", self.backend.find(token, now)).await
    }

    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        self.timed("update", self.backend.update(session, change, now)).await
    }

    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        self.timed("remove", self.backend.remove(session, owner, acting, how, now)).await
    }

    async fn remove_user(
        &self,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        let call = self.backend.remove_user(user, acting, except, how, now);
        self.timed("remove_user", call).await
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        self.timed("list", self.backend.list(user, now)).await
    }

    async fn get(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionData>, BackendError> {
        self.timed("get", self.backend.get(id, now)).await
    }

    async fn live(
        &self,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        self.timed("live", self.backend.live(ids, now)).await
    }

    async fn count(&self, now: Timestamp) -> Result<SessionCount, BackendError> {
        self.timed("count", self.backend.count(now)).await
    }

    async fn end_all(
        &self,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<EndedBatch, BackendError> {
        self.timed("end_all", self.backend.end_all(how, after, now, limit)).await
    }

    async fn purge_expired(
        &self,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged, BackendError> {
        let call = self.backend.purge_expired(now, limit, report);
        self.timed("purge_expired", call).await
    }

    async fn ping(&self) -> Result<(), BackendError> {
        self.timed("ping", self.backend.ping()).await
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use ::metrics::with_local_recorder;
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;
    use crate::memory::MemoryBackend;

    /// Polls a call once, drops it, and returns the label `outcome` that was recorded, with how often.
    fn recorded(
        limit: Duration,
        call: impl Future<Output = Result<(), BackendError>>,
    ) -> Vec<(String, usize)> {
        let recorder = DebuggingRecorder::new();
        let backend = Metered { backend: Arc::new(MemoryBackend::new()), limit };
        with_local_recorder(&recorder, || {
            let mut timed = Box::pin(backend.timed("find", call));
            let _: Poll<_> = timed.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        });
        let metrics = recorder.snapshotter().snapshot().into_vec();
        let outcomes = metrics.into_iter().map(|(key, _, _, value)| {
            let label = key.key().labels().find(|label| label.key() == "outcome").unwrap();
            let DebugValue::Histogram(times) = value else { panic!("{value:?}") };
            (label.value().to_owned(), times.len())
        });
        outcomes.collect()
    }

    #[test]
    fn each_call_is_told_of_once_with_its_outcome() {
        let long = Duration::from_secs(3600);
        let fails = |kind| recorded(long, async move { Err(BackendError::from_kind(kind)) });
        let once = |outcome: &str| vec![(outcome.to_owned(), 1)];
        assert_eq!(recorded(long, async { Ok(()) }), once("ok"));
        for (kind, outcome) in [
            (BackendErrorKind::Conflict, "conflict"),
            (BackendErrorKind::TooLarge, "too_large"),
            (BackendErrorKind::ActingEnded, "acting_ended"),
            (BackendErrorKind::Unavailable, "unavailable"),
            (BackendErrorKind::Corrupt, "corrupt"),
            (BackendErrorKind::Other, "other"),
        ] {
            assert_eq!(fails(kind), once(outcome));
        }
        assert_eq!(recorded(long, std::future::pending()), once("cancelled"));
        assert_eq!(recorded(Duration::ZERO, std::future::pending()), once("timeout"));
    }
}
