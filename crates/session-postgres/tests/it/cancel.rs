//! Law `cancel_is_safe`, looked at from the server: no dropped call leaves a transaction open.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::Poll;

use session_core::{
    EndedBy, NewSession, Replace, Rotation, SessionBackend, SessionChange, SessionRef,
};
use session_postgres::PostgresBackend;

use super::support::{
    Fresh, LOCK, NOW, Place, after, live, record, record_of, set, stored, token, touch, until,
    user_id, with_server,
};

/// Polls `call` so many times, letting other tasks run in between, then drops it.
async fn drop_after(polls: usize, call: impl Future) {
    let mut call = pin!(call);
    for _ in 0..polls {
        let done =
            std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready()))
                .await;
        if done {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Every kind of call, so that none is forgotten.
async fn call(backend: &PostgresBackend, n: usize, session: &SessionRef, polls: usize) {
    let user = user_id("alice");
    let mut both = touch(after(n as u64));
    both.patch = set("k", n).patch;
    let rotation = Rotation::Graceful { token: token(), grace_until: after(30) };
    let rotation = SessionChange::rotation(rotation);
    let mut sign_in = NewSession::new(record_of("alice"), token());
    sign_in.cap = NonZeroU32::new(3);
    sign_in.replaces = Some(Replace { session: session.clone(), carry: Default::default() });
    let acting = Some(session);
    match n % 9 {
        0 => drop_after(polls, backend.update(session, &both, NOW)).await,
        1 => drop_after(polls, backend.update(session, &rotation, NOW)).await,
        2 => drop_after(polls, backend.create(sign_in, NOW)).await,
        3 => drop_after(polls, backend.create(NewSession::new(record(), token()), NOW)).await,
        4 => drop_after(polls, backend.find(&token(), NOW)).await,
        5 => drop_after(polls, backend.list(&user, NOW)).await,
        6 => drop_after(polls, backend.remove(session, None, acting, EndedBy::Revoked, NOW)).await,
        7 => drop_after(polls, backend.purge_expired(NOW, 10, Default::default())).await,
        _ => {
            drop_after(polls, backend.remove_user(&user, acting, None, EndedBy::SignedOut, NOW))
                .await;
        }
    }
}

with_server! {
    async fn no_dropped_call_leaves_a_transaction_open() {
        let fresh = Fresh::new().await;
        let shared = PostgresBackend::from_pool(fresh.place.pool().await);
        let observer = fresh.place.connection().await;
        for backend in [&fresh.backend, &shared] {
            for n in 0..270 {
                let session = stored(backend, record_of("alice")).await;
                call(backend, n, &session, 1 + (n * 7) % 40).await;
            }
            // A connection inside a transaction would keep its own writes to itself.
            let session = stored(backend, record()).await;
            for n in 0..20 {
                backend.update(&session, &set("k", n), NOW).await.unwrap();
                assert_eq!(live(backend, &session.token.unwrap()).await.version, n + 1);
            }
        }
        // What was in flight ends, and nothing of it stays open.
        let (observer, name) = (&tokio::sync::Mutex::new(observer), &fresh.place.schema);
        until("the end of what was in flight", || async move {
            let (busy, open): (i64, i64) = sqlx::query_as(
                "SELECT count(*) FILTER (WHERE state = 'active'), \
                 count(*) FILTER (WHERE state LIKE 'idle in transaction%') \
                 FROM pg_stat_activity WHERE application_name = $1",
            )
            .bind(name.clone())
            .fetch_one(&mut *observer.lock().await)
            .await
            .unwrap();
            assert_eq!(open, 0, "connections idle in transaction");
            (busy == 0).then_some(())
        })
        .await;
    }

    async fn what_was_dropped_gives_its_connection_back() {
        let fresh = Fresh::new().await;
        let session = stored(&fresh.backend, record_of("alice")).await;
        // More often than there are connections.
        for n in 0..50 {
            let change = set("k", n);
            let update = fresh.backend.update(&session, &change, NOW);
            drop_after(3 + n % 20, update).await;
        }
        let backend = &fresh.backend;
        let session = &session;
        until("a free connection", || async move {
            backend.update(session, &set("last", 1), NOW).await.ok()
        })
        .await;
        let data = live(backend, &session.token.unwrap()).await.data;
        assert!(data.get("last").is_some(), "{data:?}");
    }

    /// Callers that give up while the server works leave it no more connections than there may be: each keeps its
    /// place until the server is done with what it left there.
    async fn a_storm_of_cancellations_opens_no_more_connections() {
        let place = Place::new();
        let config = place.config().max_connections(NonZeroU32::new(4).unwrap());
        let backend = PostgresBackend::connect_with(config).await.unwrap();
        backend.migrate().await.unwrap();
        let session = stored(&backend, record()).await;
        let mut holder = place.connection().await;
        let lock = "BEGIN; SELECT FROM web_sessions FOR UPDATE";
        sqlx::raw_sql(lock).execute(&mut holder).await.unwrap();
        let mut observer = place.connection().await;
        let started = std::time::Instant::now();
        let mut most = 0;
        // Until well after the server has given up what was left first.
        while started.elapsed() < LOCK * 3 {
            let change = set("k", 1);
            let update = backend.update(&session, &change, NOW);
            let _ = tokio::time::timeout(std::time::Duration::from_millis(20), update).await;
            let count: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1",
            )
            .bind(place.schema.clone())
            .fetch_one(&mut observer)
            .await
            .unwrap();
            most = most.max(count);
        }
        assert!((2..=4).contains(&most), "{most} connections");
        sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
        let (backend, session) = (&backend, &session);
        until("a free connection", || async move {
            backend.update(session, &set("last", 1), NOW).await.ok()
        })
        .await;
    }
}

/// Connections that nobody needs any more are closed by themselves, and not only when somebody comes.
#[test]
fn idle_connections_are_closed_by_themselves() {
    if !session_test_servers::given::has_postgres() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let fresh = Fresh::new().await;
        stored(&fresh.backend, record()).await;
        let mut observer = fresh.place.connection().await;
        let mut count = async || {
            let text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
            let count = sqlx::query_scalar::<_, i64>(text).bind(fresh.place.schema.clone());
            count.fetch_one(&mut observer).await.unwrap()
        };
        assert!(count().await > 0);
        // From round to round, as the time goes by.
        for _ in 0..12 {
            tokio::time::pause();
            tokio::time::advance(std::time::Duration::from_secs(61)).await;
            tokio::time::resume();
            tokio::task::yield_now().await;
        }
        let mut clock = tokio::time::interval(std::time::Duration::from_millis(20));
        for _ in 0..500 {
            if count().await == 0 {
                return;
            }
            clock.tick().await;
        }
        panic!("still open after more than ten minutes");
    });
}
