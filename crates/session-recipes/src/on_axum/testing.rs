//! A test of an application's own: `#[tokio::test]` stands above it.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use session_axum::RequireUser;
use session_core::{SessionConfig, SessionStore};
use session_test::{BackendErrorKind, Fixture, TestClient};

fn app(store: SessionStore) -> Router {
    let me = |who: RequireUser| async move { who.user.to_string() };
    Router::new().route("/me", get(me)).layer(session_axum::layer(store))
}

pub async fn who_is_signed_in() {
    let Fixture { store, clock, backend, .. } = Fixture::new(SessionConfig::default());
    let phone = TestClient::new(app(store.clone()), store);
    phone.get("/me").await.expect_status(401);
    phone.sign_in("alice").await;
    assert_eq!(phone.get("/me").await.text(), "alice");

    backend.fail(BackendErrorKind::Unavailable);
    phone.get("/me").await.expect_status(503); // an outage is no sign-out
    backend.recover();

    clock.advance(Duration::from_secs(31 * 24 * 3600));
    phone.get("/me").await.expect_status(401);
}
