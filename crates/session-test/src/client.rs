//! [`TestClient`]: one browser at the application.

mod request;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use session_conformance::jar::CookieJar;
use session_core::{Peer, Scheme, Session, SessionData, SessionStore, SignIn, Visit};

pub use self::request::TestRequest;
use self::request::header_of;
use crate::app::TestApp;
use crate::response::TestResponse;

/// What the browser calls itself, unless the test says otherwise.
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// An address that is nobody's proxy (RFC 5737).
const PEER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7)), 50_000);

/// One browser at the application: it keeps cookies as browsers do, by the store's clock.
///
/// By itself it is Firefox on Linux at 203.0.113.7, and asks over HTTPS: at `https://localhost`, or at the
/// configured `cookie.domain`. Requests need `&self`, so several may be under way at once.
pub struct TestClient {
    app: Arc<dyn TestApp>,
    store: SessionStore,
    base: Uri,
    peer: SocketAddr,
    headers: HeaderMap,
    jar: Mutex<CookieJar>,
}

impl TestClient {
    /// A browser without any cookie, at this application. The store is the one that the application was
    /// made with, or a clone of it.
    #[must_use]
    pub fn new(app: impl TestApp, store: SessionStore) -> Self {
        let host = store.config().cookie.domain.as_deref().unwrap_or("localhost");
        let host = host.trim_start_matches('.');
        let base = format!("https://{host}/").parse();
        let base = base.unwrap_or_else(|_| Uri::from_static("https://localhost/"));
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
        Self { app: Arc::new(app), store, base, peer: PEER, headers, jar: Mutex::default() }
    }

    /// Another browser at the same application, without any cookie: somebody else, or another device.
    #[must_use]
    pub fn another_browser(&self) -> Self {
        Self {
            app: self.app.clone(),
            store: self.store.clone(),
            base: self.base.clone(),
            peer: self.peer,
            headers: self.headers.clone(),
            jar: Mutex::default(),
        }
    }

    /// Asks at this place, such as `http://localhost` or `https://shop.example.com`. Over plain HTTP a
    /// browser keeps no `Secure` cookie.
    ///
    /// # Panics
    /// If it is no `http` or `https` URL with a host.
    #[must_use]
    #[track_caller]
    pub fn at(mut self, url: &str) -> Self {
        let uri = url.parse::<Uri>().ok().filter(|uri| uri.host().is_some());
        match uri.filter(|uri| uri.scheme().and_then(Scheme::from_uri).is_some()) {
            Some(uri) => self.base = uri,
            None => panic!("no URL of a site: {url:?}"),
        }
        self
    }

    /// Comes from this address, such as `([192, 0, 2, 1], 50_000)`.
    #[must_use]
    pub fn from_address(mut self, peer: impl Into<SocketAddr>) -> Self {
        self.peer = peer.into();
        self
    }

