//! Signing in, proving it again, rotating and signing out: what becomes of id, cookie and data.

use http::header::{COOKIE, HOST, USER_AGENT};
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::browser::{Browser, CHROME, FIREFOX};
use crate::demo::Demo;

on_every_combination! {
    a_session_has_these_fields
    signing_in_makes_another_session
    signing_in_with_data
    who_proves_it_again_keeps_the_id
    rotating_keeps_the_id
    signing_out_is_final
    goodbye_leaves_a_note
    another_browser_with_the_cookie_is_refused
    the_address_is_the_clients
}

/// The fields of a session, in their order.
const FIELDS: [&str; 12] = [
    "id",
    "user_id",
    "data",
    "ip_address",
    "last_ip_address",
    "user_agent",
    "device_name",
    "device_type",
    "created_at",
    "authenticated_at",
    "last_active_at",
    "expires_at",
];

async fn a_session_has_these_fields(demo: Demo) {
    let mut browser = demo.browser();
    browser.put("/api/data/k", &json!(1)).await.check(200);
    let token = browser.cookie.clone().unwrap();
    for signed_in in [false, true] {
        if signed_in {
            browser.login("alice").await;
        }
        let reply = browser.get("/api/session").await;
        let session = reply.json()["session"].clone();
        assert_eq!(session.as_object().unwrap().len(), FIELDS.len(), "{session}");
        let text = reply.text();
        let places: Vec<_> =
            FIELDS.iter().map(|field| text.find(&format!("\"{field}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");

        assert_eq!(session["id"].as_str().unwrap().len(), 26);
        assert_eq!(session["data"], json!({ "k": 1 }));
        assert_eq!(session["ip_address"], "127.0.0.1");
        assert_eq!(session["last_ip_address"], "127.0.0.1");
        assert_eq!(session["user_agent"], CHROME);
        assert_eq!(session["device_name"], "Chrome on macOS");
        assert_eq!(session["device_type"], "desktop");
        for time in ["created_at", "last_active_at", "expires_at"] {
            let text = session[time].as_str().unwrap();
            assert!(
                text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z'),
                "{text}"
            );
        }
        let user = if signed_in { json!("alice") } else { Value::Null };
        assert_eq!(session["user_id"], user);
        assert_eq!(session["authenticated_at"].is_string(), signed_in);
        // Neither what signs in nor anything made of it.
        assert!(!text.contains(&token) && !text.contains(browser.cookie.as_deref().unwrap()));
    }
}

async fn signing_in_makes_another_session(demo: Demo) {
    let mut browser = demo.browser();
    browser.put("/api/data/cart", &json!(["tea"])).await.check(200);
    let anonymous = browser.session().await;
    let before = browser.clone();

    let reply = browser.post("/api/login", &json!({ "user": "alice" })).await;
    let alice = reply.check(200).json()["session"].clone();
    let cookie = reply.cookie().expect("a cookie");
    assert!(cookie.says("HttpOnly") && cookie.says("SameSite=Lax") && cookie.says("Path=/"));
    cookie.check_max_age(2_592_000);
    assert_ne!(alice["id"], anonymous["id"]);
    assert_ne!(browser.cookie, before.cookie);
    assert_eq!(alice["data"], json!({ "cart": ["tea"] }));
    assert_eq!(browser.session().await, alice);
    // The one before is dead at once, and makes nothing new by itself.
    let mut before = before;
    assert_eq!(before.get("/api/session").await.json(), json!({ "session": null }));
    before.put("/api/data/x", &json!(1)).await.check_error(409, "session_ended");

    // The same user again: another id, the same data. Another user: nothing of it.
    let again = browser.login("alice").await;
    assert_ne!(again["id"], alice["id"]);
    assert_eq!(again["data"], json!({ "cart": ["tea"] }));
    let bob = browser.login("bob").await;
    assert_eq!((&bob["user_id"], &bob["data"]), (&json!("bob"), &json!({})));
    assert_eq!(browser.get("/api/me").await.json(), json!({ "user_id": "bob" }));
}

async fn signing_in_with_data(demo: Demo) {
    let mut browser = demo.browser();
    browser.put("/api/data/theme", &json!("light")).await.check(200);
    browser.put("/api/data/cart", &json!(1)).await.check(200);
    let body = json!({ "user": "alice", "data": { "theme": "dark", "": null, "a/b": [1] } });
    let reply = browser.post("/api/login", &body).await;
    let expected = json!({ "theme": "dark", "cart": 1, "": null, "a/b": [1] });
    assert_eq!(reply.check(200).json()["session"]["data"], expected);
    assert_eq!(browser.get("/api/data").await.json(), expected);

    let large = json!({ "user": "alice", "data": { "x": "x".repeat(70_000) } });
    let id = browser.session().await["id"].clone();
    browser.post("/api/login", &large).await.check_error(413, "data_too_large");
    assert_eq!(browser.session().await["id"], id);

    // Any user id of 255 bytes, and whatever the Content-Type is.
    for user in ["é".repeat(127) + "x", "a b\"<>&'/\\".to_owned(), "\u{1f36a}".to_owned()] {
        let body = json!({ "user": user }).to_string();
        let headers = [("content-type", "text/plain")];
        let reply = demo.browser().send_with(Method::POST, "/api/login", body, &headers).await;
        assert_eq!(reply.check(200).json()["session"]["user_id"], json!(user));
    }
}

async fn who_proves_it_again_keeps_the_id(demo: Demo) {
    let mut browser = demo.signed_in("alice").await;
    browser.put("/api/data/k", &json!(1)).await.check(200);
    let mut before = browser.clone();
    let first = browser.session().await;
    let reply = browser.post("/api/reauthenticate", &Value::Null).await;
    let session = reply.check(200).json()["session"].clone();
    assert_eq!((&session["id"], &session["data"]), (&first["id"], &first["data"]));
    assert!(session["authenticated_at"].as_str() > first["authenticated_at"].as_str());
    assert_ne!(browser.cookie, before.cookie);
    assert_eq!(browser.session().await["id"], first["id"]);
    // Without grace.
    before.get("/api/me").await.check_error(401, "unauthenticated");
}

async fn rotating_keeps_the_id(demo: Demo) {
    for user in [None, Some("alice")] {
        let mut browser = demo.browser();
        browser.put("/api/data/k", &json!(1)).await.check(200);
        if let Some(user) = user {
            browser.login(user).await;
        }
        let mut before = browser.clone();
        // The first request with a new token counts as activity.
        browser.session().await;
        let first = browser.session().await;
        let reply = browser.post("/api/rotate", &Value::Null).await;
        assert_eq!(reply.check(200).json()["session"], first);
        assert_ne!(browser.cookie, before.cookie);
        assert_eq!(browser.session().await["id"], first["id"]);
        // With grace, for what was under way; and no second rotation from there.
        assert_eq!(before.session().await["id"], first["id"]);
        let late = before.post("/api/rotate", &Value::Null).await;
        assert_eq!(late.check(200).json()["session"]["id"], first["id"]);
        assert!(late.cookie().is_none());
    }
}

async fn signing_out_is_final(demo: Demo) {
    let mut browser = demo.signed_in("alice").await;
    let mut thief = browser.clone();
    let reply = browser.post("/api/logout", &Value::Null).await;
    assert_eq!(reply.check(200).json(), json!({ "ended": 1 }));
    let cookie = reply.cookie().expect("a removal");
    assert!(cookie.removes() && cookie.says("Max-Age=0") && cookie.says("Path=/"));
    assert_eq!(browser.cookie, None);
    thief.get("/api/me").await.check_error(401, "unauthenticated");
    let reply = thief.post("/api/increment/k", &Value::Null).await;
    reply.check_error(409, "session_ended");
    assert!(reply.cookie().is_none());
    let reply = thief.clone().post("/api/logout", &Value::Null).await;
    assert_eq!(reply.json(), json!({ "ended": 0 }));
    assert!(reply.cookie().is_some_and(|cookie| cookie.removes()));
    // Signing in is asked for, so it works.
    thief.login("bob").await;
    assert_eq!(thief.get("/api/me").await.json(), json!({ "user_id": "bob" }));
}

async fn goodbye_leaves_a_note(demo: Demo) {
    for user in [None, Some("alice")] {
        let mut browser = demo.browser();
        let mut first = Value::Null;
        if let Some(user) = user {
            first = browser.login(user).await["id"].clone();
            browser.put("/api/data/k", &json!(1)).await.check(200);
        }
        let mut before = browser.clone();
        let reply = browser.post("/api/goodbye", &json!({ "you": ["are", "out"] })).await;
        let session = reply.check(200).json()["session"].clone();
        assert_eq!(session["data"], json!({ "note": { "you": ["are", "out"] } }));
        assert_eq!(session["user_id"], Value::Null);
        assert_ne!(session["id"], first);
        assert!(reply.cookie().is_some_and(|cookie| !cookie.removes()));
        assert_eq!(browser.session().await, session);
        if user.is_some() {
            before.get("/api/me").await.check_error(401, "unauthenticated");
        }
    }
}

async fn another_browser_with_the_cookie_is_refused(demo: Demo) {
    let mut browser = demo.signed_in("alice").await;
    let mut newer: Browser = browser.clone();
    newer.agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 \
                   (KHTML, like Gecko) Chrome/177.0.0.0 Safari/537.36";
    newer.get("/api/me").await.check(200);
    let mut thief = browser.clone();
    thief.agent = FIREFOX;
    let reply = thief.get("/api/me").await;
    reply.check_error(401, "unauthenticated");
    assert!(reply.cookie().is_none());
    let reply = thief.put("/api/data/k", &json!(1)).await;
    reply.check_error(409, "session_ended");
    assert!(reply.cookie().is_none());
    // It may be its owner's other program: nobody is signed out by it.
    browser.get("/api/me").await.check(200);
    // Who signs in there is told nothing of it.
    thief.login("bob").await;
    assert_eq!(thief.get("/api/me").await.json(), json!({ "user_id": "bob" }));
}

async fn the_address_is_the_clients(demo: Demo) {
    // The test is at this machine, where proxies are believed.
    let request = Request::post("/api/login")
        .header(HOST, demo.browser().host())
        .header(USER_AGENT, CHROME)
        .header("x-forwarded-for", "198.51.100.1, 203.0.113.7, 10.0.0.1")
        .body(Full::new(r#"{"user":"alice"}"#.into()))
        .unwrap();
    let reply = demo.browser().exchange(request).await;
    let session = reply.check(200).json()["session"].clone();
    assert_eq!(session["ip_address"], "203.0.113.7");
    let cookie = reply.cookie().unwrap();
    let request = Request::get("/api/session")
        .header(HOST, demo.browser().host())
        .header(USER_AGENT, CHROME)
        .header(COOKIE, format!("_session={}", cookie.value))
        .body(Full::default())
        .unwrap();
    let reply = demo.browser().exchange(request).await;
    assert_eq!(reply.check(200).json()["session"]["ip_address"], "203.0.113.7");
}
