//! [`SessionLayer`]: what an application mounts.

use std::fmt;
use std::sync::Arc;

use axum_core::response::{IntoResponse, Response};
use session_core::{Error, SessionStore};
use tower_layer::Layer;

use crate::service::SessionService;

/// The tower layer: `Router::layer(session_axum::layer(store))`.
#[must_use]
pub fn layer(store: SessionStore) -> SessionLayer {
    SessionLayer { store, eager: false, on_error: None }
}

/// Gives every request behind it a session. Made by [`layer`].
///
/// Mount it once around a route: two of them around one route are an error 500, and so is an
/// extractor behind none. Put a layer that catches panics outside of it.
#[derive(Clone)]
pub struct SessionLayer {
    store: SessionStore,
    eager: bool,
    on_error: Option<OnError>,
}

pub(crate) type OnError = Arc<dyn Fn(&Error) -> Response + Send + Sync>;

impl SessionLayer {
    /// Loads the session of every request before its handler runs, so that inner layers can look at
    /// it: one read for each request that brings a token. Where the backend fails, the handler does
    /// not run. Without this, the first extractor loads.
    #[must_use]
    pub fn eager(mut self) -> Self {
        self.eager = true;
        self
    }

    /// Shapes the answers that the library itself gives: 401, 409, 413, 500 and 503, from the layer,
    /// the extractors, and handlers that return a [`SessionError`](crate::SessionError). Without it
    /// they are plain text. A 503 without Retry-After gets one.
    ///
    /// ```
    /// # use session_core::{MemoryBackend, SessionConfig, SessionStore};
    /// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    /// let layer = session_axum::layer(store).on_error(|error| {
    ///     (error.status(), format!("{{\"error\":\"{}\"}}", error.code()))
    /// });
    /// ```
    #[must_use]
    pub fn on_error<R: IntoResponse>(
        mut self,
        shape: impl Fn(&Error) -> R + Send + Sync + 'static,
    ) -> Self {
        self.on_error = Some(Arc::new(move |error| shape(error).into_response()));
        self
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        // A store that saves unchanged sessions does so for requests that never ask for theirs.
        let eager = self.eager || self.store.config().save_unchanged;
        SessionService::new(inner, self.store.clone(), eager, self.on_error.clone())
    }
}

impl fmt::Debug for SessionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer")
            .field("store", &self.store)
            .field("eager", &self.eager)
            .finish_non_exhaustive()
    }
}
