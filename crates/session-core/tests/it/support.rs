//! A request without any adapter.

use std::ops::Deref;

use http::{HeaderMap, StatusCode, header};
use session_core::{Error, Peer, Scheme, Session, SessionStore, Visit};

/// A request whose session is loaded.
pub(crate) struct Request {
    visit: Visit,
    session: Session,
}

impl Deref for Request {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Request {
    pub(crate) async fn loaded(
        store: &SessionStore,
        headers: &HeaderMap,
        peer: Peer,
        scheme: Option<Scheme>,
    ) -> Self {
        let visit = store.begin();
        visit.attach(&http::Method::GET, &http::Uri::default(), headers, peer, scheme);
        let session = visit.load().await.unwrap();
        Self { visit, session }
    }

    /// One that brings these cookies, from this machine.
    pub(crate) async fn with_cookie(store: &SessionStore, cookie: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        Self::loaded(store, &headers, Peer::Ip([127, 0, 0, 1].into()), None).await
    }

    /// The end of the request: its Set-Cookie, if there is one, or what the response must become.
    pub(crate) async fn finish(&self) -> Result<Option<String>, Error> {
        self.finish_with(StatusCode::OK).await
    }

    /// The same, of a response with this status.
    pub(crate) async fn finish_with(&self, status: StatusCode) -> Result<Option<String>, Error> {
        let mut conclusion = self.visit.finish(status).await;
        let error = conclusion.take_error();
        let mut headers = HeaderMap::new();
        conclusion.apply(&mut headers);
        let cookie = headers.get(header::SET_COOKIE);
        let cookie = cookie.map(|cookie| cookie.to_str().unwrap().to_owned());
        error.map_or(Ok(cookie), Err)
    }
}
