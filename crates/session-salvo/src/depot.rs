//! The session in the depot: asking for it, and the look that does not load.

use salvo_core::Depot;
use session_core::{Error, ErrorKind, UserId, Visit};

use crate::answer::SessionError;
use crate::not_loaded::NotLoaded;
use crate::session::Session;

/// The visit that [`SessionHandler`](crate::SessionHandler) put into a request's depot, attached to
/// its request: whoever asks later has the depot and perhaps nothing else.
pub(crate) struct Mounted(pub(crate) Visit);

/// The request's session, out of the depot.
pub trait SessionDepotExt {
    /// The session, loaded: the first who asks awaits one read of the database.
    ///
    /// # Errors
    /// Answered with 503 if the backend failed, and with 500 (and the reason in the log) if no
    /// [`SessionHandler`](crate::SessionHandler) is mounted around this route.
    ///
    /// ```
    /// use salvo_core::prelude::*;
    /// use session_salvo::{SessionDepotExt, SessionError};
    ///
    /// #[handler]
    /// async fn sign_out(depot: &mut Depot) -> Result<&'static str, SessionError> {
    ///     depot.session().await?.logout().await?;
    ///     Ok("signed out")
    /// }
    /// ```
    fn session(&self) -> impl Future<Output = Result<Session, SessionError>> + Send;
}

impl SessionDepotExt for Depot {
    async fn session(&self) -> Result<Session, SessionError> {
        let Some(visit) = mounted(self) else {
            let error = Error::from_kind(ErrorKind::Misconfigured).with_context(
                "the session handler is missing: hoop session_salvo::SessionHandler around this \
                 route",
            );
            return Err(error.into());
        };
        match visit.loaded() {
            Some(session) => Ok(Session(session.clone())),
            None => Ok(Session(visit.load().await?)),
        }
    }
}

/// Who is signed in, as far as is known without asking the database: for handlers behind the session
/// handler that only look. `Ok(None)` is a visitor.
///
/// # Errors
/// [`NotLoaded`] if the session was not loaded: mount the handler with
/// [`eager`](crate::SessionHandler::eager), or look after somebody asked for the session.
pub fn user_id_from_depot(depot: &Depot) -> Result<Option<UserId>, NotLoaded> {
    match mounted(depot) {
        Some(visit) => visit.loaded().map(session_core::Session::user_id).ok_or(NotLoaded),
        None => Err(NotLoaded),
    }
}

pub(crate) fn mounted(depot: &Depot) -> Option<&Visit> {
    depot.get_typed::<Mounted>().ok().map(|Mounted(visit)| visit)
}
