//! Static files, compressed answers, and what else asks for no session.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, SET_COOKIE, VARY,
};
use axum::http::{HeaderValue, StatusCode};
use axum::routing::get;
use session_axum::{RequireUser, Session, SessionError, SessionLayer, layer};
use session_conformance::backends::Watched;
use session_core::{
    BackendErrorKind, ManualClock, MemoryBackend, SessionConfig, SessionStore, Timestamp,
};
use tower_http::compression::CompressionLayer;
use tower_http::services::ServeDir;

use super::Place;
use crate::support::{call, cookie, request, request_with_cookie, store, text};

#[tokio::test]
async fn files_cost_nothing_unless_the_layer_is_eager() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.css"), "a {}").unwrap();
    let files = || ServeDir::new(folder.path());
    for (name, is_eager, is_beside) in
        [("behind", false, false), ("behind an eager one", true, false), ("beside", true, true)]
    {
        let backend = Arc::new(Watched::new(MemoryBackend::new()));
        let store = SessionStore::shared(backend.clone(), SessionConfig::default()).unwrap();
        let layer: SessionLayer = if is_eager { layer(store).eager() } else { layer(store) };
        let stores =
            |session: Session| async move { session.set("k", 1).map_err(SessionError::from) };
        let routes = Router::new().route("/", get(stores));
        let app = if is_beside {
            routes.layer(layer).nest_service("/files", files())
        } else {
            routes.nest_service("/files", files()).layer(layer)
        };
        let visitor = cookie(&call(&app, request("/")).await);
        call(&app, request_with_cookie("/", &visitor)).await;
        backend.take_calls();

        let file = call(&app, request_with_cookie("/files/app.css", &visitor)).await;
        let costs = u32::from(is_eager && !is_beside);
        assert_eq!(backend.take_calls().total(), costs, "{name}");
        for header in [VARY, CACHE_CONTROL, SET_COOKIE] {
            assert!(!file.headers().contains_key(&header), "{name}: {header}");
        }
        assert_eq!(text(file).await, (StatusCode::OK, "a {}".to_owned()), "{name}");

        backend.fail(BackendErrorKind::Unavailable);
        let file = call(&app, request_with_cookie("/files/app.css", &visitor)).await;
        let in_an_outage = if costs == 0 { 200 } else { 503 };
        assert_eq!(file.status().as_u16(), in_an_outage, "{name}");
    }
}

#[tokio::test]
async fn compression_on_either_side_leaves_cookies_and_answers_whole() {
    for place in Place::BOTH {
        let routes = Router::new()
            .route(
                "/",
                get(|session: Session| async move {
                    session.set("k", 1)?;
                    Ok::<_, SessionError>("x".repeat(100))
                }),
            )
            .route("/me", get(|_: RequireUser| async {}));
        let shaped =
            |layer: SessionLayer| layer.on_error(|error, _| (error.status(), "<".repeat(100)));
        let app = place.mount(routes, shaped(layer(store())), CompressionLayer::new());
        let ask = |path| {
            let mut request = request(path);
            request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            call(&app, request)
        };
        let page = ask("/").await;
        assert_eq!(page.headers()[CONTENT_ENCODING], "gzip", "{place:?}");
        assert_eq!(page.headers()[CACHE_CONTROL], "no-store", "{place:?}");
        assert!(page.headers().contains_key(SET_COOKIE), "{place:?}");
        let vary: Vec<_> = page.headers().get_all(VARY).iter().collect();
        assert_eq!(vary.len(), 2, "{place:?}: {vary:?}");

        let ours = ask("/me").await;
        assert_eq!(ours.status(), StatusCode::UNAUTHORIZED, "{place:?}");
        // Behind, ours takes the place of what was compressed; outside, it is compressed.
        let is_compressed = place == Place::Outside;
        assert_eq!(ours.headers().contains_key(CONTENT_ENCODING), is_compressed, "{place:?}");
        if !is_compressed {
            let length = ours.headers().get(CONTENT_LENGTH).cloned();
            let body = text(ours).await.1;
            assert_eq!(body, "<".repeat(100));
            assert!(length.is_none_or(|length| length == "100"));
        }
    }
}

#[tokio::test]
async fn only_requests_that_ask_slide_the_expiry() {
    for (is_eager, path, slides) in
        [(false, "/unasked", false), (false, "/asked", true), (true, "/unasked", true)]
    {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)));
        let store = store().with_clock(clock.clone());
        let layer = if is_eager { layer(store.clone()).eager() } else { layer(store.clone()) };
        let app = Router::new()
            .route("/unasked", get(|| async {}))
            .route("/asked", get(|_: Session| async {}))
            .route(
                "/sign-in",
                get(|session: Session| async move {
                    session.authenticate("alice").await?;
                    Ok::<_, SessionError>(())
                }),
            )
            .layer(layer);
        let user = cookie(&call(&app, request("/sign-in")).await);
        let alice = "alice".parse().unwrap();
        let before = store.list(&alice).await.unwrap()[0].expires_at;
        clock.advance(Duration::from_secs(3600));
        let response = call(&app, request_with_cookie(path, &user)).await;
        let sends = response.headers().contains_key(SET_COOKIE);
        let after = store.list(&alice).await.unwrap()[0].expires_at;
        assert_eq!((after > before, sends), (slides, slides), "{path}, eager: {is_eager}");
    }
}
