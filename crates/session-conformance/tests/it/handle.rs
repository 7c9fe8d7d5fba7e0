//! The handle of a request beside others, and while its database fails.

use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};
use session_conformance::backends::{Fault, Gate, Method, Watched};
use session_core::{
    BackendErrorKind, Conclusion, Error, ErrorKind, ManualClock, MemoryBackend, OnBackendError,
    Peer, Session, SessionConfig, SessionStore, Timestamp, Visit,
};

pub(crate) struct Site {
    pub(crate) backend: Watched,
    pub(crate) store: SessionStore,
    pub(crate) clock: Arc<ManualClock>,
}

impl Site {
    pub(crate) fn new(config: SessionConfig) -> Self {
        let backend = Watched::new(MemoryBackend::new());
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)));
        let store = SessionStore::shared(Arc::new(backend.clone()), config).unwrap();
        let store = store.with_clock(clock.clone());
        Self { backend, store, clock }
    }

    pub(crate) async fn request(&self, cookie: &str) -> (Visit, Session) {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        let visit = self.store.begin();
        visit.attach(&http::Method::GET, &http::Uri::default(), &headers, Peer::Unknown, None);
        let session = visit.load().await.unwrap();
        (visit, session)
    }

    pub(crate) async fn signed_in(&self) -> String {
        let (visit, session) = self.request("").await;
        session.authenticate("ann").await.unwrap();
        session.set("n", 1).unwrap();
        cookie(visit.finish(StatusCode::OK).await).expect("a cookie")
    }

    /// What the next request with this cookie finds under `n`.
    async fn n(&self, cookie: &str) -> Option<u64> {
        self.request(cookie).await.1.get("n").unwrap()
    }
}

/// `name=value` of the cookie that a response sets; without a value if it removes it.
pub(crate) fn cookie(conclusion: Conclusion) -> Option<String> {
    let mut headers = HeaderMap::new();
    conclusion.apply(&mut headers);
    let line = headers.get(header::SET_COOKIE)?.to_str().unwrap();
    Some(line.split(';').next().unwrap().to_owned())
}

pub(crate) fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn anonymous_in_an_outage() -> SessionConfig {
    SessionConfig { on_backend_error: OnBackendError::Anonymous, ..SessionConfig::default() }
}

/// A save moves the version, and what it answers may be beyond what another request has written. The
/// value that is changed must not be the one from before that.
#[tokio::test]
async fn an_update_after_a_save_sees_what_others_wrote_between() {
    let site = Site::new(SessionConfig::default());
    let cookie = site.signed_in().await;
    let (_, first) = site.request(&cookie).await;
    let (_, second) = site.request(&cookie).await;
    second.update("n", |n: Option<u64>| n.unwrap_or(0) + 10).await.unwrap();
    first.set("other", true).unwrap();
    first.save().await.unwrap();
    let changed = first.update("n", |n: Option<u64>| n.unwrap_or(0) + 100).await.unwrap();
    assert_eq!((changed, site.n(&cookie).await), (111, Some(111)));
}

#[tokio::test]
async fn an_update_does_not_try_for_ever() {
    let site = Site::new(SessionConfig::default());
    let cookie = site.signed_in().await;
    let (_, session) = site.request(&cookie).await;
    let (_, other) = site.request(&cookie).await;
    let mut tries = 0;
    // Each time it has looked, somebody else has written.
    let update = session.try_update("n", |n: Option<u64>| {
        tries += 1;
        other.set("busy", tries).unwrap();
        let saved = std::pin::pin!(other.save());
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        assert!(saved.poll(context).is_ready(), "memory answers at once");
        Ok::<_, ()>(n.unwrap_or(0) + 1)
    });
    assert_eq!(kind(update.await), Some(ErrorKind::Unavailable));
    assert_eq!((tries, site.n(&cookie).await), (1000, Some(1)));
}

/// Nobody knows whether there is a session, and that is not "there is none".
#[tokio::test]
async fn an_outage_that_goes_on_as_a_visitor_is_unavailable_to_what_needs_the_session() {
    let site = Site::new(anonymous_in_an_outage());
    let cookie = site.signed_in().await;
    site.backend.fail(BackendErrorKind::Unavailable);
    let (_, session) = site.request(&cookie).await;
    for (name, result) in [
        ("rotate", kind(session.rotate().await)),
        ("reauthenticate", kind(session.reauthenticate().await)),
        ("logout", kind(session.logout().await)),
        ("logout_all", kind(session.logout_all().await)),
        ("list", kind(session.list().await)),
        ("require_user", kind(session.require_user())),
    ] {
        assert_eq!(result, Some(ErrorKind::Unavailable), "{name}");
    }
    assert!(cookie.starts_with("_session="));
}

