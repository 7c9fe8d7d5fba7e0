//! What a handler may ask for as an argument: [`Session`] and [`RequireUser`].

use std::sync::LazyLock;

use salvo_core::extract::{Extractible, Metadata};
use salvo_core::{Depot, Request};
use session_core::UserId;

use crate::answer::SessionError;
use crate::depot::SessionDepotExt;
use crate::session::Session;

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

/// The user who is signed in, and their session. Answered with 401 if nobody is, and fails as
/// [`Session`] does; with 503 also if an outage was told to go on as a visitor. It dereferences to the
/// user's id.
///
/// With [`pages`](crate::SessionHandler::pages) a browser's navigation goes to the sign-in page and not to
/// the 401. [`require_user`](crate::require_user) guards a group of routes.
///
/// `#[handler]` takes names as arguments and no patterns (`RequireUser { user, .. }: RequireUser` does
/// not compile there), so it is taken apart inside:
///
/// ```
/// use salvo_core::prelude::*;
/// use session_salvo::{RequireUser, SessionError};
///
/// #[handler]
/// async fn rename(caller: RequireUser) -> Result<String, SessionError> {
///     let RequireUser { user, session } = caller;
///     session.set("name", "Alice")?;
///     Ok(format!("{user} is called Alice"))
/// }
///
/// #[handler]
/// async fn me(caller: RequireUser) -> String {
///     format!("signed in as {}", caller.user)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequireUser {
    /// Who is signed in.
    pub user: UserId,
    /// Their session.
    pub session: Session,
}

impl<'ex> Extractible<'ex> for RequireUser {
    fn metadata() -> &'static Metadata {
        static METADATA: LazyLock<Metadata> = LazyLock::new(|| Metadata::new("RequireUser"));
        &METADATA
    }

    #[expect(refining_impl_trait, reason = "whoever calls it may know the error")]
    async fn extract(_: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, SessionError> {
        let session = depot.session().await?;
        Ok(Self { user: session.require_user()?, session })
    }
}
