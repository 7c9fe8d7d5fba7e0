//! The framework's cookie jar, which is written into the headers after everybody is done.

use salvo_core::http::Method;
use salvo_core::http::cookie::Cookie;
use salvo_core::prelude::*;
use session_salvo::{Session, SessionHandler};

use crate::support::{get, sign_in, store};

/// Meddles with the session's cookie in every way that salvo has.
#[handler]
async fn meddles(request: &mut Request, response: &mut Response) {
    match request.uri().path() {
        "/add" => drop(response.add_cookie(Cookie::new("_session", "mine"))),
        "/remove" => drop(response.remove_cookie("_session")),
        "/jar" => response.cookies_mut().add(Cookie::new("_session", "mine")),
        "/header" => {
            drop(response.add_header("set-cookie", "_session=mine", true));
        }
        _ => {}
    }
    response.add_cookie(Cookie::new("theme", "dark"));
}

#[handler]
async fn who(session: Session) -> String {
    session.user_id().map_or_else(|| "nobody".to_owned(), |user| user.to_string())
}

#[handler]
async fn unasked() -> &'static str {
    "hello"
}

#[tokio::test]
async fn the_jar_never_speaks_in_the_session_s_name() {
    let sessions = SessionHandler::new(store());
    let router = Router::new()
        .push(Router::with_path("sign-in").hoop(sessions.clone()).get(sign_in))
        .push(Router::with_path("{way}").hoop(sessions).hoop(meddles).get(who).post(sign_in));
    let app = Service::new(router);
    let user = get(&app, "/sign-in", "").await.cookie();
    // Its first request sends the cookie anew; what follows sends none.
    get(&app, "/first", &user).await.check("first", 200, "alice");
    for way in ["/add", "/remove", "/jar", "/header"] {
        let reply = get(&app, way, &user).await.check(way, 200, "alice");
        assert_eq!(reply.cookies(), ["theme=dark"], "{way}");
        // If there is one of ours, it is the only one.
        let reply = crate::support::ask(&app, Method::POST, way, "").await;
        let cookies = reply.cookies();
        let ours: Vec<_> = cookies.iter().filter(|line| line.starts_with("_session=")).collect();
        assert_eq!((ours.len(), cookies.len()), (1, 2), "{way}: {cookies:?}");
        assert!(!ours[0].contains("mine") && ours[0].contains("HttpOnly"), "{way}: {cookies:?}");
    }
}

#[tokio::test]
async fn where_nobody_asked_nothing_is_touched() {
    let router = Router::with_path("{way}").hoop(SessionHandler::new(store())).hoop(meddles);
    let app = Service::new(router.get(unasked));
    let mut cookies = get(&app, "/add", "").await.check("unasked", 200, "hello").cookies();
    cookies.sort();
    assert_eq!(cookies, ["_session=mine", "theme=dark"]);
}
