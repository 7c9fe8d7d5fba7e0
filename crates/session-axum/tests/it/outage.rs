//! An outage of the database is told when it begins and when it ends, and not by every request.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use session_axum::{Session, SessionError, layer};
use session_conformance::backends::{Fault, Method, Watched};
use session_core::{
    BackendErrorKind, EventKind, ManualClock, MemoryBackend, OnBackendError, SessionConfig,
    SessionStore, Timestamp,
};

use crate::log::Log;
use crate::support::{call, cookie, request, request_with_cookie};

/// A site whose database a test breaks, and whose clock it moves.
struct Site {
    app: Router,
    backend: Watched,
    clock: Arc<ManualClock>,
    cookie: String,
    events: Arc<Mutex<Vec<EventKind>>>,
}

impl Site {
    /// With somebody signed in.
    async fn with(config: SessionConfig) -> Self {
        let backend = Watched::new(MemoryBackend::new());
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let events: Arc<Mutex<Vec<EventKind>>> = Arc::default();
        let ear = Arc::clone(&events);
        let store = SessionStore::new(backend.clone(), config)
            .unwrap()
            .with_clock(clock.clone())
            .on_event(move |event| ear.lock().unwrap().push(event.kind));
        let store_for_all = async |session: Session| {
            session.set("at", 1)?;
            Ok::<_, SessionError>(())
        };
        let save_for_all = async |session: Session| {
            session.set("at", 1)?;
            session.save().await?;
            Ok::<_, SessionError>(())
        };
        let app = Router::new()
            .route(
                "/sign-in",
                get(async |session: Session| session.authenticate("ann").await.unwrap()),
            )
            .route("/", get(async |_: Session| ()))
            .route("/set", get(store_for_all))
            .route("/save", get(save_for_all))
            .layer(layer(store));
        let cookie = cookie(&call(&app, request("/sign-in")).await);
        events.lock().unwrap().clear();
        Self { app, backend, clock, cookie, events }
    }

    /// So many requests, one after the other, over so long; the status of the last.
    async fn ask(&self, path: &str, requests: u32, over: Duration) -> u16 {
        let mut status = 0;
        for _ in 0..requests {
            self.clock.advance(over / requests);
            let answer = call(&self.app, request_with_cookie(path, &self.cookie)).await;
            status = answer.status().as_u16();
        }
        status
    }

