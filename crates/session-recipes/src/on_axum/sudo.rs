//! Sudo mode: what is dangerous asks for the password again, for five minutes.

use axum::Router;
use axum::extract::Form;
use axum::response::{Html, Redirect};
use axum::routing::get;
use serde::Deserialize;
use session_axum::{Next, RequireFresh, RequireUser, SessionError};
use session_core::{InvalidConfig, Pages, SessionStore};

#[derive(Deserialize)]
struct Confirm {
    password: String,
}

async fn api_keys(who: RequireFresh<300>) -> String {
    format!("the keys of {}", who.user)
}

async fn confirm_page(_: RequireUser) -> Html<&'static str> {
    Html("<form method=post><input name=password type=password><button>Confirm</button></form>")
}

async fn confirm(
    who: RequireUser,
    next: Next,
    Form(form): Form<Confirm>,
) -> Result<Redirect, SessionError> {
    if form.password != "demo" {
        return Ok(Redirect::to(&next.via("/confirm"))); // check a hash of yours here
    }
    who.session.reauthenticate().await?; // a new token, and the clock begins anew
    Ok(Redirect::to(next.path_or("/")))
}

pub fn app(store: SessionStore) -> Result<Router, InvalidConfig> {
    let pages = Pages::new().sign_in("/sign-in")?.confirm("/confirm")?;
    Ok(Router::new()
        .route("/api-keys", get(api_keys))
        .route("/confirm", get(confirm_page).post(confirm))
        .layer(session_axum::layer(store).pages(pages)))
}
