//! Where other layers go: each test is a line of `docs/layers.md`.

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

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::Route;
use session_axum::SessionLayer;
use session_core::{EventKind, MemoryBackend, SessionConfig, SessionStore};
use tower::{Layer, Service};

/// Where another layer is, seen from the session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The session's layer is around it.
    Behind,
    /// It is around the session's layer.
    Outside,
}

impl Place {
    pub(crate) const BOTH: [Self; 2] = [Self::Behind, Self::Outside];

    /// A router with both layers.
    pub(crate) fn mount<L>(self, routes: Router, session: SessionLayer, other: L) -> Router
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        match self {
            Self::Behind => routes.layer(other).layer(session),
            Self::Outside => routes.layer(session).layer(other),
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
