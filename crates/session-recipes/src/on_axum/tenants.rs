//! Several tenants, each with a domain and its subdomains.

use axum::Router;
use axum::extract::Request;
use axum::http::header::HOST;
use axum::routing::{get, post};
use session_axum::{RequireUser, Session, SessionError};
use session_core::{CookieConfig, SessionConfig, SessionStore};

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

async fn sign_in(session: Session, request: Request) -> Result<(), SessionError> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    session.set_cookie_domain(tenant_of(host.unwrap_or_default()))?; // an error if nobody allowed it
    session.authenticate("alice").await?;
    Ok(())
}

async fn me(who: RequireUser) -> String {
    who.user.to_string()
}

pub fn app(store: SessionStore) -> Router {
    Router::new()
        .route("/sign-in", post(sign_in))
        .route("/me", get(me))
        .layer(session_axum::layer(store))
}
