//! The answers that the library itself gives, plain and shaped.

use salvo_core::http::Method;
use salvo_core::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE};
use salvo_core::prelude::*;
use salvo_core::writing::Text;
use session_salvo::{RequireUser, Session, SessionDepotExt, SessionError, SessionHandler};

use crate::support::{ask, get, sign_in, store, store_that_is_down};

#[handler]
async fn me(caller: RequireUser) -> String {
    caller.user.to_string()
}

#[handler]
async fn anybody(_session: Session) -> &'static str {
    "hello"
}

#[handler]
async fn from_depot(depot: &mut Depot) -> Result<&'static str, SessionError> {
    depot.session().await?;
    Ok("hello")
}

#[handler]
async fn stores_too_much(session: Session) -> Result<&'static str, SessionError> {
    session.set("k", "x".repeat(100_000))?;
    Ok("stored")
}

/// Begins an answer, with headers that describe it, and then fails.
#[handler]
async fn half_way(response: &mut Response) -> Result<(), SessionError> {
    response.headers_mut().insert("etag", "x".parse().unwrap());
    response.render(Text::Html("<p>half of"));
    Err(session_core::ErrorKind::SessionEnded.into())
}

/// Stores what cannot be saved, beside an answer that promises it.
#[handler]
async fn promises(session: Session, response: &mut Response) {
    session.set("k", 1).unwrap();
    response.headers_mut().insert("x-inner", "1".parse().unwrap());
    response.headers_mut().insert("etag", "x".parse().unwrap());
    response.add_cookie(salvo_core::http::cookie::Cookie::new("inner", "1"));
    response.status_code(StatusCode::CREATED).render("stored");
}

fn app(handler: SessionHandler) -> Service {
    let router = Router::new().hoop(handler).push(routes());
    Service::new(router)
}

fn routes() -> Router {
    Router::new()
        .push(Router::with_path("me").get(me))
        .push(Router::with_path("anybody").get(anybody))
        .push(Router::with_path("depot").get(from_depot))
        .push(Router::with_path("sign-in").get(sign_in))
        .push(Router::with_path("too-much").get(stores_too_much))
        .push(Router::with_path("half-way").get(half_way))
        .push(Router::with_path("promises").get(promises))
}

fn shaped(handler: SessionHandler) -> SessionHandler {
    handler.on_error(|error, _| (error.status(), format!("<{}>", error.code())))
}

#[tokio::test]
async fn errors_are_answered() {
    let token = format!("_session={}", "a".repeat(64));
    let down = "the session backend is unavailable\n";
    let too_much = "the session's data would be 100008 bytes, and 8192 are allowed\n";
    let ended = "the session has ended\n";
    for (name, is_down, path, cookie, status, plain, shape) in [
        ("nobody", false, "/me", "", 401, "nobody is signed in\n", "<unauthenticated>"),
        ("down", true, "/anybody", token.as_str(), 503, down, "<unavailable>"),
        ("down, by the depot", true, "/depot", &token, 503, down, "<unavailable>"),
        ("down, and nobody asks", true, "/anybody", "", 200, "hello", "hello"),
        ("down when it is saved", true, "/promises", "", 503, down, "<unavailable>"),
        ("too much data", false, "/too-much", "", 413, too_much, "<data_too_large>"),
        ("in the middle", false, "/half-way", "", 409, ended, "<session_ended>"),
    ] {
        let handler = || SessionHandler::new(if is_down { store_that_is_down() } else { store() });
        for (app, expected) in [(app(handler()), plain), (app(shaped(handler())), shape)] {
            let reply = get(&app, path, cookie).await.check(name, status, expected);
            let headers = &reply.headers;
            assert!(!headers.contains_key(SET_COOKIE), "{name}");
            assert_eq!(headers.contains_key(RETRY_AFTER), status == 503, "{name}");
            assert_eq!(headers[CONTENT_TYPE], "text/plain; charset=utf-8", "{name}");
            if status >= 400 {
                assert_eq!(headers[CACHE_CONTROL], "no-store", "{name}");
                assert!(!headers.contains_key("etag"), "{name}: of another body");
            }
        }
    }
}

#[tokio::test]
async fn a_missing_handler_is_a_500_that_says_nothing_to_the_visitor() {
    let app = Service::new(routes());
    for path in ["/anybody", "/depot", "/me"] {
        get(&app, path, "").await.check(path, 500, "internal error\n");
    }
}

