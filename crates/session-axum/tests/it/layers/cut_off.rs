//! Panics and time-outs: what cuts a handler off.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::routing::get;
use session_axum::{Session, SessionError, layer};
use session_core::{EventKind, SessionStore};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use super::{Events, Place};
use crate::support::{call, cookie, request, request_with_cookie, text};

/// Signs in, begins something, and comes to no end.
async fn halfway(session: Session) -> Result<(), SessionError> {
    session.authenticate("alice").await?;
    session.set("half", 1)?;
    Ok(())
}

fn routes() -> Router {
    Router::new()
        .route(
            "/cart",
            get(|session: Session| async move { session.set("cart", 1).map_err(SessionError::from) }),
        )
        .route(
            "/who",
            get(|session: Session| async move {
                let user = session.user_id().map_or("nobody".to_owned(), |user| user.to_string());
                format!("{user} {}", session.keys().join(" "))
            }),
        )
        .route(
            "/panics",
            get(|session: Session| async move {
                halfway(session).await.unwrap();
                panic!("on purpose");
                #[expect(unreachable_code, reason = "gives the handler a type")]
                ""
            }),
        )
        .route(
            "/hangs",
            get(|session: Session| async move {
                halfway(session).await.unwrap();
                std::future::pending::<()>().await;
            }),
        )
}

async fn check(
    place: Place,
    app: Router,
    path: &str,
    status: u16,
    store: &SessionStore,
    events: &Events,
) {
    let visitor = cookie(&call(&app, request("/cart")).await);
    let response = call(&app, request_with_cookie(path, &visitor)).await;
    assert_eq!(response.status().as_u16(), status, "{place:?}: {path}");
    assert!(events.told_of(EventKind::Authenticated), "{place:?}: {path}: it was committed");
    let held = match place {
        Place::Behind => cookie(&response),
        Place::Outside => {
            assert!(!response.headers().contains_key(SET_COOKIE), "{path}");
            visitor
        }
    };
    drop(response);
    let lost = place == Place::Outside;
    assert_eq!(events.told_of(EventKind::TokenLost), lost, "{place:?}: {path}");
    assert_eq!(events.told_of(EventKind::DataDroppedOnServerError), !lost, "{place:?}: {path}");
    let who = text(call(&app, request_with_cookie("/who", &held)).await).await.1;
    assert_eq!(who, if lost { "nobody " } else { "alice cart" }, "{place:?}: {path}");
    let listed = store.list(&"alice".parse().unwrap()).await.unwrap();
    assert_eq!(listed.len(), 1, "{place:?}: {path}: on the list, whether anybody holds it or not");
}

#[tokio::test]
async fn a_panic_caught_behind_keeps_the_sign_in() {
    for place in Place::BOTH {
        let (store, events) = Events::of_a_store();
        let app = place.mount(routes(), layer(store.clone()), CatchPanicLayer::new());
        check(place, app, "/panics", 500, &store, &events).await;
    }
}

/// Whichever status the time-out has: 408 counts as a server error does.
#[tokio::test(start_paused = true)]
async fn a_time_out_behind_keeps_the_sign_in() {
    for status in [StatusCode::REQUEST_TIMEOUT, StatusCode::SERVICE_UNAVAILABLE] {
        for place in Place::BOTH {
            let (store, events) = Events::of_a_store();
            let limit = TimeoutLayer::with_status_code(status, Duration::from_secs(10));
            let app = place.mount(routes(), layer(store.clone()), limit);
            check(place, app, "/hangs", status.as_u16(), &store, &events).await;
        }
    }
}

/// A second catcher outside is for what lies between, and costs nothing.
#[tokio::test]
async fn a_catcher_on_either_side_is_as_good_as_one_behind() {
    let (store, events) = Events::of_a_store();
    let app = Place::Behind.mount(routes(), layer(store.clone()), CatchPanicLayer::new());
    let app = app.layer(CatchPanicLayer::new());
    check(Place::Behind, app, "/panics", 500, &store, &events).await;
}