    fn take_events(&self) -> Vec<EventKind> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_outage_is_told_at_its_beginning_and_its_end() {
    let (log, _listens) = Log::listen();
    let site = Site::with(SessionConfig::default()).await;
    assert_eq!(site.ask("/", 1, SECOND).await, 200);
    log.take();

    site.backend.fail(BackendErrorKind::Unavailable);
    assert_eq!(site.ask("/", 1000, SECOND).await, 503);
    let [began] = &*log.take() else { panic!("one line when an outage begins") };
    assert!(began.starts_with("ERROR outage began"), "{began}");
    assert!(began.contains("error=the session backend is unavailable"), "{began}");
    assert_eq!(site.take_events(), [EventKind::OutageBegan]);

    assert_eq!(site.ask("/", 1000, 20 * SECOND).await, 503);
    let lasts = log.take();
    assert_eq!(lasts.len(), 2, "one line in ten seconds: {lasts:?}");
    assert!(lasts.iter().all(|line| line.starts_with("ERROR outage goes on")), "{lasts:?}");
    assert!(lasts[1].contains("failed=500"), "those since the line before: {lasts:?}");
    assert_eq!(site.take_events(), []);

    site.backend.recover();
    assert_eq!(site.ask("/", 100, SECOND).await, 200);
    let [ended] = &*log.take() else { panic!("one line when an outage ends") };
    assert!(ended.starts_with("WARN outage ended"), "{ended}");
    assert!(ended.contains("failed=2000"), "{ended}");
    let [EventKind::OutageEnded { lasted, failed: 2000 }] = *site.take_events() else {
        panic!("one event when an outage ends")
    };
    assert_eq!(lasted.as_secs(), 21);
}

#[tokio::test]
async fn so_it_is_where_requests_go_on_as_visitors() {
    let (log, _listens) = Log::listen();
    let config =
        SessionConfig { on_backend_error: OnBackendError::Anonymous, ..SessionConfig::default() };
    let site = Site::with(config).await;
    log.take();
    site.backend.fail(BackendErrorKind::Unavailable);
    assert_eq!(site.ask("/", 100, SECOND).await, 200);
    assert_eq!(site.ask("/set", 100, SECOND).await, 503);
    let lines = log.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
}

/// The disk is full: what is there can be read, so that of each request one call goes well and one
/// fails.
#[tokio::test]
async fn an_outage_of_writes_alone_is_no_flood() {
    let (log, _listens) = Log::listen();
    let site = Site::with(SessionConfig::default()).await;
    log.take();
    site.backend.fail(Fault::new(BackendErrorKind::Other).only(Method::Update));
    assert_eq!(site.ask("/set", 1000, SECOND).await, 503);
    assert_eq!(site.ask("/save", 1000, SECOND).await, 503);
    let lines = log.take();
    assert!(lines.len() <= 3, "{} lines: {:?}", lines.len(), &lines[..5]);
    assert_eq!(site.ask("/set", 1000, 10 * SECOND).await, 503);
    assert_eq!(log.take().len(), 1, "in ten seconds");

    site.backend.recover();
    assert_eq!(site.ask("/set", 1000, 30 * SECOND).await, 200);
    let lines = log.take();
    let [ended] = &*lines else { panic!("one line when it is over: {lines:?}") };
    assert!(ended.starts_with("WARN outage ended"), "{ended}");
}

/// Touches fail beside answers that go out all the same.
#[tokio::test]
async fn so_it_is_where_touches_fail() {
    let (log, _listens) = Log::listen();
    let config = SessionConfig { touch_interval_secs: Some(0), ..SessionConfig::default() };
    let site = Site::with(config).await;
    log.take();
    site.backend.fail(Fault::new(BackendErrorKind::Other).only(Method::Update));
    assert_eq!(site.ask("/", 1000, SECOND).await, 200);
    let lines = log.take();
    assert!(lines.len() <= 3, "{} lines: {:?}", lines.len(), &lines[..5]);
    let touches = |event: &&EventKind| **event == EventKind::TouchFailed;
    assert_eq!(site.take_events().iter().filter(touches).count(), 1000, "each is an event");
}

/// What is no outage is said each time: a mistake of the application's.
#[tokio::test]
async fn mistakes_keep_their_lines() {
    let (log, _listens) = Log::listen();
    let app: Router = Router::new().route("/", get(async |_: Session| ()));
    for _ in 0..3 {
        assert_eq!(call(&app, request("/")).await.status(), 500);
    }
    let lines = log.take();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("ERROR answering with 500")), "{lines:?}");
}

/// The hook is the application's code, and may use the session whose operation met the outage.
#[tokio::test]
async fn the_hook_is_told_when_no_turn_is_held() {
    let backend = Watched::new(MemoryBackend::new());
    let slot: Arc<Mutex<Option<Session>>> = Arc::default();
    let done: Arc<Mutex<Vec<bool>>> = Arc::default();
    let (seen, ear) = (Arc::clone(&slot), Arc::clone(&done));
    let store = SessionStore::new(backend.clone(), SessionConfig::default()).unwrap();
    let store = store.on_event(move |event| {
        let session = seen.lock().unwrap().take();
        if let (EventKind::OutageBegan, Some(session)) = (event.kind, session) {
            let mut save = pin!(session.save());
            let polled = save.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            ear.lock().unwrap().push(polled.is_ready());
        }
    });
    let save = async move |session: Session| {
        session.set("a", 1)?;
        *slot.lock().unwrap() = Some(session.clone());
        session.save().await?;
        Ok::<_, SessionError>(())
    };
    let app = Router::new().route("/", get(save)).layer(layer(store));
    backend.fail(BackendErrorKind::Unavailable);
    assert_eq!(call(&app, request("/")).await.status(), 503);
    assert_eq!(*done.lock().unwrap(), [true], "it waited for the turn");
}

/// Two stores over one database, one made of the other with a hook of its own.
#[tokio::test]
async fn each_hook_is_told() {
    let backend = Watched::new(MemoryBackend::new());
    let heard: [Arc<Mutex<Vec<EventKind>>>; 2] = Default::default();
    let first = SessionStore::new(backend.clone(), SessionConfig::default()).unwrap();
    let [first, second] = heard
        .clone()
        .map(|ear| first.clone().on_event(move |event| ear.lock().unwrap().push(event.kind)));
    backend.fail(BackendErrorKind::Unavailable);
    for store in [first, second] {
        assert!(store.ping().await.is_err());
    }
    for ear in &heard {
        assert_eq!(*ear.lock().unwrap(), [EventKind::OutageBegan]);
    }
}
