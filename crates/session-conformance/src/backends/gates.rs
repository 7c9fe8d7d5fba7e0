//! Where calls stop: [`Gate`], [`Stop`] and [`Waiting`].
//!
//! All of it is one state behind a mutex. Wakers are called, and dropped, when the mutex is free:
//! what they run may come back here.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use session_core::BackendErrorKind;

use super::method::Method;

/// A place where a call can be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// On its way to the backend: nothing has happened yet. A call that is dropped here never
    /// happens.
    Before,
    /// On the way back: the backend has done it and nobody knows the answer. A call that is dropped
    /// here has happened. A call that a [`Fault`](super::Fault) kept from the backend does not come
    /// here.
    After,
}

/// A call that is stopped: see [`Watched::waiting`](super::Watched::waiting).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Waiting {
    /// Which call, counted in the order in which they began. The first one is 1, and a call keeps
    /// its number from one gate to the other.
    pub number: u64,
    /// What it asks for.
    pub method: Method,
    /// Where it is.
    pub gate: Gate,
}

/// One call that is to be stopped, or is: see [`Watched::stop`](super::Watched::stop).
///
/// Dropping this lets the call pass, so that a test that gives up leaves nothing hanging.
#[must_use = "dropping it lets the call pass"]
pub struct Stop {
    gates: Arc<Gates>,
    id: u64,
}

impl Stop {
    /// Waits until the call is there, and returns its number. It is remembered: waiting a second
    /// time returns at once, also if the call has passed or was dropped meanwhile. If no such call is
    /// ever made it waits for ever: a test that may meet this puts a time limit around it.
    pub async fn arrived(&self) -> u64 {
        poll_fn(|context| self.gates.poll_arrival(self.id, context)).await
    }

    /// Lets the call pass. Before it is there: it will not wait.
    pub fn pass(&self) {
        self.gates.decide_stop(self.id, Ok(()));
    }

    /// Makes the call fail with an error of this kind: before the backend, it never happens; after
    /// it, its answer is lost.
    pub fn refuse(&self, kind: BackendErrorKind) {
        self.gates.decide_stop(self.id, Err(kind));
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.pass();
        self.gates.forget_stop(self.id);
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").finish_non_exhaustive()
    }
}

/// How a call leaves a gate.
pub(super) type Verdict = Result<(), BackendErrorKind>;

#[derive(Default)]
pub(super) struct Gates(Mutex<State>);

#[derive(Default)]
struct State {
    /// Whether every call stops before the backend, and after it.
    every_before: bool,
    every_after: bool,
    /// The oldest first.
    stops: Vec<Planned>,
    last_stop: u64,
    /// By the number of the call, so that they are listed in the order of their beginning.
    calls: BTreeMap<u64, Call>,
}

/// What a [`Stop`] stands for.
struct Planned {
    id: u64,
    method: Method,
    gate: Gate,
    /// The call that it stopped.
    call: Option<u64>,
    /// Decided before the call was there.
    verdict: Option<Verdict>,
    /// Who waits for the call.
    wakers: Vec<Waker>,
}

/// A call at a gate.
struct Call {
    method: Method,
    gate: Gate,
    /// Decided, and not polled since.
    verdict: Option<Verdict>,
    waker: Option<Waker>,
}

impl Gates {
    pub(super) fn stop(self: &Arc<Self>, method: Method, gate: Gate) -> Stop {
        let mut state = lock(&self.0);
        state.last_stop += 1;
        let id = state.last_stop;
        let (call, verdict, wakers) = (None, None, Vec::new());
        state.stops.push(Planned { id, method, gate, call, verdict, wakers });
        Stop { gates: Arc::clone(self), id }
    }

    pub(super) fn stop_every(&self, gate: Gate) {
        let mut state = lock(&self.0);
        match gate {
            Gate::Before => state.every_before = true,
            Gate::After => state.every_after = true,
        }
    }

