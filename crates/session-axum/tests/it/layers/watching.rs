//! Layers that look on: traces, and what they write.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use axum::routing::get;
use session_axum::{Session, SessionError, layer};
use session_core::SessionStore;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::trace::TraceLayer;

use super::Place;
use crate::support::{call, cookie, request, request_with_cookie, store};

fn routes(store: SessionStore) -> Router {
    Router::new()
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

#[tokio::test]
async fn a_trace_outside_sees_what_goes_out() {
    for (place, seen_status) in [(Place::Outside, 409), (Place::Behind, 200)] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sees = seen.clone();
        let trace = TraceLayer::new_for_http().on_response(
            move |response: &Response<Body>, _: std::time::Duration, _: &tracing::Span| {
                sees.lock().unwrap().push(response.status().as_u16());
            },
        );
        let store = store();
        let app = place.mount(routes(store.clone()), layer(store), trace);
        let user = cookie(&call(&app, request("/sign-in")).await);
        let answer = call(&app, request_with_cookie("/ended-meanwhile", &user)).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT, "{place:?}");
        assert_eq!(*seen.lock().unwrap(), [200, seen_status], "{place:?}");
    }
}

/// Our own cookie is marked; the one that the browser sends is for a layer outside to mark.
#[tokio::test]
async fn a_trace_of_headers_shows_no_token_where_they_are_marked() {
    for is_marked in [true, false] {
        let written = Arc::new(Mutex::new(String::new()));
        let (writes, writes_too) = (written.clone(), written.clone());
        let trace = TraceLayer::new_for_http()
            .make_span_with(move |request: &Request<Body>| {
                *writes.lock().unwrap() += &format!("{:?}", request.headers());
                tracing::Span::none()
            })
            .on_response(
                move |response: &Response<Body>, _: std::time::Duration, _: &tracing::Span| {
                    *writes_too.lock().unwrap() += &format!("{:?}", response.headers());
                },
            );
        let store = store();
        let mut app = Place::Outside.mount(routes(store.clone()), layer(store), trace);
        if is_marked {
            app = app.layer(SetSensitiveRequestHeadersLayer::new([header::COOKIE]));
        }
        let issued = cookie(&call(&app, request("/sign-in")).await);
        assert!(written.lock().unwrap().contains("set-cookie"));
        assert!(!written.lock().unwrap().contains(&issued), "ours are marked");
        call(&app, request_with_cookie("/sign-in", &issued)).await;
        assert_eq!(written.lock().unwrap().contains(&issued), !is_marked);
    }
}
