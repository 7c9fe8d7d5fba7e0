//! What is refused: other sites, who signed in long ago, other methods, and what an outage cannot answer.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use session_conformance::backends::Watched;
use session_core::{
    CrossSiteGuard, ManualClock, MemoryBackend, SessionConfig, SessionStore, Timestamp,
};
use session_devices::{DevicesApi, DevicesPage};

use crate::site::{Framework, Site};

on_both! {
    other_sites
    who_signed_in_long_ago
    an_outage
    other_methods
}

const ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Every request that ends something.
fn ending(id: &str) -> [(Method, String); 6] {
    [
        (Method::POST, format!("/account/devices/{id}/revoke")),
        (Method::POST, "/account/devices/logout-others".to_owned()),
        (Method::POST, "/account/devices/logout-all".to_owned()),
        (Method::DELETE, format!("/api/devices/{id}")),
        (Method::POST, "/api/devices/logout-others".to_owned()),
        (Method::POST, "/api/devices/logout-all".to_owned()),
    ]
}

fn is_page(path: &str) -> bool {
    path.starts_with("/account/")
}

async fn other_sites(framework: Framework) {
    let backend = Arc::new(Watched::new(MemoryBackend::new()));
    let store = SessionStore::shared(backend.clone(), SessionConfig::default()).unwrap();
    let guard = || CrossSiteGuard::new().trust_origin("https://trusted.example").unwrap();
    let page = DevicesPage::new().cross_site_guard(guard());
    let api = DevicesApi::new().cross_site_guard(guard());
    let site = Site::new(framework, store, page, api);
    let mut alice = site.signed_in("alice").await;
    let id = alice.ids().await.remove(0);
    backend.take_calls();
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("host", "shop.example"), ("origin", "https://evil.example")],
        &[("host", "shop.example"), ("origin", "null")],
    ] {
        for (method, path) in ending(&id) {
            let reply = alice.send(method, &path, headers).await;
            if is_page(&path) {
                assert!(reply.page(403).contains("another site"), "{path}");
            } else {
                reply.error(403, "cross_origin");
            }
        }
    }
    // Nobody asked the database for that.
    assert_eq!(backend.take_calls().total(), 0);
    assert!(alice.is_signed_in().await);
    // Reading is not refused: a link leads here.
    let headers = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    alice.send(Method::GET, "/account/devices", &headers).await.page(200);
    let trusted = [("host", "shop.example"), ("origin", "https://trusted.example")];
    alice.send(Method::POST, "/account/devices/logout-others", &trusted).await.check(303);
    alice.send(Method::POST, "/api/devices/logout-all", &trusted).await.check(200);
}

async fn who_signed_in_long_ago(framework: Framework) {
    const WITHIN: Duration = Duration::from_secs(600);
    for confirm in [None, Some("/confirm")] {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000_000_000_000)));
        let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
        let store = store.with_clock(clock.clone());
        let page = DevicesPage::new().require_fresh(WITHIN);
        let page = match confirm {
            Some(path) => page.confirm_page(path),
            None => page,
        };
        let api = DevicesApi::new().require_fresh(WITHIN);
        let site = Site::new(framework, store, page, api);
        let mut here = site.signed_in("alice").await;
        let mut there = site.signed_in("alice").await;
        clock.advance(WITHIN + Duration::from_secs(1));
        let ids = here.ids().await;
        for (method, path) in ending(&ids[1]) {
            let reply = here.send(method, &path, &[]).await;
            match confirm {
                Some(confirm) if is_page(&path) => {
                    drop(reply.leads_to(&format!("{confirm}?next=%2Faccount%2Fdevices")));
                }
                None if is_page(&path) => assert!(reply.page(403).contains("Sign in again")),
                _ => drop(reply.error(403, "stale_authentication")),
            }
        }
        assert!(there.is_signed_in().await);
        here.get("/account/devices").await.page(200);
        // Oneself one may always end.
        there.post(&format!("/account/devices/{}/revoke", ids[1])).await.leads_to("/");
        here.delete(&format!("/api/devices/{}", ids[0])).await.check(200);

        let mut fresh = site.signed_in("alice").await;
        fresh.post("/account/devices/logout-others").await.leads_to("/account/devices");
        fresh.post("/api/devices/logout-all").await.check(200);
    }
}

async fn an_outage(framework: Framework) {
    let backend = Arc::new(Watched::new(MemoryBackend::new()));
    let store = SessionStore::shared(backend.clone(), SessionConfig::default()).unwrap();
    let page = DevicesPage::new().sign_in_page("/sign-in");
    let site = Site::new(framework, store, page, DevicesApi::new());
    let mut alice = site.signed_in("alice").await;
    let cookie = alice.cookie.clone();
    backend.fail(session_core::BackendErrorKind::Unavailable);
    let reading = ["/account/devices", "/api/devices"].map(|path| (Method::GET, path.to_owned()));
    for (method, path) in reading.into_iter().chain(ending(ID)) {
        let reply = alice.send(method, &path, &[]).await;
        assert_eq!(reply.header("retry-after"), "5", "{path}");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
        if is_page(&path) {
            assert!(reply.page(503).contains("<h1>Not just now</h1>"));
        } else {
            reply.error(503, "unavailable");
        }
    }
    assert_eq!(alice.cookie, cookie);
    backend.recover();
    assert!(alice.is_signed_in().await);
}

async fn other_methods(framework: Framework) {
    let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    let site = Site::new(framework, store, DevicesPage::new(), DevicesApi::new());
    let mut alice = site.signed_in("alice").await;
    for (method, path, allowed) in [
        (Method::POST, "/account/devices".to_owned(), "GET,HEAD"),
        (Method::GET, format!("/account/devices/{ID}/revoke"), "POST"),
        (Method::GET, "/account/devices/logout-others".to_owned(), "POST"),
        (Method::GET, "/account/devices/logout-all".to_owned(), "POST"),
        (Method::DELETE, "/account/devices/style.css".to_owned(), "GET,HEAD"),
        (Method::PUT, "/api/devices".to_owned(), "GET,HEAD"),
        (Method::GET, format!("/api/devices/{ID}"), "DELETE"),
        (Method::GET, "/api/devices/logout-all".to_owned(), "POST"),
    ] {
        let reply = alice.send(method, &path, &[]).await.check(405);
        assert_eq!(reply.header("allow"), allowed, "{path}");
    }
    alice.get("/account/devices/nowhere").await.check(404);
    assert!(alice.is_signed_in().await);
}
