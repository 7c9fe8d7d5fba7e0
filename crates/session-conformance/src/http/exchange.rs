//! One request and its response: [`Ask`], [`Answer`], and [`Pending`] if the law does something
//! meanwhile.

use std::sync::Arc;

use cookie::Cookie;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use session_core::{Peer, TOKEN_TEXT_LEN};
use tokio::task::JoinSet;

use super::application::ANSWER_HEADER;
use super::desk::{self, Desk};
use super::harness::Panicked;
use super::site::{HOST, Site};

/// A request that is being written.
pub(crate) struct Ask {
    site: Site,
    method: Method,
    path: String,
    headers: HeaderMap,
    peer: Peer,
    desk: Arc<Desk>,
}

impl Site {
    /// A request with no header at all.
    pub(crate) fn ask(&self, path: &str) -> Ask {
        Ask::new(self.clone(), path)
    }
}

impl Ask {
    fn new(site: Site, path: &str) -> Self {
        let desk = site.desk.clone();
        let (path, headers, peer) = (path.to_owned(), HeaderMap::new(), Peer::Unknown);
        Self { site, method: Method::GET, path, headers, peer, desk }
    }

    /// By POST, as forms are sent.
    pub(crate) fn post(mut self) -> Self {
        self.method = Method::POST;
        self
    }

