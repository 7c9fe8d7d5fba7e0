//! Proving again who one is, changing a password, and acting for somebody.

use std::time::Duration;

use session_core::SessionConfig;
use session_recipes::{on_axum, on_salvo};

use super::support::everywhere;

#[tokio::test]
async fn sudo() {
    let app = |store| on_axum::sudo::app(store).unwrap();
    let salvo = |store| salvo_core::Service::new(on_salvo::sudo::app(store).unwrap());
    everywhere(SessionConfig::default(), app, salvo, async |client, fixture| {
        let navigate = |path: &str| client.get(path).header("sec-fetch-mode", "navigate");
        assert_eq!(navigate("/api-keys").await.location(), Some("/sign-in?next=%2Fapi-keys"));
        client.sign_in("alice").await;
        assert_eq!(client.get("/api-keys").await.text(), "the keys of alice");
        fixture.clock.advance(Duration::from_secs(301));
        client.get("/api-keys").await.expect_status(403);
        let sent = navigate("/api-keys").await;
        let page = sent.location().unwrap().to_owned();
        assert_eq!(page, "/confirm?next=%2Fapi-keys");
        let wrong = client.post(&page).form(&[("password", "wrong")]).await;
        assert_eq!(wrong.location(), Some(&*page), "where they were going is kept");
        client.get("/api-keys").await.expect_status(403);
        let before = client.cookie("_session");
        let right = client.post(&page).form(&[("password", "demo")]).await;
        assert_eq!(right.location(), Some("/api-keys"));
        assert_ne!(client.cookie("_session"), before, "a new token");
        client.get("/api-keys").await.expect_status(200);
    })
    .await;
}

#[tokio::test]
async fn password() {
    let salvo = |store| salvo_core::Service::new(on_salvo::password::app(store));
    everywhere(SessionConfig::default(), on_axum::password::app, salvo, async |client, fixture| {
        client.sign_in("alice").await;
        let thief = client.another_browser();
        thief.sign_in("alice").await;
        client.post("/password").await.expect_status(303);
        assert!(thief.session().await.is_none());
        assert!(client.session().await.is_some());
        fixture.clock.advance(Duration::from_secs(301));
        client.post("/password").await.expect_status(403);
    })
    .await;
}

#[tokio::test]
async fn impersonation() {
    let salvo = |store| salvo_core::Service::new(on_salvo::impersonation::app(store));
    everywhere(SessionConfig::default(), on_axum::impersonation::app, salvo, async |client, _| {
        client.sign_in("alice").await;
        client.post("/customers/bob/impersonate").await.expect_status(403);
        let staff = client.another_browser();
        staff.sign_in("staff-eve").await;
        staff.post("/customers/alice/impersonate").await.expect_status(303);
        assert_eq!(staff.get("/").await.text(), "alice, as staff-eve sees it");
        // The customer's own session is not touched.
        assert_eq!(client.get("/").await.text(), "hello alice");
        staff.post("/impersonation/end").await.expect_status(303);
        assert_eq!(staff.get("/").await.text(), "hello staff-eve");
        staff.post("/impersonation/end").await.expect_status(409);
    })
    .await;
}
