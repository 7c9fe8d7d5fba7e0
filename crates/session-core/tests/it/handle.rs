//! The per-request handle without any adapter: what is true whatever the framework.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use http::HeaderMap;
use session_core::{
    Carry, EndedBy, Error, ErrorKind, EventKind, Key, ManualClock, MemoryBackend, Peer,
    SessionConfig, SessionStore, SignIn, Timestamp, UserId,
};

use crate::support::Request;

const CART: Key<Vec<String>> = Key::new("cart");

fn store() -> SessionStore {
    SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap()
}

async fn request(store: &SessionStore, cookie: &str) -> Request {
    Request::with_cookie(store, cookie).await
}

/// Ends a request; the cookie pair that its response sets.
async fn finish(request: &Request) -> Result<String, Error> {
    let cookie = request.finish().await?.unwrap_or_default();
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[tokio::test]
async fn reads_see_what_was_written() {
    let store = store();
    let session = request(&store, "").await;
    session.set(CART, vec!["tea".to_owned()]).unwrap();
    session.set("n", u64::MAX).unwrap();
    assert_eq!(session.get(CART).unwrap().unwrap(), ["tea"]);
    assert_eq!(session.get::<u64>("n").unwrap(), Some(u64::MAX));
    assert_eq!(session.get::<u64>("absent").unwrap(), None);
    assert_eq!(kind(session.get::<bool>("n")), Some(ErrorKind::WrongType));
    assert_eq!(session.keys(), ["cart", "n"]);
    assert_eq!(session.take::<u64>("n").unwrap(), Some(u64::MAX));
    assert!(!session.contains("n") && session.contains(CART));
    let cookie = finish(&session).await.unwrap();

    let session = request(&store, &cookie).await;
    assert_eq!(session.get(CART).unwrap().unwrap(), ["tea"]);
    session.clear().unwrap();
    session.set("locale", "de").unwrap();
    assert_eq!(session.keys(), ["locale"]);
    finish(&session).await.unwrap();
    assert_eq!(request(&store, &cookie).await.keys(), ["locale"]);
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_at_once() {
    let store = store();
    let session = request(&store, "").await;
    let deep = (0..129).fold(serde_json::json!(1), |value, _| serde_json::json!([value]));
    for (name, result, expected) in [
        ("U+0000 in a key", session.set("a\0", 1), ErrorKind::InvalidData),
        ("U+0000 in a value", session.set("a", "\0"), ErrorKind::InvalidData),
        ("too deep", session.set("a", deep), ErrorKind::InvalidData),
        (
            "a map whose keys are no strings",
            session.set("a", std::collections::BTreeMap::from([((1, 2), 3)])),
            ErrorKind::InvalidData,
        ),
        ("too large", session.set("a", "x".repeat(9000)), ErrorKind::TooLarge),
    ] {
        assert_eq!(kind(result), Some(expected), "{name}");
    }
    session.set("", "the empty key is a key").unwrap();
    assert_eq!(session.keys(), [""]);
    // What makes it smaller is never refused, and what is there counts once.
    session.set("a", "x".repeat(8000)).unwrap();
    session.set("a", "y".repeat(8000)).unwrap();
    assert_eq!(kind(session.set("b", "x".repeat(200))), Some(ErrorKind::TooLarge));
    session.remove("a").unwrap();
    session.set("b", "x".repeat(200)).unwrap();
}

#[tokio::test]
async fn nobody_has_a_session_that_was_not_loaded() {
    let visit = store().begin();
    assert!(visit.loaded().is_none());
    assert_eq!(kind(visit.load().await), Some(ErrorKind::Misconfigured));
    assert!(visit.loaded().is_none());
    visit.attach(&http::Method::GET, &http::Uri::default(), &HeaderMap::new(), Peer::Unknown, None);
    let session = visit.load().await.unwrap();
    assert!(session.id().is_none() && visit.loaded().is_some());
}

#[tokio::test]
async fn nobody_is_signed_in() {
    let session = request(&store(), "").await;
    for (name, result) in [
        ("reauthenticate", kind(session.reauthenticate().await)),
        ("logout_all", kind(session.logout_all().await)),
        ("logout_others", kind(session.logout_others().await)),
        ("list", kind(session.list().await)),
    ] {
        assert_eq!(result, Some(ErrorKind::Unauthenticated), "{name}");
    }
    assert!(!session.rotate().await.unwrap(), "there is nothing to rotate");
    assert_eq!(session.logout().await.unwrap(), 0);
}

#[tokio::test]
async fn a_sign_in_carries_what_it_says() {
    for (name, carry, expected) in [
        ("everything", Carry::All, &["cart", "mine", "theme"][..]),
        ("one key", Carry::keys(&[&"cart"]), &["cart", "theme"]),
        ("nothing", Carry::Nothing, &["theme"]),
    ] {
        let store = store();
        let visitor = request(&store, "").await;
        visitor.set("cart", 1).unwrap();
        let cookie = finish(&visitor).await.unwrap();

        let session = request(&store, &cookie).await;
        session.set("mine", 2).unwrap();
        let user = UserId::new("alice").unwrap();
        let sign_in = SignIn::new(user).carry(carry).data("theme", "dark").unwrap();
        session.authenticate_with(sign_in).await.unwrap();
        assert_eq!(session.keys(), expected, "{name}");
        let cookie = finish(&session).await.unwrap();
        assert_eq!(request(&store, &cookie).await.keys(), expected, "{name}");
    }
}

#[tokio::test]
async fn a_sign_in_takes_what_authenticate_takes() {
    let store = store();
    let session = request(&store, "").await;
    session.authenticate_with(SignIn::new("alice").persistent(false)).await.unwrap();
    assert_eq!(session.user_id().unwrap().as_str(), "alice");
    session.authenticate_with(SignIn::new(42_i64)).await.unwrap();
    assert_eq!(session.user_id().unwrap().parse::<i64>().unwrap(), 42);
    session.authenticate_with(SignIn::new(UserId::new("bob").unwrap())).await.unwrap();
    let refused = session.authenticate_with(SignIn::new("")).await;
    assert_eq!(kind(refused), Some(ErrorKind::InvalidData));
    assert_eq!(session.user_id().unwrap().as_str(), "bob", "nothing has happened");
}

#[tokio::test]
async fn another_user_gets_nothing_of_the_one_before() {
    let dropped = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = dropped.clone();
    let store = store().on_event(move |event| {
        if event.kind == EventKind::DataDroppedOnUserSwitch {
            told.lock().unwrap().push(event.user.cloned());
        }
    });
    let session = request(&store, "").await;
    session.authenticate("alice").await.unwrap();
    session.set("secret", 1).unwrap();
    session.save().await.unwrap();
    session.set("another", 2).unwrap();
    session.authenticate("bob").await.unwrap();
    assert_eq!(session.user_id().unwrap().as_str(), "bob");
    assert!(session.keys().is_empty());
    assert_eq!(*dropped.lock().unwrap(), [Some(UserId::new("alice").unwrap())]);
}

#[tokio::test]
async fn remember_me_is_the_sessions_own() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)));
    let store = store().with_clock(clock.clone());
    let session = request(&store, "").await;
    let day = Duration::from_secs(86_400);
    let user = UserId::new("alice").unwrap();
    session.authenticate_with(SignIn::new(user).lifetime(90 * day)).await.unwrap();
    let cookie = finish(&session).await.unwrap();
    clock.advance(60 * day);
    finish(&request(&store, &cookie).await).await.unwrap();
    clock.advance(60 * day);
    assert!(request(&store, &cookie).await.is_authenticated(), "it slid by its own lifetime");
    clock.advance(90 * day);
    assert!(!request(&store, &cookie).await.is_authenticated());
}

