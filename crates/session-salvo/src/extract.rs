//! What a handler may ask for as an argument: [`Session`] and [`RequireUser`].

use std::ops::Deref;
use std::sync::LazyLock;

use salvo_core::extract::{Extractible, Metadata};
use salvo_core::{Depot, Request};
use session_core::UserId;

use crate::answer::SessionError;
use crate::depot::SessionDepotExt;

/// The request's session, loaded: signed in, anonymous, or none yet.
///
/// Everything it can do is in [`session_core::Session`], to which it dereferences.
///
/// As a handler's argument it fails as [`SessionDepotExt::session`] does, and the handler does not
/// run. It cannot be optional, because an outage must not look like a visitor:
///
/// ```compile_fail,E0277
/// use salvo_core::prelude::*;
/// use session_salvo::Session;
///
/// #[handler]
/// async fn home(session: Option<Session>) {}
/// ```
#[derive(Clone, Debug)]
pub struct Session(pub session_core::Session);

impl Deref for Session {
    type Target = session_core::Session;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<Session> for session_core::Session {
    fn from(session: Session) -> Self {
        session.0
    }
}

impl<'ex> Extractible<'ex> for Session {
    fn metadata() -> &'static Metadata {
        static METADATA: LazyLock<Metadata> = LazyLock::new(|| Metadata::new("Session"));
        &METADATA
    }

    #[expect(refining_impl_trait, reason = "whoever calls it may know the error")]
    async fn extract(_: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, SessionError> {
        depot.session().await
    }
}

/// The user who is signed in. Answered with 401 where nobody is, and fails as [`Session`] does.
///
/// ```
/// use salvo_core::prelude::*;
/// use session_salvo::RequireUser;
///
/// #[handler]
/// async fn me(user: RequireUser) -> String {
///     format!("signed in as {}", user.0)
/// }
///
/// // As a hoop it keeps visitors out of everything behind it.
/// #[handler]
/// async fn users_only(_user: RequireUser) {}
/// ```
#[derive(Clone, Debug)]
pub struct RequireUser(pub UserId);

impl<'ex> Extractible<'ex> for RequireUser {
    fn metadata() -> &'static Metadata {
        static METADATA: LazyLock<Metadata> = LazyLock::new(|| Metadata::new("RequireUser"));
        &METADATA
    }

    #[expect(refining_impl_trait, reason = "whoever calls it may know the error")]
    async fn extract(_: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, SessionError> {
        let session = depot.session().await?;
        Ok(Self(session.require_user()?))
    }
}
