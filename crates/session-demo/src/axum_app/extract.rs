//! What the handlers read of a request, as it was sent: axum's own extractors decode paths, ask for
//! content types and have limits of their own.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use session_core::SessionStore;

use crate::pages;
use crate::problem::{Code, Problem};
use crate::request::{FORM_LIMIT, json_limit, last_segment};

/// The last segment of the path, not decoded yet.
pub(super) struct Segment(pub(super) String);

impl<S: Sync> FromRequestParts<S> for Segment {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(last_segment(parts.uri.path()).to_owned()))
    }
}

/// The query, empty where there is none.
pub(super) struct Query(pub(super) String);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.uri.query().unwrap_or_default().to_owned()))
    }
}

/// A body to be read as JSON, whatever its Content-Type.
pub(super) struct JsonBody(pub(super) Bytes);

impl FromRequest<SessionStore> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, store: &SessionStore) -> Result<Self, Problem> {
        Ok(Self(read(request, json_limit(store.config()), Code::InvalidJson).await?))
    }
}

/// A form's body.
pub(super) struct FormBody(pub(super) Bytes);

impl<S: Sync> FromRequest<S> for FormBody {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let body = read(request, FORM_LIMIT, Code::InvalidForm).await;
        body.map(Self).map_err(|problem| pages::problem(&problem).into_response())
    }
}

/// How much of a body that is too large is read and thrown away. Most clients send all before they
/// read, and would never see the answer if the connection were closed on them.
const PATIENCE: usize = 16 * 1024 * 1024;

async fn read(request: Request, limit: usize, broken: Code) -> Result<Bytes, Problem> {
    let most = limit.saturating_add(PATIENCE);
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > most) {
        return Err(Code::DataTooLarge.into());
    }
    let mut body: Body = request.into_body();
    let (mut bytes, mut seen) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| broken)?.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen <= limit {
            bytes.extend_from_slice(&data);
        } else {
            bytes = Vec::new();
        }
        if seen > most {
            break;
        }
    }
    if seen > limit { Err(Code::DataTooLarge.into()) } else { Ok(bytes.into()) }
}
