//! What lies around the routes.

use std::any::Any;
use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use session_axum::{Session, user_id_from_extensions};
use session_core::UserId;

use crate::answer::Answer;
use crate::pages::{self, live::ENDED};
use crate::problem::{Code, Problem};
use crate::security;
use crate::stop::Stop;

/// Puts the headers that every answer has onto this one.
pub(super) async fn protected(mut response: Response) -> Response {
    security::protect(response.headers_mut());
    response
}

/// The answer in the place of the one that a panic took away. The panic itself is on standard error.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::from(Code::Internal).into_response()
}

/// Tells an open page that its session has ended.
pub(super) fn live(session: &Session, stop: Stop) -> impl IntoResponse + use<> {
    let told = pages::live::until_ended(session, stop)
        .map(|()| Ok::<_, Infallible>(Event::default().event(ENDED).data(ENDED)));
    Sse::new(told).keep_alive(KeepAlive::default())
}

/// Finds out who is signed in, without a database: the eager session layer around this one has
/// loaded the session already.
pub(super) async fn find_user(mut request: Request, next: Next) -> Response {
    match user_id_from_extensions(request.extensions()) {
        Ok(user) => {
            request.extensions_mut().insert(FoundUser(user));
            next.run(request).await
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the layers are misplaced");
            Answer::problem(&Code::Internal.into()).into_response()
        }
    }
}

/// Whom [`find_user`] found.
#[derive(Clone)]
pub(super) struct FoundUser(pub(super) Option<UserId>);

impl<S: Sync> FromRequestParts<S> for FoundUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or(Code::Internal.into())
    }
}
