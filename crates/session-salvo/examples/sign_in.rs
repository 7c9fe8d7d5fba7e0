//! A sign-in page, and the way back to where the visitor was going.
#![allow(missing_docs, clippy::missing_errors_doc, reason = "what documents it is docs/recipes.md")]

use salvo_core::prelude::*;
use serde::Deserialize;
use session_core::{CrossSiteGuard, Pages, SessionStore};
use session_salvo::{
    Next, RequireAnonymous, RequireUser, SessionError, SessionHandler, cross_site_guard,
    require_user,
};

#[derive(Deserialize)]
struct SignIn {
    user: String,
    password: String,
}

#[handler]
async fn sign_in_page(_visitor: RequireAnonymous) -> Text<&'static str> {
    // Without an `action` the form goes to this page's own address, `?next=` included.
    Text::Html(
        "<form method=post><input name=user><input name=password type=password><button>Sign in</button></form>",
    )
}

#[handler]
async fn sign_in(
    visitor: RequireAnonymous,
    next: Next,
    request: &mut Request,
) -> Result<Redirect, SessionError> {
    let form = request.parse_form::<SignIn>().await.ok();
    let Some(form) = form.filter(|form| form.password == "demo") else {
        return Ok(Redirect::other(next.via("/sign-in"))); // check a hash of yours here
    };
    visitor.session.authenticate(&*form.user).await?;
    Ok(Redirect::other(next.path_or("/orders"))) // never leaves this site
}

#[handler]
async fn orders(who: RequireUser) -> String {
    format!("orders of {}", who.user)
}

pub fn app(store: SessionStore) -> Result<Router, session_core::InvalidConfig> {
    let pages = Pages::new().sign_in("/sign-in")?.home("/orders")?;
    Ok(Router::new()
        .hoop(SessionHandler::new(store).pages(pages))
        .hoop(cross_site_guard(CrossSiteGuard::new()))
        .push(Router::with_path("sign-in").get(sign_in_page).post(sign_in))
        .push(Router::with_path("orders").hoop(require_user()).get(orders)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SessionStore::new(session_core::MemoryBackend::new(), Default::default())?;
    let listener = salvo_core::conn::TcpListener::new("127.0.0.1:3000").bind().await;
    println!("http://localhost:3000/sign-in");
    Ok(Server::new(listener).try_serve(app(store)?).await?)
}
