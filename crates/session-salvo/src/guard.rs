//! Who may pass: [`RequireFresh`] and [`RequireAnonymous`] as arguments, and the hoops before groups of
//! routes.

use std::ops::Deref;
use std::sync::LazyLock;
use std::time::Duration;

use salvo_core::extract::{Extractible, Metadata};
use salvo_core::{Depot, FlowCtrl, Handler, Request, Response, Scribe, async_trait};
use session_core::{Guard, UserId};

use crate::answer::SessionError;
use crate::depot::SessionDepotExt;
use crate::extract::RequireUser;
use crate::session::Session;

impl Deref for RequireUser {
    type Target = UserId;

    fn deref(&self) -> &UserId {
        &self.user
    }
}

/// The user who signed in, or proved again who they are, within the last `SECS` seconds, and their session:
/// for what deserves a fresh password, such as changing it. It dereferences to the user's id.
///
/// Answered as [`RequireUser`] is, and with 403 `stale_authentication` if it was longer ago; with
/// [`pages`](crate::SessionHandler::pages) a browser's navigation goes to the page to confirm on, which calls
/// [`reauthenticate`](session_core::Session::reauthenticate).
///
/// ```
/// use salvo_core::prelude::*;
/// use session_salvo::{RequireFresh, SessionError};
///
/// #[handler]
/// async fn delete_account(who: RequireFresh<300>) -> Result<String, SessionError> {
///     let ended = who.session.logout_all().await?.len();
///     Ok(format!("{} is gone from {ended} devices", who.user))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequireFresh<const SECS: u64> {
    /// Who it is.
    pub user: UserId,
    /// Their session.
    pub session: Session,
}

impl<const SECS: u64> Deref for RequireFresh<SECS> {
    type Target = UserId;

    fn deref(&self) -> &UserId {
        &self.user
    }
}

impl<'ex, const SECS: u64> Extractible<'ex> for RequireFresh<SECS> {
    fn metadata() -> &'static Metadata {
        static METADATA: LazyLock<Metadata> = LazyLock::new(|| Metadata::new("RequireFresh"));
        &METADATA
    }

    #[expect(refining_impl_trait, reason = "whoever calls it may know the error")]
    async fn extract(_: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, SessionError> {
        let session = depot.session().await?;
        Guard::Fresh(Duration::from_secs(SECS)).check(&session)?;
        Ok(Self { user: session.require_user()?, session })
    }
}

/// The session of somebody who is not signed in: for sign-in pages.
///
/// Answered with 409 `already_signed_in` if somebody is, and fails as [`Session`] does; with
/// [`pages`](crate::SessionHandler::pages) a browser's navigation goes on to `next`, or home.
///
/// ```
/// use salvo_core::prelude::*;
/// use salvo_core::writing::Text;
/// use session_salvo::{Next, RequireAnonymous, SessionError};
///
/// #[handler]
/// async fn sign_in_page(_visitor: RequireAnonymous, next: Next) -> Text<String> {
///     // A template that escapes belongs here; what `next` says needs no more than that.
///     let next = next.to_string().replace('&', "&amp;");
///     Text::Html(format!("<form method=post><input type=hidden name=next value=\"{next}\">…</form>"))
/// }
///
/// #[handler]
/// async fn sign_in(visitor: RequireAnonymous, next: Next) -> Result<Redirect, SessionError> {
///     // … check the password …
///     visitor.session.authenticate("alice").await?;
///     Ok(Redirect::other(next.path_or("/account")))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequireAnonymous {
    /// The visitor's session, which may be none yet.
    pub session: Session,
}

impl<'ex> Extractible<'ex> for RequireAnonymous {
    fn metadata() -> &'static Metadata {
        static METADATA: LazyLock<Metadata> = LazyLock::new(|| Metadata::new("RequireAnonymous"));
        &METADATA
    }

    #[expect(refining_impl_trait, reason = "whoever calls it may know the error")]
    async fn extract(_: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, SessionError> {
        let session = depot.session().await?;
        Guard::Anonymous.check(&session)?;
        Ok(Self { session })
    }
}

/// Lets only users pass to what is behind it, and answers everybody else as [`RequireUser`] is answered. It
/// is hooped after the session's handler:
///
/// ```
/// use salvo_core::prelude::*;
/// use session_core::{MemoryBackend, Pages, SessionConfig, SessionStore};
/// use session_salvo::{SessionHandler, require_user};
///
/// #[handler]
/// async fn orders() -> &'static str {
///     "orders"
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
/// let for_users = Router::new().hoop(require_user()).push(Router::with_path("orders").get(orders));
/// let router = Router::new()
///     .hoop(SessionHandler::new(store).pages(Pages::new().sign_in("/sign-in")?))
///     .push(for_users);
/// # let _ = router; Ok(()) }
/// ```
///
/// It loads the session, so that the handlers behind it find it: one read for all of them.
#[must_use]
pub const fn require_user() -> GuardHoop {
    GuardHoop { guard: Guard::User }
}

/// Lets only those pass who signed in, or proved again who they are, within this time: see
/// [`RequireFresh`] for the answers, and [`require_user`] for where it stands.
#[must_use]
pub const fn require_fresh(within: Duration) -> GuardHoop {
    GuardHoop { guard: Guard::Fresh(within) }
}

/// Lets only those pass who are not signed in: see [`RequireAnonymous`] for the answers, and
/// [`require_user`] for where it stands.
#[must_use]
pub const fn require_anonymous() -> GuardHoop {
    GuardHoop { guard: Guard::Anonymous }
}

/// The hoop that [`require_user`], [`require_fresh`] and [`require_anonymous`] make.
#[derive(Clone, Copy, Debug)]
pub struct GuardHoop {
    guard: Guard,
}

#[async_trait]
impl Handler for GuardHoop {
    async fn handle(
        &self,
        _: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        let session = depot.session().await;
        if let Err(error) = session.and_then(|session| Ok(self.guard.check(&session)?)) {
            error.render(response);
            flow.skip_rest();
        }
    }
}
