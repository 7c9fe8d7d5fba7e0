//! The guards as layers over a group of routes, together with pages and `on_error`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use axum::routing::{get, post};
use session_axum::{Session, SessionError, layer, require_anonymous, require_fresh, require_user};
use session_core::{
    AccountSlots, ManualClock, MemoryBackend, Pages, SessionConfig, SessionStore, Timestamp,
};

use crate::support::{call, cookie, text};

/// For how long a sign-in is fresh.
const FRESH: Duration = Duration::from_secs(60);

async fn sign_in(session: Session) -> Result<(), SessionError> {
    Ok(session.authenticate("alice").await?)
}

fn store(clock: Arc<ManualClock>) -> SessionStore {
    let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    store.with_clock(clock)
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)))
}

/// A route behind each guard.
fn guarded() -> Router {
    let users = Router::new().route("/orders", get(async || "orders")).route_layer(require_user());
    let fresh = Router::new()
        .route("/password", get(async || "password"))
        .route_layer(require_fresh(FRESH));
    let visitors =
        Router::new().route("/sign-in", get(async || "sign in")).route_layer(require_anonymous());
    users.merge(fresh).merge(visitors).route("/in", post(sign_in))
}

fn pages() -> Pages {
    let pages = Pages::new().sign_in("/sign-in").unwrap();
    pages.confirm("/confirm").unwrap().home("/home").unwrap()
}

fn asks(path: &str, cookie: &str, navigates: bool) -> Request<Body> {
    let mut request = Request::get(path).header(header::COOKIE, cookie);
    if navigates {
        request = request.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
    }
    request.body(Body::empty()).unwrap()
}

async fn signed_in(app: &Router) -> String {
    cookie(&call(app, Request::post("/in").body(Body::empty()).unwrap()).await)
}

/// What an answer is: its status, and where it leads or what it says.
async fn told(response: Response<Body>) -> (u16, String) {
    let location =
        response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
    let (status, body) = text(response).await;
    (status.as_u16(), location.unwrap_or(body))
}

#[tokio::test]
async fn as_layers_they_answer_programs_and_lead_people() {
    let clock = clock();
    let app = guarded().layer(layer(store(clock.clone())).pages(pages()));
    let alice = signed_in(&app).await;
    let seen = async |path: &str, cookie: &str, navigates| {
        told(call(&app, asks(path, cookie, navigates)).await).await
    };
    for (path, cookie, status, leads) in [
        ("/orders?page=2", "", 401, Some("/sign-in?next=%2Forders%3Fpage%3D2")),
        ("/orders", &*alice, 200, None),
        ("/password", "", 401, Some("/sign-in?next=%2Fpassword")),
        ("/password", &alice, 200, None),
        ("/sign-in", "", 200, None),
        ("/sign-in?next=%2Forders", &alice, 409, Some("/orders")),
        ("/sign-in", &alice, 409, Some("/home")),
    ] {
        assert_eq!(seen(path, cookie, false).await.0, status, "{path}: a program");
        let (status, to) = seen(path, cookie, true).await;
        match leads {
            Some(leads) => assert_eq!((status, &*to), (303, leads), "{path}: a person"),
            None => assert_eq!(status, 200, "{path}: a person"),
        }
    }
    clock.advance(FRESH + Duration::from_secs(1));
    assert_eq!(seen("/password", &alice, false).await.0, 403, "too long ago");
    assert_eq!(seen("/password", &alice, true).await, (303, "/confirm?next=%2Fpassword".into()));
    assert_eq!(seen("/orders", &alice, false).await.0, 200, "and signed in all the same");
    assert_eq!(seen("/nowhere", "", true).await.0, 404, "an address without a route");
}

/// A person is led to the page; whoever gets an error gets it in the application's own shape.
#[tokio::test]
async fn pages_come_before_the_shape_of_an_error() {
    let shape = |error: &session_core::Error, _: session_core::RequestHead<'_>| {
        (error.status(), format!("own: {}", error.code()))
    };
    let clock = clock();
    let app = guarded().layer(layer(store(clock)).pages(pages()).on_error(shape));
    let person = told(call(&app, asks("/orders", "", true)).await).await;
    assert_eq!(person, (303, "/sign-in?next=%2Forders".into()));
    let program = told(call(&app, asks("/orders", "", false)).await).await;
    assert_eq!(program, (401, "own: unauthenticated".into()));
}

/// A cache that keeps the answer for one account must not show it to another.
#[tokio::test]
async fn a_header_that_names_the_account_is_in_vary() {
    let slots = AccountSlots::header("x-account");
    let clock = clock();
    let app = Router::new()
        .route("/who", get(async |session: Session| format!("{:?}", session.user_id().is_some())))
        .route("/untouched", get(async || ""))
        .layer(layer(store(clock)).accounts(slots).unwrap());
    let vary = async |path: &str| {
        let request = Request::get(path).header("x-account", "1").body(Body::empty()).unwrap();
        let response = call(&app, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        let mut names: Vec<_> = response.headers().get_all(header::VARY).iter().collect();
        names.sort();
        names
            .iter()
            .map(|name| name.to_str().unwrap().to_lowercase())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let told = vary("/who").await;
    assert!(told.contains("x-account") && told.contains("cookie"), "{told}");
    assert_eq!(vary("/untouched").await, "", "what never looked at its session");
}