#[tokio::test]
async fn a_sign_in_after_an_outage_ends_the_token_that_could_not_be_read() {
    let site = Site::new(anonymous_in_an_outage());
    let before = site.signed_in().await;
    site.backend.fail(Fault::new(BackendErrorKind::Unavailable).times(1));
    let (visit, session) = site.request(&before).await;
    assert!(!session.is_authenticated());
    session.authenticate("ann").await.unwrap();
    let after = cookie(visit.finish(StatusCode::OK).await).expect("a cookie");
    assert!(!site.request(&before).await.1.is_authenticated(), "the token before is alive");
    assert!(site.request(&after).await.1.is_authenticated());
    assert_eq!(site.n(&after).await, Some(1), "the same user's data is carried");
}

/// The answer to a change of token is lost: the response looks, and carries what is good.
#[tokio::test]
async fn a_token_whose_answer_was_lost_reaches_the_browser() {
    type Change =
        for<'a> fn(&'a Session) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;
    let changes: [(&str, Method, Change); 3] = [
        ("authenticate", Method::Create, |session| Box::pin(session.authenticate("ann"))),
        ("reauthenticate", Method::Update, |session| Box::pin(session.reauthenticate())),
        ("rotate", Method::Update, |session| {
            Box::pin(async move { session.rotate().await.map(drop) })
        }),
    ];
    for (name, method, change) in changes {
        let site = Site::new(SessionConfig::default());
        let before = site.signed_in().await;
        let lost = Fault::new(BackendErrorKind::Unavailable).only(method).answer_lost();
        site.backend.fail(lost.times(1));
        let (visit, session) = site.request(&before).await;
        assert_eq!(kind(change(&session).await), Some(ErrorKind::Unavailable), "{name}");
        let conclusion = visit.finish(StatusCode::SERVICE_UNAVAILABLE).await;
        let after = cookie(conclusion).unwrap_or_else(|| panic!("{name}: no cookie"));
        assert_ne!(after, before, "{name}");
        assert!(site.request(&after).await.1.is_authenticated(), "{name}");
    }
}

/// One that stands in the line and is polled no more must not keep the others asleep.
#[tokio::test(start_paused = true)]
async fn a_waiter_that_is_held_keeps_nobody_from_the_turn() {
    let site = Site::new(SessionConfig::default());
    let cookie = site.signed_in().await;
    let (_, session) = site.request(&cookie).await;
    let stop = site.backend.stop(Method::Update, Gate::After);
    let mut first = Box::pin(session.rotate());
    let mut held = Box::pin(session.list());
    let mut third = Box::pin(session.list());
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(first.as_mut().poll(context).is_pending());
    assert!(held.as_mut().poll(context).is_pending());
    assert!(third.as_mut().poll(context).is_pending());
    stop.pass();
    assert!(first.await.unwrap(), "it rotated");
    let before = tokio::time::Instant::now();
    assert_eq!(third.await.unwrap().len(), 1);
    assert_eq!(before.elapsed(), std::time::Duration::ZERO, "it waited for its limit");
    drop(held);
}

/// What happened is told when the turn is over, so the hook may look at the session and a panic in it
/// keeps nobody out.
#[tokio::test]
async fn the_hook_runs_when_the_turn_is_over() {
    use std::sync::Mutex;

    let backend = Watched::new(MemoryBackend::new());
    let handle: Arc<Mutex<Option<Session>>> = Arc::default();
    let turns: Arc<Mutex<Vec<bool>>> = Arc::default();
    let (seen, told) = (handle.clone(), turns.clone());
    let store = SessionStore::new(backend, SessionConfig::default()).unwrap().on_event(move |_| {
        let Some(session) = seen.lock().unwrap().clone() else { return };
        let listed = std::pin::pin!(session.list());
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        told.lock().unwrap().push(listed.poll(context).is_ready());
        panic!("the application's own");
    });
    let visit = store.begin();
    visit.attach(&http::Method::GET, &http::Uri::default(), &HeaderMap::new(), Peer::Unknown, None);
    let session = visit.load().await.unwrap();
    *handle.lock().unwrap() = Some(session.clone());
    session.authenticate("ann").await.unwrap();
    session.rotate().await.unwrap();
    session.reauthenticate().await.unwrap();
    session.logout().await.unwrap();
    let turns = turns.lock().unwrap();
    assert!(turns.len() >= 5 && turns.iter().all(|free| *free), "{turns:?}");
}

