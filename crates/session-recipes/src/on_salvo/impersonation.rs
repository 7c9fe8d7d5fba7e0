//! Support staff who see what a customer sees, and come back.

use salvo_core::prelude::*;
use session_core::SessionStore;
use session_salvo::{RequireUser, SessionError, SessionHandler};

/// Whom your application trusts with it.
fn is_staff(user: &str) -> bool {
    user.starts_with("staff-")
}

#[handler]
async fn begin(
    who: RequireUser,
    request: &mut Request,
    response: &mut Response,
) -> Result<(), SessionError> {
    if !is_staff(who.user.as_str()) {
        response.status_code(StatusCode::FORBIDDEN);
        return Ok(());
    }
    let customer = request.param::<String>("id").unwrap_or_default();
    who.session.impersonate(customer).await?;
    response.render(Redirect::other("/"));
    Ok(())
}

#[handler]
async fn end(who: RequireUser) -> Result<Redirect, SessionError> {
    let is_back = who.session.end_impersonation().await?;
    Ok(Redirect::other(if is_back { "/" } else { "/sign-in" }))
}

#[handler]
async fn home(who: RequireUser) -> String {
    match who.session.impersonator() {
        Some(staff) => format!("{}, as {staff} sees it", who.user), // a banner on each page
        None => format!("hello {}", who.user),
    }
}

pub fn app(store: SessionStore) -> Router {
    Router::new()
        .hoop(SessionHandler::new(store))
        .get(home)
        .push(Router::with_path("customers/{id}/impersonate").post(begin))
        .push(Router::with_path("impersonation/end").post(end))
}
