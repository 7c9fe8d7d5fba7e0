//! The answer to an [`Error`], alike in every adapter: [`Error::to_response`], and what of a response
//! stays when such an answer is shaped, or takes the place of a success. For adapters.
//!
//! 1. Whoever fails answers with [`Error::to_response`], and [`log`] tells the operator.
//! 2. On its way out others may have made something else of that answer: it is shaped if it
//!    [`is_still_plain`].
//! 3. What it had said of itself is taken off ([`take_off_plain`]). The rest, such as CORS headers,
//!    cookies and a request's id, stays below what the application's shape says ([`put_on`]).
//! 4. An answer that takes the place of a success that could not be saved keeps less of that success:
//!    [`retain_beside_error`].
//! 5. [`complete`] adds what every such answer has.

use std::error::Error as StdError;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::error::Error;

/// Seconds after which a client may try again what the backend could not do.
const RETRY_AFTER_SECS: u16 = 5;

/// How many causes of an error are looked at: a chain that is longer goes round.
const MAX_CAUSES: usize = 64;

impl Error {
    /// What anybody may be told: the message, but of a 500 only "internal error", because what it is
    /// about concerns the developer, who finds it in the log. For a page of the application's own.
    #[must_use]
    pub fn public_message(&self) -> String {
        match self.status() {
            StatusCode::INTERNAL_SERVER_ERROR => "internal error".to_owned(),
            _ => self.to_string(),
        }
    }

    /// The plain answer: the [status](Error::status), the [public message](Error::public_message) as a
    /// line of text, `Cache-Control: no-store`, and Retry-After with a 503.
    ///
    /// ```
    /// use session_core::{Error, ErrorKind};
    ///
    /// let answer = Error::from_kind(ErrorKind::Unauthenticated).to_response();
    /// assert_eq!((answer.status().as_u16(), answer.body().as_str()), (401, "nobody is signed in\n"));
    /// ```
    #[must_use]
    pub fn to_response(&self) -> Response<String> {
        let mut response = Response::new(format!("{}\n", self.public_message()));
        *response.status_mut() = self.status();
        let text_plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text_plain);
        complete(self.status(), response.headers_mut());
        response
    }
}

/// Whether a response is still the plain answer to this error, as far as that can be seen: nobody has
/// given it another status, another type, or a body of another length. `size` is the length of its
/// body if that is known; for an answer to HEAD, which may have lost its body, it is not.
#[must_use]
pub fn is_still_plain(
    error: &Error,
    status: StatusCode,
    headers: &HeaderMap,
    size: Option<u64>,
) -> bool {
    let plain = error.to_response();
    status == plain.status()
        && headers.get(header::CONTENT_TYPE) == plain.headers().get(header::CONTENT_TYPE)
        && size.is_none_or(|size| usize::try_from(size) == Ok(plain.body().len()))
}

/// Takes off a plain answer's headers what the answer had said of itself, and what anybody has said of
/// its body since, such as a compressing layer. What somebody has changed meanwhile is theirs, and
/// stays.
pub fn take_off_plain(error: &Error, headers: &mut HeaderMap) {
    for (name, value) in error.to_response().headers() {
        if headers.get_all(name).iter().eq([value]) {
            headers.remove(name);
        }
    }
    take_off_description(headers);
}

/// Takes off what describes a body that another one replaces, and where a redirect would have led.
pub fn take_off_description(headers: &mut HeaderMap) {
    for name in &DESCRIBES {
        headers.remove(name);
    }
}

/// Puts an answer's headers over those that are there: what the answer says counts, but for cookies
/// and Vary, which add up.
pub fn put_on(headers: &mut HeaderMap, answer: HeaderMap) {
    let mut added: Option<HeaderName> = None;
    for (name, value) in answer {
        match name {
            // The first of its name.
            Some(name) if name == header::SET_COOKIE || name == header::VARY => {
                headers.append(name.clone(), value);
                added = Some(name);
            }
            Some(name) => {
                headers.insert(name.clone(), value);
                added = Some(name);
            }
            // Another one of the name before.
            None => {
                if let Some(name) = &added {
                    headers.append(name.clone(), value);
                }
            }
        }
    }
}

/// Takes off the headers of a success everything that may be a part of it: its answer is now an
/// error's. What stays is known to speak of the exchange or of a policy, and not of what was done:
/// CORS, Vary, security policies, ids of requests and traces, rate limits.
///
/// Everything else goes, what nobody here knows too: Location and `ETag`, but also a header that makes a
/// script go to the page of thanks, or a proxy send the file. So do cookies, which may say that
/// something was stored. What must arrive whatever becomes of the answer is put on outside.
pub fn retain_beside_error(headers: &mut HeaderMap) {
    let names: Vec<_> = headers.keys().filter(|name| !stays(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Adds what an error's answer has whoever shaped it: Retry-After to a 503, and `Cache-Control:
/// no-store`, unless it says something else itself.
pub fn complete(status: StatusCode, headers: &mut HeaderMap) {
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let retry_after = || HeaderValue::from(RETRY_AFTER_SECS);
        headers.entry(header::RETRY_AFTER).or_insert_with(retry_after);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// An error and what caused it, for an adapter that looks for one of ours in an application's error:
/// see [`Error::recognise`].
pub fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        // An I/O error does not say that it holds another one: its source is that one's.
        match error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref()) {
            Some(held) => Some(held),
            None => error.source(),
        }
    })
    .take(MAX_CAUSES)
}

