//! A message for the page after the redirect.

use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};
use session_axum::{Session, SessionError};
use session_core::{FlashLevel, SessionStore};

async fn save(session: Session) -> Result<Redirect, SessionError> {
    session.flash(FlashLevel::Success, "Your address is saved.")?;
    Ok(Redirect::to("/"))
}

async fn sign_out(session: Session) -> Result<Redirect, SessionError> {
    session.logout().await?;
    session.flash(FlashLevel::Info, "You are signed out.")?; // before or after the sign-out
    Ok(Redirect::to("/"))
}

async fn home(session: Session) -> Result<String, SessionError> {
    let messages = session.take_flashes()?; // shown once; a template escapes the text
    Ok(messages.iter().map(|message| format!("[{}] {}\n", message.level, message.text)).collect())
}

pub fn app(store: SessionStore) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/address", post(save))
        .route("/sign-out", post(sign_out))
        .layer(session_axum::layer(store))
}
