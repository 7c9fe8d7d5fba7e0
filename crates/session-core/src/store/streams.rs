//! Streams that wait for the end of their session: [`UntilEnded`], who waits, and the one task that looks.
//!
//! An end that this process makes wakes them at once: see `SessionStore::emit`. For one that is made
//! elsewhere, and for expiry, a task asks the backend every few seconds, for all streams together. It is
//! there only while somebody waits.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::SessionStore;
use crate::backend::MAX_LIVE_IDS;
use crate::id::SessionId;

/// How long the task waits between two looks: five seconds are promised, and a look takes a part of them.
const INTERVAL: Duration = Duration::from_secs(3);

/// Resolves when a session has ended: see [`Session::until_ended`](crate::Session::until_ended).
///
/// `Send`, `'static` and `Unpin`. Dropping it leaves nothing.
#[must_use = "it waits only if it is awaited"]
pub struct UntilEnded {
    session: Option<Waits>,
    /// The own session of whoever acts in that one in its user's place.
    own: Option<Waits>,
}

/// One who waits.
struct Waits {
    store: SessionStore,
    id: SessionId,
    ticket: u64,
}

impl UntilEnded {
    /// Without a session there is no end to wait for.
    pub(crate) const fn never() -> Self {
        Self { session: None, own: None }
    }

    pub(crate) fn new(store: &SessionStore, id: SessionId) -> Self {
        Self { session: Some(Waits::enter(store, id)), own: None }
    }

    /// The same for a session that is over as soon as this other one is.
    pub(crate) fn or_of(self, store: &SessionStore, own: SessionId) -> Self {
        Self { own: Some(Waits::enter(store, own)), ..self }
    }
}

impl Future for UntilEnded {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Both are asked while both wait: each wakes for itself.
        match [&self.session, &self.own].into_iter().flatten().any(|w| w.poll(context).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl fmt::Debug for UntilEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.session.as_ref().map(|waits| waits.id);
        f.debug_struct("UntilEnded").field("id", &id).finish_non_exhaustive()
    }
}

impl Waits {
    fn enter(store: &SessionStore, id: SessionId) -> Self {
        let ticket = store.streams().enter(id);
        Self { store: store.clone(), id, ticket }
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let streams = self.store.streams();
        let mut state = streams.lock();
        let Some(waiter) = state.find(self.id, self.ticket) else { return Poll::Ready(()) };
        let before = waiter.waker.replace(context.waker().clone());
        let generation = state.claim_start();
        // Spawning, and dropping a waker, run the runtime's code.
        drop(state);
        drop(before);
        if let Some(generation) = generation {
            self.start(generation);
        }
        Poll::Pending
    }

    fn start(&self, generation: u64) {
        // Outside of a runtime nobody can look; what this process ends is told all the same.
        let Ok(runtime) = Handle::try_current() else { return };
        // Made here, so that it is dropped also if the runtime ends before the task has run at all.
        let goes = Goes { streams: Arc::clone(self.store.streams()), generation };
        // One look for all streams; the task ends with the last of them.
        let task = runtime.spawn(watch(self.store.clone(), goes));
        let handle = task.abort_handle();
        let mut state = self.store.streams().lock();
        match &mut state.watcher {
            Some(watcher) if watcher.generation == generation => watcher.handle = Some(handle),
            // The last stream has gone meanwhile.
            _ => handle.abort(),
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.store.streams().leave(self.id, self.ticket);
    }
}

/// Looks for all who wait, until nobody does.
async fn watch(store: SessionStore, goes: Goes) {
    let streams = &goes.streams;
    loop {
        tokio::time::sleep(INTERVAL).await;
        for ids in streams.ids().chunks(MAX_LIVE_IDS) {
            // A backend that fails ends nothing: the next look is soon.
            if let Ok(live) = store.live(ids).await {
                let live: HashSet<_> = live.into_iter().collect();
                streams.end(ids.iter().filter(|id| !live.contains(id)));
            }
        }
    }
}

/// Who waits, in one store and its clones.
#[derive(Default)]
pub(crate) struct Streams(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: HashMap<SessionId, Vec<Waiter>>,
    last_ticket: u64,
    watcher: Option<Watcher>,
    last_generation: u64,
}

struct Waiter {
    ticket: u64,
    waker: Option<Waker>,
}

/// The task that looks.
struct Watcher {
    generation: u64,
    /// Known once it is spawned.
    handle: Option<AbortHandle>,
}

impl Streams {
    fn enter(&self, id: SessionId) -> u64 {
        let mut state = self.lock();
        state.last_ticket += 1;
        let ticket = state.last_ticket;
        state.waiting.entry(id).or_default().push(Waiter { ticket, waker: None });
        ticket
    }