#[tokio::test]
async fn updates_of_one_key_add_up() {
    let store = store();
    let session = request(&store, "").await;
    let first = session.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).await.unwrap();
    assert_eq!(first, 1);
    let cookie = finish(&session).await.unwrap();
    let mut requests = Vec::new();
    for _ in 0..50 {
        requests.push(request(&store, &cookie).await);
    }
    // Each has loaded the same number; only the first one's compare-and-set holds at once.
    for session in &requests {
        session.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).await.unwrap();
        finish(session).await.unwrap();
    }
    assert_eq!(request(&store, &cookie).await.get::<u64>("n").unwrap(), Some(51));

    let session = request(&store, &cookie).await;
    let refused = session.try_update("n", |_: Option<u64>| Err::<u64, _>("no")).await.unwrap();
    assert_eq!(refused, Err("no"));
    assert_eq!(session.get::<u64>("n").unwrap(), Some(51));
}

#[tokio::test]
async fn a_hook_that_panics_changes_nothing() {
    let store = store().on_event(|_| panic!("the application's own"));
    let session = request(&store, "").await;
    session.authenticate("alice").await.unwrap();
    let cookie = finish(&session).await.unwrap();
    assert!(request(&store, &cookie).await.is_authenticated());
}

#[tokio::test]
async fn operations_of_one_handle_at_once_do_not_deadlock() {
    let store = store();
    let session = request(&store, "").await;
    session.authenticate("alice").await.unwrap();
    let (signed_in, rotated, saved, out) = tokio::join!(
        session.authenticate("alice"),
        session.rotate(),
        session.save(),
        session.logout(),
    );
    // In which order they happen is not promised; that each ends, and that the handle tells the
    // truth afterwards, is.
    let _ = (signed_in, rotated, saved, out);
    let told = session.id();
    let live = store.list(&UserId::new("alice").unwrap()).await.unwrap();
    assert!(told.is_none() || live.iter().any(|s| Some(s.id) == told));
}

