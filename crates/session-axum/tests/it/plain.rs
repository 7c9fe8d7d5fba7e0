//! A `Secure` cookie over plain HTTP, which browsers drop: said once, if it is known.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::http::{Request, header};
use axum::routing::get;
use session_axum::{Peer, Scheme, Session, SessionError, layer};
use session_core::{
    CookieConfig, EventKind, MemoryBackend, SecurePolicy, SessionConfig, SessionStore,
};

use crate::log::Log;
use crate::support::call;

struct Site {
    app: Router,
    events: Arc<Mutex<Vec<EventKind>>>,
}

impl Site {
    fn new(secure: SecurePolicy, said: Option<Scheme>) -> Self {
        let cookie = CookieConfig { secure, ..CookieConfig::default() };
        let config = SessionConfig { cookie, ..SessionConfig::default() };
        let events: Arc<Mutex<Vec<EventKind>>> = Arc::default();
        let ear = Arc::clone(&events);
        let store = SessionStore::new(MemoryBackend::new(), config)
            .unwrap()
            .on_event(move |event| ear.lock().unwrap().push(event.kind));
        let store_something = async |session: Session| {
            session.set("a", 1)?;
            Ok::<_, SessionError>(())
        };
        let mut app = Router::new()
            .route("/", get(async |_: Session| ()))
            .route("/set", get(store_something))
            .layer(layer(store));
        if let Some(scheme) = said {
            app = app.layer(Extension(scheme));
        }
        Self { app, events }
    }

    /// The request's Set-Cookie, if there is one.
    async fn ask(&self, path: &str, peer: Peer, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = Request::get(path).extension(peer);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = call(&self.app, request.body(Body::empty()).unwrap()).await;
        let cookie = answer.headers().get(header::SET_COOKIE)?;
        Some(cookie.to_str().unwrap().to_owned())
    }

    /// How often it was an event.
    fn told(&self) -> usize {
        let events = self.events.lock().unwrap();
        events.iter().filter(|kind| **kind == EventKind::SecureOverHttp).count()
    }
}

const PROXY: Peer = Peer::Ip(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));
const STRANGER: Peer = Peer::Ip(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
const HOST: (&str, &str) = ("host", "shop.example");
const PLAIN: (&str, &str) = ("x-forwarded-proto", "http");

#[tokio::test]
async fn it_is_said_once() {
    let (log, _listens) = Log::listen();
    let site = Site::new(SecurePolicy::Always, None);
    // A request that makes no session is nobody's concern.
    assert_eq!(site.ask("/", PROXY, &[HOST, PLAIN]).await, None);
    assert_eq!(log.take(), [""; 0]);
    for _ in 0..100 {
        let cookie = site.ask("/set", PROXY, &[HOST, PLAIN]).await.unwrap();
        assert!(cookie.contains("; Secure"), "it is no less secure for it: {cookie}");
    }
    let lines = log.take();
    let [line] = &*lines else { panic!("one line: {lines:?}") };
    assert!(line.starts_with("WARN"), "{line}");
    for what in ["cookie.secure", "X-Forwarded-Proto"] {
        assert!(line.contains(what), "what to do: {line}");
    }
    assert_eq!(site.told(), 1);
}

#[tokio::test]
async fn it_is_said_only_where_it_is_known() {
    const HTTP: Option<Scheme> = Some(Scheme::Http);
    let always = SecurePolicy::Always;
    for (name, secure, said, peer, headers, expected) in [
        ("a proxy's word", always, None, PROXY, &[HOST, PLAIN][..], true),
        ("a stranger's word", always, None, STRANGER, &[HOST, PLAIN], false),
        ("nobody's word", always, None, PROXY, &[HOST], false),
        ("https", always, None, PROXY, &[HOST, ("x-forwarded-proto", "https")], false),
        ("the application's word", always, HTTP, STRANGER, &[HOST], true),
        (
            "the application's word, of a connection from a proxy",
            always,
            HTTP,
            STRANGER,
            &[HOST, ("x-forwarded-for", "198.51.100.7")],
            false,
        ),
        (
            "a browser that says where it asks from, which it does over https alone",
            always,
            None,
            PROXY,
            &[HOST, PLAIN, ("sec-fetch-site", "none")],
            false,
        ),
        ("localhost", always, None, PROXY, &[("host", "localhost:3000"), PLAIN], false),
        ("no host", always, None, PROXY, &[PLAIN], false),
        (
            "a browser that keeps the cookie",
            always,
            None,
            PROXY,
            &[HOST, PLAIN, ("cookie", "_session=x")],
            false,
        ),
        ("auto", SecurePolicy::Auto, None, PROXY, &[HOST, PLAIN], false),
        ("never", SecurePolicy::InsecureNever, HTTP, PROXY, &[HOST, PLAIN], false),
    ] {
        let (log, _listens) = Log::listen();
        let site = Site::new(secure, said);
        assert!(site.ask("/set", peer, headers).await.is_some(), "{name}");
        assert_eq!(log.take().len(), usize::from(expected), "{name}");
        assert_eq!(site.told(), usize::from(expected), "{name}");
    }
}
