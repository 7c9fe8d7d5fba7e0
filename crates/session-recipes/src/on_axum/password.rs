//! A new password: the other devices are signed out, and this one stays.

use axum::Router;
use axum::response::Redirect;
use axum::routing::post;
use session_axum::{RequireFresh, SessionError};
use session_core::{FlashLevel, SessionStore};

async fn change_password(who: RequireFresh<300>) -> Result<Redirect, SessionError> {
    // Store the new hash first: whoever knows the old password could sign in between.
    let ended = who.session.reauthenticate_and_end_others().await?.len();
    let text = format!("Your password is changed, and {ended} other devices are signed out.");
    who.session.flash(FlashLevel::Success, text)?;
    Ok(Redirect::to("/"))
}

pub fn app(store: SessionStore) -> Router {
    Router::new().route("/password", post(change_password)).layer(session_axum::layer(store))
}
