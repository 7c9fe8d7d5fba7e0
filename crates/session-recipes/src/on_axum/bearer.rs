//! A native client or another program: the same sessions, by `Authorization: Bearer`.

use axum::Router;
use axum::routing::{get, post};
use session_axum::{RequireUser, Session, SessionError};
use session_core::{SessionStore, SignIn};

/// What a program keeps in the place of a cookie: in the system's key chain, and in no log.
fn issued(session: &Session) -> String {
    session.take_bearer_token().map(|token| token.expose().to_owned()).unwrap_or_default()
}

async fn sign_in(session: Session) -> Result<String, SessionError> {
    session.authenticate_with(SignIn::new("alice").bearer()).await?; // with the password checked
    Ok(issued(&session))
}

async fn rotate(who: RequireUser) -> Result<String, SessionError> {
    who.session.rotate().await?;
    Ok(issued(&who.session)) // empty: another request has the new one
}

async fn me(who: RequireUser) -> String {
    who.user.to_string()
}

async fn sign_out(session: Session) -> Result<(), SessionError> {
    session.logout().await?;
    Ok(())
}

pub fn app(store: SessionStore) -> Router {
    Router::new()
        .route("/api/sign-in", post(sign_in))
        .route("/api/rotate", post(rotate))
        .route("/api/me", get(me))
        .route("/api/sign-out", post(sign_out))
        .layer(session_axum::layer(store).bearer())
}
