//! `cookie.secure: auto`: where the scheme comes from.

use axum::Router;
use axum::extract::Extension;
use axum::http::{Request, header};
use axum::routing::get;
use session_axum::{Peer, Scheme, Session, SessionError, layer};
use session_core::{CookieConfig, MemoryBackend, SecurePolicy, SessionConfig, SessionStore};

use crate::support::call;

async fn sign_in(session: Session) -> Result<(), SessionError> {
    Ok(session.authenticate("ann").await?)
}

/// Whether a sign-in's cookie is `Secure`; the same from a layer that loads eagerly.
async fn is_secure(
    uri: &str,
    said: Option<Scheme>,
    peer: Peer,
    proto: Option<&'static str>,
) -> bool {
    let cookie = CookieConfig { secure: SecurePolicy::Auto, ..CookieConfig::default() };
    let config = SessionConfig { cookie, ..SessionConfig::default() };
    let store = SessionStore::new(MemoryBackend::new(), config).unwrap();
    let mut found = Vec::new();
    for layer in [layer(store.clone()), layer(store).eager()] {
        let mut app = Router::new().route("/sign-in", get(sign_in)).layer(layer);
        if let Some(scheme) = said {
            app = app.layer(Extension(scheme));
        }
        let mut request = Request::get(uri).extension(peer);
        if let Some(proto) = proto {
            request = request.header("x-forwarded-proto", proto);
        }
        let response = call(&app, request.body(axum::body::Body::empty()).unwrap()).await;
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        found.push(cookie.contains("; Secure"));
    }
    assert_eq!(found[0], found[1], "{uri}: on demand, and eagerly");
    found[0]
}

#[tokio::test]
async fn who_says_how_the_request_came() {
    let (proxy, stranger) = (Peer::Ip([127, 0, 0, 1].into()), Peer::Ip([192, 0, 2, 1].into()));
    let (http, https) = (Some(Scheme::Http), Some(Scheme::Https));
    for (name, uri, said, peer, proto, secure) in [
        ("nobody", "/sign-in", None, stranger, None, true),
        ("the uri", "http://app.test/sign-in", None, stranger, None, false),
        ("the uri, over TLS", "https://app.test/sign-in", None, stranger, None, true),
        ("the application", "/sign-in", http, stranger, None, false),
        ("the application, before the uri", "http://app.test/sign-in", https, stranger, None, true),
        ("a proxy, before both", "http://app.test/sign-in", http, proxy, Some("https"), true),
        ("a proxy", "/sign-in", None, proxy, Some("http"), false),
        ("a stranger", "/sign-in", None, stranger, Some("http"), true),
    ] {
        assert_eq!(is_secure(uri, said, peer, proto).await, secure, "{name}");
    }
}
