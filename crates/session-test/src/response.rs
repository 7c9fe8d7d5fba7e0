//! [`TestResponse`]: a response, read to its end.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use serde::de::DeserializeOwned;

/// A response, read to its end.
#[derive(Clone)]
pub struct TestResponse {
    path: String,
    response: Response<Bytes>,
}

impl TestResponse {
    pub(crate) fn new(path: String, response: Response<Bytes>) -> Self {
        Self { path, response }
    }

    /// Its status. It compares with a number: `response.status() == 200`.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The first header of this name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// Where it sends the browser. It is not followed by itself.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.header(header::LOCATION.as_str())
    }

    /// Every `Set-Cookie` line, in order. What the browser made of them is in its
    /// [cookies](crate::TestClient::cookie).
    #[must_use]
    pub fn set_cookies(&self) -> Vec<&str> {
        let lines = self.headers().get_all(header::SET_COOKIE).iter();
        lines.filter_map(|line| line.to_str().ok()).collect()
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.response.body()
    }

    /// The body as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        match std::str::from_utf8(self.bytes()) {
            Ok(text) => text,
            Err(error) => panic!("{}: the body is no text: {error}", self.path),
        }
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not the JSON of a `T`; the message has the body.
    #[must_use]
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(self.bytes()) {
            Ok(value) => value,
            Err(error) => {
                let body = String::from_utf8_lossy(self.bytes());
                panic!("{}: {}, and {error}: {body}", self.path, self.status())
            }
        }
    }

    /// The status has to be this one; the response goes on, so that this stands in a chain:
    /// `client.get("/").await.expect_status(200).text()`.
    ///
    /// # Panics
    /// If it is another one; the message has the body.
    #[allow(clippy::must_use_candidate, reason = "to expect a status is all that some tests want")]
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(self.bytes());
        assert_eq!(self.status().as_u16(), status, "{}: the status; the body: {body}", self.path);
        self
    }
}

/// Without the headers, in which a token may be, and without the body.
impl fmt::Debug for TestResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestResponse")
            .field("path", &self.path)
            .field("status", &self.status())
            .field("bytes", &self.bytes().len())
            .finish_non_exhaustive()
    }
}
