//! CORS: what a page on another origin may read of our answers.

use std::sync::Arc;

use salvo_core::http::Method;
use salvo_core::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, VARY};
use salvo_core::prelude::*;
use salvo_cors::{Cors, CorsHandler};
use session_conformance::backends::Watched;
use session_core::{MemoryBackend, SessionConfig, SessionStore};
use session_salvo::{RequireUser, SessionError, SessionHandler};

use super::Place;
use crate::support::{ask_with, get, sign_in, store, store_that_is_down};

const PAGE: &str = "https://app.example";

fn cors() -> CorsHandler {
    Cors::new()
        .allow_origin(PAGE)
        .allow_credentials(true)
        .allow_methods(Method::POST)
        .into_handler()
}

#[handler]
async fn me(caller: RequireUser) -> String {
    caller.user.to_string()
}

/// Stores, and its session is ended by somebody else before it answers.
#[handler]
async fn ended_meanwhile(caller: RequireUser) -> Result<&'static str, SessionError> {
    caller.session.set("k", 1)?;
    caller.session.store().revoke_all(&caller.user).await?;
    Ok("stored")
}

fn routes() -> Router {
    Router::new()
        .push(Router::with_path("me").get(me))
        .push(Router::with_path("sign-in").get(sign_in))
        .push(Router::with_path("ended-meanwhile").get(ended_meanwhile))
}

/// Whether the page may read the answer.
async fn is_readable(app: &Service, path: &str, cookie: &str, status: u16) -> bool {
    let headers = [("origin", PAGE), ("cookie", cookie)];
    let reply = ask_with(app, Method::GET, path, &headers).await;
    assert_eq!(reply.status.as_u16(), status, "{path}");
    let lines = reply.headers.get_all(VARY).iter();
    let vary: Vec<_> = lines.map(|line| line.to_str().unwrap()).collect();
    let vary = vary.join(",").to_ascii_lowercase();
    let origin = reply.headers.get(ACCESS_CONTROL_ALLOW_ORIGIN);
    let is_readable = origin.is_some_and(|origin| origin == PAGE);
    assert_eq!(vary.contains("origin"), is_readable, "{path}: {vary}");
    is_readable
}

#[tokio::test]
async fn outside_every_answer_of_ours_can_be_read() {
    let token = format!("_session={}", "a".repeat(64));
    for place in Place::BOTH {
        let app = place.mount(routes(), SessionHandler::new(store()), cors());
        assert!(is_readable(&app, "/me", "", 401).await, "{place:?}");
        let user = get(&app, "/sign-in", "").await.cookie();
        assert!(is_readable(&app, "/me", &user, 200).await, "{place:?}");
        assert!(is_readable(&app, "/ended-meanwhile", &user, 409).await, "{place:?}");

        let lazy = SessionHandler::new(store_that_is_down());
        let app = place.mount(routes(), lazy.clone(), cors());
        assert!(is_readable(&app, "/me", &token, 503).await, "{place:?}");
        // An eager handler answers itself, and what is behind it never runs.
        let app = place.mount(routes(), lazy.eager(), cors());
        let eager = is_readable(&app, "/me", &token, 503).await;
        assert_eq!(eager, place == Place::Outside);
    }
}

/// A preflight has a route only if somebody made one for OPTIONS, so CORS is the service's.
#[tokio::test]
async fn a_preflight_is_answered_at_the_service_and_costs_nothing() {
    let headers = [("origin", PAGE), ("access-control-request-method", "POST")];
    for place in Place::BOTH {
        let backend = Arc::new(Watched::new(MemoryBackend::new()));
        let store = SessionStore::shared(backend.clone(), SessionConfig::default()).unwrap();
        let sessions = SessionHandler::new(store).eager();
        let app = place.mount(routes(), sessions.clone(), cors());
        let reply = ask_with(&app, Method::OPTIONS, "/me", &headers).await;
        assert_eq!(reply.status.as_u16(), 204, "{place:?}");
        assert_eq!(reply.headers[ACCESS_CONTROL_ALLOW_ORIGIN], PAGE, "{place:?}");
        assert_eq!(backend.calls().total(), 0, "{place:?}");

        let at_the_router = Service::new(routes().hoop(cors()).hoop(sessions));
        let reply = ask_with(&at_the_router, Method::OPTIONS, "/me", &headers).await;
        assert_eq!(reply.status.as_u16(), 405);
    }
}
