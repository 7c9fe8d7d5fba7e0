//! Where it is mounted, and what its links are then.

use std::future::ready;

use http::{HeaderMap, Method, Uri};
use session_core::{Error, ErrorKind, MemoryBackend, RequestHead, SessionConfig, SessionStore};
use session_devices::{DevicesApi, DevicesPage, PageAction};

use crate::site::{Framework, Site};

on_both! {
    behind_a_proxy_that_takes_a_prefix_off
    with_forms_that_post_elsewhere
}

fn store() -> SessionStore {
    SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap()
}

async fn behind_a_proxy_that_takes_a_prefix_off(framework: Framework) {
    let page = DevicesPage::new().base("/shop/account/devices/");
    let site = Site::new(framework, store(), page, DevicesApi::new());
    let mut alice = site.signed_in("alice").await;
    let page = alice.get("/account/devices").await.page(200);
    for expected in [
        "href=\"/shop/account/devices/style.css\"",
        "action=\"/shop/account/devices/logout-all\"",
        &format!("action=\"/shop/account/devices/{}/revoke\"", alice.ids().await[0]),
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    alice.post("/account/devices/logout-others").await.leads_to("/shop/account/devices");
}

async fn with_forms_that_post_elsewhere(framework: Framework) {
    let page = DevicesPage::new()
        .logout_others_at("/logout-others")
        .logout_all_at("/logout-all")
        .stylesheet("/all.css");
    let site = Site::new(framework, store(), page, DevicesApi::new());
    let mut alice = site.signed_in("alice").await;
    let _other = site.signed_in("alice").await;
    let page = alice.get("/account/devices").await.page(200);
    for expected in ["action=\"/logout-others\"", "action=\"/logout-all\"", "href=\"/all.css\""] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
}

/// Whatever a router lets through, no link leads to another site.
#[tokio::test]
async fn links_stay_on_this_site() {
    for (path, action, base) in [
        ("/devices", PageAction::Show, "/devices"),
        ("/devices/", PageAction::Show, "/devices"),
        ("/", PageAction::Show, ""),
        ("/logout-all", PageAction::EndAll, ""),
        ("/a/b/x/revoke", PageAction::End("x"), "/a/b"),
        ("/a/%20b/logout-others", PageAction::EndOthers, "/a/%20b"),
        ("//evil.example", PageAction::Show, "/evil.example"),
        ("//evil.example/devices/logout-all", PageAction::EndAll, "/evil.example/devices"),
        ("/\\evil.example/devices", PageAction::Show, "/evil.example/devices"),
    ] {
        // An outage: the page that says so has the links.
        let method = if action == PageAction::Show { Method::GET } else { Method::POST };
        let uri = Uri::builder().path_and_query(path).build();
        let (Ok(uri), headers) = (uri, HeaderMap::new()) else { continue };
        let head = RequestHead { method: &method, uri: &uri, headers: &headers };
        let error = Error::from_kind(ErrorKind::Unavailable);
        let answer = DevicesPage::new().answer(action, head, ready(Err(error))).await;
        assert_eq!(answer.status(), 503);
        let page = String::from_utf8(answer.into_body()).unwrap();
        let expected = format!("href=\"{base}/style.css\"");
        assert!(page.contains(&expected), "{path}: {page}");
    }
}
