//! What the browser keeps, and who is signed in.

use std::time::Duration;

use session_core::{Carry, CookieConfig, SecurePolicy, SessionConfig, SignIn};

use crate::on_both;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn signs_in_by_one_line_and_takes_its_data_along() {
    for (name, _, client) in on_both(&SessionConfig::default()) {
        assert_eq!(client.get("/me").await.status(), 401, "{name}");
        assert_eq!(client.get("/visits").await.text(), "1", "{name}");
        let before = client.cookie("_session").unwrap();

        client.sign_in("alice").await;
        assert_ne!(client.cookie("_session").unwrap(), before, "{name}");
        assert_eq!(client.get("/me").await.text(), "alice", "{name}");
        assert_eq!(client.get("/visits").await.text(), "2", "{name}");

        let chosen = SignIn::new("bob").carry(Carry::Nothing).data("visits", 40).unwrap();
        client.sign_in_with(chosen).await;
        assert_eq!(client.get("/visits").await.text(), "41", "{name}");

        client.post("/sign-out").await.expect_status(200);
        assert_eq!(client.cookie("_session"), None, "{name}");
        assert_eq!(client.get("/me").await.status(), 401, "{name}");
    }
}

#[tokio::test]
async fn two_clients_are_two_browsers() {
    for (name, fixture, phone) in on_both(&SessionConfig::default()) {
        phone.sign_in("alice").await;
        let laptop = phone.another_browser();
        assert_eq!(laptop.get("/me").await.status(), 401, "{name}");
        laptop.sign_in("alice").await;
        let alice = "alice".parse().unwrap();
        assert_eq!(fixture.store.list(&alice).await.unwrap().len(), 2, "{name}");
        phone.post("/sign-out").await.expect_status(200);
        assert_eq!(laptop.get("/me").await.text(), "alice", "{name}");
        laptop.clear_cookies();
        assert_eq!(laptop.get("/me").await.status(), 401, "{name}");
        assert_eq!(fixture.store.list(&alice).await.unwrap().len(), 1, "{name}: it goes on");
    }
}

#[tokio::test]
async fn cookies_end_by_the_clock_of_the_test() {
    for (name, fixture, client) in on_both(&SessionConfig::default()) {
        client.sign_in("alice").await;
        fixture.clock.advance(29 * DAY);
        assert_eq!(client.get("/me").await.text(), "alice", "{name}: it slides");
        fixture.clock.advance(29 * DAY);
        assert_eq!(client.get("/me").await.text(), "alice", "{name}");
        fixture.clock.advance(30 * DAY);
        assert_eq!(client.cookie("_session"), None, "{name}");
        assert_eq!(client.get("/me").await.status(), 401, "{name}");
    }
}

#[tokio::test]
async fn paths_of_the_applications_own_cookies_are_kept() {
    for (name, fixture, client) in on_both(&SessionConfig::default()) {
        let sent = async |path: &str| {
            let said = client.get(path).await.json::<serde_json::Value>();
            said["cookie"].as_str().map(str::to_owned)
        };
        let response = client.get("/cookies").await;
        assert_eq!(response.set_cookies(), ["here=1; Path=/cookies; Max-Age=60; Secure"], "{name}");
        assert_eq!(sent("/echo").await, None, "{name}: another path");
        assert!(client.keep_cookie("mine=2; Max-Age=60"), "{name}");
        assert!(!client.keep_cookie("mine=3; Domain=example.org"), "{name}");
        assert_eq!(sent("/echo").await.as_deref(), Some("mine=2"), "{name}");
        fixture.clock.advance(Duration::from_secs(60));
        assert_eq!(sent("/echo").await, None, "{name}: it has ended");
    }
}

#[tokio::test]
async fn a_closed_browser_forgets_what_was_for_this_visit() {
    let mut config = SessionConfig::default();
    for (persistent, status) in [(true, 200), (false, 401)] {
        config.cookie.persistent = persistent;
        for (name, _, client) in on_both(&config) {
            client.sign_in("alice").await;
            client.restart();
            assert_eq!(client.get("/me").await.status(), status, "{name}, {persistent}");
        }
    }
}

#[tokio::test]
async fn the_whole_of_a_host_s_cookie_is_looked_at() {
    let shared = CookieConfig { domain: Some("example.com".into()), ..CookieConfig::default() };
    let config = SessionConfig { cookie: shared, ..SessionConfig::default() };
    for (name, _, client) in on_both(&config) {
        client.sign_in("alice").await;
        let said = client.get("/echo").await.json::<serde_json::Value>();
        assert_eq!(said["host"], "example.com", "{name}");
        let client = client.at("https://shop.example.com");
        assert_eq!(client.get("/me").await.text(), "alice", "{name}");
        let client = client.at("https://example.org");
        assert_eq!(client.get("/me").await.status(), 401, "{name}");
    }
    let config = SessionConfig { cookie_name: "__Host-session".into(), ..SessionConfig::default() };
    for (name, _, client) in on_both(&config) {
        client.sign_in("alice").await;
        assert!(client.cookie("__Host-session").is_some(), "{name}");
    }
}

#[tokio::test]
async fn plain_http_keeps_what_is_not_secure() {
    let auto = CookieConfig { secure: SecurePolicy::Auto, ..CookieConfig::default() };
    let config = SessionConfig { cookie: auto, ..SessionConfig::default() };
    for (name, _, client) in on_both(&config) {
        let client = client.at("http://localhost");
        assert_eq!(client.get("/visits").await.text(), "1", "{name}");
        assert_eq!(client.get("/visits").await.text(), "2", "{name}");
        client.sign_in("alice").await;
        assert_eq!(client.get("/me").await.text(), "alice", "{name}");
    }
}

#[tokio::test]
#[should_panic(expected = "a browser at http://localhost/ refuses the cookie _session")]
async fn a_cookie_that_no_browser_would_keep_is_said() {
    let (_, _, client) = on_both(&SessionConfig::default()).next().unwrap();
    client.at("http://localhost").sign_in("alice").await;
}
