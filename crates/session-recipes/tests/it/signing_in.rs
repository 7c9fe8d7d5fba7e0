//! Signing in, by a password and by a provider, and what comes with it.

use std::time::Duration;

use session_core::SessionConfig;
use session_recipes::{on_axum, on_salvo};
use session_test::Fixture;

use super::support::everywhere;

const NAVIGATION: (&str, &str) = ("sec-fetch-mode", "navigate");

#[tokio::test]
async fn guard() {
    let app = |store| on_axum::guard::app(store).unwrap();
    let salvo = |store| salvo_core::Service::new(on_salvo::guard::app(store).unwrap());
    everywhere(SessionConfig::default(), app, salvo, async |client, _| {
        // A program is told, a person is sent.
        client.get("/orders?page=2").await.expect_status(401);
        let sent = client.get("/orders?page=2").header(NAVIGATION.0, NAVIGATION.1).await;
        assert_eq!(sent.status(), 303);
        let page = sent.location().unwrap().to_owned();
        assert_eq!(page, "/sign-in?next=%2Forders%3Fpage%3D2");
        assert!(client.get(&page).await.text().contains("<form method=post>"));

        let form = |password| [("user", "alice"), ("password", password)];
        let wrong = client.post(&page).form(&form("wrong")).await;
        assert_eq!(wrong.location(), Some(&*page), "where they were going is kept");
        let right = client.post(&page).form(&form("demo")).await;
        assert_eq!(right.location(), Some("/orders?page=2"));
        assert_eq!(client.get("/orders").await.text(), "orders of alice");
        // Who is signed in already goes on.
        let again = client.get("/sign-in?next=%2Forders").header(NAVIGATION.0, NAVIGATION.1).await;
        assert_eq!(again.location(), Some("/orders"));

        // Nobody is sent away from the site, and no other site signs anybody in.
        let other = client.another_browser();
        let evil = other.post("/sign-in?next=//evil.example").form(&form("demo")).await;
        assert_eq!(evil.location(), Some("/orders"));
        let third = client.another_browser();
        let forged = third.post("/sign-in").header("sec-fetch-site", "cross-site");
        forged.form(&form("demo")).await.expect_status(403);
    })
    .await;
}

#[tokio::test]
async fn flash() {
    let salvo = |store| salvo_core::Service::new(on_salvo::flash::app(store));
    everywhere(SessionConfig::default(), on_axum::flash::app, salvo, async |client, _| {
        assert_eq!(client.get("/").await.text(), "");
        assert_eq!(client.cookie("_session"), None, "a visitor without a message");
        client.sign_in("alice").await;
        client.post("/address").await.expect_status(303);
        assert_eq!(client.get("/").await.text(), "[success] Your address is saved.\n");
        assert_eq!(client.get("/").await.text(), "", "once");
        client.post("/sign-out").await.expect_status(303);
        assert_eq!(client.get("/").await.text(), "[info] You are signed out.\n");
        assert!(client.session().await.unwrap().user_id.is_none());
    })
    .await;
}

#[tokio::test]
async fn remember_me() {
    let salvo = |store| salvo_core::Service::new(on_salvo::remember_me::app(store));
    let app = on_axum::remember_me::app;
    everywhere(SessionConfig::default(), app, salvo, async |client, fixture| {
        let Fixture { clock, .. } = fixture;
        let shared = client.another_browser();
        client.post("/sign-in").form(&[("user", "alice"), ("remember", "on")]).await;
        let answer = shared.post("/sign-in").form(&[("user", "alice")]).await;
        assert!(!answer.set_cookies()[0].contains("Max-Age"), "it ends with the browser");
        shared.restart();
        assert_eq!(shared.cookie("_session"), None);
        client.restart();
        clock.advance(Duration::from_secs(89 * 24 * 3600));
        assert_eq!(client.session().await.unwrap().user_id.clone().unwrap().as_str(), "alice");
        clock.advance(Duration::from_secs(2 * 24 * 3600));
        assert!(client.session().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn oauth() {
    let salvo = |store| salvo_core::Service::new(on_salvo::oauth::app(store));
    everywhere(SessionConfig::default(), on_axum::oauth::app, salvo, async |client, _| {
        let sent = client.get("/sign-in").await;
        let url = sent.location().unwrap().to_owned();
        let (_, state) = url.split_once("state=").unwrap();
        let state = state.split('&').next().unwrap();
        client.get("/callback?code=7&state=forged").await.expect_status(400);
        client.get(&format!("/callback?code=7&state={state}")).await.expect_status(400);

        // Each attempt is one of its own.
        let sent = client.get("/sign-in").await;
        let (_, state) = sent.location().unwrap().split_once("state=").unwrap();
        let state = state.split('&').next().unwrap().to_owned();
        // The provider's own page posts the answer, without the cookie.
        let posted = client.post("/callback").header("sec-fetch-site", "cross-site");
        let answer = [("code", "7"), ("state", state.as_str())];
        let posted = posted.without_cookies().form(&answer).await;
        assert_eq!((posted.status().as_u16(), posted.set_cookies().len()), (303, 0));
        let back = posted.location().unwrap().to_owned();
        assert_eq!(client.get(&back).await.location(), Some("/"));
        let session = client.session().await.unwrap();
        assert_eq!(session.user_id.as_ref().unwrap().as_str(), "user-of-7");
        client.get(&back).await.expect_status(400);
    })
    .await;
}

#[tokio::test]
async fn tenants() {
    let salvo = |store| salvo_core::Service::new(on_salvo::tenants::app(store));
    assert_eq!(on_axum::tenants::config(), on_salvo::tenants::config());
    everywhere(
        on_axum::tenants::config(),
        on_axum::tenants::app,
        salvo,
        async |client, fixture| {
            let client =
                client.at("https://www.shop.example").with_header("host", "www.shop.example");
            let answer = client.post("/sign-in").await;
            assert!(answer.set_cookies()[0].contains("Domain=shop.example"));
            assert_eq!(client.get("/me").await.text(), "alice");
            // A cookie that slides is the tenant's too: else there were two of them.
            fixture.clock.advance(Duration::from_secs(301));
            let answer = client.get("/me").header("host", "www.shop.example:443").await;
            assert_eq!(answer.text(), "alice");
            assert!(answer.set_cookies()[0].contains("Domain=shop.example"));
            let stranger = client.another_browser().at("https://www.evil.example");
            let answer = stranger.post("/sign-in").header("host", "www.evil.example").await;
            assert_eq!((answer.status().as_u16(), answer.set_cookies().len()), (400, 0));
        },
    )
    .await;
}
