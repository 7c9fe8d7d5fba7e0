//! [`Next`]: where a sign-in page leads on to, as an argument.

use std::ops::Deref;
use std::sync::LazyLock;

use salvo_core::extract::{Extractible, Metadata};
use salvo_core::{Depot, Request};

use crate::answer::SessionError;

/// Where a sign-in page leads on to: what `next` says in the request's query, if that stays on this site.
/// There always is one; everything else reads as nothing.
///
/// What it can do is in [`session_core::Next`], to which it dereferences, and which is also what the field
/// of a form is read as.
///
/// ```
/// use salvo_core::prelude::*;
/// use session_salvo::Next;
///
/// #[handler]
/// async fn signed_in(next: Next) -> Redirect {
///     Redirect::other(next.path_or("/account"))
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

impl<'ex> Extractible<'ex> for Next {
    fn metadata() -> &'static Metadata {
        static METADATA: LazyLock<Metadata> = LazyLock::new(|| Metadata::new("Next"));
        &METADATA
    }

    #[expect(refining_impl_trait, reason = "whoever calls it may know the error")]
    async fn extract(request: &'ex mut Request, _: &'ex mut Depot) -> Result<Self, SessionError> {
        Ok(Self(session_core::Next::of(request.uri())))
    }
}
