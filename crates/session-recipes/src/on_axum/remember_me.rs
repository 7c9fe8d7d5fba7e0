//! "Remember me": ninety days, or until the browser is closed.

use std::time::Duration;

use axum::Router;
use axum::extract::Form;
use axum::routing::post;
use serde::Deserialize;
use session_axum::{Session, SessionError};
use session_core::{SessionStore, SignIn};

#[derive(Deserialize)]
struct Ticked {
    user: String,
    remember: Option<String>, // a box that is not ticked is not sent
}

async fn sign_in(session: Session, Form(form): Form<Ticked>) -> Result<(), SessionError> {
    let sign_in = SignIn::new(&*form.user); // once you have checked the password
    let sign_in = if form.remember.is_some() {
        sign_in.lifetime(Duration::from_secs(90 * 24 * 3600)).persistent(true)
    } else {
        sign_in.lifetime(Duration::from_secs(12 * 3600)).persistent(false)
    };
    Ok(session.authenticate_with(sign_in).await?)
}

pub fn app(store: SessionStore) -> Router {
    Router::new().route("/sign-in", post(sign_in)).layer(session_axum::layer(store))
}
