//! The guard against other sites' requests, as a layer: where it stands, and what its answer looks like.
//! Its rules are a table in session-core.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use session_axum::{Session, SessionError, cross_site_guard, layer};
use session_core::{CrossSiteGuard, Error, RequestHead};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{call, store, store_that_is_down, text};

const FOREIGN: (&str, &str) = ("sec-fetch-site", "cross-site");

fn ask(method: Method, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::empty()).unwrap()
}

async fn add(session: Session) -> Result<&'static str, SessionError> {
    session.set("cart", 1)?;
    Ok("added")
}

fn routes() -> Router {
    Router::new()
        .route("/cart", post(add).get(|| async { "a cart" }).options(|| async { "asked" }))
        .route("/orders", post(|| async { "ordered" }))
        .route("/hooks/payment", post(|| async { "paid" }))
}

fn guard() -> CrossSiteGuard {
    let guard = CrossSiteGuard::new().trust_origin("https://app.example").unwrap();
    guard.insecure_exempt_path("/hooks/").unwrap()
}

#[tokio::test]
async fn what_other_sites_send_is_refused() {
    let app = routes().layer(cross_site_guard(guard())).layer(layer(store()));
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
        let response = call(&app, ask(method.clone(), path, headers)).await;
        assert_eq!(response.status().as_u16(), status, "{name}");
        let stored = response.headers().contains_key("set-cookie");
        // Only our own is not withheld by the session itself.
        assert_eq!(stored, status == 200 && method == Method::POST && path == "/cart", "{name}");
    }
}

#[tokio::test]
async fn its_answer_is_plain_and_shaped_behind_the_session_s_layer() {
    fn shape(error: &Error, request: RequestHead<'_>) -> impl IntoResponse + use<> {
        (error.status(), format!("{} at {}", error.code(), request.uri.path()))
    }
    let plain = "the request was sent from another site\n";
    let guarded = || routes().layer(cross_site_guard(guard()));
    for (name, app, body) in [
        ("behind", guarded().layer(layer(store())), plain),
        ("without any session", guarded(), plain),
        ("shaped", guarded().layer(layer(store()).on_error(shape)), "cross_origin at /cart"),
        (
            "outside",
            routes().layer(layer(store()).on_error(shape)).layer(cross_site_guard(guard())),
            plain,
        ),
    ] {
        let response = call(&app, ask(Method::POST, "/cart", &[FOREIGN])).await;
        assert_eq!(response.headers()["cache-control"], "no-store", "{name}");
        assert!(!response.headers().contains_key("vary"), "{name}: it used no session");
        assert_eq!(text(response).await, (StatusCode::FORBIDDEN, body.to_owned()), "{name}");
    }
}

#[tokio::test]
async fn it_asks_no_database() {
    let app = Router::new()
        .route("/", get(|| async { "home" }).post(|| async { "done" }))
        .layer(cross_site_guard(guard()))
        .layer(layer(store_that_is_down()));
    let cookie =
        ("cookie", "_session=0000000000000000000000000000000000000000000000000000000000000000");
    for (headers, status) in [(&[cookie, FOREIGN][..], 403), (&[cookie], 200)] {
        let response = call(&app, ask(Method::POST, "/", headers)).await;
        assert_eq!(response.status().as_u16(), status);
    }
}

#[tokio::test]
async fn a_refused_request_never_reaches_the_service() {
    let called = Arc::new(AtomicUsize::new(0));
    let counts = called.clone();
    // A service that is not axum's, with a body of its own.
    let inner = service_fn(move |_: Request<Body>| {
        counts.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, Infallible>(Response::new("done".to_owned())) }
    });
    let service = cross_site_guard(CrossSiteGuard::new()).layer(inner);
    for (headers, status, calls) in [(&[FOREIGN][..], 403, 0), (&[], 200, 1)] {
        let response = service.clone().oneshot(ask(Method::DELETE, "/", headers)).await.unwrap();
        assert_eq!((response.status().as_u16(), called.load(Ordering::Relaxed)), (status, calls));
    }
}
