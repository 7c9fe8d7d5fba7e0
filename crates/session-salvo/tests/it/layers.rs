//! Where salvo's own hoops go: each test is a line of `docs/layers.md`.

#[path = "layers/caches.rs"]
mod caches;
#[path = "layers/cors.rs"]
mod cors;
#[path = "layers/cut_off.rs"]
mod cut_off;
#[path = "layers/unasked.rs"]
mod unasked;
#[path = "layers/watching.rs"]
mod watching;

use std::sync::{Arc, Mutex, PoisonError};

use salvo_core::prelude::*;
use session_core::{EventKind, MemoryBackend, SessionConfig, SessionStore};
use session_salvo::SessionHandler;

/// Where another hoop is, seen from the session's handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The session's handler is hooped before it.
    Behind,
    /// It is hooped before the session's handler.
    Outside,
}

impl Place {
    pub(crate) const BOTH: [Self; 2] = [Self::Behind, Self::Outside];

    /// A service with both.
    pub(crate) fn mount(
        self,
        routes: Router,
        session: SessionHandler,
        other: impl Handler,
    ) -> Service {
        match self {
            Self::Behind => Service::new(routes).hoop(session).hoop(other),
            Self::Outside => Service::new(routes).hoop(other).hoop(session),
        }
    }
}

/// What a store told of.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<EventKind>>>);

impl Events {
    /// A store, and what it tells of from now on.
    pub(crate) fn of_a_store() -> (SessionStore, Self) {
        let events = Self::default();
        let heard = events.clone();
        let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
        let hear = move |kind| heard.0.lock().unwrap_or_else(PoisonError::into_inner).push(kind);
        (store.on_event(move |event| hear(event.kind)), events)
    }

    pub(crate) fn told_of(&self, kind: EventKind) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&kind)
    }
}
