//! The answers that the library itself gives.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::Method;
use http::header::CONTENT_TYPE;
use salvo_core::http::{ResBody, StatusError};
use salvo_core::{Depot, Request, Response, Scribe};
use session_core::{
    Asked, BackendError, Error, ErrorKind, InvalidId, InvalidUserId, Pages, RequestHead, answer,
};

use crate::not_loaded::NotLoaded;
use crate::response::Before;

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
///
/// A handler that returns another error keeps the status too, and its answer is shaped like ours:
/// [`SessionHandler`](crate::SessionHandler) finds ours in a [`StatusError`], in a
/// [`salvo_core::Error`], and, with the feature `anyhow`, in an `anyhow::Error`. The last takes every
/// error by itself; the first two take a `SessionError`, so that an [`Error`] becomes one before:
///
/// ```
/// use salvo_core::prelude::*;
/// use session_salvo::{SessionDepotExt, SessionError};
///
/// #[handler]
/// async fn rename(depot: &mut Depot) -> Result<&'static str, StatusError> {
///     let session = depot.session().await?;
///     session.set("name", "Alice").map_err(SessionError::from)?;
///     Ok("renamed")
/// }
/// ```
#[derive(Debug, Clone)]
pub struct SessionError(Error);

impl SessionError {
    /// The error itself.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.0
    }

    /// The first error of the session's in this one and what caused it; `None` if there is none. For
    /// an error type of the application's own, which then writes ours if it is ours.
    ///
    /// It looks into [`salvo_core::Error`] and [`StatusError`] as well, which do not tell all of their
    /// causes.
    #[must_use]
    pub fn find(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        for error in answer::causes(error) {
            if let Some(ours) = error.downcast_ref::<Self>() {
                return Some(ours.clone());
            }
            if let Some(not_loaded) = error.downcast_ref::<NotLoaded>() {
                return Some((*not_loaded).into());
            }
            if let Some(ours) = Error::recognise(error) {
                return Some(Self(ours));
            }
            if let Some(status) = error.downcast_ref::<StatusError>() {
                return Self::find_in_status(status);
            }
            if let Some(salvos) = error.downcast_ref::<salvo_core::Error>() {
                return Self::find_in_salvos(salvos);
            }
        }
        None
    }

    fn find_in_status(error: &StatusError) -> Option<Self> {
        let cause = error.cause.as_deref().and_then(|cause| Self::find(cause));
        cause.or_else(|| {
            if let Some(ours) = error.downcast_origin::<Self>() {
                return Some(ours.clone());
            }
            // Here salvo puts an error that a handler returned.
            #[cfg(feature = "anyhow")]
            if let Some(origin) = error.downcast_origin::<anyhow::Error>() {
                return Self::find(origin.as_ref());
            }
            error.downcast_origin::<Error>().cloned().map(Self)
        })
    }

    fn find_in_salvos(error: &salvo_core::Error) -> Option<Self> {
        match error {
            salvo_core::Error::HttpStatus(status) => Self::find_in_status(status),
            #[cfg(feature = "anyhow")]
            salvo_core::Error::Anyhow(error) => Self::find(error.as_ref()),
            salvo_core::Error::Other(error) => Self::find(error.as_ref()),
            _ => None,
        }
    }
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<SessionError> for Error {
    fn from(error: SessionError) -> Self {
        error.0
    }
}

impl From<ErrorKind> for SessionError {
    fn from(kind: ErrorKind) -> Self {
        Self(Error::from_kind(kind))
    }
}

impl From<InvalidUserId> for SessionError {
    fn from(error: InvalidUserId) -> Self {
        Self(error.into())
    }
}

impl From<InvalidId> for SessionError {
    fn from(error: InvalidId) -> Self {
        Self(error.into())
    }
}

impl From<BackendError> for SessionError {
    fn from(error: BackendError) -> Self {
        Self(error.into())
    }
}

impl From<NotLoaded> for SessionError {
    /// A mistake in how the handlers are mounted: 500.
    fn from(error: NotLoaded) -> Self {
        Self(Error::from_kind(ErrorKind::Misconfigured).with_context(error.to_string()))
    }
}

impl From<SessionError> for StatusError {
    /// With the status and the words of the plain answer, and the error as its cause.
    fn from(error: SessionError) -> Self {
        let plain = error.0.to_response();
        Self::from_code(plain.status())
            .unwrap_or_else(Self::internal_server_error)
            .brief(plain.body().trim_end())
            .cause(error)
    }
}