    /// Sends this header with every request, in the place of what it sent before under the name: another
    /// `user-agent` is another kind of browser.
    ///
    /// # Panics
    /// If it is no header.
    #[must_use]
    #[track_caller]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let (name, value) = header_of(name, value);
        self.headers.insert(name, value);
        self
    }

    /// Signs this user in, past the application's own sign-in page: what a handler does with
    /// [`Session::authenticate`]. The sign-in is a real one: it replaces the session before, counts against
    /// the limit per user, and is an event.
    ///
    /// The first request that presents the new cookie writes that to the backend. A test that counts calls
    /// asks for a page once before it counts.
    ///
    /// # Panics
    /// If the sign-in fails, or the browser would refuse the cookie.
    pub async fn sign_in(&self, user: &str) {
        self.sign_in_with(SignIn::new(user)).await;
    }

    /// The same with options: first data, what is carried over, a lifetime.
    ///
    /// # Panics
    /// As [`sign_in`](Self::sign_in) does.
    pub async fn sign_in_with(&self, sign_in: SignIn) {
        let (visit, session) = self.visit().await;
        if let Err(error) = session.authenticate_with(sign_in).await {
            panic!("the sign-in failed: {}", told(&error));
        }
        self.conclude(&visit).await;
        let name = &self.store.config().cookie_name;
        assert!(
            self.cookie(name).is_some(),
            "a browser at {} refuses the cookie {name}: look at its domain and whether it is Secure",
            self.base,
        );
    }

    /// Changes the session as a handler would, past the application: puts a cart into it, or looks at what
    /// it holds. What is buffered is saved.
    ///
    /// ```
    /// # use session_test::TestClient;
    /// # async fn run(client: TestClient) {
    /// client.change(|session| session.set("cart", ["tea"])).await;
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the change is an error, or cannot be saved.
    pub async fn change<T>(
        &self,
        change: impl FnOnce(&Session) -> Result<T, session_core::Error>,
    ) -> T {
        let (visit, session) = self.visit().await;
        let done = change(&session).unwrap_or_else(|error| panic!("the change: {}", told(&error)));
        self.conclude(&visit).await;
        done
    }

    /// The session of this browser's cookie as the server has it at this moment; `None` if the cookie
    /// stands for none. It costs the backend one `find`, and changes nothing.
    ///
    /// # Panics
    /// If the backend fails.
    pub async fn session(&self) -> Option<Arc<SessionData>> {
        let (_, session) = self.visit().await;
        session.current()
    }

    /// A GET request. A path may have a query.
    pub fn get(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::GET, path)
    }

    /// A POST request.
    pub fn post(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::POST, path)
    }

    /// A PUT request.
    pub fn put(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::PUT, path)
    }

    /// A PATCH request.
    pub fn patch(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::PATCH, path)
    }

    /// A DELETE request.
    pub fn delete(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::DELETE, path)
    }

    /// A request of any method.
    pub fn request(&self, method: Method, path: &str) -> TestRequest<'_> {
        TestRequest::new(self, method, path)
    }

    /// The value of a cookie that the browser would send with the first page, `/`, or with those where the
    /// session's cookie goes (`cookie.path`).
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let page = self.page(&self.store.config().cookie.path);
        self.jar().value(name, &page, self.store.now()).map(str::to_owned)
    }

    /// Puts a cookie into the browser, as a response to `/` does by this `Set-Cookie` line; `false` if the
    /// browser ignores it.
    #[allow(clippy::must_use_candidate, reason = "a test that knows its cookie need not ask")]
    pub fn keep_cookie(&self, set_cookie: &str) -> bool {
        self.jar().keep(&self.page("/"), set_cookie, self.store.now())
    }

    /// Takes every cookie away. Their sessions go on.
    pub fn clear_cookies(&self) {
        self.jar().clear();
    }

    /// Closes the browser and opens it again: cookies without an end of their own are gone.
    pub fn restart(&self) {
        self.jar().close();
    }

    async fn send(&self, request: TestRequest<'_>) -> TestResponse {
        let page = self.page(&request.path);
        let mut headers = self.headers.clone();
        for name in request.headers.keys() {
            headers.remove(name);
        }
        headers.extend(request.headers);
        if request.with_cookies {
            self.add_cookies(&mut headers, &page);
        }
        headers.insert(header::HOST, host_of(&page));
        let mut sent = Request::new(request.body);
        *sent.method_mut() = request.method;
        *sent.uri_mut() = page.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        *sent.headers_mut() = headers;
        let response = self.app.call(sent, self.peer, self.scheme()).await;
        if request.with_cookies {
            self.keep(&page, response.headers());
        }
        TestResponse::new(request.path, response)
    }

    /// A request of this browser's that no application sees, with its session.
    async fn visit(&self) -> (Visit, Session) {
        let page = self.page(&self.store.config().cookie.path);
        let mut headers = self.headers.clone();
        self.add_cookies(&mut headers, &page);
        headers.insert(header::HOST, host_of(&page));
        let uri = page.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        let visit = self.store.begin();
        let (peer, scheme) = (Peer::Ip(self.peer.ip()), Some(self.scheme()));
        visit.attach(&Method::POST, &uri, &headers, peer, scheme);
        match visit.load().await {
            Ok(session) => (visit, session),
            Err(error) => panic!("the session cannot be loaded: {}", told(&error)),
        }
    }

    async fn conclude(&self, visit: &Visit) {
        let mut conclusion = visit.finish(StatusCode::OK).await;
        if let Some(error) = conclusion.take_error() {
            panic!("what was buffered cannot be saved: {}", told(&error));
        }
        let mut headers = HeaderMap::new();
        conclusion.apply(&mut headers);
        self.keep(&self.page(&self.store.config().cookie.path), &headers);
    }

    fn add_cookies(&self, headers: &mut HeaderMap, page: &Uri) {
        let cookies = self.jar().header_for(page, self.store.now());
        let cookies = cookies.and_then(|cookies| HeaderValue::from_str(&cookies).ok());
        headers.extend(cookies.map(|cookies| (header::COOKIE, cookies)));
    }

    fn keep(&self, page: &Uri, headers: &HeaderMap) {
        let now = self.store.now();
        let mut jar = self.jar();
        for line in headers.get_all(header::SET_COOKIE) {
            if let Ok(line) = line.to_str() {
                jar.keep(page, line, now);
            }
        }
    }

    /// Where a path of the site is.
    fn page(&self, path: &str) -> Uri {
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = match path.parse::<PathAndQuery>() {
            Ok(there) if path.starts_with('/') => Some(there),
            _ => panic!("no path of the site: {path:?}; it begins with a slash"),
        };
        Uri::from_parts(parts).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    }

    fn scheme(&self) -> Scheme {
        self.base.scheme().and_then(Scheme::from_uri).unwrap_or(Scheme::Https)
    }

    fn jar(&self) -> MutexGuard<'_, CookieJar> {
        // What is done under this lock does not stop half way.
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the values of its cookies.
impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient")
            .field("base", &self.base)
            .field("jar", &*self.jar())
            .finish_non_exhaustive()
    }
}

fn host_of(page: &Uri) -> HeaderValue {
    let host = page.authority().map_or("localhost", http::uri::Authority::as_str);
    HeaderValue::from_str(host).unwrap_or_else(|_| HeaderValue::from_static("localhost"))
}

/// An error with what is behind it.
fn told(error: &session_core::Error) -> String {
    let mut text = error.to_string();
    let mut behind = std::error::Error::source(error);
    while let Some(source) = behind {
        text.push_str(&format!(": {source}"));
        behind = source.source();
    }
    text
}
