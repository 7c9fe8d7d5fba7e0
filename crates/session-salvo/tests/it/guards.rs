//! The guards as hoops over a group of routes, together with pages and `on_error`.

use std::sync::Arc;
use std::time::Duration;

use salvo_core::http::{Method, header};
use salvo_core::prelude::*;
use session_core::{
    AccountSlots, ManualClock, MemoryBackend, Pages, SessionConfig, SessionStore, Timestamp,
};
use session_salvo::{Session, SessionHandler, require_anonymous, require_fresh, require_user};

use crate::support::{Reply, ask, ask_with, sign_in};

/// For how long a sign-in is fresh.
const FRESH: Duration = Duration::from_secs(60);

fn store(clock: Arc<ManualClock>) -> SessionStore {
    let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    store.with_clock(clock)
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)))
}

#[handler]
async fn passed() -> &'static str {
    "passed"
}

#[handler]
async fn who(session: Session) -> String {
    session.user_id().is_some().to_string()
}

/// A route behind each guard.
fn guarded(sessions: SessionHandler) -> Service {
    let at = Router::with_path;
    Service::new(
        Router::new()
            .hoop(sessions)
            .push(at("orders").hoop(require_user()).get(passed))
            .push(at("password").hoop(require_fresh(FRESH)).get(passed))
            .push(at("sign-in").hoop(require_anonymous()).get(passed))
            .push(at("in").post(sign_in)),
    )
}

fn pages() -> Pages {
    let pages = Pages::new().sign_in("/sign-in").unwrap();
    pages.confirm("/confirm").unwrap().home("/home").unwrap()
}

async fn asks(service: &Service, path: &str, cookie: &str, navigates: bool) -> Reply {
    let how = |value| if navigates { value } else { "" };
    let headers = [
        ("cookie", cookie),
        ("sec-fetch-mode", how("navigate")),
        ("sec-fetch-dest", how("document")),
    ];
    ask_with(service, Method::GET, path, &headers).await
}

async fn signed_in(service: &Service) -> String {
    ask(service, Method::POST, "/in", "").await.cookie()
}

/// What an answer is: its status, and where it leads or what it says.
fn told(reply: Reply) -> (u16, String) {
    let location = reply.headers.get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
    (reply.status.as_u16(), location.unwrap_or(reply.body))
}

#[tokio::test]
async fn as_hoops_they_answer_programs_and_lead_people() {
    let clock = clock();
    let app = guarded(SessionHandler::new(store(clock.clone())).pages(pages()));
    let alice = signed_in(&app).await;
    let seen =
        async |path: &str, cookie: &str, navigates| told(asks(&app, path, cookie, navigates).await);
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
        StatusError::from_code(error.status()).unwrap().brief(format!("own: {}", error.code()))
    };
    let app = guarded(SessionHandler::new(store(clock())).pages(pages()).on_error(shape));
    let person = told(asks(&app, "/orders", "", true).await);
    assert_eq!(person, (303, "/sign-in?next=%2Forders".into()));
    let (status, program) = told(asks(&app, "/orders", "", false).await);
    assert!(status == 401 && program.contains("own: unauthenticated"), "{status}: {program}");
}

/// A cache that keeps the answer for one account must not show it to another.
#[tokio::test]
async fn a_header_that_names_the_account_is_in_vary() {
    let sessions = SessionHandler::new(store(clock()));
    let sessions = sessions.accounts(AccountSlots::header("x-account")).unwrap();
    let at = Router::with_path;
    let app = Router::new().hoop(sessions).push(at("who").get(who));
    let app = Service::new(app.push(at("untouched").get(passed)));
    let vary = async |path: &str| {
        let reply = ask_with(&app, Method::GET, path, &[("x-account", "1")]).await;
        assert_eq!(reply.status, 200);
        let names = reply.headers.get_all(header::VARY).iter();
        names.map(|name| name.to_str().unwrap().to_lowercase()).collect::<Vec<_>>().join(", ")
    };
    let told = vary("/who").await;
    assert!(told.contains("x-account") && told.contains("cookie"), "{told}");
    assert_eq!(vary("/untouched").await, "", "what never looked at its session");
}