#[tokio::test]
async fn administration_ends_sessions() {
    let store = store();
    let user = UserId::new("alice").unwrap();
    let mut cookies = Vec::new();
    for _ in 0..3 {
        let session = request(&store, "").await;
        session.authenticate(&user).await.unwrap();
        cookies.push(finish(&session).await.unwrap());
    }
    let sessions = store.list(&user).await.unwrap();
    assert_eq!(sessions.len(), 3);
    assert!(store.revoke(&sessions[0].id).await.unwrap());
    assert!(!store.revoke(&sessions[0].id).await.unwrap());
    assert_eq!(store.revoke_all(&user).await.unwrap().len(), 2);
    for cookie in &cookies {
        let session = request(&store, cookie).await;
        assert!(session.id().is_none());
        assert_eq!(session.ended().unwrap().how, EndedBy::Revoked);
        session.set("flash", "your password was reset").unwrap();
        assert!(finish(&session).await.unwrap() != *cookie, "a visitor's");
    }
}

/// A visitor's first data is saved by a rotation; a second one rotates it.
#[tokio::test]
async fn rotating_makes_a_visitors_session() {
    let store = store();
    let session = request(&store, "").await;
    session.set("cart", 1).unwrap();
    assert!(session.rotate().await.unwrap());
    let id = session.id().unwrap();
    assert!(session.rotate().await.unwrap());
    assert_eq!(session.id(), Some(id));
    let cookie = finish(&session).await.unwrap();
    assert_eq!(request(&store, &cookie).await.get::<u32>("cart").unwrap(), Some(1));
}

#[tokio::test]
async fn a_lifetime_out_of_bounds_is_no_sign_in() {
    let store = store();
    for (name, sign_in) in [
        ("too long", SignIn::new("ann").lifetime(Duration::from_secs(401 * 86_400))),
        ("too short", SignIn::new("ann").lifetime(Duration::from_millis(10))),
        ("over already", SignIn::new("ann").until(store.now())),
    ] {
        let session = request(&store, "").await;
        let refused = kind(session.authenticate_with(sign_in).await);
        assert_eq!(refused, Some(ErrorKind::InvalidData), "{name}");
        assert!(session.id().is_none(), "{name}");
    }
}

/// Whoever lists devices does not show what is stored, nor on whose account: [`DeviceView`] is what
/// an application serialises.
#[tokio::test]
async fn a_list_of_devices_shows_no_data() {
    let store = store();
    let session = request(&store, "").await;
    session.authenticate("ann").await.unwrap();
    session.set("secret", "hidden").unwrap();
    session.save().await.unwrap();
    let devices = session.list().await.unwrap();
    let json = serde_json::to_string(&devices).unwrap();
    assert!(
        devices[0].current && !json.contains("hidden") && !json.contains("fingerprint"),
        "{json}"
    );
}

/// An event tells of a token that no browser got.
#[tokio::test]
async fn a_token_that_nobody_is_told_of_is_an_event() {
    let lost = Arc::new(AtomicU64::new(0));
    let heard = lost.clone();
    let store = store().on_event(move |event| {
        heard.fetch_add(u64::from(event.kind == EventKind::TokenLost), SeqCst);
    });
    let session = request(&store, "").await;
    session.authenticate("ann").await.unwrap();
    finish(&session).await.unwrap();
    drop(session);
    assert_eq!(lost.load(SeqCst), 0, "it was told of");
    let session = request(&store, "").await;
    session.authenticate("ann").await.unwrap();
    drop(session);
    assert_eq!(lost.load(SeqCst), 1, "the client went away");
}

/// What a scheduler of the application's own calls: more than a batch goes, and nothing that lives.
#[tokio::test]
async fn a_scheduler_purges_everything() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)));
    let told = Arc::new(AtomicU64::new(0));
    let heard = told.clone();
    let store = store().with_clock(clock.clone()).on_event(move |event| {
        if let EventKind::Purged(count) = event.kind {
            heard.fetch_add(count, SeqCst);
        }
    });
    for visitor in 0..1200 {
        let session = request(&store, "").await;
        session.set("visitor", visitor).unwrap();
        finish(&session).await.unwrap();
    }
    let session = request(&store, "").await;
    session.authenticate("alice").await.unwrap();
    let alice = finish(&session).await.unwrap();
    for (days, expected) in [(0, 0), (1, 1200), (0, 0)] {
        clock.advance(Duration::from_secs(days * 24 * 3600));
        assert_eq!(store.purge().await.unwrap(), expected, "{days} days on");
    }
    assert_eq!(told.load(SeqCst), 1200);
    assert!(request(&store, &alice).await.is_authenticated());
}

/// A form that is sent twice carries the cart twice; after a sign-out in between nothing is carried.
#[tokio::test]
async fn nothing_is_carried_from_before_a_sign_out() {
    for (name, signs_out, expected) in [("a double click", false, Some(1)), ("out, in", true, None)]
    {
        let store = store();
        let visitor = request(&store, "").await;
        visitor.set("cart", 1).unwrap();
        let before = finish(&visitor).await.unwrap();
        let first = request(&store, &before).await;
        first.authenticate("ann").await.unwrap();
        finish(&first).await.unwrap();

        let second = request(&store, &before).await;
        if signs_out {
            second.logout().await.unwrap();
        }
        second.authenticate("ann").await.unwrap();
        assert_eq!(second.get::<u32>("cart").unwrap(), expected, "{name}");
    }
}
