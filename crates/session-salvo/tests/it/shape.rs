//! What becomes of an answer of ours between whoever gave it and the client: hoops inside may take it
//! over or add to it, the application shapes it, and one that takes a success's place keeps little.

use salvo_core::http::cookie::Cookie;
use salvo_core::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, LOCATION,
    RETRY_AFTER, VARY,
};
use salvo_core::http::{HeaderValue, Method, ResBody};
use salvo_core::prelude::*;
use salvo_core::writing::Text;
use session_core::{Error, ErrorKind, RequestHead};
use session_salvo::{RequireUser, Session, SessionError, SessionHandler};

use crate::support::{ask_with, get, store, store_that_is_down};

fn shaped(handler: SessionHandler) -> SessionHandler {
    handler.on_error(|error, _| (error.status(), Text::Json(format!("<{}>", error.code()))))
}

#[handler]
async fn me(_user: RequireUser) -> &'static str {
    "hello"
}

#[handler]
async fn busy() -> Result<(), SessionError> {
    Err(ErrorKind::Unavailable.into())
}

/// Promises what cannot be saved.
#[handler]
async fn promises(session: Session, response: &mut Response) -> Result<(), SessionError> {
    session.set("k", 1)?;
    for (name, value) in [
        ("location", "/thanks"),
        ("etag", "\"1\""),
        ("cache-control", "max-age=60"),
        ("hx-redirect", "/thanks"),
        ("x-accel-redirect", "/thanks.html"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.status_code(StatusCode::CREATED).render(Text::Html("stored"));
    Ok(())
}

/// A hoop inside of the session's, around the handlers.
#[handler]
async fn inside(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
    flow: &mut FlowCtrl,
) {
    flow.call_next(request, depot, response).await;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert("x-request-id", HeaderValue::from_static("7"));
    headers.append(VARY, HeaderValue::from_static("Origin"));
    headers.append("set-cookie", HeaderValue::from_static("inner=1"));
    response.add_cookie(Cookie::new("jar", "1"));
}

#[tokio::test]
async fn what_hoops_inside_put_on_an_answer_of_ours_stays() {
    for (name, sessions, body) in [
        ("plain", SessionHandler::new(store()), "nobody is signed in\n"),
        ("shaped", shaped(SessionHandler::new(store())), "<unauthenticated>"),
    ] {
        let app = Service::new(Router::new().hoop(sessions).hoop(inside).get(me));
        let reply = get(&app, "/", "").await.check(name, 401, body);
        assert_eq!(reply.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{name}");
        assert_eq!(reply.headers["x-request-id"], "7", "{name}");
        assert_eq!(reply.cookies(), ["inner=1", "jar=1"], "{name}");
        assert_eq!(reply.headers[CACHE_CONTROL], "no-store", "{name}");
        let vary: Vec<_> = reply.headers.get_all(VARY).iter().collect();
        assert_eq!(vary, ["Origin", "Cookie"], "{name}");
    }
}

#[tokio::test]
async fn what_hoops_inside_made_of_an_answer_of_ours_stays() {
    #[handler]
    async fn makes(
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        flow.call_next(request, depot, response).await;
        match request.uri().path() {
            "/another-status" => response.render(Redirect::other("/sign-in")),
            "/a-page" => {
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
                response.body("<p>later");
            }
            "/other-words" => drop(response.body("other words")),
            "/as-many-words" => drop(response.body("nobody is signed on\n")),
            "/compressed" => {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
                // Of unknown size.
                response.body = ResBody::channel().1;
            }
            _ => {}
        }
    }
    let routes = Router::with_path("{*rest}").hoop(makes).goal(me);
    let app = Service::new(Router::new().hoop(shaped(SessionHandler::new(store()))).push(routes));
    for (path, status, body) in [
        ("/another-status", 303, "nobody is signed in\n"),
        ("/a-page", 401, "<p>later"),
        ("/other-words", 401, "other words"),
        ("/as-many-words", 401, "nobody is signed on\n"),
        ("/compressed", 401, "<unauthenticated>"),
    ] {
        let reply = get(&app, path, "").await.check(path, status, body);
        assert_eq!(reply.headers.contains_key(LOCATION), status == 303, "{path}");
        assert!(!reply.headers.contains_key(CONTENT_ENCODING), "{path}");
    }
}

/// Only what our own words said of themselves is taken back.
#[tokio::test]
async fn a_hoop_inside_that_knows_better_is_heard() {
    #[handler]
    async fn knows(
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        flow.call_next(request, depot, response).await;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    let sessions = shaped(SessionHandler::new(store()));
    let app = Service::new(Router::new().hoop(sessions).hoop(knows).get(busy));
    let reply = get(&app, "/", "").await.check("knows better", 503, "<unavailable>");
    assert_eq!(reply.headers[RETRY_AFTER], "60");
    assert_eq!(reply.headers[CACHE_CONTROL], "private");

    let elsewhere = SessionHandler::new(store()).on_error(|_, _| Redirect::other("/"));
    let reply = get(&Service::new(Router::new().hoop(elsewhere).get(busy)), "/", "").await;
    assert!(!reply.headers.contains_key(RETRY_AFTER), "it speaks of a 503");
    assert!(!reply.headers.contains_key(CONTENT_TYPE), "it speaks of our words");
}

#[tokio::test]
async fn an_answer_in_the_place_of_a_success_keeps_only_what_is_not_about_it() {
    #[handler]
    async fn outside(response: &mut Response) {
        response.headers_mut().insert("x-outer", HeaderValue::from_static("1"));
        response.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
        response.add_cookie(Cookie::new("outer", "1"));
    }
    for (name, sessions, body) in [
        (
            "plain",
            SessionHandler::new(store_that_is_down()),
            "the session backend is unavailable\n",
        ),
        ("shaped", shaped(SessionHandler::new(store_that_is_down())), "<unavailable>"),
    ] {
        let router = Router::new().hoop(outside).hoop(sessions).hoop(inside).get(promises);
        let reply = get(&Service::new(router), "/", "").await.check(name, 503, body);
        for kept in ["access-control-allow-origin", "x-request-id", "x-outer"] {
            assert!(reply.headers.contains_key(kept), "{name}: {kept}");
        }
        for gone in ["location", "etag", "hx-redirect", "x-accel-redirect"] {
            assert!(!reply.headers.contains_key(gone), "{name}: {gone}");
        }
        let vary: Vec<_> = reply.headers.get_all(VARY).iter().collect();
        assert_eq!(vary, ["Accept", "Origin", "Cookie"], "{name}");
        assert_eq!(reply.cookies(), ["outer=1"], "{name}");
        assert_eq!(reply.headers[CACHE_CONTROL], "no-store", "{name}");
    }
}

/// A person goes to the sign-in page and knows the way back; a program is told in JSON.
#[tokio::test]
async fn the_shape_knows_the_request() {
    struct SignInOr(Option<Redirect>, String);
    impl Scribe for SignInOr {
        fn render(self, response: &mut Response) {
            match self.0 {
                Some(redirect) => redirect.render(response),
                None => Text::Json(self.1).render(response),
            }
        }
    }
    fn shape(error: &Error, request: RequestHead<'_>) -> SignInOr {
        let sign_in = error.status() == StatusCode::UNAUTHORIZED && request.is_navigation();
        let redirect = || Redirect::other(format!("/sign-in?next={}", request.path_for_query()));
        SignInOr(sign_in.then(redirect), format!("{} {}", request.method, error.code()))
    }
    let down = || SessionHandler::new(store_that_is_down());
    for sessions in [down(), down().eager()] {
        let orders = Router::with_path("orders").get(me).post(me).put(promises);
        let app = Service::new(Router::new().hoop(sessions.on_error(shape)).push(orders));
        for (name, method, accept, cookie, status, location, body) in [
            (
                "a person",
                Method::GET,
                "text/html",
                "",
                303,
                Some("/sign-in?next=%2Forders%3Fp%3D2%26q%3D%2525"),
                "",
            ),
            ("a form", Method::POST, "text/html", "", 401, None, "POST unauthenticated"),
            ("a program", Method::GET, "*/*", "", 401, None, "GET unauthenticated"),
            ("at the end", Method::PUT, "text/html", "", 503, None, "PUT unavailable"),
            ("at loading", Method::GET, "text/html", "a", 503, None, "GET unavailable"),
        ] {
            let cookie =
                if cookie.is_empty() { "" } else { &format!("_session={}", "a".repeat(64)) };
            let lines = [("accept", accept), ("cookie", cookie)];
            let reply = ask_with(&app, method, "/orders?p=2&q=%25", &lines).await;
            let to = reply.headers.get(LOCATION).map(|to| to.to_str().unwrap().to_owned());
            assert_eq!(to.as_deref(), location, "{name}");
            reply.check(name, status, body);
        }
    }
}
