//! A payment page that returns by a POST from its own site.

use salvo_core::prelude::*;
use serde::Deserialize;
use session_core::{CrossSiteGuard, InvalidConfig, SessionStore};
use session_salvo::{RequireUser, SessionError, SessionHandler, cross_site_guard};

#[derive(Deserialize)]
struct Paid {
    order: u64,
    signature: String,
}

/// Does its work by what the form proves, and not by the session, which does not come along.
#[handler]
async fn returned(request: &mut Request) -> Result<Redirect, StatusError> {
    let paid = request.parse_form::<Paid>().await.map_err(|_| StatusError::bad_request())?;
    if paid.signature == "signed by the payment service" {
        // … mark the order as paid …
    }
    Ok(Redirect::other(format!("/orders/{}", paid.order))) // this request has the cookie
}

#[handler]
async fn order(who: RequireUser) -> Result<String, SessionError> {
    Ok(format!("thank you, {}", who.user))
}

pub fn app(store: SessionStore) -> Result<Router, InvalidConfig> {
    // Other sites may post to this path alone.
    let guard = CrossSiteGuard::new().insecure_exempt_path("/payment/return")?;
    Ok(Router::new()
        .hoop(SessionHandler::new(store))
        .hoop(cross_site_guard(guard))
        .push(Router::with_path("payment/return").post(returned))
        .push(Router::with_path("orders/{id}").get(order)))
}
