//! Law `cancel_is_safe`: calls dropped at every point.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use session_core::{
    EndedBy, NewSession, Replace, Rotation, SessionBackend, SessionChange, SessionRef, UserId,
};
use session_sqlite::SqliteBackend;

use super::support::{
    Fresh, NOW, Random, after, live, many, record, record_of, set, stored, token, touch,
};

/// Polls `call` so many times, letting other tasks and the connections' threads run in between,
/// then drops it. `true` if it was done before.
async fn drop_after(polls: usize, call: impl Future) -> bool {
    let mut call = pin!(call);
    for _ in 0..polls {
        let done =
            std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready()))
                .await;
        if done {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// Every kind of call, so that none is forgotten.
async fn call(backend: &SqliteBackend, n: usize, session: &SessionRef, polls: usize) {
    let user = UserId::new("alice").unwrap();
    let mut both = set("k", n);
    both.touch = Some(touch(after(n as u64)));
    let rotation = Rotation::Graceful { token: token(), grace_until: after(30) };
    let rotation = SessionChange::rotation(rotation);
    let mut sign_in = NewSession::new(record_of("alice"), token());
    sign_in.cap = NonZeroU32::new(3);
    sign_in.replaces = Some(Replace { session: session.clone(), carry: Default::default() });
    match n % 10 {
        0 => drop_after(polls, backend.update(session, &both, NOW)).await,
        1 => drop_after(polls, backend.update(session, &many(n), NOW)).await,
        2 => drop_after(polls, backend.update(session, &rotation, NOW)).await,
        3 => drop_after(polls, backend.create(sign_in, NOW)).await,
        4 => drop_after(polls, backend.create(NewSession::new(record(), token()), NOW)).await,
        5 => drop_after(polls, backend.find(&token(), NOW)).await,
        6 => drop_after(polls, backend.list(&user, NOW)).await,
        7 => drop_after(polls, backend.remove(session, None, None, EndedBy::Revoked, NOW)).await,
        8 => drop_after(polls, backend.purge_expired(NOW, 10, Default::default())).await,
        _ => {
            drop_after(polls, backend.remove_user(&user, None, None, EndedBy::SignedOut, NOW)).await
        }
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_dropped_call_leaves_a_transaction_open() {
    let fresh = Fresh::new().await;
    let memory = SqliteBackend::connect("sqlite::memory:").await.unwrap();
    memory.migrate().await.unwrap();
    let shared = SqliteBackend::from_pool(fresh.pool().await);
    let mut random = Random(7);
    for backend in [&fresh.backend, &memory, &shared] {
        for n in 0..400 {
            let session = stored(backend, record_of("alice")).await;
            call(backend, n, &session, 1 + random.below(12)).await;
        }
        // A connection inside a transaction would keep its own writes to itself, and others out.
        let session = stored(backend, record()).await;
        for n in 0..20 {
            backend.update(&session, &set("k", n), NOW).await.unwrap();
            assert_eq!(live(backend, &session.token.unwrap()).await.version, n + 1);
            backend.purge_expired(NOW, 1, Default::default()).await.unwrap();
        }
    }
    // Seen from another process, every write is there and nobody holds the lock.
    let other = fresh.pool().await;
    let mut transaction = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM web_sessions")
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    assert!(rows > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_sign_in_is_whole() {
    let fresh = Fresh::new().await;
    let (mut kept, mut made) = (0, 0);
    for n in 0..200 {
        let old = stored(&fresh.backend, record()).await;
        fresh.backend.update(&old, &set("cart", n), NOW).await.unwrap();
        let (record, hash) = (record_of("alice"), token());
        let mut new = NewSession::new(record, hash);
        new.replaces = Some(Replace { session: old.clone(), carry: Default::default() });
        drop_after(n % 12, fresh.backend.create(new, NOW)).await;

        // The writer's queue is in order: when this is done, what was begun before is too.
        fresh.backend.purge_expired(NOW, 1, Default::default()).await.unwrap();
        let before = fresh.backend.find(&old.token.unwrap(), NOW).await.unwrap();
        let after = fresh.backend.find(&hash, NOW).await.unwrap();
        match (before, after) {
            (Some(session_core::Found::Live { .. }), None) => kept += 1,
            (
                Some(session_core::Found::Ended { .. }),
                Some(session_core::Found::Live { session: new, .. }),
            ) => {
                assert_eq!(
                    new.data.get("cart").and_then(serde_json::Value::as_u64),
                    Some(n as u64)
                );
                made += 1;
            }
            other => panic!("{n}: {other:?}"),
        }
    }
    assert!(kept > 0 && made > 0, "both happen: {kept} kept, {made} made");
}

#[tokio::test]
async fn a_caller_that_waits_for_a_connection_begins_nothing() {
    let fresh = Fresh::new().await;
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(fresh.options())
        .await
        .unwrap();
    let backend = SqliteBackend::from_pool(pool.clone());
    let session = stored(&backend, record_of("alice")).await;
    let held = pool.acquire().await.unwrap();
    let remove = backend.remove(&session, None, None, EndedBy::Revoked, NOW);
    assert!(tokio::time::timeout(Duration::from_millis(20), remove).await.is_err());
    drop(held);
    live(&backend, &session.token.unwrap()).await;
}
