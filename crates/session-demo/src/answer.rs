//! [`Answer`]: what goes out, before a web framework makes a response of it.

use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use session_core::Next;

use crate::problem::{Code, Problem};

/// A status, headers and a body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What a handler ends with.
pub(crate) type Outcome = Result<Answer, Problem>;

impl Answer {
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, headers: HeaderMap::new(), body }
            .with(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// `{"ok":true}`
    pub(crate) fn ok() -> Self {
        Self::json(&serde_json::json!({ "ok": true }))
    }

    /// 200 with a value as JSON.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        Self::json_with(StatusCode::OK, value)
    }

    /// An error as JSON.
    pub(crate) fn problem(problem: &Problem) -> Self {
        #[derive(Serialize)]
        struct Shape<'a> {
            error: &'a str,
            message: &'a str,
        }
        let shape = Shape { error: problem.code().as_str(), message: problem.message() };
        Self::json_with(problem.status(), &shape).about(problem)
    }

    /// 303: the form is done, look there. Only to addresses of our own.
    pub(crate) fn see_other(path: &'static str) -> Self {
        Self::leads_to(HeaderValue::from_static(path))
    }

    /// 303 to where they were going, or else to the first page.
    pub(crate) fn on_to(next: &Next) -> Self {
        let first_page = HeaderValue::from_static("/");
        Self::leads_to(HeaderValue::from_str(next.path_or("/")).unwrap_or(first_page))
    }

    fn leads_to(location: HeaderValue) -> Self {
        Self { status: StatusCode::SEE_OTHER, headers: HeaderMap::new(), body: Vec::new() }
            .with(LOCATION, location)
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// What a problem's answer says besides its body.
    pub(crate) fn about(self, problem: &Problem) -> Self {
        match problem.code() {
            Code::Unavailable => self.with(RETRY_AFTER, HeaderValue::from_static("5")),
            _ => self,
        }
    }

    fn json_with(status: StatusCode, value: &impl Serialize) -> Self {
        // Maps have strings as keys, and nothing here has a `Serialize` that fails.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self::new(status, "application/json", body)
    }
}

impl From<session_devices::Answer> for Answer {
    fn from(answer: session_devices::Answer) -> Self {
        let (parts, body) = answer.into_parts();
        Self { status: parts.status, headers: parts.headers, body }
    }
}
