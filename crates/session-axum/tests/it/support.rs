//! What several tests need: stores, requests, and a backend that is down.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use session_core::{
    BackendError, BackendErrorKind, Created, EndedBy, Found, MemoryBackend, NewSession, Purged,
    SessionBackend, SessionChange, SessionConfig, SessionData, SessionId, SessionRef, SessionStore,
    Timestamp, TokenHash, Updated, UserId,
};
use tower::ServiceExt;

pub(crate) fn store() -> SessionStore {
    SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap()
}

pub(crate) fn store_that_is_down() -> SessionStore {
    store_that_is_down_with(SessionConfig::default())
}

pub(crate) fn store_that_is_down_with(config: SessionConfig) -> SessionStore {
    SessionStore::shared(Arc::new(Down), config).unwrap()
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

/// A database that is out of reach.
struct Down;

impl Down {
    fn error<T>() -> Result<T, BackendError> {
        Err(BackendError::from_kind(BackendErrorKind::Unavailable))
    }
}

#[async_trait]
impl SessionBackend for Down {
    async fn create(&self, _: NewSession, _: Timestamp) -> Result<Created, BackendError> {
        Self::error()
    }
    async fn find(&self, _: &TokenHash, _: Timestamp) -> Result<Option<Found>, BackendError> {
        Self::error()
    }
    async fn update(
        &self,
        _: &SessionRef,
        _: &SessionChange,
        _: Timestamp,
    ) -> Result<Updated, BackendError> {
        Self::error()
    }
    async fn remove(
        &self,
        _: &SessionRef,
        _: Option<&UserId>,
        _: EndedBy,
        _: Timestamp,
    ) -> Result<bool, BackendError> {
        Self::error()
    }
    async fn remove_user(
        &self,
        _: &UserId,
        _: Option<&SessionId>,
        _: EndedBy,
        _: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        Self::error()
    }
    async fn list(&self, _: &UserId, _: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        Self::error()
    }
    async fn purge_expired(&self, _: Timestamp, _: u32) -> Result<Purged, BackendError> {
        Self::error()
    }
    async fn ping(&self) -> Result<(), BackendError> {
        Self::error()
    }
}
