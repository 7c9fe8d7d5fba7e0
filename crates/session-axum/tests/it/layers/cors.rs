//! CORS: what a page on another origin may read of our answers.

use axum::Router;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::routing::get;
use session_axum::{RequireUser, Session, SessionError, SessionLayer, layer};
use session_conformance::backends::Watched;
use session_core::{MemoryBackend, SessionConfig, SessionStore};
use std::sync::Arc;
use tower_http::cors::CorsLayer;

use super::Place;
use crate::support::{call, cookie, request, request_with_cookie, store};

const PAGE: &str = "https://app.example";

fn cors() -> CorsLayer {
    CorsLayer::new().allow_origin(HeaderValue::from_static(PAGE)).allow_credentials(true)
}

fn routes(store: SessionStore) -> Router {
    Router::new()
        .route("/me", get(|RequireUser { user, .. }: RequireUser| async move { user.to_string() }))
        .route(
            "/sign-in",
            get(|session: Session| async move {
                session.authenticate("alice").await?;
                Ok::<_, SessionError>(())
            }),
        )
        .route(
            "/ended-meanwhile",
            get(|session: Session| async move {
                session.set("k", 1)?;
                store.revoke_all(&session.require_user()?).await?;
                Ok::<_, SessionError>("stored")
            }),
        )
}

/// Whether the page may read the answer.
async fn is_readable(app: &Router, path: &str, cookie: &str, status: StatusCode) -> bool {
    let mut request = request_with_cookie(path, cookie);
    request.headers_mut().insert(ORIGIN, HeaderValue::from_static(PAGE));
    let response = call(app, request).await;
    assert_eq!(response.status(), status, "{path}");
    let headers = response.headers();
    let vary: Vec<_> = headers.get_all(VARY).iter().map(|line| line.to_str().unwrap()).collect();
    let vary = vary.join(",").to_ascii_lowercase();
    let is_readable = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|origin| origin == PAGE);
    assert_eq!(vary.contains("origin"), is_readable, "{path}: {vary}");
    is_readable
}

#[tokio::test]
async fn outside_every_answer_of_ours_can_be_read() {
    let token = format!("_session={}", "a".repeat(64));
    for place in Place::BOTH {
        let store = store();
        let app = place.mount(routes(store.clone()), layer(store), cors());
        assert!(is_readable(&app, "/me", "", StatusCode::UNAUTHORIZED).await, "{place:?}");
        let user = cookie(&call(&app, request("/sign-in")).await);
        assert!(is_readable(&app, "/me", &user, StatusCode::OK).await, "{place:?}");
        assert!(
            is_readable(&app, "/ended-meanwhile", &user, StatusCode::CONFLICT).await,
            "{place:?}"
        );

        let app = |with: fn(SessionLayer) -> SessionLayer| {
            let store = SessionStore::new(Watched::down(), SessionConfig::default()).unwrap();
            place.mount(routes(store.clone()), with(layer(store)), cors())
        };
        let down = StatusCode::SERVICE_UNAVAILABLE;
        assert!(is_readable(&app(|layer| layer), "/me", &token, down).await, "{place:?}");
        // An eager layer answers itself, and what is behind it never runs.
        let eager = is_readable(&app(SessionLayer::eager), "/me", &token, down).await;
        assert_eq!(eager, place == Place::Outside);
    }
}

#[tokio::test]
async fn a_preflight_costs_nothing() {
    for place in Place::BOTH {
        let backend = Arc::new(Watched::new(MemoryBackend::new()));
        let store = SessionStore::shared(backend.clone(), SessionConfig::default()).unwrap();
        let app = place.mount(routes(store.clone()), layer(store).eager(), cors());
        // Browsers send no cookie with it; a program may.
        let mut preflight = request("/me");
        *preflight.method_mut() = Method::OPTIONS;
        preflight.headers_mut().insert(ORIGIN, HeaderValue::from_static(PAGE));
        let method = HeaderValue::from_static("POST");
        preflight.headers_mut().insert(ACCESS_CONTROL_REQUEST_METHOD, method);
        let response = call(&app, preflight).await;
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], PAGE, "{place:?}");
        assert_eq!(backend.calls().total(), 0, "{place:?}");
    }
}
