//! What the handlers read of a request, as it was sent: axum's own extractors decode paths, ask for
//! content types and have limits of their own.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use session_core::SessionStore;

use crate::pages;
use crate::problem::Problem;
use crate::request::{body, last_segment};

/// The last segment of the path, not decoded yet.
pub(super) struct Segment(pub(super) String);

impl<S: Sync> FromRequestParts<S> for Segment {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(last_segment(parts.uri.path()).to_owned()))
    }
}

/// The query, empty if there is none.
pub(super) struct Query(pub(super) String);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.uri.query().unwrap_or_default().to_owned()))
    }
}

/// A body to be read as JSON, whatever its Content-Type.
pub(super) struct JsonBody(pub(super) Vec<u8>);

impl FromRequest<SessionStore> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, store: &SessionStore) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        Ok(Self(body::json(&parts.headers, body, store.config()).await?))
    }
}

/// A form's body.
pub(super) struct FormBody(pub(super) Vec<u8>);

impl<S: Sync> FromRequest<S> for FormBody {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let body = body::form(&parts.headers, body).await;
        body.map(Self).map_err(|problem| pages::problem(&problem).into_response())
    }
}
