//! What several tests need: stores, requests, and a database that is down.

use http_body_util::BodyExt;
use salvo_core::http::uri::Scheme;
use salvo_core::http::{HeaderMap, Method, StatusCode, header};
use salvo_core::prelude::*;
use session_conformance::backends::Watched;
use session_core::{MemoryBackend, SessionConfig, SessionStore};
use session_salvo::{Session, SessionError};

pub(crate) fn store() -> SessionStore {
    SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap()
}

pub(crate) fn store_that_is_down() -> SessionStore {
    SessionStore::new(Watched::down(), SessionConfig::default()).unwrap()
}

/// A response as it goes out.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    /// `name=value` of the one cookie that it sets.
    #[track_caller]
    pub(crate) fn cookie(&self) -> String {
        let [cookie] = &self.cookies()[..] else { panic!("{:?}", self.cookies()) };
        cookie.split(';').next().unwrap().to_owned()
    }

    pub(crate) fn cookies(&self) -> Vec<String> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        lines.map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    pub(crate) fn check(self, name: &str, status: u16, body: &str) -> Self {
        assert_eq!((self.status.as_u16(), self.body.as_str()), (status, body), "{name}");
        self
    }
}

pub(crate) async fn get(service: &Service, path: &str, cookie: &str) -> Reply {
    ask(service, Method::GET, path, cookie).await
}

pub(crate) async fn ask(service: &Service, method: Method, path: &str, cookie: &str) -> Reply {
    ask_with(service, method, path, &[("cookie", cookie)]).await
}

/// With these headers, but for those without a value.
pub(crate) async fn ask_with(
    service: &Service,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> Reply {
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    let request = Request::from_hyper(request.body(Vec::new()).unwrap(), Scheme::HTTP);
    let (parts, body) = service.handle(request).await.into_hyper().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    // Of a compressed one no more is looked at than that it is.
    let body = String::from_utf8_lossy(&body).into_owned();
    Reply { status: parts.status, headers: parts.headers, body }
}

/// Signs alice in.
#[handler]
pub(crate) async fn sign_in(session: Session) -> Result<&'static str, SessionError> {
    session.authenticate("alice").await?;
    Ok("signed in")
}

/// Counts visits.
#[handler]
pub(crate) async fn count(session: Session) -> Result<String, SessionError> {
    let visits = session.get("visits")?.unwrap_or(0_u64) + 1;
    session.set("visits", visits)?;
    Ok(format!("visit number {visits}"))
}
