//! What several tests need: stores, requests, and a database that is down.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use session_conformance::backends::Watched;
use session_core::{MemoryBackend, SessionConfig, SessionStore};
use tower::ServiceExt;

pub(crate) fn store() -> SessionStore {
    SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap()
}

pub(crate) fn store_that_is_down() -> SessionStore {
    store_that_is_down_with(SessionConfig::default())
}

pub(crate) fn store_that_is_down_with(config: SessionConfig) -> SessionStore {
    SessionStore::new(Watched::down(), config).unwrap()
}

pub(crate) fn request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

pub(crate) fn request_with_cookie(path: &str, cookie: &str) -> Request<Body> {
    Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap()
}

pub(crate) async fn call(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

pub(crate) async fn text(response: Response<Body>) -> (StatusCode, String) {
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// `name=value` of the one cookie that a response sets.
pub(crate) fn cookie(response: &Response<Body>) -> String {
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}
