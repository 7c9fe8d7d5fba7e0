//! What a store notices about itself and says once, and not for every request: [`Watch`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::error::BackendError;
use crate::event::EventKind;
use crate::outage::{News, Outages};

/// How the backend does, what was said of it, and which events the application's hook is still to be told of.
///
/// A request that succeeds looks at flags and takes no lock: what is behind one is touched in an outage
/// only. The flags order nothing, so a look that comes too early is made good by the next request's.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Whether an outage is under way.
    fails: AtomicBool,
    outages: Mutex<Outages>,
    /// Whether there are events to tell.
    has_events: AtomicBool,
    events: Mutex<Events>,
    /// Whether it was said that a `Secure` cookie goes out over plain HTTP.
    plain_said: AtomicBool,
}

#[derive(Debug, Default)]
struct Events {
    /// The oldest first.
    untold: VecDeque<EventKind>,
    /// Whether somebody tells them.
    are_told: bool,
}

impl Watch {
    /// Whether an outage is under way, whose end an answer may be.
    #[inline]
    pub(crate) fn is_in_outage(&self) -> bool {
        self.fails.load(Ordering::Relaxed)
    }

    /// The backend answered a call in an outage.
    #[cold]
    pub(crate) fn answered(&self, now: Timestamp) {
        let mut outages = lock(&self.outages);
        let news = outages.answered(now);
        self.fails.store(outages.is_present(), Ordering::Relaxed);
        // Under the lock, so that the hook is told of beginnings and ends in their order.
        if let Some(News::Ended { lasted, failed }) = news {
            self.will_tell(EventKind::OutageEnded { lasted, failed });
        }
        drop(outages);
        if let Some(News::Ended { lasted, failed }) = news {
            tracing::warn!(target: "session", failed, ?lasted, "outage ended: the backend answers again");
        }
    }

    /// The backend failed.
    #[cold]
    pub(crate) fn failed(&self, error: &BackendError, now: Timestamp) {
        let mut outages = lock(&self.outages);
        let news = outages.failed(now);
        self.fails.store(true, Ordering::Relaxed);
        if let Some(News::Began) = news {
            self.will_tell(EventKind::OutageBegan);
        }
        drop(outages);
        let error = error as &dyn std::error::Error;
        match news {
            Some(News::Began) => {
                tracing::error!(target: "session", error, "outage began: the backend fails");
            }
            Some(News::GoesOn { lasted, failed }) => {
                tracing::error!(
                    target: "session",
                    error,
                    failed,
                    ?lasted,
                    "outage goes on: calls to the backend failed since the last line"
                );
            }
            Some(News::Ended { .. }) | None => {}
        }
    }

    /// Keeps an event for the hook. It is the application's code, and this may be in the middle of an
    /// operation on a session.
    fn will_tell(&self, kind: EventKind) {
        let mut events = lock(&self.events);
        events.untold.push_back(kind);
        self.has_events.store(true, Ordering::Relaxed);
    }

    /// Whether there are events to tell.
    #[inline]
    pub(crate) fn has_events(&self) -> bool {
        self.has_events.load(Ordering::Relaxed)
    }

    /// Tells of the events in their order: one caller at a time, and what comes meanwhile is left to that one. Else
    /// a beginning could be told after its end, and count for ever. `tell` does not panic.
    #[cold]
    pub(crate) fn tell(&self, tell: impl Fn(EventKind)) {
        let mut events = lock(&self.events);
        if events.are_told {
            return;
        }
        events.are_told = true;
        while let Some(kind) = events.untold.pop_front() {
            drop(events);
            tell(kind);
            events = lock(&self.events);
        }
        events.are_told = false;
        self.has_events.store(false, Ordering::Relaxed);
    }

    /// Whether it is still to be said that a `Secure` cookie goes out over plain HTTP.
    #[inline]
    pub(crate) fn looks_for_plain(&self) -> bool {
        !self.plain_said.load(Ordering::Relaxed)
    }

    /// A `Secure` cookie goes out over plain HTTP. Said by the first request that does so.
    #[cold]
    pub(crate) fn found_plain(&self) {
        if !self.plain_said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "session",
                "a Secure cookie goes out over plain HTTP, where browsers drop it: nobody stays signed in, \
                 and each request makes a session anew. Serve HTTPS; if a proxy does, let it send \
                 X-Forwarded-Proto: https; for local development, set cookie.secure to auto or \
                 insecure_never"
            );
            self.will_tell(EventKind::SecureOverHttp);
        }
    }
}

/// What is done under these locks does not panic halfway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
