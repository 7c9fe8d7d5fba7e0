//! Handlers that cease the flow, skip the rest, nest, write no status, or panic; and hoops around.

use std::sync::Arc;

use salvo_core::http::Method;
use salvo_core::http::header::SET_COOKIE;
use salvo_core::prelude::*;
use session_conformance::http::{Panicked, catch_panic};
use session_core::{MemoryBackend, SessionConfig, SessionStore};
use session_salvo::{Session, SessionDepotExt, SessionHandler};

use crate::support::{ask, count, get, store};

/// Stores, and ends the flow as the path says.
#[handler]
async fn ends(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
    flow: &mut FlowCtrl,
) {
    let session = depot.session().await.unwrap();
    session.set("how", request.uri().path().to_owned()).unwrap();
    match request.uri().path() {
        "/cease" => flow.cease(),
        "/skip" => flow.skip_rest(),
        "/teapot" => drop(response.status_code(StatusCode::IM_A_TEAPOT)),
        "/elsewhere" => response.render(Redirect::other("/")),
        "/fails" => drop(response.status_code(StatusCode::BAD_GATEWAY)),
        _ => {}
    }
}

#[handler]
async fn tells_how(session: Session) -> String {
    session.get::<String>("how").unwrap().unwrap_or_else(|| "nothing".to_owned())
}

fn ending(sessions: SessionHandler) -> Service {
    let goal = || Router::with_path("{*rest}").goal(tells_how);
    let router = Router::new()
        .push(Router::with_path("how").hoop(sessions.clone()).get(tells_how))
        .push(goal().hoop(sessions).hoop(ends));
    Service::new(router)
}

#[tokio::test]
async fn whoever_ends_the_flow_keeps_what_was_stored() {
    let app = ending(SessionHandler::new(store()));
    for (path, status, kept) in [
        ("/goes-on", 200, true),
        ("/cease", 200, true),
        ("/skip", 200, true),
        ("/teapot", 418, true),
        ("/elsewhere", 303, true),
        ("/fails", 502, false),
    ] {
        let reply = get(&app, path, "").await;
        assert_eq!(reply.status.as_u16(), status, "{path}");
        assert_eq!(reply.cookies().len(), usize::from(kept), "{path}");
        if kept {
            let how = get(&app, "/how", &reply.cookie()).await;
            how.check(path, 200, path);
        }
    }
}

#[tokio::test]
async fn a_flow_that_ended_outside_never_comes_here() {
    #[handler]
    async fn ceases(flow: &mut FlowCtrl, response: &mut Response) {
        response.render("closed");
        flow.cease();
    }
    let router = Router::new().hoop(ceases).hoop(SessionHandler::new(store())).get(count);
    let reply = get(&Service::new(router), "/", "").await.check("outside", 200, "closed");
    assert!(!reply.headers.contains_key(SET_COOKIE) && !reply.headers.contains_key("vary"));
}

/// salvo decides about a missing status after everybody: that is no server error.
#[tokio::test]
async fn no_status_is_a_success() {
    #[handler]
    async fn takes_the_status_away(session: Session, response: &mut Response, flow: &mut FlowCtrl) {
        session.set("a", 1).unwrap();
        response.status_code = None;
        flow.skip_rest();
    }
    let router =
        Router::new().hoop(SessionHandler::new(store())).hoop(takes_the_status_away).get(tells_how);
    let reply = get(&Service::new(router), "/", "").await;
    assert_eq!((reply.status.as_u16(), reply.cookies().len()), (200, 1));
}

#[tokio::test]
async fn routers_nest() {
    let sessions = SessionHandler::new(store());
    let router = Router::new()
        .push(
            Router::with_path("a")
                .hoop(sessions.clone())
                .push(Router::with_path("b").push(Router::with_path("c").get(count))),
        )
        .push(Router::with_path("goal").get(count.hoop(sessions.clone())))
        .push(Router::with_path("when").hoop_when(sessions, |_, _| true).get(count))
        .push(Router::with_path("without").get(tells_how));
    let app = Service::new(router);
    let cookie = get(&app, "/a/b/c", "").await.check("nested", 200, "visit number 1").cookie();
    get(&app, "/goal", &cookie).await.check("at a goal", 200, "visit number 2");
    get(&app, "/when", &cookie).await.check("under a condition", 200, "visit number 3");
    get(&app, "/without", &cookie).await.check("beside it", 500, "internal error\n");
}

#[tokio::test]
async fn around_the_whole_service_it_leaves_other_answers_alone() {
    for sessions in [SessionHandler::new(store()), SessionHandler::new(store()).eager()] {
        let app = Service::new(Router::with_path("here").get(count)).hoop(sessions);
        let cookie = get(&app, "/here", "").await.check("here", 200, "visit number 1").cookie();
        get(&app, "/here", &cookie).await.check("again", 200, "visit number 2");
        let nowhere = get(&app, "/nowhere", &cookie).await;
        assert!(nowhere.status == 404 && nowhere.body.contains("Not Found"), "{}", nowhere.body);
        let reply = ask(&app, Method::DELETE, "/here", &cookie).await;
        assert!(reply.status == 405 && reply.headers["allow"] == "GET");
        assert!(reply.cookies().is_empty());
    }
}

/// What a hoop in front does runs before the session is concluded, wherever it stands behind us.
#[tokio::test]
async fn hoops_in_any_order() {
    #[handler]
    async fn before(session: Session) {
        session.set("before", 1).unwrap();
    }
    #[handler]
    async fn after(
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        flow.call_next(request, depot, response).await;
        depot.session().await.unwrap().set("after", 1).unwrap();
    }
    #[handler]
    async fn too_late(
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        flow.call_next(request, depot, response).await;
        let session = depot.session().await.unwrap();
        assert_eq!(session.set("late", 1).unwrap_err().kind(), session_core::ErrorKind::LateWrite);
    }
    #[handler]
    async fn keys(session: Session) -> String {
        session.keys().join(" ")
    }
    let sessions = SessionHandler::new(store());
    let router = Router::new().hoop(too_late).hoop(sessions).hoop(before).hoop(after).get(keys);
    let app = Service::new(router);
    let cookie = get(&app, "/", "").await.check("first", 200, "before").cookie();
    get(&app, "/", &cookie).await.check("second", 200, "after before");
}

#[tokio::test]
async fn a_panic_passes_through_and_drops_what_was_buffered() {
    #[handler]
    async fn panics(session: Session) {
        session.set("k", 1).unwrap();
        panic!("on purpose");
    }
    #[handler]
    async fn catches(
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        let inside = flow.call_next(request, depot, response);
        assert_eq!(catch_panic(inside).await, Err(Panicked));
        response.status_code(StatusCode::INTERNAL_SERVER_ERROR).render("caught");
    }
    let events = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = events.clone();
    let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())
        .unwrap()
        .on_event(move |event| seen.lock().unwrap().push(event.kind.to_string()));
    let router = Router::new().hoop(catches).hoop(SessionHandler::new(store)).get(panics);
    let app = Service::new(router);
    for _ in 0..2 {
        let reply = get(&app, "/", "").await.check("caught", 500, "caught");
        assert!(reply.cookies().is_empty());
    }
    assert!(events.lock().unwrap().is_empty(), "no session was made");
}
