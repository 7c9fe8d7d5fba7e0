//! Visitors without rows: what they store lives in their cookie (`anonymous_store: cookie`), from outside.

#[path = "visitors/life.rs"]
mod life;
#[path = "visitors/order.rs"]
mod order;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use proptest::prelude::*;
use serde_json::{Value, json};
use session_core::{
    AnonymousStore, Carry, CookieSecret, ErrorKind, FingerprintMode, Lifetime, ManualClock,
    MemoryBackend, MismatchAction, Peer, Session, SessionBackend, SessionConfig, SessionStore,
    SignIn, Timestamp, UserId, Visit,
};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const CURL: &str = "curl/8.14.1";

fn secrets(letters: &str) -> Vec<CookieSecret> {
    letters.chars().map(|letter| CookieSecret::new(letter.to_string().repeat(64))).collect()
}

/// One database and one clock, under configurations that change.
struct Site {
    backend: Arc<MemoryBackend>,
    clock: Arc<ManualClock>,
}

impl Site {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)));
        Self { backend: Arc::new(MemoryBackend::new()), clock }
    }

    fn store_with(&self, change: impl FnOnce(&mut SessionConfig)) -> SessionStore {
        let mut config = SessionConfig {
            anonymous_store: AnonymousStore::Cookie,
            secrets: secrets("a"),
            ..SessionConfig::default()
        };
        change(&mut config);
        SessionStore::shared(self.backend.clone(), config).unwrap().with_clock(self.clock.clone())
    }

    fn store(&self) -> SessionStore {
        self.store_with(|_| {})
    }

    fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    /// That nothing was stored in the backend.
    fn check_no_rows(&self) {
        let dump = self.backend.dangerous_dump();
        assert_eq!(dump, MemoryBackend::new().dangerous_dump(), "there are rows");
    }
}

/// A request that brings cookies.
struct Request {
    visit: Visit,
    session: Session,
}

