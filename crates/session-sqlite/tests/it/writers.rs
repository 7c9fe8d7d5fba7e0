//! Many writers at once, in this process and beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use session_core::{NewSession, SessionBackend, Updated};
use session_sqlite::SqliteBackend;

use super::support::{
    Fresh, NOW, after, chain, live, many, record, record_of, set, stored, token, touch,
};

/// How long the writers run: `SESSION_TEST_SECONDS`, 3 if it says nothing.
fn patience() -> Duration {
    let seconds = std::env::var("SESSION_TEST_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_writers_and_another_process() {
    let fresh = Fresh::new().await;
    // What another process has: connections of its own. SQLite's locks are the file's, not this
    // process's, so the two wait for each other as processes do.
    let beside = SqliteBackend::connect(fresh.path.to_str().unwrap()).await.unwrap();
    let until = Instant::now() + patience();
    let writes = Arc::new(AtomicU64::new(0));
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..72 {
        let backend = if n < 64 { fresh.backend.clone() } else { beside.clone() };
        let writes = writes.clone();
        writers.spawn(async move {
            let session = stored(&backend, record_of(&format!("user {}", n % 16))).await;
            let mut mine = 0;
            while Instant::now() < until {
                write(&backend, &session, mine).await.unwrap_or_else(|error| {
                    panic!("writer {n}: {}", chain(&error));
                });
                mine += 1;
            }
            writes.fetch_add(mine, Ordering::Relaxed);
            let stored = live(&backend, &session.token.unwrap()).await;
            let patches = (0..mine).filter(|n| n % 8 != 7).count() as u64;
            assert_eq!(stored.version, patches, "no write was lost");
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let writes = writes.load(Ordering::Relaxed);
    println!("{} writes per second", writes / patience().as_secs().max(1));
    assert!(writes > 72, "{writes}");
}

async fn write(
    backend: &SqliteBackend,
    session: &session_core::SessionRef,
    n: u64,
) -> Result<(), session_core::BackendError> {
    if n % 8 == 7 {
        let mut new = NewSession::new(record_of("crowd"), token());
        new.cap = std::num::NonZeroU32::new(5);
        return backend.create(new, NOW).await.map(|_| ());
    }
    let mut change = set(&format!("key {}", n % 4), n);
    if n.is_multiple_of(3) {
        change.touch = Some(touch(after(n)));
    }
    match backend.update(session, &change, NOW).await? {
        Updated::Applied(_) => Ok(()),
        other => panic!("{other:?}"),
    }
}

/// Readers have connections of their own: one that waits for the writer's would wait for the lock
/// that another process holds.
#[tokio::test]
async fn readers_do_not_wait_for_writers() {
    use sqlx::{Connection, Executor};

    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record()).await;
    let mut other = sqlx::SqliteConnection::connect_with(&fresh.options()).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    let (backend, target) = (fresh.backend.clone(), session.clone());
    writers.spawn(async move { backend.update(&target, &set("k", 1), NOW).await });
    for _ in 0..50 {
        tokio::task::yield_now().await;
        live(&fresh.backend, &session.token.unwrap()).await;
        fresh.backend.ping().await.unwrap();
    }
    assert!(writers.try_join_next().is_none(), "the writer waits for the lock");
    other.execute("ROLLBACK").await.unwrap();
    let done = writers.join_next().await.unwrap().unwrap().unwrap();
    assert!(matches!(done, Updated::Applied(_)), "{done:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shared_pool_of_many_connections_writes_too() {
    let fresh = Fresh::new().await;
    let backend = SqliteBackend::from_pool(fresh.pool().await);
    let session = stored(&backend, record()).await;
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..32 {
        let (backend, session) = (backend.clone(), session.clone());
        writers.spawn(async move {
            for round in 0..10 {
                // The one goes by a single statement, the other by a transaction.
                let change = if round % 2 == 0 { set(&n.to_string(), round) } else { many(round) };
                backend.update(&session, &change, NOW).await.unwrap();
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let stored = live(&backend, &session.token.unwrap()).await;
    assert_eq!((stored.version, stored.data.len()), (320, 32 + 20));
}
