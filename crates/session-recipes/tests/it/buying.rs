//! A cart, a payment page, and what is around an application.

use session_core::SessionConfig;
use session_recipes::{on_axum, on_salvo, proxy};
use session_test::{Fixture, TestClient};

use super::support::everywhere;

#[tokio::test]
async fn cart() {
    let salvo = |store| salvo_core::Service::new(on_salvo::cart::app(store));
    everywhere(SessionConfig::default(), on_axum::cart::app, salvo, async |client, _| {
        client.post("/cart/tea").await.expect_status(200);
        // Two tabs at once.
        let (one, two) = tokio::join!(async { client.post("/cart/tea").await }, async {
            client.post("/cart/milk").await
        });
        assert_eq!((one.status().as_u16(), two.status().as_u16()), (200, 200));
        assert_eq!(client.get("/cart").await.text(), "1 × milk\n2 × tea\n");
        client.post("/sign-in").await.expect_status(200);
        assert_eq!(client.get("/cart").await.text(), "1 × milk\n2 × tea\n");
    })
    .await;
}

#[tokio::test]
async fn payment() {
    let app = |store| on_axum::payment::app(store).unwrap();
    let salvo = |store| salvo_core::Service::new(on_salvo::payment::app(store).unwrap());
    everywhere(SessionConfig::default(), app, salvo, async |client, _| {
        client.sign_in("alice").await;
        let before = client.cookie("_session");
        let form = [("order", "7"), ("signature", "signed by the payment service")];
        let other_site = |path: &str| client.post(path).header("sec-fetch-site", "cross-site");
        let returned = other_site("/payment/return").without_cookies().form(&form).await;
        assert_eq!(returned.location(), Some("/orders/7"));
        assert_eq!(client.cookie("_session"), before, "nobody is signed out by it");
        assert_eq!(client.get("/orders/7").await.text(), "thank you, alice");
    })
    .await;
}

#[tokio::test]
async fn layers() {
    let app = |store| on_axum::layers::app(store, "https://pages.example".parse().unwrap());
    let salvo = |store| on_salvo::layers::app(store, "https://pages.example");
    everywhere(SessionConfig::default(), app, salvo, async |client, _| {
        client.get("/").await;
        let answer = client.get("/").header("origin", "https://pages.example").await;
        assert_eq!(answer.text(), "visit number 2");
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://pages.example"));
        // The handler panics after the sign-in, whose cookie arrives all the same.
        client.post("/fails").await.expect_status(500);
        let session = client.session().await.unwrap();
        assert_eq!(session.user_id.as_ref().unwrap().as_str(), "alice");
    })
    .await;
}

#[tokio::test]
async fn behind_a_proxy() {
    let Fixture { store, .. } = Fixture::new(proxy::config());
    let app = on_axum::remember_me::app(store.clone());
    let proxy = TestClient::new(app, store).from_address(([10, 1, 2, 3], 4711));
    let form = [("user", "alice")];
    let answer = proxy.post("/sign-in").header("x-forwarded-for", "203.0.113.7").form(&form).await;
    assert!(answer.set_cookies()[0].starts_with("__Host-session="));
    let address = proxy.session().await.unwrap().ip_address;
    assert_eq!(address, "203.0.113.7".parse().ok());
    // Nobody else is believed.
    let stranger = proxy.another_browser().from_address(([198, 51, 100, 9], 4711));
    stranger.post("/sign-in").header("x-forwarded-for", "203.0.113.7").form(&form).await;
    assert_eq!(stranger.session().await.unwrap().ip_address, "198.51.100.9".parse().ok());
}
