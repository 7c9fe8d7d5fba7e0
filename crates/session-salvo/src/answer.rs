//! The answers that the library itself gives.

use std::fmt;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use salvo_core::http::{ResBody, StatusError};
use salvo_core::{Depot, Request, Response, Scribe};
use session_core::{Error, ErrorKind};

use crate::handler::OnError;
use crate::response::Before;

/// Seconds after which a client may try again what the backend could not do.
const RETRY_AFTER_SECS: u16 = 5;

/// An error of a session as an answer: what [`Session`](crate::Session) and
/// [`RequireUser`](crate::RequireUser) fail with as arguments, and what handlers return with `?`.
///
/// The answer has the status that [`Error::status`] says; the handler's
/// [`on_error`](crate::SessionHandler::on_error) shapes the rest. It takes the place of what was
/// written before, and always has a body: salvo would put an error page of its own into an empty one.
///
/// ```
/// use salvo_core::prelude::*;
/// use session_salvo::{Session, SessionError};
///
/// #[handler]
/// async fn sign_out(session: Session) -> Result<&'static str, SessionError> {
///     session.logout().await?;
///     Ok("signed out")
/// }
/// ```
#[derive(Debug, Clone)]
pub struct SessionError(Arc<Error>);

impl SessionError {
    /// The error itself.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.0
    }
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<ErrorKind> for SessionError {
    fn from(kind: ErrorKind) -> Self {
        Error::from_kind(kind).into()
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SessionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl Scribe for SessionError {
    fn render(self, response: &mut Response) {
        log(&self.0);
        // Takes away the headers that described the body before.
        StatusError::internal_server_error().render(response);
        plain(&self.0, response);
        finished(&self.0, response);
        // The session handler finds it here on the way out, and shapes it.
        response.extensions.insert(Unshaped(self.0));
    }
}

/// An answer of ours that `on_error` has not seen yet.
#[derive(Clone)]
struct Unshaped(Arc<Error>);

/// The error of an answer of ours that a handler gave, unless somebody wrote another one in its place
/// meanwhile.
pub(crate) fn unshaped(response: &mut Response) -> Option<Arc<Error>> {
    let Unshaped(error) = response.extensions.remove()?;
    let text = text(&error);
    let ours = response.status_code == Some(error.status())
        && matches!(&response.body, ResBody::Once(body) if *body == text);
    ours.then_some(error)
}

/// The answer to an error that the session handler itself met.
pub(crate) async fn answer(
    error: &Error,
    shape: Option<&OnError>,
    before: Before,
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
) {
    log(error);
    reshape(error, shape, before, request, depot, response).await;
}

/// The same where the error was logged already.
pub(crate) async fn reshape(
    error: &Error,
    shape: Option<&OnError>,
    before: Before,
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
) {
    before.restore(response);
    if let Some(shape) = shape {
        shape(error, request, depot, response).await;
    }
    finished(error, response);
}

fn plain(error: &Error, response: &mut Response) {
    response.status_code(error.status());
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.body(text(error));
}

fn text(error: &Error) -> String {
    // What a 500 is about concerns the developer, who finds it in the log.
    match error.status() {
        StatusCode::INTERNAL_SERVER_ERROR => "internal error\n".to_owned(),
        _ => format!("{error}\n"),
    }
}

fn finished(error: &Error, response: &mut Response) {
    let status = *response.status_code.get_or_insert(error.status());
    let failed = status.is_client_error() || status.is_server_error();
    if failed && response.body.is_none() {
        plain(error, response);
        response.status_code(status);
    }
    let headers = &mut response.headers;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.entry(RETRY_AFTER).or_insert_with(|| HeaderValue::from(RETRY_AFTER_SECS));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

fn log(error: &Error) {
    if error.status().is_server_error() {
        tracing::error!(
            target: "session",
            error = error as &dyn std::error::Error,
            "answering with {}",
            error.status()
        );
    }
}
