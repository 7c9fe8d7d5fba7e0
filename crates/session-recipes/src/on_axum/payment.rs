//! A payment page that returns by a POST from its own site.

use axum::Router;
use axum::extract::Form;
use axum::response::Redirect;
use axum::routing::{get, post};
use serde::Deserialize;
use session_axum::{RequireUser, SessionError};
use session_core::{CrossSiteGuard, InvalidConfig, SessionStore};

#[derive(Deserialize)]
struct Paid {
    order: u64,
    signature: String,
}

/// Does its work by what the form proves, and not by the session, which does not come along.
async fn returned(Form(paid): Form<Paid>) -> Redirect {
    if paid.signature == "signed by the payment service" {
        // … mark the order as paid …
    }
    Redirect::to(&format!("/orders/{}", paid.order)) // this request has the cookie
}

async fn order(who: RequireUser) -> Result<String, SessionError> {
    Ok(format!("thank you, {}", who.user))
}

pub fn app(store: SessionStore) -> Result<Router, InvalidConfig> {
    // Other sites may post to this path alone.
    let guard = CrossSiteGuard::new().insecure_exempt_path("/payment/return")?;
    Ok(Router::new()
        .route("/payment/return", post(returned))
        .route("/orders/{id}", get(order))
        .layer(session_axum::cross_site_guard(guard))
        .layer(session_axum::layer(store)))
}
