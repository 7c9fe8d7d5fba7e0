//! What the test moves, breaks and looks at behind the application.

use std::time::Duration;

use session_core::{SessionConfig, SessionStore};
use session_sqlite::SqliteBackend;
use session_test::{BackendErrorKind, Calls, Fixture, Gate, Method, Timestamp};

use crate::{BOTH, on_both};

#[tokio::test]
async fn the_session_as_the_server_has_it() {
    for (name, fixture, client) in on_both(&SessionConfig::default()) {
        assert_eq!(client.session().await, None, "{name}");
        client.get("/visits").await;
        let visitor = client.session().await.unwrap();
        assert_eq!((&visitor.user_id, visitor.data.get("visits")), (&None, Some(&1.into())));
        assert_eq!(visitor.ip_address, Some([203, 0, 113, 7].into()), "{name}");

        fixture.backend.take_calls();
        assert_eq!(client.session().await.as_deref(), Some(&*visitor), "{name}: looking");
        assert_eq!(fixture.backend.take_calls(), Calls { find: 1, ..Calls::NONE }, "{name}");

        client.change(|session| session.set("cart", ["tea"])).await;
        let changed = client.session().await.unwrap();
        assert_eq!(changed.data.get("cart"), Some(&serde_json::json!(["tea"])), "{name}");

        // Ended behind the application's back.
        client.sign_in("alice").await;
        let id = client.session().await.unwrap().id;
        assert!(fixture.store.revoke(&id).await.unwrap(), "{name}");
        assert_eq!(client.session().await, None, "{name}");
        assert!(client.cookie("_session").is_some(), "{name}: the browser does not know");
        assert_eq!(client.get("/me").await.status(), 401, "{name}");
    }
}

#[tokio::test]
async fn a_database_that_fails_and_comes_back() {
    for (name, fixture, client) in on_both(&SessionConfig::default()) {
        client.sign_in("alice").await;
        fixture.backend.fail(BackendErrorKind::Unavailable);
        assert_eq!(client.get("/me").await.status(), 503, "{name}");
        fixture.backend.recover();
        assert_eq!(client.get("/me").await.text(), "alice", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_database_costs_a_test_no_time() {
    for (name, fixture, client) in on_both(&SessionConfig::default()) {
        client.sign_in("alice").await;
        let began = tokio::time::Instant::now();
        fixture.backend.slow(Duration::from_secs(4));
        assert_eq!(client.get("/visits").await.text(), "1", "{name}: within backend_timeout_ms");
        assert_eq!(began.elapsed(), Duration::from_secs(8), "{name}: a read and a write");
        fixture.backend.slow(Duration::from_secs(60));
        assert_eq!(client.get("/me").await.status(), 503, "{name}");
        assert_eq!(began.elapsed().as_secs(), 13, "{name}: and no longer than five seconds");
        fixture.backend.recover();
        assert_eq!(client.get("/me").await.text(), "alice", "{name}");
    }
}

#[tokio::test]
async fn two_requests_in_the_order_that_the_test_decides() {
    for (name, fixture, client) in on_both(&SessionConfig::default()) {
        client.sign_in("alice").await;
        let stop = fixture.backend.stop(Method::Update, Gate::Before);
        let slow = async { client.get("/visits").await.status() };
        let meanwhile = async {
            stop.arrived().await;
            client.post("/sign-out").await.expect_status(200);
            stop.pass();
        };
        let (status, ()) = tokio::join!(slow, meanwhile);
        assert_eq!(status, 409, "{name}: the session had ended");
    }
}

#[tokio::test]
async fn over_a_database_with_the_clock_of_the_test() {
    for (name, on) in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.db");
        let backend = SqliteBackend::connect(file.to_str().unwrap()).await.unwrap();
        backend.migrate().await.unwrap();
        let fixture = Fixture::over(backend, SessionConfig::default());
        let client = on(fixture.store.clone());
        client.sign_in("alice").await;
        assert_eq!(client.get("/visits").await.text(), "1", "{name}");
        assert_eq!(client.session().await.unwrap().created_at, Fixture::START, "{name}");
        fixture.backend.fail(BackendErrorKind::Unavailable);
        assert_eq!(client.get("/me").await.status(), 503, "{name}");
        fixture.backend.recover();
        fixture.clock.advance(Duration::from_secs(30 * 24 * 3600));
        assert_eq!(client.get("/me").await.status(), 401, "{name}");
    }
}

/// Without a fixture: on the machine's own clock and a backend of the test's.
#[tokio::test]
async fn a_store_of_the_applications_own() {
    for (name, on) in BOTH {
        let backend = session_core::MemoryBackend::new();
        let store = SessionStore::new(backend, SessionConfig::default()).unwrap();
        let client = on(store.clone());
        client.sign_in("alice").await;
        let made: Timestamp = client.session().await.unwrap().created_at;
        assert!(store.now().since(made) < Duration::from_secs(3600), "{name}");
        assert_eq!(client.get("/me").await.text(), "alice", "{name}");
    }
}

#[test]
#[should_panic(expected = "the configuration: ")]
fn a_configuration_that_cannot_be_meant_is_said() {
    let config = SessionConfig { max_sessions_per_user: 0, ..SessionConfig::default() };
    let _ = Fixture::new(config);
}
