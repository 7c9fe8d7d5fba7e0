//! salvo's `Service`.

use std::net::SocketAddr;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, uri};
use http_body_util::BodyExt;
use salvo_core::Service;
use session_core::Scheme;

use super::TestApp;

#[async_trait]
impl TestApp for Service {
    async fn call(
        &self,
        request: Request<Bytes>,
        peer: SocketAddr,
        scheme: Scheme,
    ) -> Response<Bytes> {
        let path = request.uri().path().to_owned();
        let scheme = match scheme {
            Scheme::Https => uri::Scheme::HTTPS,
            Scheme::Http => uri::Scheme::HTTP,
        };
        let mut request = salvo_core::Request::from_hyper(request.map(Vec::from), scheme);
        *request.remote_addr_mut() = peer.into();
        // As it goes out: with salvo's cookie jar written into the headers.
        let (parts, body) = self.handle(request).await.into_hyper().into_parts();
        let body = body.collect().await;
        let body = body.unwrap_or_else(|error| panic!("{path}: the body broke off: {error:?}"));
        Response::from_parts(parts, body.to_bytes())
    }
}
