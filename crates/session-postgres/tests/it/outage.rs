//! Servers that restart, hang and come back.

use std::time::{Duration, Instant};

use session_core::{BackendErrorKind as Kind, SessionBackend};
use session_postgres::PostgresBackend;
use sqlx::query_scalar;
use tokio::task::JoinSet;

use super::proxy::Proxy;
use super::support::{
    ACQUIRE, Fresh, NOW, STATEMENT, chain, live, record, set, stored, until, with_server,
};

/// A backend whose way to the server can be shut, with several idle connections.
async fn warm() -> (Fresh, Proxy, PostgresBackend, session_core::SessionRef) {
    let fresh = Fresh::new().await;
    let (proxy, url) = fresh.place.proxy().await;
    let backend = PostgresBackend::connect_with(fresh.place.config_at(&url)).await.unwrap();
    let session = stored(&backend, record()).await;
    let mut readers = JoinSet::new();
    for _ in 0..20 {
        let (backend, token) = (backend.clone(), session.token.unwrap());
        readers.spawn(async move { live(&backend, &token).await });
    }
    readers.join_all().await;
    (fresh, proxy, backend, session)
}

with_server! {
    async fn after_a_restart_the_first_read_succeeds() {
        let (_fresh, proxy, backend, session) = warm().await;
        proxy.restart();
        live(&backend, &session.token.unwrap()).await;
        // And so does what comes after it: the other idle connections are asked before they are used.
        for n in 0..10 {
            backend.update(&session, &set("k", n), NOW).await.unwrap_or_else(|error| {
                panic!("{}", chain(&error));
            });
        }
    }

    async fn the_server_ends_its_connections() {
        let (fresh, _proxy, backend, session) = warm().await;
        let mut other = fresh.place.connection().await;
        // What a restart does: an error on each idle connection, then its end.
        let ended: i64 = query_scalar(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE application_name = $1",
        )
        .bind(fresh.place.schema.clone())
        .fetch_one(&mut other)
        .await
        .unwrap();
        assert!(ended > 0);
        live(&backend, &session.token.unwrap()).await;
        backend.update(&session, &set("k", 1), NOW).await.unwrap();
    }

    async fn a_server_that_hangs_is_an_error_in_time() {
        let (_fresh, proxy, backend, session) = warm().await;
        proxy.hang();
        let bound = ACQUIRE + STATEMENT + Duration::from_millis(1500);
        let mut calls = JoinSet::new();
        // More than there are connections, and again after those were given up.
        for n in 0..12 {
            let (backend, session) = (backend.clone(), session.clone());
            calls.spawn(async move {
                let started = Instant::now();
                let error = match n % 3 {
                    0 => backend.find(&session.token.unwrap(), NOW).await.err(),
                    1 => backend.update(&session, &set("k", n), NOW).await.err(),
                    _ => backend.ping().await.err(),
                };
                let error = error.expect("nobody answers");
                assert_eq!(error.kind(), Kind::Unavailable, "{}", chain(&error));
                started.elapsed()
            });
        }
        for took in calls.join_all().await {
            assert!(took < bound, "{took:?}");
        }

        // It goes on, and every place in the pool is there again.
        proxy.open();
        let (backend, token) = (&backend, session.token.unwrap());
        until("an answer", || async move { backend.find(&token, NOW).await.ok() }).await;
        let mut readers = JoinSet::new();
        for _ in 0..20 {
            let backend = backend.clone();
            readers.spawn(async move { live(&backend, &token).await });
        }
        readers.join_all().await;
    }

    async fn a_server_that_comes_back() {
        let (fresh, proxy, backend, session) = warm().await;
        proxy.shut();
        let started = Instant::now();
        for error in [
            backend.find(&session.token.unwrap(), NOW).await.unwrap_err(),
            backend.update(&session, &set("k", 1), NOW).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), Kind::Unavailable, "{}", chain(&error));
        }
        assert!(started.elapsed() < (ACQUIRE + STATEMENT) * 2 + Duration::from_secs(1));
        live(&fresh.backend, &session.token.unwrap()).await;
    }
}
