//! Requests that come by the clock, whether the last one was answered or not: so what waits is seen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use session_core::{Found, Patch, SessionBackend, SessionChange, SessionRef, Timestamp, Updated};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::samples::Samples;

/// What the requests saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) finds: Samples,
    pub(crate) updates: Samples,
    pub(crate) failed: u64,
}

/// Every ten milliseconds one `find`, and half-way between one `update` that sets a key, until told
/// to stop. Each is timed from the moment when it should have begun.
pub(crate) async fn run(
    backend: Arc<dyn SessionBackend>,
    sessions: Arc<Vec<SessionRef>>,
    now: Timestamp,
    mut stop: oneshot::Receiver<()>,
) -> Seen {
    const PERIOD: Duration = Duration::from_millis(5);
    let start = Instant::now();
    let mut requests: JoinSet<Result<(bool, Duration)>> = JoinSet::new();
    let mut seen = Seen::default();
    for number in 0_u32.. {
        let due = start + PERIOD * number;
        tokio::select! {
            biased;
            _ = &mut stop => break,
            () = tokio::time::sleep_until(due.into()) => {}
        }
        let (backend, sessions) = (backend.clone(), sessions.clone());
        requests.spawn(async move {
            let is_find = number % 2 == 0;
            // Far apart, so that no page is asked for twice in a row.
            let session = &sessions[(number as usize).wrapping_mul(7919) % sessions.len()];
            if is_find {
                find(&*backend, session, now).await?;
            } else {
                set(&*backend, session, number, now).await?;
            }
            Ok((is_find, due.elapsed()))
        });
        while let Some(done) = requests.try_join_next() {
            seen.take(done);
        }
    }
    while let Some(done) = requests.join_next().await {
        seen.take(done);
    }
    seen
}

impl Seen {
    fn take(&mut self, done: Result<Result<(bool, Duration)>, tokio::task::JoinError>) {
        match done {
            Ok(Ok((true, took))) => self.finds.add(took),
            Ok(Ok((false, took))) => self.updates.add(took),
            Ok(Err(error)) => {
                eprintln!("  a request failed: {error:#}");
                self.failed += 1;
            }
            Err(error) => {
                eprintln!("  a request was cut off: {error}");
                self.failed += 1;
            }
        }
    }
}

async fn find(backend: &dyn SessionBackend, session: &SessionRef, now: Timestamp) -> Result<()> {
    let token = session.token.ok_or_else(|| anyhow::anyhow!("a session without a token"))?;
    match backend.find(&token, now).await? {
        Some(Found::Live { .. }) => Ok(()),
        _ => anyhow::bail!("a live session was not found"),
    }
}

async fn set(
    backend: &dyn SessionBackend,
    session: &SessionRef,
    number: u32,
    now: Timestamp,
) -> Result<()> {
    let mut patch = Patch::new();
    patch.set("seen", number.into());
    let mut change = SessionChange::patch(patch);
    change.max_bytes = 262_144;
    match backend.update(session, &change, now).await? {
        Updated::Applied(_) => Ok(()),
        other => anyhow::bail!("a live session was not changed: {other:?}"),
    }
}
