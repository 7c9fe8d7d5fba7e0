//! The loop whose instructions are counted: the same requests to each application.

use http::header::{ACCEPT, COOKIE, HOST, HeaderMap, HeaderValue, InvalidHeaderValue, USER_AGENT};

use crate::{AGENT, Failure, Route};

/// What the loop needs to know of a response.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Every Set-Cookie header.
    pub cookies: Vec<String>,
}

/// An application that can be called with no socket between.
#[allow(async_fn_in_trait, reason = "called in one place, on one thread")]
pub trait Call {
    /// Handles one request; the body of the answer is read to its end, as a server would.
    async fn call(&mut self, request: http::Request<()>) -> Result<Answer, Failure>;
}

/// Signs in, then sends `requests` requests to the route, keeping cookies as a browser does.
///
/// The instructions of one request are the difference of two runs' totals, divided by the
/// difference of their `requests`: starting and signing in fall out.
///
/// # Errors
///
/// An answer that is no success, and whatever the application returns.
pub async fn count(app: &mut impl Call, route: Route, requests: u32) -> Result<(), Failure> {
    // As long as a session's cookie: an application that sets none pays for the header as well.
    let mut headers = headers(&format!("_another={}", "b".repeat(64)))?;
    let signed_in = app.call(request(Route::SignIn, 0, &headers)?).await?;
    keep(&mut headers, &signed_in)?;
    for nth in 0..requests {
        let answer = app.call(request(route, nth, &headers)?).await?;
        if !(200..300).contains(&answer.status) {
            return Err(format!("{route:?} was answered with {}", answer.status).into());
        }
        keep(&mut headers, &answer)?;
    }
    Ok(())
}

fn headers(cookie: &str) -> Result<HeaderMap, InvalidHeaderValue> {
    let headers = [
        (HOST, HeaderValue::from_static("localhost")),
        (USER_AGENT, HeaderValue::from_str(AGENT)?),
        (ACCEPT, HeaderValue::from_static("*/*")),
        (COOKIE, HeaderValue::from_str(cookie)?),
    ];
    Ok(headers.into_iter().collect())
}

/// The headers are a clone, whose values share their bytes: as those of a request that a server has
/// read share the buffer that it was read into.
fn request(route: Route, nth: u32, headers: &HeaderMap) -> Result<http::Request<()>, http::Error> {
    let request = http::Request::builder().method(route.method()).uri(route.path(nth));
    let mut request = request.body(())?;
    *request.headers_mut() = headers.clone();
    Ok(request)
}

fn keep(headers: &mut HeaderMap, answer: &Answer) -> Result<(), InvalidHeaderValue> {
    let cookies = answer.cookies.iter().map(|set| set.split(';').next().unwrap_or_default());
    // A cookie without a value is being removed.
    if let Some(cookie) = cookies.into_iter().find(|cookie| !cookie.ends_with('=')) {
        headers.insert(COOKIE, HeaderValue::from_str(cookie)?);
    }
    Ok(())
}
