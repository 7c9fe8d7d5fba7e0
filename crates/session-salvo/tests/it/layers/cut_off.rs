//! Panics and time-outs: what cuts a handler off.

use std::time::Duration;

use salvo_core::prelude::*;
use salvo_extra::catch_panic::CatchPanic;
use salvo_extra::timeout::Timeout;
use session_core::{EventKind, SessionStore};
use session_salvo::{Session, SessionHandler};

use super::{Events, Place};
use crate::support::get;

/// Signs in, begins something, and comes to no end.
async fn halfway(session: &Session) {
    session.authenticate("alice").await.unwrap();
    session.set("half", 1).unwrap();
}

#[handler]
async fn cart(session: Session) {
    session.set("cart", 1).unwrap();
}

#[handler]
async fn who(session: Session) -> String {
    let user = session.user_id().map_or("nobody".to_owned(), |user| user.to_string());
    format!("{user} {}", session.keys().join(" "))
}

#[handler]
async fn panics(session: Session) {
    halfway(&session).await;
    panic!("on purpose");
}

#[handler]
async fn hangs(session: Session) {
    halfway(&session).await;
    std::future::pending::<()>().await;
}

fn routes() -> Router {
    Router::new()
        .push(Router::with_path("cart").get(cart))
        .push(Router::with_path("who").get(who))
        .push(Router::with_path("panics").get(panics))
        .push(Router::with_path("hangs").get(hangs))
}

async fn check(
    place: Place,
    app: Service,
    path: &str,
    status: u16,
    (store, events): (SessionStore, Events),
) {
    let visitor = get(&app, "/cart", "").await.cookie();
    let reply = get(&app, path, &visitor).await;
    assert_eq!(reply.status.as_u16(), status, "{place:?}: {path}");
    assert!(events.told_of(EventKind::Authenticated), "{place:?}: {path}: it was committed");
    let lost = place == Place::Outside;
    assert_eq!(reply.cookies().is_empty(), lost, "{place:?}: {path}");
    assert_eq!(events.told_of(EventKind::TokenLost), lost, "{place:?}: {path}");
    assert_eq!(events.told_of(EventKind::DataDroppedOnServerError), !lost, "{place:?}: {path}");
    let held = if lost { visitor } else { reply.cookie() };
    let expected = if lost { "nobody " } else { "alice cart" };
    get(&app, "/who", &held).await.check(path, 200, expected);
    let listed = store.list(&"alice".parse().unwrap()).await.unwrap();
    assert_eq!(listed.len(), 1, "{place:?}: {path}: on the list, whether anybody holds it or not");
}

#[tokio::test]
async fn a_panic_caught_behind_keeps_the_sign_in() {
    for place in Place::BOTH {
        let (store, events) = Events::of_a_store();
        let app = place.mount(routes(), SessionHandler::new(store.clone()), CatchPanic::new());
        check(place, app, "/panics", 500, (store, events)).await;
    }
}

/// Whichever status the time-out has: 408 counts as a server error does.
#[tokio::test(start_paused = true)]
async fn a_time_out_behind_keeps_the_sign_in() {
    for status in [503, 408] {
        for place in Place::BOTH {
            let (store, events) = Events::of_a_store();
            let mut limit = Timeout::new(Duration::from_secs(10));
            if status == 408 {
                limit = limit.error(StatusError::request_timeout);
            }
            let app = place.mount(routes(), SessionHandler::new(store.clone()), limit);
            check(place, app, "/hangs", status, (store, events)).await;
        }
    }
}

/// A second catcher outside is for what lies between, and costs nothing.
#[tokio::test]
async fn a_catcher_on_either_side_is_as_good_as_one_behind() {
    let (store, events) = Events::of_a_store();
    let app = Service::new(routes())
        .hoop(CatchPanic::new())
        .hoop(SessionHandler::new(store.clone()))
        .hoop(CatchPanic::new());
    check(Place::Behind, app, "/panics", 500, (store, events)).await;
}
