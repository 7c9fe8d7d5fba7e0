//! The answers that the library itself gives.

use std::fmt;
use std::sync::Arc;

use axum_core::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use session_core::{Error, ErrorKind};

use crate::layer::OnError;

/// Seconds after which a client may try again what the backend could not do.
const RETRY_AFTER_SECS: u16 = 5;

/// An error of a session as an answer: what the extractors reject with, and what handlers return
/// with `?`.
///
/// The answer has the status that [`Error::status`] says; the layer's
/// [`on_error`](crate::SessionLayer::on_error) shapes the rest.
///
/// ```
/// use session_axum::{Session, SessionError};
///
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

impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        log(&self.0);
        let mut response = plain(&self.0);
        // The layer finds it here on the way out, and shapes it.
        response.extensions_mut().insert(Unshaped(self.0));
        response
    }
}

/// An answer of ours that `on_error` has not seen yet.
#[derive(Clone)]
struct Unshaped(Arc<Error>);

/// Shapes an answer of ours that an extractor or a handler gave.
pub(crate) fn reshape<B>(response: &mut http::Response<B>, shape: &OnError) -> Option<Response> {
    let Unshaped(error) = response.extensions_mut().remove::<Unshaped>()?;
    Some(finished(shape(&error)))
}

/// The answer to an error that the layer itself met.
pub(crate) fn answer(error: &Error, shape: Option<&OnError>) -> Response {
    log(error);
    shape.map_or_else(|| plain(error), |shape| finished(shape(error)))
}

fn plain(error: &Error) -> Response {
    let status = error.status();
    // What a 500 is about concerns the developer, who finds it in the log.
    let text = match status {
        StatusCode::INTERNAL_SERVER_ERROR => "internal error\n".to_owned(),
        _ => format!("{error}\n"),
    };
    finished((status, text).into_response())
}

fn finished(mut response: Response) -> Response {
    let unavailable = response.status() == StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    if unavailable {
        headers.entry(RETRY_AFTER).or_insert_with(|| HeaderValue::from(RETRY_AFTER_SECS));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
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
