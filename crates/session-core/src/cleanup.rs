//! The cleanup job: purges expired sessions now and then, in small batches.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;
use crate::pace::Pace;
use crate::store::SessionStore;

/// How often expired sessions are purged if nothing is said.
const INTERVAL: Duration = Duration::from_secs(15 * 60);
/// The wait after the first failure; it doubles with each one that follows, up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);

impl SessionStore {
    /// A job that purges expired sessions every 15 minutes. It does nothing until it is
    /// [run](CleanupJob::run_until) or [spawned](CleanupJob::spawn).
    pub fn cleanup_job(&self) -> CleanupJob {
        CleanupJob { store: self.clone(), interval: INTERVAL }
    }
}

/// Purges expired sessions now and then.
///
/// - The wait between two purges is the interval, give or take a tenth by chance, so that several
///   servers drift apart; the first comes within the first minute (or interval). Several servers may
///   run one each.
/// - A purge goes in batches of about five milliseconds, however many rows that is, and leaves a ninth
///   of its time to others, so that no request waits long.
/// - An error is logged; the job tries again after a second, then two, then four, up to the
///   interval.
/// - Told to stop, it finishes its batch.
///
/// ```
/// # use session_core::{MemoryBackend, SessionConfig, SessionStore};
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
/// let cleanup = store.cleanup_job().spawn();
/// // … serve …
/// cleanup.stop().await;
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a job does nothing until it is run or spawned"]
pub struct CleanupJob {
    store: SessionStore,
    interval: Duration,
}

impl CleanupJob {
    /// Purges this often. Default 15 minutes; less than a second counts as a second.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_secs(1));
        self
    }

    /// Runs until `stop` is ready; then finishes the batch under way and returns.
    ///
    /// Dropping the future instead stops it at once, which leaves nothing half done either.
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut failures = 0;
        let mut pace = Pace::new();
        let mut wait = random_part(self.interval.min(Duration::from_secs(60)));
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = pause(wait) => {}
            }
            let began = Instant::now();
            wait = match self.store.purge_batch(pace.rows()).await {
                Ok(batch) if batch.more => {
                    failures = 0;
                    pace.after(began.elapsed())
                }
                Ok(_) => {
                    failures = 0;
                    pace = Pace::new();
                    self.next_interval()
                }
                Err(error) => {
                    failures += 1;
                    self.retry_after(failures, &error)
                }
            };
        }
    }

    /// Runs on the present tokio runtime until it is told to stop.
    ///
    /// # Panics
    /// Outside a tokio runtime, as `tokio::spawn` does.
    pub fn spawn(self) -> RunningCleanup {
        let (stop, told) = tokio::sync::oneshot::channel::<()>();
        #[expect(clippy::disallowed_methods, reason = "the caller asked for a task, by name")]
        let task = tokio::spawn(self.run_until(async {
            // An error means that the handle was dropped, which means: stop.
            let _ = told.await;
        }));
        RunningCleanup { stop, task }
    }

    fn next_interval(&self) -> Duration {
        let tenth = self.interval / 10;
        self.interval - tenth + random_part(tenth * 2)
    }

    fn retry_after(&self, failures: u32, error: &Error) -> Duration {
        let wait = FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let wait = wait.min(self.interval);
        tracing::warn!(
            target: "session",
            error = error as &dyn std::error::Error,
            retry_in = ?wait,
            "purging expired sessions failed"
        );
        wait
    }
}

/// A cleanup job that runs as a task. Dropping it stops the task after the batch under way.
#[derive(Debug)]
#[must_use = "dropping this stops the cleanup job"]
pub struct RunningCleanup {
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl RunningCleanup {
    /// Stops the job and waits until it has finished its batch.
    pub async fn stop(self) {
        // An error means that the task is gone already.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// Waits; for no time at all it lets others go first.
async fn pause(wait: Duration) {
    if wait.is_zero() {
        // A timer would round up to the next millisecond.
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(wait).await;
    }
}

/// Something between nothing and `whole`. Without randomness, half of it: jitter is a courtesy.
fn random_part(whole: Duration) -> Duration {
    let chance = getrandom::u32().unwrap_or(u32::MAX / 2);
    whole.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}
