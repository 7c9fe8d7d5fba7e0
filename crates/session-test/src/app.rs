//! [`TestApp`]: an application that requests are handed to without a network.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "salvo")]
mod salvo;

use std::net::SocketAddr;
use std::sync::Arc;

/// For `impl TestApp`.
pub use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use session_core::Scheme;

#[cfg(feature = "axum")]
pub use self::axum::TowerApp;

/// An application that answers requests without a network.
///
/// With the features of this crate an axum `Router` is one, any tower service in a `TowerApp`, and a salvo
/// `Service`. For another framework:
///
/// ```
/// use std::net::SocketAddr;
///
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use session_core::Scheme;
/// use session_test::{TestApp, async_trait};
///
/// struct Mine;
///
/// #[async_trait]
/// impl TestApp for Mine {
///     async fn call(&self, request: Request<Bytes>, _: SocketAddr, _: Scheme) -> Response<Bytes> {
///         Response::new(format!("asked for {}", request.uri()).into())
///     }
/// }
/// ```
#[async_trait]
pub trait TestApp: Send + Sync + 'static {
    /// Answers a request that came from `peer` over `scheme`. Its URI is a path, as it is on the wire of
    /// HTTP/1.1, and it has a Host header.
    ///
    /// The response is read to its end. An application that panics may do so here.
    async fn call(
        &self,
        request: Request<Bytes>,
        peer: SocketAddr,
        scheme: Scheme,
    ) -> Response<Bytes>;
}

#[async_trait]
impl<A: TestApp + ?Sized> TestApp for Arc<A> {
    async fn call(
        &self,
        request: Request<Bytes>,
        peer: SocketAddr,
        scheme: Scheme,
    ) -> Response<Bytes> {
        (**self).call(request, peer, scheme).await
    }
}
