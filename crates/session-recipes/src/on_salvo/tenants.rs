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
    host.split_once('.').map_or(host, |(_, domain)| domain)
}

#[handler]
async fn sign_in(session: Session, request: &mut Request) -> Result<(), SessionError> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    session.set_cookie_domain(tenant_of(host.unwrap_or_default()))?; // an error if nobody allowed it
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
        .push(Router::with_path("sign-in").post(sign_in))
        .push(Router::with_path("me").get(me))
}