impl std::ops::Deref for Request {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

async fn by(store: &SessionStore, agent: &str, cookies: &[&str]) -> Request {
    let mut headers = HeaderMap::new();
    for cookie in cookies {
        headers.append(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
    }
    headers.insert(header::USER_AGENT, agent.parse().unwrap());
    let visit = store.begin();
    visit.attach(&Method::GET, &Uri::default(), &headers, Peer::Ip([127, 0, 0, 1].into()), None);
    let session = visit.load().await.unwrap();
    Request { visit, session }
}

async fn with(store: &SessionStore, cookie: &str) -> Request {
    by(store, FIREFOX, &[cookie]).await
}

impl Request {
    async fn finish_with(&self, status: StatusCode) -> HeaderMap {
        let mut conclusion = self.visit.finish(status).await;
        assert!(conclusion.take_error().is_none());
        let mut headers = HeaderMap::new();
        conclusion.apply(&mut headers);
        assert!(headers.get_all(header::SET_COOKIE).iter().count() <= 1);
        headers
    }

    /// The cookie that the response sets, `name=value`.
    async fn finish(&self) -> Option<String> {
        let headers = self.finish_with(StatusCode::OK).await;
        let cookie = headers.get(header::SET_COOKIE)?.to_str().unwrap();
        assert!(cookie.len() <= 4096);
        Some(cookie.split(';').next().unwrap().to_owned())
    }

    fn cart(&self) -> Option<Value> {
        self.get("cart").unwrap()
    }
}

/// A visitor who stored `cart: 1`, as the cookie.
async fn shopper(store: &SessionStore) -> String {
    let request = with(store, "x=1").await;
    request.set("cart", 1).unwrap();
    request.finish().await.unwrap()
}

fn is_sealed(cookie: &str) -> bool {
    cookie.starts_with("_session=v1.")
}

#[tokio::test]
async fn a_visitor_costs_no_row_and_the_sign_in_moves_what_they_stored() {
    let site = Site::new();
    let store = site.store();
    assert_eq!(with(&store, "x=1").await.finish().await, None, "who stores nothing");
    let cookie = shopper(&store).await;
    assert!(is_sealed(&cookie) && !cookie.contains("cart"), "{cookie}");

    let request = with(&store, &cookie).await;
    assert_eq!((request.cart(), request.id(), request.user_id()), (Some(json!(1)), None, None));
    assert_eq!(request.keys(), ["cart"]);
    assert_eq!(request.finish().await, None, "reading sets none");

    let request = with(&store, &cookie).await;
    request.set("theme", "dark").unwrap();
    request.remove("cart").unwrap();
    let cookie = request.finish().await.unwrap();
    site.check_no_rows();

    let request = with(&store, &cookie).await;
    request.set("page", 7).unwrap();
    request.authenticate("ann").await.unwrap();
    assert_eq!(request.data().to_json(), r#"{"page":7,"theme":"dark"}"#);
    let token = request.finish().await.unwrap();
    assert!(!is_sealed(&token));
    let request = with(&store, &token).await;
    assert_eq!(request.data().to_json(), r#"{"page":7,"theme":"dark"}"#);
    assert_eq!(request.user_id().unwrap().as_str(), "ann");
    // A live token wins.
    let request = by(&store, FIREFOX, &[&cookie, &token]).await;
    assert!(request.is_authenticated());
    let request = by(&store, FIREFOX, &[&token, &cookie]).await;
    assert!(request.is_authenticated());

    assert_eq!(request.logout().await.unwrap(), 1);
    request.set("note", "out").unwrap();
    assert!(is_sealed(&request.finish().await.unwrap()), "one cookie, a fresh visitor's");
}

#[tokio::test]
async fn a_sign_in_carries_as_it_says() {
    let site = Site::new();
    let store = site.store();
    let request = with(&store, "x=1").await;
    request.set("a", 1).unwrap();
    request.set("b", 2).unwrap();
    let cookie = request.finish().await.unwrap();
    for (name, carry, expected) in [
        ("all", Carry::All, r#"{"a":1,"b":3}"#),
        ("a key", Carry::Keys(["a".to_owned()].into()), r#"{"a":1}"#),
        ("nothing", Carry::Nothing, "{}"),
    ] {
        let request = with(&store, &cookie).await;
        request.set("b", 3).unwrap();
        request.authenticate_with(SignIn::new("ann").carry(carry)).await.unwrap();
        assert_eq!(request.data().to_json(), expected, "{name}");
    }
    let request = with(&store, &cookie).await;
    request.clear().unwrap();
    request.authenticate("ann").await.unwrap();
    assert!(request.data().is_empty(), "cleared before");
}

#[tokio::test]
async fn what_is_not_a_visitors_own_cookie_is_a_visitor_without_data() {
    let site = Site::new();
    let store = site.store();
    let cookie = shopper(&store).await;
    let value = cookie.strip_prefix("_session=").unwrap();
    let renamed = site.store_with(|c| c.cookie_name = "__Host-session".into());
    let rotated = site.store_with(|c| c.secrets = secrets("ba"));
    let dropped = site.store_with(|c| c.secrets = secrets("b"));
    let in_backend = site.store_with(|c| c.anonymous_store = AnonymousStore::Backend);
    let token = format!("_session={}", "a".repeat(64));
    for (name, store, agent, line, expected) in [
        ("its own", &store, FIREFOX, cookie.clone(), true),
        ("a newer key in front", &rotated, FIREFOX, cookie.clone(), true),
        ("of a key that was dropped", &dropped, FIREFOX, cookie.clone(), false),
        ("cut", &store, FIREFOX, cookie[..cookie.len() - 9].to_owned(), false),
        ("cut to nothing", &store, FIREFOX, "_session=v1.".to_owned(), false),
        ("changed", &store, FIREFOX, cookie.replace("=v1.", "=v1.A"), false),
        ("in another browser", &store, CURL, cookie.clone(), false),
        ("under another name", &renamed, FIREFOX, format!("__Host-session={value}"), false),
        ("beside a dead token", &store, FIREFOX, format!("{token}; {cookie}"), true),
        ("beside another one's", &store, FIREFOX, format!("{cookie}; _session=v1.AAAA"), true),
        ("where the backend has visitors", &in_backend, FIREFOX, cookie.clone(), false),
    ] {
        let request = by(store, agent, &[&line]).await;
        assert_eq!(request.cart().is_some(), expected, "{name}");
        // It stands in nobody's way.
        assert!(request.may_store(), "{name}");
        request.set("cart", 2).unwrap();
        assert!(request.finish().await.is_some(), "{name}");
    }
    site.advance(86_399);
    assert!(with(&store, &cookie).await.cart().is_some());
    site.advance(1);
    let request = with(&store, &cookie).await;
    assert!(request.cart().is_none(), "expired");
    assert_eq!(request.finish().await, None, "and is left alone");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is sent under our name is a visitor, never a panic.
    #[test]
    fn nothing_that_is_sent_panics(value in "(v1\\.)?[!-:<-~]{0,80}", at in 0_usize..200, byte in 0x21_u8..0x7f) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Site::new().store();
            let request = with(&store, &format!("_session={value}")).await;
            assert!(request.cart().is_none() && request.may_store());
            let mut cookie = shopper(&store).await.into_bytes();
            let at = "_session=".len() + at % (cookie.len() - "_session=".len());
            let is_same = cookie[at] == byte;
            cookie[at] = byte;
            let request = with(&store, std::str::from_utf8(&cookie).unwrap()).await;
            assert_eq!(request.cart().is_some(), is_same);
        });
    }
}

#[tokio::test]
async fn another_browser_is_told_of_as_configured() {
    for (action, mode, reads) in [
        (MismatchAction::Reject, FingerprintMode::Stable, false),
        (MismatchAction::Revoke, FingerprintMode::Stable, false),
        (MismatchAction::Report, FingerprintMode::Stable, true),
        (MismatchAction::Reject, FingerprintMode::Exact, false),
    ] {
        let (events, told) = (Arc::new(std::sync::Mutex::new(Vec::new())), Site::new());
        let store = told.store_with(|c| {
            c.on_fingerprint_mismatch = action;
            c.fingerprint_mode = mode;
        });
        let hook = events.clone();
        let store = store.on_event(move |event| hook.lock().unwrap().push(event.kind));
        let cookie = shopper(&store).await;
        assert!(with(&store, &cookie).await.cart().is_some());
        assert_eq!(*events.lock().unwrap(), [], "the same browser");
        assert_eq!(by(&store, CURL, &[&cookie]).await.cart().is_some(), reads, "{action:?}");
        let mismatch = session_core::EventKind::FingerprintMismatch(action);
        assert_eq!(*events.lock().unwrap(), [mismatch]);
    }
}
