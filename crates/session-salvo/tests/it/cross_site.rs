//! The guard against other sites' requests, as a hoop: where it stands, and what its answer looks like.
//! Its rules are a table in session-core.

use salvo_core::http::Method;
use salvo_core::prelude::*;
use session_core::{CrossSiteGuard, Error, RequestHead};
use session_salvo::{Session, SessionError, SessionHandler, cross_site_guard};

use crate::support::{ask_with, store, store_that_is_down};

const FOREIGN: (&str, &str) = ("sec-fetch-site", "cross-site");

#[handler]
async fn add(session: Session) -> Result<&'static str, SessionError> {
    session.set("cart", 1)?;
    Ok("added")
}

#[handler]
async fn look() -> &'static str {
    "seen"
}

fn routes() -> Router {
    Router::new()
        .push(Router::with_path("cart").post(add).get(look).head(look).options(look))
        .push(Router::with_path("orders").post(look))
        .push(Router::with_path("hooks/payment").post(look))
}

fn guard() -> CrossSiteGuard {
    let guard = CrossSiteGuard::new().trust_origin("https://app.example").unwrap();
    guard.insecure_exempt_path("/hooks/").unwrap()
}

/// These routes behind these hoops, the first of which is the outermost.
fn behind(hoops: impl FnOnce(Router) -> Router) -> Service {
    Service::new(hoops(Router::new()).push(routes()))
}

#[tokio::test]
async fn what_other_sites_send_is_refused() {
    let service =
        behind(|router| router.hoop(SessionHandler::new(store())).hoop(cross_site_guard(guard())));
    for (name, method, path, headers, status) in [
        ("a program", Method::POST, "/cart", &[][..], 200),
        ("our page", Method::POST, "/cart", &[("sec-fetch-site", "same-origin")], 200),
        ("another site", Method::POST, "/cart", &[FOREIGN], 403),
        ("a sister", Method::POST, "/cart", &[("sec-fetch-site", "same-site")], 403),
        ("a link", Method::GET, "/cart", &[FOREIGN], 200),
        ("a look", Method::HEAD, "/cart", &[FOREIGN], 200),
        ("a preflight", Method::OPTIONS, "/cart", &[FOREIGN], 200),
        (
            "a trusted one",
            Method::POST,
            "/orders",
            &[FOREIGN, ("origin", "https://app.example")],
            200,
        ),
        (
            "by its origin",
            Method::POST,
            "/cart",
            &[("host", "a.example"), ("origin", "http://b.example")],
            403,
        ),
        ("in a sandbox", Method::POST, "/cart", &[("host", "a.example"), ("origin", "null")], 403),
        ("an exempt path", Method::POST, "/hooks/payment", &[FOREIGN], 200),
    ] {
        let reply = ask_with(&service, method.clone(), path, headers).await;
        assert_eq!(reply.status.as_u16(), status, "{name}");
        let stored = !reply.cookies().is_empty();
        assert_eq!(stored, status == 200 && method == Method::POST && path == "/cart", "{name}");
    }
}

#[tokio::test]
async fn its_answer_is_plain_and_shaped_behind_the_session_s_handler() {
    fn shape(error: &Error, request: RequestHead<'_>) -> String {
        format!("{} at {}", error.code(), request.uri.path())
    }
    let plain = "the request was sent from another site\n";
    let sessions = || SessionHandler::new(store());
    let guarded = || cross_site_guard(guard());
    for (name, service, body) in [
        ("behind", behind(|router| router.hoop(sessions()).hoop(guarded())), plain),
        ("without any session", behind(|router| router.hoop(guarded())), plain),
        (
            "shaped",
            behind(|router| router.hoop(sessions().on_error(shape)).hoop(guarded())),
            "cross_origin at /cart",
        ),
        (
            "outside",
            behind(|router| router.hoop(guarded()).hoop(sessions().on_error(shape))),
            plain,
        ),
    ] {
        let reply = ask_with(&service, Method::POST, "/cart", &[FOREIGN]).await;
        let reply = reply.check(name, 403, body);
        assert_eq!(reply.headers["cache-control"], "no-store", "{name}");
        assert!(!reply.headers.contains_key("vary"), "{name}: it used no session");
    }
}

#[tokio::test]
async fn it_asks_no_database() {
    let service = Service::new(
        Router::new()
            .hoop(SessionHandler::new(store_that_is_down()))
            .hoop(cross_site_guard(guard()))
            .post(look),
    );
    let cookie =
        ("cookie", "_session=0000000000000000000000000000000000000000000000000000000000000000");
    for (headers, status) in [(&[cookie, FOREIGN][..], 403), (&[cookie], 200)] {
        let reply = ask_with(&service, Method::POST, "/", headers).await;
        assert_eq!(reply.status.as_u16(), status);
    }
}
