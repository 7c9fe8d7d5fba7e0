//! Requests that come by the clock, whether the last one was answered or not: so what waits is seen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use session_core::{Found, Patch, SessionBackend, SessionChange, SessionRef, Timestamp, Updated};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// What the requests saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) finds: Vec<Duration>,
    pub(crate) updates: Vec<Duration>,
}

/// Every ten milliseconds one `find`, and half-way between one `update` that sets a key, until told
/// to stop. Each is timed from the moment when it should have begun. One that fails fails all.
pub(crate) async fn run(
    backend: Arc<dyn SessionBackend>,
    sessions: Arc<Vec<SessionRef>>,
    now: Timestamp,
    mut stop: oneshot::Receiver<()>,
) -> Result<Seen> {
    const PERIOD: Duration = Duration::from_millis(5);
    let start = Instant::now();
    let mut requests = JoinSet::new();
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
            anyhow::Ok((is_find, due.elapsed()))
        });
    }
    let mut seen = Seen::default();
    while let Some(done) = requests.join_next().await {
        let (is_find, took) = done??;
        if is_find { seen.finds.push(took) } else { seen.updates.push(took) }
    }
    Ok(seen)
}

async fn find(backend: &dyn SessionBackend, session: &SessionRef, now: Timestamp) -> Result<()> {
    let token = session.token.context("a session without a token")?;
    match backend.find(&token, now).await? {
        Some(Found::Live { .. }) => Ok(()),
        _ => bail!("a live session was not found"),
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
        other => bail!("a live session was not changed: {other:?}"),
    }
}
