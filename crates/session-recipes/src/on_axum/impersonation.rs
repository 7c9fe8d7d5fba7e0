//! Support staff who see what a customer sees, and come back.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use session_axum::{RequireUser, SessionError};
use session_core::SessionStore;

/// Whom your application trusts with it.
fn is_staff(user: &str) -> bool {
    user.starts_with("staff-")
}

async fn begin(who: RequireUser, Path(customer): Path<String>) -> Result<Response, SessionError> {
    if !is_staff(who.user.as_str()) {
        return Ok(StatusCode::FORBIDDEN.into_response());
    }
    who.session.impersonate(customer).await?;
    Ok(Redirect::to("/").into_response())
}

async fn end(who: RequireUser) -> Result<Redirect, SessionError> {
    let is_back = who.session.end_impersonation().await?;
    Ok(Redirect::to(if is_back { "/" } else { "/sign-in" }))
}

async fn home(who: RequireUser) -> String {
    match who.session.impersonator() {
        Some(staff) => format!("{}, as {staff} sees it", who.user), // a banner on each page
        None => format!("hello {}", who.user),
    }
}

pub fn app(store: SessionStore) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/customers/{id}/impersonate", post(begin))
        .route("/impersonation/end", post(end))
        .layer(session_axum::layer(store))
}
