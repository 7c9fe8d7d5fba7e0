//! The answers that the library itself gives.

use std::fmt;
use std::sync::Arc;

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Method, Request, Uri};
use session_core::{
    Asked, BackendError, Error, ErrorKind, InvalidId, InvalidUserId, Pages, RequestHead, answer,
};

use crate::not_loaded::NotLoaded;

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
///
/// An application that has an error type of its own finds ours in it with [`find`](Self::find).
#[derive(Debug, Clone)]
pub struct SessionError(Error);

impl SessionError {
    /// The error itself.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.0
    }

    /// The first error of the session's in this one and what caused it; `None` if there is none. For
    /// an error type of the application's own, which then answers with ours what is ours:
    ///
    /// ```
    /// use axum::http::StatusCode;
    /// use axum::response::{IntoResponse, Response};
    /// use session_axum::{RequireUser, SessionError};
    ///
    /// struct AppError(anyhow::Error);
    ///
    /// impl<E: Into<anyhow::Error>> From<E> for AppError {
    ///     fn from(error: E) -> Self {
    ///         Self(error.into())
    ///     }
    /// }
    ///
    /// impl IntoResponse for AppError {
    ///     fn into_response(self) -> Response {
    ///         match SessionError::find(self.0.as_ref()) {
    ///             Some(ours) => ours.into_response(),
    ///             None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    ///         }
    ///     }
    /// }
    ///
    /// async fn order(RequireUser { session, .. }: RequireUser) -> Result<(), AppError> {
    ///     session.set("note", std::fs::read_to_string("note.txt")?)?;
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn find(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        answer::causes(error).find_map(Self::recognise)
    }

    fn recognise(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(ours) = error.downcast_ref::<Self>() {
            return Some(ours.clone());
        }
        if let Some(not_loaded) = error.downcast_ref::<NotLoaded>() {
            return Some((*not_loaded).into());
        }
        Error::recognise(error).map(Self)
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
    /// A mistake in how the layers are mounted: 500.
    fn from(error: NotLoaded) -> Self {
        Self(Error::from_kind(ErrorKind::Misconfigured).with_context(error.to_string()))
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
        answer::log(&self.0);
        let mut response = self.0.to_response().map(Body::from);
        // The layer finds it here on the way out, and shapes it.
        response.extensions_mut().insert(Unshaped(self.0));
        response
    }
}

/// An answer of ours that `on_error` has not seen yet.
#[derive(Clone)]
struct Unshaped(Error);

/// How the application wants answers of ours to look.
pub(crate) type OnError = Arc<dyn Fn(&Error, RequestHead<'_>) -> Response + Send + Sync>;

/// The application's shape, with the request that it is for. The request itself is gone when its
/// answer is known.
pub(crate) struct Shape(Box<Shaping>);

struct Shaping {
    looks: Looks,
    asked: Asked,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

/// What the application says of answers of ours.
#[derive(Clone, Default)]
pub(crate) struct Looks {
    pub(crate) pages: Option<Arc<Pages>>,
    pub(crate) on_error: Option<OnError>,
}

impl Shape {
    /// Keeps what the application's answers ask of the request: its headers only for who wants to see
    /// them, and nothing if it says nothing of them.
    pub(crate) fn of<B>(looks: &Looks, request: &Request<B>) -> Option<Self> {
        if looks.pages.is_none() && looks.on_error.is_none() {
            return None;
        }
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let asked = Asked::of(RequestHead { method, uri, headers });
        let headers = if looks.on_error.is_some() { headers.clone() } else { HeaderMap::new() };
        let (method, uri) = (method.clone(), uri.clone());
        Some(Self(Box::new(Shaping { looks: looks.clone(), asked, method, uri, headers })))
    }

    /// A redirect to one of the application's pages, or what it makes of the error; `None` for the plain
    /// answer.
    fn shape(&self, error: &Error) -> Option<Response> {
        let Shaping { looks: Looks { pages, on_error }, asked, method, uri, headers } = &*self.0;
        if let Some(redirect) = pages.as_ref().and_then(|pages| pages.redirect(error, asked)) {
            return Some(redirect.map(Body::from));
        }
        let on_error = on_error.as_ref()?;
        Some(on_error(error, RequestHead { method, uri, headers }))
    }
}

/// The answer to an error that the layer itself met, if there is no other.
pub(crate) fn answered(error: &Error, shape: Option<&Shape>) -> Response {
    answer::log(error);
    match shape.and_then(|shape| shape.shape(error)) {
        None => error.to_response().map(Body::from),
        Some(mut response) => {
            answer::complete(response.status(), response.headers_mut());
            response
        }
    }
}

/// The same in the place of a response that promises what could not be saved.
pub(crate) fn in_place_of<R>(
    response: http::Response<R>,
    error: &Error,
    shape: Option<&Shape>,
) -> Response {
    let mut headers = response.into_parts().0.headers;
    answer::retain_beside_error(&mut headers);
    over(headers, answered(error, shape))
}

/// An answer of ours that an extractor or a handler gave takes the application's shape, unless
/// somebody inside has made something else of it.
#[inline]
pub(crate) fn shaped<R>(mut response: http::Response<R>, shape: Option<&Shape>) -> Response
where
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    if let Some(shape) = shape
        && let Some(Unshaped(error)) = response.extensions_mut().remove()
    {
        let size = response.body().size_hint().exact();
        let is_head = shape.0.method == Method::HEAD;
        // Ours has a length, unless it was compressed; what has none is somebody else's by now.
        let is_compressed = response.headers().contains_key(CONTENT_ENCODING);
        let is_known = is_head || size.is_some() || is_compressed;
        let size = size.filter(|_| !is_head);
        if is_known
            && answer::is_still_plain(&error, response.status(), response.headers(), size)
            && let Some(mut ours) = shape.shape(&error)
        {
            let (mut parts, _) = response.into_parts();
            answer::take_off_plain(&error, &mut parts.headers);
            parts.extensions.extend(std::mem::take(ours.extensions_mut()));
            *ours.extensions_mut() = parts.extensions;
            let mut ours = over(parts.headers, ours);
            answer::complete(ours.status(), ours.headers_mut());
            return ours;
        }
    }
    response.map(Body::new)
}

/// Puts these headers below those of an answer.
fn over(mut below: HeaderMap, mut answer: Response) -> Response {
    answer::put_on(&mut below, std::mem::take(answer.headers_mut()));
    *answer.headers_mut() = below;
    answer
}
