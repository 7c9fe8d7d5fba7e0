//! Answers, before a web framework makes responses of them.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use session_core::answer;

use crate::problem::Problem;

/// An answer: a status, headers, and a body that is all there.
pub type Answer = Response<Vec<u8>>;

/// A page, with what keeps other sites from framing it and asking its links where one came from.
pub(crate) fn page(status: StatusCode, html: String, policy: &HeaderValue) -> Answer {
    let mut answer = with_body(status, "text/html; charset=utf-8", html.into_bytes());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
    // For browsers that do not know `frame-ancestors`.
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // Not `no-referrer`: with that, browsers send `Origin: null` with our own forms (Fetch, section
    // 3.2, "append a request `Origin` header").
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

/// 303: it is done, look there. Whether it may be kept, the sessions' layer says. `None` if `path` is nothing that a header can say.
pub(crate) fn see_other(path: &str) -> Option<Answer> {
    let mut answer = empty(StatusCode::SEE_OTHER);
    answer.headers_mut().insert(LOCATION, HeaderValue::from_str(path).ok()?);
    Some(answer)
}

/// A stylesheet, which is the same for everybody.
pub(crate) fn stylesheet(text: &'static str) -> Answer {
    let mut answer = with_body(StatusCode::OK, "text/css; charset=utf-8", text.into());
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    answer
}

/// A value as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    // Maps have strings as keys, and nothing here has a `Serialize` that fails.
    with_body(status, "application/json", serde_json::to_vec(value).unwrap_or_default())
}

/// What every answer about a problem has.
pub(crate) fn about(mut answer: Answer, problem: Problem) -> Answer {
    answer::complete(problem.status(), answer.headers_mut());
    answer
}

fn with_body(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = empty(status);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    *answer.body_mut() = body;
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Vec::new());
    *answer.status_mut() = status;
    answer
}