/// Who asks again and again goes behind those who wait.
#[tokio::test]
async fn one_that_writes_in_a_loop_keeps_nobody_out() {
    let site = Site::new(SessionConfig::default());
    let cookie = site.signed_in().await;
    let (_, session) = site.request(&cookie).await;
    site.backend.stop_every(Gate::Before);
    let busy = session.clone();
    let mut writes = Box::pin(async move {
        while busy.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).await.is_ok() {}
    });
    let mut logout = Box::pin(session.logout());
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(writes.as_mut().poll(context).is_pending());
    for _ in 0..10 {
        if logout.as_mut().poll(context).is_ready() {
            return;
        }
        site.backend.waiting().iter().for_each(|call| assert!(site.backend.pass(call.number)));
        let _ = writes.as_mut().poll(context);
    }
    panic!("the sign-out never has its turn");
}

/// The limit is for a future that is kept and not polled, and not for a long line.
#[tokio::test(start_paused = true)]
async fn a_long_line_is_no_outage() {
    use std::time::Duration;

    let site = Site::new(SessionConfig::default());
    let cookie = site.signed_in().await;
    let (_, session) = site.request(&cookie).await;
    site.backend.stop_every(Gate::Before);
    let mut updates = tokio::task::JoinSet::new();
    for key in 0..10 {
        let session = session.clone();
        updates.spawn(async move {
            session.update(key.to_string(), |n: Option<u64>| n.unwrap_or(0)).await
        });
    }
    // Each call takes most of the limit.
    while !updates.is_empty() {
        tokio::time::advance(Duration::from_millis(4000)).await;
        site.backend.waiting().iter().for_each(|call| assert!(site.backend.pass(call.number)));
        while let Some(done) = updates.try_join_next() {
            assert_eq!(kind(done.unwrap()), None);
        }
    }
}

#[tokio::test]
async fn a_take_leaves_what_was_written_meanwhile() {
    use std::cell::RefCell;

    use serde::{Deserialize, Deserializer};

    thread_local! {
        static HANDLE: RefCell<Option<Session>> = const { RefCell::new(None) };
    }
    struct Flash(String);
    impl<'de> Deserialize<'de> for Flash {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            // Stands for another thread.
            if let Some(session) = HANDLE.with(|handle| handle.borrow_mut().take()) {
                session.set("flash", "second").unwrap();
            }
            String::deserialize(deserializer).map(Self)
        }
    }
    let site = Site::new(SessionConfig::default());
    let (_, session) = site.request("").await;
    session.set("flash", "first").unwrap();
    HANDLE.with(|handle| *handle.borrow_mut() = Some(session.clone()));
    let taken = session.take::<Flash>("flash").unwrap().map(|flash| flash.0);
    assert_eq!(taken.as_deref(), Some("second"));
    assert!(!session.contains("flash"));
}

/// A clock is the application's code: it is not asked under the handle's lock.
#[tokio::test]
async fn a_clock_may_look_at_the_session() {
    use std::sync::Mutex;

    use session_core::Clock;

    struct Looks(Arc<Mutex<Option<Session>>>);
    impl Clock for Looks {
        fn now(&self) -> Timestamp {
            let session = self.0.lock().unwrap().clone();
            let _ = session.map(|session| session.id());
            Timestamp::from_micros(1_800_000_000_000_000)
        }
    }
    let handle: Arc<Mutex<Option<Session>>> = Arc::default();
    let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    let store = store.with_clock(Looks(handle.clone()));
    let visit = store.begin();
    visit.attach(&http::Method::GET, &http::Uri::default(), &HeaderMap::new(), Peer::Unknown, None);
    let session = visit.load().await.unwrap();
    *handle.lock().unwrap() = Some(session.clone());
    session.authenticate("ann").await.unwrap();
    assert!(cookie(visit.finish(StatusCode::OK).await).is_some());
}

#[tokio::test]
async fn many_updates_of_one_key_on_one_handle_add_up() {
    let site = Site::new(SessionConfig::default());
    let cookie = site.signed_in().await;
    let (_, session) = site.request(&cookie).await;
    let mut updates = tokio::task::JoinSet::new();
    for _ in 0..1500 {
        let session = session.clone();
        updates
            .spawn(async move { session.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).await });
    }
    for done in updates.join_all().await {
        assert_eq!(kind(done), None);
    }
    assert_eq!(site.n(&cookie).await, Some(1501));
}
