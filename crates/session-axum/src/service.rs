//! [`SessionService`]: the visit goes in with the request.

use std::fmt;
use std::task::{Context, Poll};

use axum_core::BoxError;
use axum_core::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use session_core::{Error, ErrorKind, SessionStore};
use tower_service::Service;

use crate::answer::{Looks, Shape, answered};
use crate::extract::{Mounted, attach};
use crate::future::{SessionFuture, conclude};

/// Gives requests their session. Made by [`SessionLayer`](crate::SessionLayer).
///
/// 1. A request that went through another one before is an error 500: the inner of two layers would
///    hide the outer one's session.
/// 2. The visit goes into the request's extensions; its headers are looked at when somebody asks.
/// 3. An eager layer loads first, and answers itself if that fails.
/// 4. See [`SessionFuture`] for what happens to the response. Its body becomes axum's, which costs
///    nothing if it is that already, and can carry any other.
/// 5. The inner service may fail. Its error can become the cause of one of ours (see there), so it
///    must be one that can be boxed, as tower's all are: `Into<BoxError>`.
#[derive(Clone)]
pub struct SessionService<S> {
    inner: S,
    store: SessionStore,
    eager: bool,
    looks: Looks,
}

impl<S> SessionService<S> {
    pub(crate) const fn new(inner: S, store: SessionStore, eager: bool, looks: Looks) -> Self {
        Self { inner, store, eager, looks }
    }
}

impl<S, B, R> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError> + Send,
    B: Send + 'static,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = SessionFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let shape = Shape::of(&self.looks, &request);
        let visit = self.store.begin();
        if request.extensions_mut().insert(Mounted(visit.clone())).is_some() {
            let error = Error::from_kind(ErrorKind::Misconfigured)
                .with_context("two session layers are mounted around one route");
            return SessionFuture::answered(answered(&error, shape.as_ref()));
        }
        if !self.eager {
            return SessionFuture::calling(self.inner.call(request), visit, shape);
        }

        let (method, uri) = (request.method(), request.uri());
        attach(&visit, method, uri, request.headers(), request.extensions());
        // The service that was asked whether it is ready is the one to call; the clone waits its
        // turn.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        SessionFuture::boxed(Box::pin(async move {
            if let Err(error) = visit.load_unasked().await {
                return Ok(answered(&error, shape.as_ref()));
            }
            let called = inner.call(request).await;
            conclude(visit, called, shape).await
        }))
    }
}

impl<S: fmt::Debug> fmt::Debug for SessionService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService")
            .field("inner", &self.inner)
            .field("eager", &self.eager)
            .finish_non_exhaustive()
    }
}
