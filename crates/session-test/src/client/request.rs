//! [`TestRequest`]: a request that is being written, and is sent when it is awaited.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use serde::Serialize;

use super::TestClient;
use crate::response::TestResponse;

/// A request that is being written. Awaiting it sends it.
///
/// ```
/// # use session_test::TestClient;
/// # async fn run(client: TestClient) {
/// let response = client.post("/cart").form(&[("item", "tea")]).header("accept", "text/html").await;
/// # }
/// ```
#[must_use = "awaiting it sends it"]
pub struct TestRequest<'a> {
    client: &'a TestClient,
    pub(super) method: Method,
    pub(super) path: String,
    /// Beside the client's own; one of the same name takes the place of the client's.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) with_cookies: bool,
}

impl<'a> TestRequest<'a> {
    pub(super) fn new(client: &'a TestClient, method: Method, path: &str) -> Self {
        let (path, headers, body) = (path.to_owned(), HeaderMap::new(), Bytes::new());
        Self { client, method, path, headers, body, with_cookies: true }
    }

    /// Adds a header to this request. It takes the place of one that the client
    /// [always sends](TestClient::with_header). A Cookie header is sent beside the browser's own cookies.
    ///
    /// # Panics
    /// If it is no header.
    #[track_caller]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let (name, value) = header_of(name, value);
        self.headers.append(name, value);
        self
    }

    /// A body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// A body in JSON, with its content type.
    ///
    /// # Panics
    /// If the value cannot be written as JSON.
    #[track_caller]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.typed("application/json").body(body),
            Err(error) => panic!("the value cannot be written as JSON: {error}"),
        }
    }

    /// A body as a form sends it, with its content type: pairs, a map, or a struct.
    ///
    /// # Panics
    /// If the value is no form.
    #[track_caller]
    pub fn form<T: Serialize + ?Sized>(self, value: &T) -> Self {
        match serde_urlencoded::to_string(value) {
            Ok(body) => self.typed("application/x-www-form-urlencoded").body(body),
            Err(error) => panic!("the value is no form: {error}"),
        }
    }

    /// Sends no cookie of the browser's, and keeps none of the response's.
    pub fn without_cookies(mut self) -> Self {
        self.with_cookies = false;
        self
    }

    fn typed(mut self, content_type: &'static str) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self
    }
}

impl<'a> IntoFuture for TestRequest<'a> {
    type Output = TestResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = TestResponse> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.client.send(self))
    }
}

impl fmt::Debug for TestRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[track_caller]
pub(super) fn header_of(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    match (name.parse(), value.parse()) {
        (Ok(name), Ok(value)) => (name, value),
        // Not the value: it may be a token.
        _ => panic!("no header: {name:?}"),
    }
}
