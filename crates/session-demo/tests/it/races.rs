//! Requests that run at the same time with one cookie.

use http::Method;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::browser::{Browser, Reply};
use crate::demo::Demo;

on_every_combination! {
    increments_add_up
    writes_to_different_keys_all_survive
    one_rotation_wins
    every_sign_in_succeeds
    signing_out_beats_a_slow_write
    a_token_that_ended_writes_no_more
    signing_in_beats_a_slow_write
}

/// Sends all of these at once.
async fn at_once(
    browser: &Browser,
    requests: impl IntoIterator<Item = (Method, String, String)>,
) -> Vec<Reply> {
    let mut running = JoinSet::new();
    for (method, path, body) in requests {
        let mut browser = browser.clone();
        running.spawn(async move { browser.send(method, &path, body).await });
    }
    running.join_all().await
}

async fn increments_add_up(demo: Demo) {
    let mut browser = demo.signed_in("alice").await;
    let requests = (0..100).map(|_| (Method::POST, "/api/increment/n".to_owned(), String::new()));
    let replies = at_once(&browser, requests).await;
    let mut values: Vec<_> =
        replies.iter().map(|reply| reply.check(200).json()["value"].as_i64().unwrap()).collect();
    values.sort_unstable();
    assert_eq!(values, (1..=100).collect::<Vec<_>>());
    assert_eq!(browser.get("/api/data/n").await.json(), json!(100));
}

async fn writes_to_different_keys_all_survive(demo: Demo) {
    let mut browser = demo.signed_in("alice").await;
    browser.put("/api/data/gone", &json!(1)).await.check(200);
    let writes = (0..60).map(|n| (Method::PUT, format!("/api/data/k{n}"), n.to_string()));
    let removal = (Method::DELETE, "/api/data/gone".to_owned(), String::new());
    for reply in at_once(&browser, writes.chain([removal])).await {
        reply.check(200);
    }
    let expected: Map<String, Value> = (0..60).map(|n| (format!("k{n}"), n.into())).collect();
    assert_eq!(browser.get("/api/data").await.json(), Value::Object(expected));
}

async fn one_rotation_wins(demo: Demo) {
    let mut browser = demo.signed_in("alice").await;
    let id = browser.session().await["id"].clone();
    let requests = (0..20).map(|_| (Method::POST, "/api/rotate".to_owned(), String::new()));
    let replies = at_once(&browser, requests).await;
    let mut cookies = Vec::new();
    for reply in &replies {
        assert_eq!(reply.check(200).json()["session"]["id"], id);
        cookies.extend(reply.cookie());
    }
    assert_eq!(cookies.len(), 1);
    browser.cookie = Some(cookies[0].value.clone());
    assert_eq!(browser.session().await["id"], id);
}

async fn every_sign_in_succeeds(demo: Demo) {
    let mut browser = demo.browser();
    browser.put("/api/data/cart", &json!(["tea"])).await.check(200);
    let body = json!({ "user": "alice" }).to_string();
    let requests = (0..8).map(|_| (Method::POST, "/api/login".to_owned(), body.clone()));
    let replies = at_once(&browser, requests).await;
    for reply in &replies {
        let session = reply.check(200).json()["session"].clone();
        assert_eq!(session["data"], json!({ "cart": ["tea"] }), "carried by each");
        let mut own = browser.clone();
        own.cookie = reply.cookie().map(|cookie| cookie.value);
        assert_eq!(own.session().await["id"], session["id"]);
    }
}

/// Starts a slow write, and returns when its handler has loaded the session and waits.
async fn slow_write(demo: &mut Demo, browser: &Browser) -> JoinSet<Reply> {
    let mut slow = browser.clone();
    let mut running = JoinSet::new();
    running.spawn(async move { slow.put("/api/slow/late?ms=1000", &json!(1)).await });
    demo.logged("waiting").await;
    running
}

async fn signing_out_beats_a_slow_write(mut demo: Demo) {
    for path in ["/api/logout", "/api/logout-all"] {
        let mut browser = demo.signed_in("alice").await;
        let running = slow_write(&mut demo, &browser).await;
        let mut thief = browser.clone();
        browser.post(path, &Value::Null).await.check(200);
        let [slow] = &running.join_all().await[..] else { panic!("one") };
        slow.check_error(409, "session_ended");
        assert!(slow.cookie().is_none());
        assert_eq!(thief.get("/api/session").await.json(), json!({ "session": null }));
    }
}

async fn a_token_that_ended_writes_no_more(mut demo: Demo) {
    for path in ["/api/reauthenticate", "/api/logout-all"] {
        let mut browser = demo.signed_in("alice").await;
        let running = slow_write(&mut demo, &browser).await;
        browser.post(path, &Value::Null).await.check(200);
        browser.login("alice").await;
        let [slow] = &running.join_all().await[..] else { panic!("one") };
        slow.check_error(409, "session_ended");
        assert!(slow.cookie().is_none());
        browser.get("/api/data/late").await.check_error(404, "no_such_key");
    }
}

async fn signing_in_beats_a_slow_write(mut demo: Demo) {
    let mut browser = demo.browser();
    browser.put("/api/data/cart", &json!(1)).await.check(200);
    let running = slow_write(&mut demo, &browser).await;
    browser.login("alice").await;
    let [slow] = &running.join_all().await[..] else { panic!("one") };
    slow.check_error(409, "session_ended");
    assert!(slow.cookie().is_none());
    assert_eq!(browser.get("/api/data").await.json(), json!({ "cart": 1 }));
}
