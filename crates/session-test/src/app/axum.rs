//! axum's `Router`, and every other tower service.

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use session_core::{Peer, Scheme};
use tower_service::Service;

use super::TestApp;

#[async_trait]
impl TestApp for Router {
    async fn call(
        &self,
        request: Request<Bytes>,
        peer: SocketAddr,
        scheme: Scheme,
    ) -> Response<Bytes> {
        call(self.clone(), request, peer, scheme).await
    }
}

/// Any tower service that takes axum's body, such as a `Router` with layers around the whole of it.
///
/// ```
/// use axum::Router;
/// use http::{HeaderValue, header};
/// use session_test::{Fixture, TestClient, TowerApp};
/// use tower_http::set_header::SetResponseHeader;
///
/// # let app = Router::new();
/// let value = HeaderValue::from_static("DENY");
/// let app = SetResponseHeader::overriding(app, header::X_FRAME_OPTIONS, value);
/// let client = TestClient::new(TowerApp(app), Fixture::default().store);
/// ```
#[derive(Clone)]
pub struct TowerApp<S>(pub S);

impl<S> fmt::Debug for TowerApp<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TowerApp").finish_non_exhaustive()
    }
}

#[async_trait]
impl<S, B> TestApp for TowerApp<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: fmt::Debug + Send,
    S::Future: Send,
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: fmt::Debug,
{
    async fn call(
        &self,
        request: Request<Bytes>,
        peer: SocketAddr,
        scheme: Scheme,
    ) -> Response<Bytes> {
        call(self.0.clone(), request, peer, scheme).await
    }
}

async fn call<S, B>(
    mut service: S,
    request: Request<Bytes>,
    peer: SocketAddr,
    scheme: Scheme,
) -> Response<Bytes>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: fmt::Debug,
    B: HttpBody,
    B::Error: fmt::Debug,
{
    let path = request.uri().path().to_owned();
    let mut request = request.map(Body::from);
    // `ConnectInfo` for the application; the other two are what `session-axum` knows without it.
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(Peer::Ip(peer.ip()));
    request.extensions_mut().insert(scheme);
    let fails =
        |error: S::Error| -> Response<B> { panic!("{path}: the service failed: {error:?}") };
    let response = match poll_fn(|context| service.poll_ready(context)).await {
        Ok(()) => service.call(request).await.unwrap_or_else(fails),
        Err(error) => fails(error),
    };
    let (parts, body) = response.into_parts();
    let body = body.collect().await;
    let body = body.unwrap_or_else(|error| panic!("{path}: the body broke off: {error:?}"));
    Response::from_parts(parts, body.to_bytes())
}
