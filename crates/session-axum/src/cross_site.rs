//! [`cross_site_guard`]: requests that other sites make a browser send are refused.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::response::IntoResponse;
use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use session_core::{CrossSiteGuard, RequestHead};
use tower_layer::Layer;
use tower_service::Service;

use crate::answer::SessionError;

/// Refuses what may change something and was sent from another site, with 403 `cross_origin`:
/// [`CrossSiteGuard`] has the rules, and what can be let through.
///
/// It needs no session and asks no database. Behind the session's layer, that is before it in the list,
/// its answer takes the shape that [`on_error`](crate::SessionLayer::on_error) gives; elsewhere it is
/// plain text.
///
/// ```
/// use axum::{Router, routing::post};
/// use session_axum::cross_site_guard;
/// use session_core::{CrossSiteGuard, MemoryBackend, SessionConfig, SessionStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
/// let guard = CrossSiteGuard::new().trust_origin("https://app.example.org")?;
/// let app: Router = Router::new()
///     .route("/orders", post(|| async { "ordered" }))
///     .layer(cross_site_guard(guard))
///     .layer(session_axum::layer(store));
/// # Ok(()) }
/// ```
///
/// The path that an exemption is compared with is the one that this layer sees: inside of `Router::nest`
/// axum has taken the prefix off.
#[must_use]
pub fn cross_site_guard(guard: CrossSiteGuard) -> CrossSiteLayer {
    CrossSiteLayer { guard: Arc::new(guard) }
}

/// The tower layer that [`cross_site_guard`] makes.
#[derive(Clone, Debug)]
pub struct CrossSiteLayer {
    guard: Arc<CrossSiteGuard>,
}

impl<S> Layer<S> for CrossSiteLayer {
    type Service = CrossSiteService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CrossSiteService { inner, guard: self.guard.clone() }
    }
}

/// Calls the inner service with what may pass. Made by [`CrossSiteLayer`].
#[derive(Clone, Debug)]
pub struct CrossSiteService<S> {
    inner: S,
    guard: Arc<CrossSiteGuard>,
}

impl<S, B, R> Service<Request<B>> for CrossSiteService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = CrossSiteFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let step = match self.guard.check(RequestHead { method, uri, headers }) {
            Ok(()) => Step::Calling { future: self.inner.call(request) },
            Err(error) => {
                Step::Refused { response: Some(SessionError::from(error).into_response()) }
            }
        };
        CrossSiteFuture { step }
    }
}

pin_project! {
    /// The future of a response behind the guard. Dropped before it is done, it leaves what the inner
    /// service's leaves.
    pub struct CrossSiteFuture<F> {
        #[pin]
        step: Step<F>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<F> {
        Calling { #[pin] future: F },
        Refused { response: Option<Response<Body>> },
    }
}

impl<F, R, E> Future for CrossSiteFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().step.project() {
            StepProjection::Calling { future } => {
                Poll::Ready(ready!(future.poll(context)).map(|response| response.map(Body::new)))
            }
            StepProjection::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                // Polled again after it was ready, which the contract of `Future` forbids.
                None => Poll::Pending,
            },
        }
    }
}

impl<F> fmt::Debug for CrossSiteFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrossSiteFuture").finish_non_exhaustive()
    }
}
