//! A document of the application's own, and what every document escapes.

use session_core::{MemoryBackend, SessionConfig, SessionStore};
use session_devices::{DevicesApi, DevicesPage, Page, Shows, Words};

use crate::site::{Framework, Site};

on_both! {
    every_string_is_escaped
    in_a_layout_of_the_applications
    without_any_of_our_markup
}

fn store() -> SessionStore {
    SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap()
}

/// Breaks out of an element, of an attribute, and of a text with placeholders.
const EVIL: &str = "<script>alert(1)</script>\"'&{ago}";

async fn every_string_is_escaped(framework: Framework) {
    let evil = || EVIL.into();
    let words = Words {
        language: evil(),
        title: evil(),
        lead: format!("{EVIL}{{user}}{EVIL}").into(),
        signed_in_here: evil(),
        this_device: evil(),
        impersonated: evil(),
        other_devices: evil(),
        last_seen: evil(),
        first_seen: evil(),
        ip_address: evil(),
        unknown_address: evil(),
        unknown_browser: evil(),
        computer: evil(),
        other_device: evil(),
        sign_out: evil(),
        sign_out_here: evil(),
        end: evil(),
        end_session: evil(),
        end_session_of: format!("{EVIL}{{device}}").into(),
        end_all_others: evil(),
        lost_title: evil(),
        lost_hint: evil(),
        sign_out_everywhere: evil(),
        ago: |_| EVIL.to_owned(),
        date: |_| EVIL.to_owned(),
        to_first_page: evil(),
        ..Words::default()
    };
    let page = DevicesPage::new().words(words).stylesheet(EVIL).logout_all_at(EVIL);
    let site = Site::new(framework, store(), page, DevicesApi::new());
    let evil_user = "/sign-in/%3Cscript%3Ealert(1)%3C%2Fscript%3E%22";
    let mut here = site.browser();
    here.post(evil_user).await.check(200);
    let mut there = site.browser();
    let agent = [("user-agent", "<script>alert(1)</script> \"Chrome\"")];
    there.send(http::Method::POST, evil_user, &agent).await.check(200);
    let reply = here.get("/account/devices").await.check(200);
    // 26 places at least, and the user's and the agent's.
    assert!(reply.body.matches("&#60;script&#62;").count() > 26, "{}", reply.body);
    for raw in ["<script", "\"'", "'&"] {
        assert!(!reply.body.contains(raw), "{raw}: {}", reply.body);
    }
    let problem = here.post("/account/devices/x/revoke").await.check(400);
    assert!(!problem.body.contains("<script"), "{}", problem.body);
}

fn layout(page: &Page<'_>) -> String {
    let user = page.session.and_then(session_core::Session::user_id);
    let user = user.map_or_else(|| "nobody".to_owned(), |user| user.to_string());
    format!(
        "<!doctype html><title>{}</title><nav>{user}</nav><main>{}</main>",
        page.title(),
        page.main()
    )
}

async fn in_a_layout_of_the_applications(framework: Framework) {
    let page = DevicesPage::new().template(layout);
    let site = Site::new(framework, store(), page, DevicesApi::new());
    let mut alice = site.signed_in("alice").await;
    let reply = alice.get("/account/devices").await;
    // What this document loads is not known here.
    assert_eq!(reply.header("content-security-policy"), "frame-ancestors 'none'");
    let page = reply.page(200);
    assert!(page.starts_with("<!doctype html><title>Your devices</title><nav>alice</nav>"));
    assert!(page.contains("action=\"/account/devices/logout-all\""), "{page}");
    let page = alice.post("/account/devices/x/revoke").await.page(400);
    assert!(page.contains("<nav>nobody</nav>") || page.contains("<nav>alice</nav>"), "{page}");
    assert!(page.contains("<title>Not found</title>"), "{page}");
}

fn own(page: &Page<'_>) -> String {
    match &page.shows {
        Shows::Devices(devices) => {
            let this = devices.this.as_ref().map_or("", |device| &device.name);
            format!("{this} of {}, {} others", devices.user, devices.others.len())
        }
        Shows::Problem(problem) => problem.code().to_owned(),
        _ => String::new(),
    }
}

async fn without_any_of_our_markup(framework: Framework) {
    let site = Site::new(framework, store(), DevicesPage::new().template(own), DevicesApi::new());
    let mut alice = site.signed_in("alice").await;
    let reply = alice.get("/account/devices").await.check(200);
    assert_eq!(reply.body, "Chrome on macOS of alice, 0 others");
    assert_eq!(site.browser().get("/account/devices").await.check(401).body, "unauthenticated");
}
