//! [`Session`]: the core's handle in a type of this crate, so that salvo can extract it.

use std::ops::Deref;

/// The request's session, loaded: signed in, anonymous, or none yet.
///
/// Everything it can do is in [`session_core::Session`], to which it dereferences.
///
/// As a handler's argument it fails as [`SessionDepotExt::session`](crate::SessionDepotExt::session)
/// does, and the handler does not run. It cannot be optional, because an outage must not look like a
/// visitor:
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
