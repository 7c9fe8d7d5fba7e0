//! Runtimes that end before the backend does, and connections that nobody answers on any more.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use session_core::SessionBackend;
use session_postgres::PostgresBackend;
use sqlx::query_scalar;
use tokio::task::JoinSet;

use super::support::{Fresh, NOW, live, record, set, stored, with_server};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The one that watched ended with its runtime; the next one that parks a connection begins anew.
#[test]
fn idle_connections_are_closed_also_if_the_first_runtime_ended() {
    if !session_test_servers::given::has_postgres() {
        return;
    }
    let first = runtime();
    let (fresh, session) = first.block_on(async {
        let fresh = Fresh::new().await;
        let session = stored(&fresh.backend, record()).await;
        (fresh, session)
    });
    drop(first);
    runtime().block_on(async {
        live(&fresh.backend, &session.token.unwrap()).await;
        let mut observer = fresh.place.connection().await;
        let mut count = async || {
            let text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
            let count = query_scalar::<_, i64>(text).bind(fresh.place.schema.clone());
            count.fetch_one(&mut observer).await.unwrap()
        };
        assert!(count().await > 0);
        for _ in 0..12 {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(61)).await;
            tokio::time::resume();
            tokio::task::yield_now().await;
        }
        let mut clock = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..150 {
            if count().await == 0 {
                return;
            }
            clock.tick().await;
        }
        panic!("still open after more than ten minutes");
    });
}

with_server! {
    /// A host that went away without a word: new connections lead to another (a failover by address), those that
    /// there are get no answer. Only the calls that were on their way may fail, and not one for each connection
    /// that waits.
    async fn silent_connections_cost_one_call() {
        const PARKED: usize = 5;
        for reads in [true, false] {
            let fresh = Fresh::new().await;
            let (proxy, url) = fresh.place.proxy().await;
            let config = fresh.place.config_at(&url).max_connections(NonZeroU32::new(PARKED as u32).unwrap());
            let backend = PostgresBackend::connect_with(config).await.unwrap();
            let session = stored(&backend, record()).await;
            let mut readers = JoinSet::new();
            for _ in 0..40 {
                let (backend, token) = (backend.clone(), session.token.unwrap());
                readers.spawn(async move { live(&backend, &token).await });
            }
            readers.join_all().await;
            proxy.mute();
            let started = Instant::now();
            let mut failed = 0;
            loop {
                let done = match reads {
                    true => backend.find(&session.token.unwrap(), NOW).await.is_ok(),
                    false => backend.update(&session, &set("k", 1), NOW).await.is_ok(),
                };
                if done {
                    break;
                }
                failed += 1;
            }
            println!("reads {reads}: {failed} calls failed in {:?}", started.elapsed());
            assert!(failed <= 1, "reads {reads}: {failed} calls failed one after the other");
        }
    }
}
