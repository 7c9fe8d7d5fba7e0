//! [`Next`]: where a sign-in page leads on to, as an extractor.

use std::convert::Infallible;
use std::ops::Deref;

use axum_core::extract::FromRequestParts;
use http::request::Parts;

/// Where a sign-in page leads on to: what `next` says in the request's query, if that stays on this site.
/// Always extracts; everything else reads as nothing.
///
/// What it can do is in [`session_core::Next`], to which it dereferences, and which is also what the field
/// of a form is read as.
///
/// ```
/// use axum::response::Redirect;
/// use session_axum::Next;
///
/// async fn signed_in(next: Next) -> Redirect {
///     Redirect::to(next.path_or("/account"))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next(pub session_core::Next);

impl Deref for Next {
    type Target = session_core::Next;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Next {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(session_core::Next::of(&parts.uri)))
    }
}