#[tokio::test]
async fn two_handlers_are_a_500_shaped_by_the_inner_one() {
    let [outer, inner] = [(), ()].map(|()| SessionHandler::new(store()));
    let router = Router::new().hoop(outer.clone()).hoop(shaped(inner.clone())).push(routes());
    let service = Service::new(router);
    get(&service, "/anybody", "").await.check("one router", 500, "<internal>");

    let service = app(shaped(inner.clone())).hoop(outer.clone());
    get(&service, "/anybody", "").await.check("service and router", 500, "<internal>");

    let router = Router::new().hoop(outer.eager()).get(anybody.hoop(shaped(inner)));
    get(&Service::new(router), "/", "").await.check("router and goal", 500, "<internal>");
}

#[tokio::test]
async fn require_user_lets_users_in() {
    let app = app(SessionHandler::new(store()));
    let signed_in = get(&app, "/sign-in", "").await.cookie();
    get(&app, "/me", &signed_in).await.check("signed in", 200, "alice");
}

#[tokio::test]
async fn require_user_as_a_hoop_keeps_visitors_out() {
    #[handler]
    async fn users_only(_user: RequireUser) {}

    let router = Router::new()
        .hoop(SessionHandler::new(store()))
        .push(Router::with_path("sign-in").get(sign_in))
        .push(Router::with_path("inside").hoop(users_only).get(anybody));
    let app = Service::new(router);
    get(&app, "/inside", "").await.check("a visitor", 401, "nobody is signed in\n");
    let signed_in = get(&app, "/sign-in", "").await.cookie();
    get(&app, "/inside", &signed_in).await.check("a user", 200, "hello");
}

#[tokio::test]
async fn an_eager_handler_answers_for_a_database_that_is_down() {
    let app = app(shaped(SessionHandler::new(store_that_is_down()).eager()));
    let token = format!("_session={}", "a".repeat(64));
    get(&app, "/anybody", &token).await.check("eager", 503, "<unavailable>");
    get(&app, "/anybody", "").await.check("eager, without a cookie", 200, "hello");
}

#[tokio::test]
async fn an_answer_of_ours_keeps_what_handlers_outside_wrote() {
    #[handler]
    async fn outside(response: &mut Response) {
        response.headers_mut().insert("x-outer", "1".parse().unwrap());
        response.add_cookie(salvo_core::http::cookie::Cookie::new("outer", "1"));
    }

    let router =
        Router::new().hoop(outside).hoop(SessionHandler::new(store_that_is_down())).push(routes());
    let reply = get(&Service::new(router), "/promises", "").await;
    assert_eq!((reply.status.as_u16(), reply.cookies()), (503, vec!["outer=1".to_owned()]));
    assert_eq!(reply.headers["x-outer"], "1");
    for gone in ["x-inner", "etag"] {
        assert!(!reply.headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn every_shape_has_a_body_that_stays() {
    // Empty, a page of salvo's own, elsewhere.
    let down = || SessionHandler::new(store_that_is_down());
    let empty = app(down().on_error(|error, _| error.status()));
    let reply = get(&empty, "/promises", "").await;
    reply.check("empty", 503, "the session backend is unavailable\n");

    let salvos = app(down().on_error(|_, _| StatusError::service_unavailable()));
    let reply = get(&salvos, "/promises", "").await;
    assert!(reply.status == 503 && reply.body.contains("Service Unavailable"), "{}", reply.body);
    assert!(reply.headers.contains_key(RETRY_AFTER));

    let no_status = app(down().on_error(|_, _| "later"));
    get(&no_status, "/promises", "").await.check("no status", 503, "later");

    let elsewhere = SessionHandler::new(store()).on_error(|_, _| Redirect::other("/login"));
    let reply = get(&app(elsewhere), "/me", "").await;
    assert_eq!(
        (reply.status.as_u16(), &reply.headers["location"]),
        (303, &"/login".parse().unwrap())
    );

    let head = ask(&salvos, Method::HEAD, "/promises", "").await;
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn what_somebody_wrote_in_the_place_of_an_answer_of_ours_stays() {
    #[handler]
    async fn writes_its_own(
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        flow.call_next(request, depot, response).await;
        response.take_body();
        response.render("mine");
    }

    let router =
        Router::new().hoop(shaped(SessionHandler::new(store()))).hoop(writes_its_own).get(me);
    get(&Service::new(router), "/", "").await.check("its own", 401, "mine");
}