    fn leave(&self, id: SessionId, ticket: u64) {
        let mut state = self.lock();
        let mut gone = None;
        if let Some(waiters) = state.waiting.get_mut(&id) {
            let place = waiters.iter().position(|waiter| waiter.ticket == ticket);
            gone = place.map(|place| waiters.swap_remove(place));
            if waiters.is_empty() {
                state.waiting.remove(&id);
            }
        }
        let watcher = state.idle_watcher();
        drop(state);
        drop(gone);
        stop(watcher);
    }

    /// These sessions ended: whoever waits for one of them is woken.
    pub(crate) fn end<'i>(&self, ids: impl IntoIterator<Item = &'i SessionId>) {
        let mut state = self.lock();
        let woken: Vec<_> =
            ids.into_iter().filter_map(|id| state.waiting.remove(id)).flatten().collect();
        let watcher = state.idle_watcher();
        drop(state);
        for waker in woken.into_iter().filter_map(|waiter| waiter.waker) {
            waker.wake();
        }
        stop(watcher);
    }

    fn ids(&self) -> Vec<SessionId> {
        self.lock().waiting.keys().copied().collect()
    }

    /// What is done under the lock does not stop half way, so a poisoned one is taken as it is.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&mut self, id: SessionId, ticket: u64) -> Option<&mut Waiter> {
        self.waiting.get_mut(&id)?.iter_mut().find(|waiter| waiter.ticket == ticket)
    }

    /// Notes that somebody starts the task, if nobody has: its number.
    fn claim_start(&mut self) -> Option<u64> {
        let is_there = self.watcher.as_ref().is_some_and(|watcher| {
            // One whose runtime ended before it ran at all.
            !watcher.handle.as_ref().is_some_and(AbortHandle::is_finished)
        });
        if is_there || Handle::try_current().is_err() {
            return None;
        }
        self.last_generation += 1;
        let generation = self.last_generation;
        self.watcher = Some(Watcher { generation, handle: None });
        Some(generation)
    }

    /// The task, taken away if nobody waits any more.
    fn idle_watcher(&mut self) -> Option<Watcher> {
        self.watcher.take_if(|_| self.waiting.is_empty())
    }
}

fn stop(watcher: Option<Watcher>) {
    if let Some(handle) = watcher.and_then(|watcher| watcher.handle) {
        handle.abort();
    }
}

/// The task goes: with the last stream, or with its runtime. Then a stream on another one takes over.
struct Goes {
    streams: Arc<Streams>,
    generation: u64,
}

impl Drop for Goes {
    fn drop(&mut self) {
        let mut state = self.streams.lock();
        let is_ours = |watcher: &mut Watcher| watcher.generation == self.generation;
        let Some(watcher) = state.watcher.take_if(is_ours) else { return };
        // Without a handle it is not started yet: this runtime takes no tasks any more, and whoever asked it is
        // being polled.
        if watcher.handle.is_none() || std::thread::panicking() {
            return;
        }
        let wakers: Vec<_> =
            state.waiting.values_mut().flatten().filter_map(|waiter| waiter.waker.take()).collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}