    /// Nothing stops any more.
    pub(super) fn open(&self) {
        let mut state = lock(&self.0);
        (state.every_before, state.every_after) = (false, false);
        for stop in state.stops.iter_mut().filter(|stop| stop.call.is_none()) {
            stop.verdict.get_or_insert(Ok(()));
        }
        let wakers: Vec<_> =
            state.calls.values_mut().filter_map(|call| call.pass(Ok(()))).collect();
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    pub(super) fn waiting(&self) -> Vec<Waiting> {
        let state = lock(&self.0);
        let calls = state.calls.iter().filter(|(_, call)| call.verdict.is_none());
        let waiting = |(&number, call): (&u64, &Call)| Waiting {
            number,
            method: call.method,
            gate: call.gate,
        };
        calls.map(waiting).collect()
    }

    /// Lets a call go on, well or badly; whether it waited.
    pub(super) fn decide(&self, number: u64, verdict: Verdict) -> bool {
        let mut state = lock(&self.0);
        let waker = state.calls.get_mut(&number).and_then(|call| call.pass(verdict));
        drop(state);
        let waited = waker.is_some();
        waker.flatten().into_iter().for_each(Waker::wake);
        waited
    }

    /// Comes to a gate, and waits there if it is to.
    pub(super) async fn come(&self, number: u64, method: Method, gate: Gate) -> Verdict {
        if let Some(verdict) = self.arrive(number, method, gate) {
            return verdict;
        }
        // Even if the call is dropped, so that nobody waits for one that is gone.
        let _leaves = Leaves { gates: self, number };
        poll_fn(|context| self.poll_verdict(number, context)).await
    }

    /// `None`: it has to wait.
    fn arrive(&self, number: u64, method: Method, gate: Gate) -> Option<Verdict> {
        let mut state = lock(&self.0);
        let every = match gate {
            Gate::Before => state.every_before,
            Gate::After => state.every_after,
        };
        let wanted =
            |stop: &&mut Planned| stop.call.is_none() && stop.method == method && stop.gate == gate;
        let stop = state.stops.iter_mut().find(wanted);
        let (decided, wakers) = match stop {
            Some(stop) => {
                stop.call = Some(number);
                (stop.verdict, std::mem::take(&mut stop.wakers))
            }
            None if every => (None, Vec::new()),
            None => (Some(Ok(())), Vec::new()),
        };
        if decided.is_none() {
            state.calls.insert(number, Call { method, gate, verdict: None, waker: None });
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        decided
    }

    fn poll_verdict(&self, number: u64, context: &Context<'_>) -> Poll<Verdict> {
        let mut state = lock(&self.0);
        let Some(call) = state.calls.get_mut(&number) else { return Poll::Ready(Ok(())) };
        if let Some(verdict) = call.verdict {
            return Poll::Ready(verdict);
        }
        let before = call.waker.replace(context.waker().clone());
        drop(state);
        drop(before);
        Poll::Pending
    }

    fn poll_arrival(&self, id: u64, context: &Context<'_>) -> Poll<u64> {
        let mut state = lock(&self.0);
        let Some(stop) = state.stops.iter_mut().find(|stop| stop.id == id) else {
            return Poll::Pending;
        };
        if let Some(number) = stop.call {
            return Poll::Ready(number);
        }
        if !stop.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            stop.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }

    fn decide_stop(&self, id: u64, verdict: Verdict) {
        let mut state = lock(&self.0);
        let State { stops, calls, .. } = &mut *state;
        let Some(stop) = stops.iter_mut().find(|stop| stop.id == id) else { return };
        let waker = match stop.call {
            // It may be at another gate by now, which is none of this stop's.
            Some(number) => calls
                .get_mut(&number)
                .filter(|call| call.gate == stop.gate)
                .and_then(|call| call.pass(verdict)),
            None => {
                stop.verdict.get_or_insert(verdict);
                None
            }
        };
        drop(state);
        waker.flatten().into_iter().for_each(Waker::wake);
    }

    fn forget_stop(&self, id: u64) {
        let mut state = lock(&self.0);
        let at = state.stops.iter().position(|stop| stop.id == id);
        let stop = at.map(|at| state.stops.remove(at));
        drop(state);
        drop(stop);
    }
}

impl Call {
    /// Decides it, unless it is decided; then whom to wake, if somebody has polled it.
    #[allow(clippy::option_option, reason = "decided or not, and polled or not")]
    fn pass(&mut self, verdict: Verdict) -> Option<Option<Waker>> {
        if self.verdict.is_some() {
            return None;
        }
        self.verdict = Some(verdict);
        Some(self.waker.take())
    }
}

/// Takes a call away from its gate.
struct Leaves<'a> {
    gates: &'a Gates,
    number: u64,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.gates.0);
        let call = state.calls.remove(&self.number);
        drop(state);
        drop(call);
    }
}

/// What is done under these locks does not stop half way, so a poisoned one is taken as it is.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