impl From<SessionError> for salvo_core::Error {
    fn from(error: SessionError) -> Self {
        Self::HttpStatus(error.into())
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
        answer::log(&self.0);
        answer::take_off_description(&mut response.headers);
        let (plain, text) = self.0.to_response().into_parts();
        response.status_code(plain.status).body(text);
        answer::put_on(&mut response.headers, plain.headers);
        // The session handler finds it here on the way out, and shapes it.
        response.extensions.insert(Unshaped(self.0));
    }
}

/// An answer of ours that `on_error` has not seen yet.
#[derive(Clone)]
struct Unshaped(Error);

pub(crate) type Written<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// How the application wants answers of ours to look.
pub(crate) type OnError = Arc<
    dyn for<'a> Fn(&Error, &'a mut Request, &'a mut Depot, &'a mut Response) -> Written<'a>
        + Send
        + Sync,
>;

/// What the application says of answers of ours.
#[derive(Clone, Default)]
pub(crate) struct Looks {
    pub(crate) pages: Option<Arc<Pages>>,
    pub(crate) on_error: Option<OnError>,
}

impl Looks {
    /// Whether it says anything.
    pub(crate) const fn say_something(&self) -> bool {
        self.pages.is_some() || self.on_error.is_some()
    }
}

/// Makes an answer of ours of an error of salvo's that holds one of ours: a handler returned it. Whoever
/// gave it a status or words of their own meant that.
pub(crate) fn recognise(response: &mut Response) {
    let ResBody::Error(error) = &response.body else { return };
    if let Some(ours) = SessionError::find_in_status(error)
        && response.status_code == Some(error.code)
        && (says_nothing_of_its_own(error, &ours) || says_the_same(error, &ours))
    {
        ours.render(response);
    }
}

/// The 500 that salvo makes of any error, or the error's own status, in salvo's general words.
fn says_nothing_of_its_own(error: &StatusError, ours: &SessionError) -> bool {
    let general = StatusError::from_code(error.code);
    let is_general = general.is_some_and(|general| general.brief == error.brief);
    let is_500 = error.code == http::StatusCode::INTERNAL_SERVER_ERROR;
    is_general && error.detail.is_none() && (is_500 || error.code == ours.0.status())
}

/// What became of a [`SessionError`] by `?`.
fn says_the_same(error: &StatusError, ours: &SessionError) -> bool {
    let made = StatusError::from(ours.clone());
    error.code == made.code && error.brief == made.brief && error.detail.is_none()
}

/// The error of an answer of ours that a handler gave, unless somebody made something else of it
/// meanwhile.
pub(crate) fn unshaped(request: &Request, response: &mut Response) -> Option<Error> {
    let Unshaped(error) = response.extensions.remove()?;
    let size = response.body.size().filter(|_| request.method() != Method::HEAD);
    let same_words = match &response.body {
        ResBody::Once(body) => *body == error.to_response().into_body(),
        _ => true,
    };
    let status = response.status_code.unwrap_or_default();
    let ours = answer::is_still_plain(&error, status, &response.headers, size) && same_words;
    ours.then_some(error)
}

/// The answer to an error that the session handler itself met.
pub(crate) async fn answered(
    error: &Error,
    looks: &Looks,
    before: Before,
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
) {
    answer::log(error);
    before.restore(response);
    written(error, looks, request, depot, response).await;
}

/// An answer of ours that a handler gave takes the application's shape.
pub(crate) async fn reshaped(
    error: &Error,
    looks: &Looks,
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
) {
    answer::take_off_plain(error, &mut response.headers);
    response.status_code = None;
    response.body = ResBody::None;
    written(error, looks, request, depot, response).await;
}

/// Writes an answer onto a response that has none.
async fn written(
    error: &Error,
    looks: &Looks,
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
) {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let redirect = looks
        .pages
        .as_ref()
        .and_then(|pages| pages.redirect(error, &Asked::of(RequestHead { method, uri, headers })));
    if let Some(redirect) = redirect {
        let (redirect, text) = redirect.into_parts();
        answer::put_on(&mut response.headers, redirect.headers);
        response.status_code(redirect.status).body(text);
    } else if let Some(shape) = &looks.on_error {
        shape(error, request, depot, response).await;
    }
    let status = *response.status_code.get_or_insert(error.status());
    let failed = status.is_client_error() || status.is_server_error();
    if failed && response.body.is_none() {
        let (mut plain, text) = error.to_response().into_parts();
        response.body(text);
        if let Some(content_type) = plain.headers.remove(CONTENT_TYPE) {
            response.headers.insert(CONTENT_TYPE, content_type);
        }
    }
    answer::complete(status, &mut response.headers);
}
