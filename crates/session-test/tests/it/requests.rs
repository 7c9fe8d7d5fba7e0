//! What is sent, and what a response tells.

use serde_json::{Value, json};
use session_core::SessionConfig;
use session_test::{Fixture, TestClient, TowerApp};

use crate::{axum_app, on_both};

#[tokio::test]
async fn a_request_arrives_as_it_was_written() {
    for (name, _, client) in on_both(&SessionConfig::default()) {
        let said = client.get("/echo?a=b%20c").await.json::<Value>();
        let agent = said["agent"].as_str().unwrap();
        assert!(agent.contains("Firefox"), "{name}: {agent}");
        for (key, expected) in [
            ("method", json!("GET")),
            ("uri", json!("/echo?a=b%20c")),
            ("peer", json!("203.0.113.7")),
            ("host", json!("localhost")),
            ("cookie", json!(null)),
            ("body", json!("")),
        ] {
            assert_eq!(said[key], expected, "{name}: {key}");
        }

        let client = client
            .from_address(([192, 0, 2, 1], 50_000))
            .with_header("user-agent", "curl/8")
            .at("https://app.example.test:8443");
        let request = client.put("/echo").body("tea").header("cookie", "theme=dark");
        let said = request.header("content-type", "text/plain").await.json::<Value>();
        for (key, expected) in [
            ("method", "PUT"),
            ("peer", "192.0.2.1"),
            ("host", "app.example.test:8443"),
            ("agent", "curl/8"),
            ("type", "text/plain"),
            ("cookie", "theme=dark"),
            ("body", "tea"),
        ] {
            assert_eq!(said[key], expected, "{name}: {key}");
        }
        let once = client.get("/echo").header("user-agent", "wget").await.json::<Value>();
        assert_eq!(once["agent"], "wget", "{name}");
        for (method, request) in [
            ("POST", client.post("/echo")),
            ("PATCH", client.patch("/echo")),
            ("DELETE", client.delete("/echo")),
        ] {
            assert_eq!(request.await.json::<Value>()["method"], method, "{name}");
        }
    }
}

#[tokio::test]
async fn bodies() {
    for (name, _, client) in on_both(&SessionConfig::default()) {
        let form = client.post("/form").form(&[("item", "green tea"), ("n", "2")]).await;
        let form = form.expect_status(200).json::<Value>();
        assert_eq!(form, json!({"item": "green tea", "n": "2"}), "{name}");
        let value = json!({"items": ["tea"], "n": 2});
        let back = client.post("/json").json(&value).await.expect_status(200);
        assert_eq!(back.json::<Value>(), value, "{name}");
    }
}

#[tokio::test]
async fn redirects_are_told_and_not_followed() {
    for (name, _, client) in on_both(&SessionConfig::default()) {
        let away = client.get("/away").await.expect_status(303);
        assert_eq!(away.location(), Some("/me"), "{name}");
    }
}

#[tokio::test]
async fn without_cookies_none_is_sent_and_none_is_kept() {
    for (name, _, client) in on_both(&SessionConfig::default()) {
        client.sign_in("alice").await;
        let cookie = client.cookie("_session");
        assert_eq!(client.get("/me").without_cookies().await.status(), 401, "{name}");
        let visit = client.get("/visits").without_cookies().await;
        assert_eq!((visit.text(), visit.set_cookies().len()), ("1", 1), "{name}");
        assert_eq!(client.cookie("_session"), cookie, "{name}");
        assert_eq!(client.get("/me").await.text(), "alice", "{name}");
    }
}

#[tokio::test]
async fn any_tower_service_is_an_application() {
    let store = Fixture::default().store;
    let client = TestClient::new(TowerApp(axum_app::app(store.clone())), store);
    client.sign_in("alice").await;
    assert_eq!(client.get("/me").await.text(), "alice");
}

#[tokio::test]
async fn nothing_that_prints_shows_a_token() {
    for (name, _, client) in on_both(&SessionConfig::default()) {
        client.sign_in("alice").await;
        let token = client.cookie("_session").unwrap();
        let response = client.get("/visits").await;
        let request = client.get("/me").header("cookie", &token);
        for text in [format!("{client:?}"), format!("{response:?}"), format!("{request:?}")] {
            assert!(!text.contains(&token), "{name}: {text}");
        }
    }
}

#[tokio::test]
#[should_panic(expected = "/me: the status; the body: ")]
async fn an_unexpected_status_is_told_with_the_body() {
    let (_, _, client) = on_both(&SessionConfig::default()).next().unwrap();
    let _ = client.get("/me").await.expect_status(200);
}
