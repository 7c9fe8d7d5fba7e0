//! Several tenants, each with a domain and its subdomains.

use salvo_core::http::header::HOST;
use salvo_core::prelude::*;
use session_core::{CookieConfig, SessionConfig, SessionStore};
use session_salvo::{RequireUser, Session, SessionError, SessionHandler};

pub fn config() -> SessionConfig {
    let domains = vec!["shop.example".to_owned(), "books.example".to_owned()];
    SessionConfig {
        cookie_name: "__Secure-session".to_owned(),
        cookie: CookieConfig { domains, ..CookieConfig::default() },
        ..SessionConfig::default()
    }
}

/// `shop.example` of `www.shop.example`: the tenant's, which your table of tenants has.
fn tenant_of(host: &str) -> &str {
    let (name, _port) = host.split_once(':').unwrap_or((host, ""));
    name.split_once('.').map_or(name, |(_, domain)| domain)
}

/// Around every route: a cookie that slides, and one that a sign-out removes, are the tenant's too.
#[handler]
async fn for_tenant(session: Session, request: &mut Request) -> Result<(), SessionError> {
    let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().host().or(header); // HTTP/2 says it in the address
    session.set_cookie_domain(tenant_of(host.unwrap_or_default()))?; // an error if nobody allowed it
    Ok(())
}

#[handler]
async fn sign_in(session: Session) -> Result<(), SessionError> {
    session.authenticate("alice").await?;
    Ok(())
}

#[handler]
async fn me(who: RequireUser) -> String {
    who.user.to_string()
}

pub fn app(store: SessionStore) -> Router {
    Router::new()
        .hoop(SessionHandler::new(store))
        .hoop(for_tenant)
        .push(Router::with_path("sign-in").post(sign_in))
        .push(Router::with_path("me").get(me))
}
