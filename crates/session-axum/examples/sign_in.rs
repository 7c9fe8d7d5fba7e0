//! A sign-in page, and the way back to where the visitor was going.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "what documents it is docs/recipes.md")]

use axum::Router;
use axum::extract::Form;
use axum::response::{Html, Redirect};
use axum::routing::get;
use serde::Deserialize;
use session_axum::{Next, RequireAnonymous, RequireUser, SessionError, require_user};
use session_core::{CrossSiteGuard, Pages, SessionStore};

#[derive(Deserialize)]
struct SignIn {
    user: String,
    password: String,
}

async fn sign_in_page(_: RequireAnonymous) -> Html<&'static str> {
    // Without an `action` the form goes to this page's own address, `?next=` included.
    Html(
        "<form method=post><input name=user><input name=password type=password><button>Sign in</button></form>",
    )
}

async fn sign_in(
    visitor: RequireAnonymous,
    next: Next,
    Form(form): Form<SignIn>,
) -> Result<Redirect, SessionError> {
    if form.password != "demo" {
        return Ok(Redirect::to(&next.via("/sign-in"))); // check a hash of yours here
    }
    visitor.session.authenticate(&*form.user).await?;
    Ok(Redirect::to(next.path_or("/orders"))) // never leaves this site
}

async fn orders(who: RequireUser) -> String {
    format!("orders of {}", who.user)
}

pub fn app(store: SessionStore) -> Result<Router, session_core::InvalidConfig> {
    let pages = Pages::new().sign_in("/sign-in")?.home("/orders")?;
    let users_only = Router::new().route("/orders", get(orders)).route_layer(require_user());
    Ok(Router::new()
        .route("/sign-in", get(sign_in_page).post(sign_in))
        .merge(users_only)
        .layer(session_axum::cross_site_guard(CrossSiteGuard::new()))
        .layer(session_axum::layer(store).pages(pages)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SessionStore::new(session_core::MemoryBackend::new(), Default::default())?;
    let app = app(store)?.into_make_service_with_connect_info::<std::net::SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://localhost:3000/sign-in");
    Ok(axum::serve(listener, app).await?)
}
