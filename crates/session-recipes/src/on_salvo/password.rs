//! A new password: the other devices are signed out, and this one stays.

use salvo_core::prelude::*;
use session_core::{FlashLevel, SessionStore};
use session_salvo::{RequireFresh, SessionError, SessionHandler};

#[handler]
async fn change_password(who: RequireFresh<300>) -> Result<Redirect, SessionError> {
    // Store the new hash first: whoever knows the old password could sign in between.
    let ended = who.session.reauthenticate_and_end_others().await?.len();
    let text = format!("Your password is changed, and {ended} other devices are signed out.");
    who.session.flash(FlashLevel::Success, text)?;
    Ok(Redirect::other("/"))
}

pub fn app(store: SessionStore) -> Router {
    Router::with_path("password").hoop(SessionHandler::new(store)).post(change_password)
}