    /// Adds a header line, of any bytes that a header may have.
    pub(crate) fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// Puts a header in the place of what there is of the name.
    pub(crate) fn replace(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.remove(name);
        self.header(name, value)
    }

    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.headers.remove(name);
        self
    }

    /// A Cookie header with the session's cookie.
    pub(crate) fn token(self, value: impl AsRef<[u8]>) -> Self {
        let mut pair = format!("{}=", self.site.store.config().cookie_name).into_bytes();
        pair.extend_from_slice(value.as_ref());
        self.header("cookie", pair)
    }

    /// A header that the handler puts onto its response.
    pub(crate) fn answers_with(self, name: &str, value: &str) -> Self {
        self.header(ANSWER_HEADER, format!("{name}: {value}"))
    }

    pub(crate) fn from(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    /// At another back door than the site's, where several requests are under way.
    pub(crate) fn at(mut self, desk: &Arc<Desk>) -> Self {
        self.desk = desk.clone();
        self
    }

    /// Sends the request and waits for the response.
    pub(crate) async fn send(self) -> Answer {
        let path = self.path.clone();
        self.try_send().await.unwrap_or_else(|Panicked| panic!("{path}: the application panicked"))
    }

    pub(crate) async fn try_send(mut self) -> Result<Answer, Panicked> {
        for value in self.headers.get_all(header::COOKIE) {
            for pair in String::from_utf8_lossy(value.as_bytes()).split(';') {
                if let Some((_, value)) = pair.split_once('=') {
                    self.site.secrets.token(value.trim());
                }
            }
        }
        for value in self.headers.get_all(header::AUTHORIZATION) {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.split(' ').for_each(|word| self.site.secrets.token(word));
        }
        let desk = HeaderValue::from(self.desk.number());
        self.headers.insert(desk::HEADER, desk);
        let mut request = Request::builder()
            .method(self.method)
            .uri(&self.path)
            .header(header::HOST, HOST)
            .body(Vec::new())
            .expect("a request");
        request.headers_mut().extend(self.headers);
        let (parts, body) = self.site.app.call(request, self.peer).await?.into_parts();
        let answer = Answer {
            site: self.site,
            path: self.path,
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        answer.note_secrets();
        Ok(answer)
    }

    /// Sends the request and goes on.
    pub(crate) fn begin(self) -> Pending {
        let mut tasks = JoinSet::new();
        tasks.spawn(self.send());
        Pending(tasks)
    }
}

/// A request that is under way.
pub(crate) struct Pending(JoinSet<Answer>);

impl Pending {
    pub(crate) async fn answer(mut self) -> Answer {
        match self.0.join_next().await.expect("one request") {
            Ok(answer) => answer,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// The client goes away: when this returns, nothing is left of the request.
    pub(crate) async fn gives_up(mut self) {
        self.0.shutdown().await;
    }
}

/// A response, whole.
pub(crate) struct Answer {
    pub(crate) site: Site,
    path: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Where it was asked for.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The status has to be 200.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.is(200)
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}: the status; the body: {}",
            self.path,
            self.body
        );
        self
    }

    /// 409 `session_ended`: by its code, or in words.
    #[track_caller]
    pub(crate) fn refused_as_ended(self) -> Self {
        let answer = self.is(409);
        let says_so =
            ["session_ended", "session has ended"].iter().any(|s| answer.body.contains(s));
        assert!(
            says_so,
            "{}: 409 does not say that the session ended: {}",
            answer.path, answer.body
        );
        answer
    }

    /// 409 `cross_site`: by its code, or in words.
    #[track_caller]
    pub(crate) fn refused_as_cross_site(self) -> Self {
        let answer = self.is(409);
        let says_so = ["cross_site", "another site"].iter().any(|s| answer.body.contains(s));
        assert!(
            says_so,
            "{}: 409 does not say that it comes from another site: {}",
            answer.path, answer.body
        );
        answer
    }

    /// 503, with a Retry-After in seconds.
    #[track_caller]
    pub(crate) fn refused_as_outage(self) -> Self {
        let answer = self.is(503);
        let seconds = answer.header("retry-after").and_then(|value| value.parse::<u32>().ok());
        assert!(seconds.is_some(), "{}: 503 without Retry-After in seconds", answer.path);
        answer
    }

    /// The last header line of a name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get_all(name).iter().next_back()?.to_str().ok()
    }

    /// Every Set-Cookie, in order, as the header says it.
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        lines.map(|line| line.to_str().expect("a Set-Cookie in ASCII")).collect()
    }

    /// Every Set-Cookie of the session's name.
    pub(crate) fn cookies(&self) -> Vec<Cookie<'_>> {
        let name = &self.site.store.config().cookie_name;
        let cookies = self.set_cookies().into_iter().map(|line| {
            Cookie::parse(line).unwrap_or_else(|error| panic!("{line:?} is no Set-Cookie: {error}"))
        });
        cookies.filter(|cookie| cookie.name() == name).collect()
    }

    /// The session's cookie, as the browser will have it: the last counts.
    pub(crate) fn cookie(&self) -> Option<Cookie<'_>> {
        self.cookies().pop()
    }

    /// The token that the response brings.
    pub(crate) fn new_token(&self) -> Option<String> {
        let cookie = self.cookie()?;
        (!cookie.value().is_empty()).then(|| cookie.value().to_owned())
    }

    /// The token that the response has to bring.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        self.new_token().unwrap_or_else(|| panic!("{}: no cookie with a token", self.path))
    }

    /// Seconds that the session's cookie is kept; `None` if it says nothing.
    #[track_caller]
    pub(crate) fn max_age(&self) -> Option<i64> {
        let cookie = self.cookie().unwrap_or_else(|| panic!("{}: no session cookie", self.path));
        cookie.max_age().map(cookie::time::Duration::whole_seconds)
    }

    /// Whether the response takes the session's cookie away.
    pub(crate) fn removes_cookie(&self) -> bool {
        self.cookie().is_some_and(|cookie| cookie.value().is_empty())
    }

    #[track_caller]
    pub(crate) fn no_cookie(self) -> Self {
        let cookies = self.cookies().len();
        assert_eq!(cookies, 0, "{}: a Set-Cookie of the session's name", self.path);
        self
    }

    /// No token, though perhaps a removal.
    #[track_caller]
    pub(crate) fn no_token(self) -> Self {
        assert_eq!(self.new_token(), None, "{}: the response brings a token", self.path);
        self
    }

    #[track_caller]
    pub(crate) fn removal(self) -> Self {
        assert!(self.removes_cookie(), "{}: the cookie is not removed", self.path);
        self
    }

    /// What the suite's handler said.
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|_| panic!("{}: not the handler's answer: {}", self.path, self.body))
    }

    #[track_caller]
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.report()[key].as_str().map(str::to_owned)
    }

    /// Who is signed in.
    #[track_caller]
    pub(crate) fn user(&self) -> Option<String> {
        self.text("user")
    }

    #[track_caller]
    pub(crate) fn id(&self) -> Option<String> {
        self.text("id")
    }

    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        self.report()["data"].clone()
    }

    /// What each verb returned.
    #[track_caller]
    pub(crate) fn results(&self) -> Value {
        self.report()["results"].clone()
    }

    /// The user has to be signed in.
    #[track_caller]
    pub(crate) fn signed_in(self, user: &str) -> Self {
        let answer = self.ok();
        assert_eq!(answer.user().as_deref(), Some(user), "{}: who is signed in", answer.path);
        answer
    }

    /// There has to be no session.
    #[track_caller]
    pub(crate) fn no_session(self) -> Self {
        let answer = self.ok();
        assert_eq!(answer.id(), None, "{}: there is a session", answer.path);
        answer
    }

    /// What the response shows outside of Set-Cookie must show no secret.
    fn note_secrets(&self) {
        let secrets = &self.site.secrets;
        for line in self.headers.get_all(header::SET_COOKIE) {
            let text = String::from_utf8_lossy(line.as_bytes()).into_owned();
            let value = text.split_once('=').map_or("", |(_, rest)| rest);
            if let Some(token) = value.get(..TOKEN_TEXT_LEN) {
                secrets.token(token);
            }
        }
        for (name, value) in &self.headers {
            if name != header::SET_COOKIE {
                secrets.said(format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
            }
        }
        secrets.said(&*self.body);
    }
}
