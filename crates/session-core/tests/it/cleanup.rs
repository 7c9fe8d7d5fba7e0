//! The cleanup job, on tokio's paused clock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use session_core::{
    BackendError, BackendErrorKind, Created, EndedBatch, EndedBy, EventKind, Found, NewSession,
    PurgeReport, Purged, SessionBackend, SessionChange, SessionConfig, SessionCount, SessionData,
    SessionId, SessionRef, SessionStore, Timestamp, TokenHash, Updated, UserId,
};
use tokio::sync::Notify;
use tokio::time::Instant;

/// A backend that only purges: fails as often as it is told to, then has so many batches.
#[derive(Default)]
struct Purges {
    calls: AtomicU32,
    failures: AtomicU32,
    batches: AtomicU32,
    called: Notify,
    /// If set, a batch waits for it before it is done.
    slow: Option<Notify>,
    /// How long a batch takes for each row.
    per_row: Duration,
    done: AtomicU32,
    asked: Mutex<Vec<(Instant, u32)>>,
}

impl Purges {
    /// How many rows each batch that found some was asked to look at.
    fn limits(&self) -> Vec<u32> {
        let asked = self.asked.lock().unwrap();
        let found = asked.len().min(self.done.load(SeqCst) as usize - 1);
        asked[..found].iter().map(|(_, limit)| *limit).collect()
    }
}

fn count_down(counter: &AtomicU32) -> bool {
    counter.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)).is_ok()
}

struct Shared(Arc<Purges>);

#[async_trait]
impl SessionBackend for Shared {
    async fn purge_expired(
        &self,
        _: Timestamp,
        limit: u32,
        _: PurgeReport,
    ) -> Result<Purged, BackendError> {
        self.0.calls.fetch_add(1, SeqCst);
        self.0.called.notify_one();
        if count_down(&self.0.failures) {
            return Err(BackendError::from_kind(BackendErrorKind::Unavailable));
        }
        if let Some(slow) = &self.0.slow {
            slow.notified().await;
        }
        self.0.asked.lock().unwrap().push((Instant::now(), limit));
        if !self.0.per_row.is_zero() {
            // tidy-allow: on the paused clock, which is what a slow database is to the job.
            tokio::time::sleep(self.0.per_row * limit).await;
        }
        self.0.done.fetch_add(1, SeqCst);
        let removed = if count_down(&self.0.batches) { u64::from(limit) } else { 0 };
        Ok(Purged { removed, more: removed > 0, expired: Vec::new() })
    }

    async fn create(&self, _: NewSession, _: Timestamp) -> Result<Created, BackendError> {
        unreachable!("the job only purges")
    }
    async fn find(&self, _: &TokenHash, _: Timestamp) -> Result<Option<Found>, BackendError> {
        unreachable!("the job only purges")
    }
    async fn update(
        &self,
        _: &SessionRef,
        _: &SessionChange,
        _: Timestamp,
    ) -> Result<Updated, BackendError> {
        unreachable!("the job only purges")
    }
    async fn remove(
        &self,
        _: &SessionRef,
        _: Option<&UserId>,
        _: Option<&SessionRef>,
        _: EndedBy,
        _: Timestamp,
    ) -> Result<bool, BackendError> {
        unreachable!("the job only purges")
    }
    async fn remove_user(
        &self,
        _: &UserId,
        _: Option<&SessionRef>,
        _: Option<&SessionId>,
        _: EndedBy,
        _: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        unreachable!("the job only purges")
    }
    async fn list(&self, _: &UserId, _: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        unreachable!("the job only purges")
    }
    async fn get(&self, _: &SessionId, _: Timestamp) -> Result<Option<SessionData>, BackendError> {
        unreachable!("the job only purges")
    }
    async fn live(&self, _: &[SessionId], _: Timestamp) -> Result<Vec<SessionId>, BackendError> {
        unreachable!("the job only purges")
    }
    async fn count(&self, _: Timestamp) -> Result<SessionCount, BackendError> {
        unreachable!("the job only purges")
    }
    async fn end_all(
        &self,
        _: EndedBy,
        _: Option<&SessionId>,
        _: Timestamp,
        _: u32,
    ) -> Result<EndedBatch, BackendError> {
        unreachable!("the job only purges")
    }
    async fn ping(&self) -> Result<(), BackendError> {
        unreachable!("the job only purges")
    }
}

