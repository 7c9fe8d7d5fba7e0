//! A service behind the layer that answers with `Err`: what was committed before must still be told.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{Request, Response, StatusCode};
use axum_core::BoxError;
use axum_core::extract::FromRequestParts;
use session_axum::{Session, SessionLayer, layer};
use session_core::{ManualClock, Peer, SessionStore, Timestamp};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{cookie, request, request_with_cookie, store, text};

/// Does what its path says, and fails.
async fn fails(request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let (mut parts, _) = request.into_parts();
    if parts.uri.path() != "/nothing" {
        let session = Session::from_request_parts(&mut parts, &()).await?;
        session.set("k", 1)?;
        match parts.uri.path() {
            "/sign-in" => session.authenticate("alice").await?,
            "/rotate" => drop(session.rotate().await?),
            "/sign-out" => drop(session.logout().await?),
            "/after" => {
                session.authenticate("alice").await?;
                session.set("late", 1)?;
            }
            _ => {}
        }
    }
    Err(io::Error::other("the inner secret").into())
}

async fn ask(layer: &SessionLayer, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let mut service = layer.layer(service_fn(fails));
    service.ready().await?.call(request).await
}

async fn signed_in(store: &SessionStore) -> String {
    let service = service_fn(|request: Request<Body>| async {
        let (mut parts, _) = request.into_parts();
        let session = Session::from_request_parts(&mut parts, &()).await.unwrap();
        session.authenticate("alice").await.unwrap();
        Ok::<_, BoxError>(Response::new(Body::empty()))
    });
    cookie(&layer(store.clone()).layer(service).oneshot(request("/")).await.unwrap())
}

#[tokio::test]
async fn a_changed_token_reaches_the_browser() {
    let store = store();
    for layer in [layer(store.clone()), layer(store.clone()).eager()] {
        for (path, removes, keys) in [
            ("/sign-in", false, &["k"][..]),
            ("/rotate", false, &[]),
            ("/sign-out", true, &[]),
            ("/after", false, &["k"]),
        ] {
            let before = signed_in(&store).await;
            let response = ask(&layer, request_with_cookie(path, &before)).await.unwrap();
            let set = response.headers()[SET_COOKIE].to_str().unwrap();
            assert_eq!(set.starts_with("_session=;"), removes, "{path}: {set}");
            let now = cookie(&response);
            assert_ne!(now, before, "{path}");
            let expected = (StatusCode::INTERNAL_SERVER_ERROR, "internal error\n".to_owned());
            assert_eq!(text(response).await, expected, "{path}");
            let (user, kept) = who_is_it(&store, &now).await;
            assert_eq!(user.is_some(), !removes, "{path}");
            assert_eq!(kept, keys, "{path}: what the sign-in took along, and nothing later");
        }
    }
}

/// Who comes with this cookie, and what their session holds.
async fn who_is_it(store: &SessionStore, cookie: &str) -> (Option<String>, Vec<String>) {
    let visit = store.begin();
    let request = request_with_cookie("/", cookie);
    visit.attach(request.method(), request.uri(), request.headers(), Peer::Unknown, None);
    let session = visit.load().await.unwrap();
    (session.user_id().map(|user| user.to_string()), session.keys())
}

#[tokio::test]
async fn an_error_that_changed_no_token_passes_through() {
    let store = store();
    let before = signed_in(&store).await;
    for layer in [layer(store.clone()), layer(store.clone()).eager()] {
        for (path, cookie) in
            [("/nothing", ""), ("/nothing", &before), ("/look", ""), ("/look", before.as_str())]
        {
            let error = ask(&layer, request_with_cookie(path, cookie)).await.unwrap_err();
            assert!(error.is::<io::Error>(), "{path}: {error}");
        }
    }
    let sessions = store.list(&"alice".parse().unwrap()).await.unwrap();
    assert!(sessions.iter().all(|session| session.data.is_empty()), "the buffer is dropped");
}

/// A cookie that only slides is sent another time: whoever is outside may know the error better.
#[tokio::test]
async fn an_error_that_only_slid_the_session_passes_through() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)));
    let store = store().with_clock(clock.clone());
    let before = signed_in(&store).await;
    clock.advance(Duration::from_secs(3600));
    let error = ask(&layer(store.clone()), request_with_cookie("/look", &before)).await;
    assert!(error.unwrap_err().is::<io::Error>());
    let sessions = store.list(&"alice".parse().unwrap()).await.unwrap();
    assert!(sessions[0].last_active_at > sessions[0].created_at, "it was touched all the same");
}

#[tokio::test]
async fn its_answer_is_shaped_and_knows_why() {
    let layer = layer(store()).on_error(|error, _| {
        let cause = std::error::Error::source(error).unwrap().to_string();
        (error.status(), [(CONTENT_TYPE, "application/json")], format!("<{cause}>"))
    });
    let response = ask(&layer, request("/sign-in")).await.unwrap();
    assert!(response.headers().contains_key(SET_COOKIE));
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let expected = (StatusCode::INTERNAL_SERVER_ERROR, "<the inner secret>".to_owned());
    assert_eq!(text(response).await, expected);
}
