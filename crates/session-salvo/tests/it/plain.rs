//! A `Secure` cookie over plain HTTP: salvo knows how its connections came.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use salvo_core::http::Method;
use salvo_core::prelude::*;
use session_core::{EventKind, MemoryBackend, SessionConfig, SessionStore};
use session_salvo::SessionHandler;

use crate::support::{ask_with, count};

#[tokio::test]
async fn it_is_told_once_where_it_is_known() {
    let told = Arc::new(AtomicUsize::new(0));
    let ear = Arc::clone(&told);
    let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    let store = store.on_event(move |event| {
        ear.fetch_add(usize::from(event.kind == EventKind::SecureOverHttp), Ordering::Relaxed);
    });
    let app = Service::new(Router::new().hoop(SessionHandler::new(store)).get(count));
    for (name, headers, expected) in [
        ("this machine", &[("host", "localhost:3000")][..], 0),
        ("behind a proxy", &[("host", "shop.example"), ("x-forwarded-for", "192.0.2.1")], 0),
        ("over https", &[("host", "shop.example"), ("sec-fetch-site", "none")], 0),
        ("in clear", &[("host", "shop.example")], 1),
        ("in clear, once more", &[("host", "shop.example")], 1),
    ] {
        let reply = ask_with(&app, Method::GET, "/", headers).await;
        assert!(
            reply.check(name, 200, "visit number 1").cookies()[0].contains("; Secure"),
            "{name}"
        );
        assert_eq!(told.load(Ordering::Relaxed), expected, "{name}");
    }
}