fn store(purges: &Arc<Purges>) -> (SessionStore, Arc<AtomicU64>) {
    let purged = Arc::new(AtomicU64::new(0));
    let told = purged.clone();
    let config = SessionConfig { backend_timeout_ms: 3_600_000, ..SessionConfig::default() };
    let store = SessionStore::shared(Arc::new(Shared(purges.clone())), config).unwrap().on_event(
        move |event| {
            if let EventKind::Purged(count) = event.kind {
                told.fetch_add(count, SeqCst);
            }
        },
    );
    (store, purged)
}

async fn calls(purges: &Purges, wanted: u32) {
    while purges.calls.load(SeqCst) < wanted {
        purges.called.notified().await;
    }
}

#[tokio::test(start_paused = true)]
async fn purges_in_batches_and_then_every_quarter_of_an_hour() {
    let purges = Arc::new(Purges { batches: 3.into(), ..Purges::default() });
    let (store, purged) = store(&purges);
    let start = Instant::now();
    let job = store.cleanup_job().spawn();
    calls(&purges, 4).await;
    assert!(start.elapsed() <= Duration::from_secs(61), "the first purge comes soon");
    assert_eq!(purges.limits(), [250, 500, 1000], "each took no time, so the next one is larger");
    assert_eq!(purged.load(SeqCst), 1750);

    let first = Instant::now();
    calls(&purges, 5).await;
    let waited = first.elapsed().as_secs();
    assert!((13 * 60 + 29..=16 * 60 + 31).contains(&waited), "{waited} s");
    job.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_as_large_as_the_database_is_fast() {
    // A tenth of a millisecond for each row: fifty rows in five milliseconds.
    let purges = Arc::new(Purges {
        batches: 50.into(),
        per_row: Duration::from_micros(100),
        ..Purges::default()
    });
    let (store, purged) = store(&purges);
    let job = store.cleanup_job().spawn();
    calls(&purges, 51).await;
    // Told to stop, it finishes the batch that finds nothing.
    job.stop().await;
    let limits = purges.limits();
    assert_eq!(limits[..5], [250, 125, 62, 50, 50]);
    assert_eq!(purged.load(SeqCst), limits.iter().map(|limit| u64::from(*limit)).sum::<u64>());

    let asked = purges.asked.lock().unwrap();
    let took = asked.last().unwrap().0 - asked[0].0;
    let work: Duration = limits.iter().map(|limit| purges.per_row * *limit).sum();
    let paused = took - work;
    assert!(paused >= work / 10 && paused <= work / 4, "{paused:?} of pauses in {took:?}");
}

#[tokio::test(start_paused = true)]
async fn survives_errors_with_growing_waits() {
    let purges = Arc::new(Purges { failures: 20.into(), ..Purges::default() });
    let (store, _) = store(&purges);
    let job = store.cleanup_job().spawn();
    calls(&purges, 1).await;
    for (call, expected) in [(2, 1), (3, 2), (4, 4), (5, 8), (6, 16)] {
        let before = Instant::now();
        calls(&purges, call).await;
        assert_eq!(before.elapsed().as_secs(), expected, "before call {call}");
    }
    calls(&purges, 15).await;
    let before = Instant::now();
    calls(&purges, 16).await;
    assert_eq!(before.elapsed().as_secs(), 15 * 60, "no longer than the interval");
    calls(&purges, 21).await;
    assert_eq!(purges.done.load(SeqCst), 1, "it goes on once the backend answers");
    job.stop().await;
}

#[tokio::test(start_paused = true)]
async fn finishes_its_batch_when_told_to_stop() {
    let purges =
        Arc::new(Purges { batches: 5.into(), slow: Some(Notify::new()), ..Purges::default() });
    let (store, _) = store(&purges);
    let job = store.cleanup_job().spawn();
    calls(&purges, 1).await;
    let stopping = job.stop();
    let slow = purges.slow.as_ref().unwrap();
    let ((), ()) = tokio::join!(stopping, async { slow.notify_one() });
    assert_eq!(purges.done.load(SeqCst), 1, "the batch under way was finished");
    assert_eq!(purges.calls.load(SeqCst), 1, "and no other was begun");
}

#[tokio::test(start_paused = true)]
async fn stops_while_it_waits() {
    let purges = Arc::new(Purges::default());
    let (store, _) = store(&purges);
    let job = store.cleanup_job().every(Duration::from_secs(3600)).spawn();
    calls(&purges, 1).await;
    let before = Instant::now();
    job.stop().await;
    assert_eq!(before.elapsed(), Duration::ZERO);
}
