//! A test of an application's own: `#[tokio::test]` stands above it.

use std::time::Duration;

use salvo_core::prelude::*;
use session_core::{SessionConfig, SessionStore};
use session_salvo::{RequireUser, SessionHandler};
use session_test::{BackendErrorKind, Fixture, TestClient};

#[handler]
async fn me(who: RequireUser) -> String {
    who.user.to_string()
}

fn app(store: SessionStore) -> Service {
    Service::new(Router::with_path("me").hoop(SessionHandler::new(store)).get(me))
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