/// Tells the operator of an error that is answered with a 5xx. If it is the backend's, the store has said
/// that an outage began, and counts the calls that fail: the line is `DEBUG` then, and else `ERROR`.
pub fn log(error: &Error) {
    let status = error.status();
    if !status.is_server_error() {
        return;
    }
    let cause = error as &dyn std::error::Error;
    if error.is_said() {
        tracing::debug!(target: "session", error = cause, "answering with {status}");
    } else {
        tracing::error!(target: "session", error = cause, "answering with {status}");
    }
}

/// What a body says of itself (RFC 9110, sections 8 and 14.4; RFC 9530), and where to look instead.
static DESCRIBES: [HeaderName; 18] = [
    header::ACCEPT_RANGES,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::REFRESH,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];

fn stays(name: &str) -> bool {
    const BEGINNINGS: [&str; 4] = ["access-control-", "cross-origin-", "ratelimit", "x-ratelimit-"];
    const NAMES: [&str; 21] = [
        "alt-svc",
        "content-security-policy",
        "content-security-policy-report-only",
        "date",
        "origin-agent-cluster",
        "permissions-policy",
        "referrer-policy",
        "request-id",
        "server",
        "server-timing",
        "strict-transport-security",
        "timing-allow-origin",
        "traceparent",
        "tracestate",
        "vary",
        "x-content-type-options",
        "x-correlation-id",
        "x-frame-options",
        "x-request-id",
        "x-robots-tag",
        "x-trace-id",
    ];
    NAMES.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn to_map(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn plain_answers() {
        const NO_STORE: (&str, &str) = ("cache-control", "no-store");
        const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");
        for (kind, status, text, headers) in [
            (ErrorKind::Unauthenticated, 401, "nobody is signed in\n", &[TEXT, NO_STORE][..]),
            (
                ErrorKind::Unavailable,
                503,
                "the session backend is unavailable\n",
                &[TEXT, NO_STORE, ("retry-after", "5")],
            ),
            (ErrorKind::Misconfigured, 500, "internal error\n", &[TEXT, NO_STORE]),
        ] {
            let answer = Error::from_kind(kind).to_response();
            assert_eq!((answer.status().as_u16(), answer.body().as_str()), (status, text));
            assert_eq!(*answer.headers(), to_map(headers), "{kind:?}");
        }
    }

    #[test]
    fn what_is_still_plain() {
        let error = Error::from_kind(ErrorKind::Unavailable);
        let plain = error.to_response();
        let len = plain.body().len() as u64;
        let html = to_map(&[("content-type", "text/html")]);
        for (name, status, headers, size, expected) in [
            ("untouched", 503, plain.headers(), Some(len), true),
            ("of unknown length", 503, plain.headers(), None, true),
            ("shorter", 503, plain.headers(), Some(len - 1), false),
            ("a page", 503, &html, Some(len), false),
            ("another status", 303, plain.headers(), Some(len), false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_still_plain(&error, status, headers, size), expected, "{name}");
        }
    }

    #[test]
    fn what_others_said_stays() {
        let error = Error::from_kind(ErrorKind::Unavailable);
        let mut headers = to_map(&[
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", "35"),
            ("content-encoding", "br"),
            ("cache-control", "no-store"),
            ("retry-after", "60"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("x-request-id", "7"),
        ]);
        take_off_plain(&error, &mut headers);
        let left = [("retry-after", "60"), ("set-cookie", "a=1"), ("set-cookie", "b=2")];
        assert_eq!(headers, to_map(&[&left[..], &[("x-request-id", "7")]].concat()));
    }

    #[test]
    fn an_answer_goes_over_what_is_there() {
        let mut headers = to_map(&[
            ("vary", "origin"),
            ("set-cookie", "a=1"),
            ("link", "</a>"),
            ("link", "</b>"),
            ("x-request-id", "7"),
        ]);
        put_on(
            &mut headers,
            to_map(&[
                ("vary", "accept"),
                ("set-cookie", "b=2"),
                ("set-cookie", "c=3"),
                ("link", "</c>"),
                ("link", "</d>"),
            ]),
        );
        let expected = to_map(&[
            ("vary", "origin"),
            ("vary", "accept"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("set-cookie", "c=3"),
            ("link", "</c>"),
            ("link", "</d>"),
            ("x-request-id", "7"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_success_leaves_little_to_an_error() {
        let mut headers = to_map(&[
            ("access-control-allow-origin", "*"),
            ("content-security-policy", "default-src 'self'"),
            ("vary", "origin"),
            ("vary", "accept"),
            ("x-request-id", "7"),
            ("content-type", "text/html"),
            ("etag", "1"),
            ("hx-redirect", "/thanks"),
            ("location", "/thanks"),
            ("set-cookie", "flash=stored"),
            ("x-accel-redirect", "/file"),
        ]);
        retain_beside_error(&mut headers);
        let kept = [
            ("access-control-allow-origin", "*"),
            ("content-security-policy", "default-src 'self'"),
            ("vary", "origin"),
            ("vary", "accept"),
            ("x-request-id", "7"),
        ];
        assert_eq!(headers, to_map(&kept));
    }
}
