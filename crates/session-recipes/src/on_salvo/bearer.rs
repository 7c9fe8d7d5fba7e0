//! A native client or another program: the same sessions, by `Authorization: Bearer`.

use salvo_core::prelude::*;
use session_core::{SessionStore, SignIn};
use session_salvo::{RequireUser, Session, SessionError, SessionHandler};

/// What a program keeps in the place of a cookie: in the system's key chain, and in no log.
fn issued(session: &Session) -> String {
    session.take_bearer_token().map(|token| token.expose().to_owned()).unwrap_or_default()
}

#[handler]
async fn sign_in(session: Session) -> Result<String, SessionError> {
    session.authenticate_with(SignIn::new("alice").bearer()).await?; // with the password checked
    Ok(issued(&session))
}

#[handler]
async fn rotate(who: RequireUser) -> Result<String, SessionError> {
    who.session.rotate().await?;
    Ok(issued(&who.session)) // empty: another request has the new one
}

#[handler]
async fn me(who: RequireUser) -> String {
    who.user.to_string()
}

#[handler]
async fn sign_out(session: Session) -> Result<(), SessionError> {
    session.logout().await?;
    Ok(())
}

pub fn app(store: SessionStore) -> Router {
    Router::with_path("api")
        .hoop(SessionHandler::new(store).bearer())
        .push(Router::with_path("sign-in").post(sign_in))
        .push(Router::with_path("rotate").post(rotate))
        .push(Router::with_path("me").get(me))
        .push(Router::with_path("sign-out").post(sign_out))
}
