//! A call that was given up before it had the lock changes nothing later.

use std::future::Future;
use std::time::Duration;

use session_core::{
    EndedBy, NewSession, Rotation, SessionBackend, SessionChange, SessionRef, UserId,
};
use session_sqlite::SqliteBackend;
use sqlx::{Connection, Executor, SqliteConnection};

use super::support::{Fresh, NOW, after, live, many, record, record_of, set, stored, token, touch};

/// What the database holds, in words.
async fn rows(fresh: &Fresh) -> Vec<String> {
    let pool = fresh.pool().await;
    let rows = "SELECT id || hex(token_hash) || data || version || last_active_at FROM web_sessions \
        UNION ALL SELECT hex(token_hash) || how FROM web_session_tombstones ORDER BY 1";
    let rows = sqlx::query_scalar(rows).fetch_all(&pool).await.unwrap();
    pool.close().await;
    rows
}

/// Polls `call` until it waits for a lock that another connection has, and drops it. `true` if it was
/// given up.
async fn give_up(call: impl Future) -> bool {
    tokio::time::timeout(Duration::from_millis(100), call).await.is_err()
}

async fn call(name: &str, backend: &SqliteBackend, session: &SessionRef) -> bool {
    let user = UserId::new("alice").unwrap();
    let rotation = Rotation::Graceful { token: token(), grace_until: after(30) };
    let rotation = SessionChange::rotation(rotation);
    let touch = SessionChange::touch(touch(after(60)));
    let sign_out = EndedBy::SignedOut;
    match name {
        "data" => give_up(backend.update(session, &set("k", 1), NOW)).await,
        "a touch" => give_up(backend.update(session, &touch, NOW)).await,
        "much data" => give_up(backend.update(session, &many(1), NOW)).await,
        "a new token" => give_up(backend.update(session, &rotation, NOW)).await,
        "a visitor" => give_up(backend.create(NewSession::new(record(), token()), NOW)).await,
        "a sign-in" => {
            give_up(backend.create(NewSession::new(record_of("alice"), token()), NOW)).await
        }
        "a sign-out" => give_up(backend.remove(session, None, None, sign_out, NOW)).await,
        "everywhere" => give_up(backend.remove_user(&user, None, None, sign_out, NOW)).await,
        "a purge" => give_up(backend.purge_expired(after(100_000), 10, Default::default())).await,
        other => panic!("{other}"),
    }
}

const TRANSACTIONS: [&str; 6] =
    ["much data", "a new token", "a sign-in", "a sign-out", "everywhere", "a purge"];
const STATEMENTS: [&str; 3] = ["data", "a touch", "a visitor"];

async fn check(fresh: &Fresh, backend: &SqliteBackend, names: &[&str]) {
    let session = stored(backend, record_of("alice")).await;
    let mut holder = SqliteConnection::connect_with(&fresh.options()).await.unwrap();
    for name in names {
        let before = rows(fresh).await;
        holder.execute("BEGIN IMMEDIATE").await.unwrap();
        assert!(call(name, backend, &session).await, "{name} waited for the lock");
        holder.execute("COMMIT").await.unwrap();
        // The writer has one connection, so whoever comes next finds the call at its end.
        backend
            .remove(&SessionRef::by_id(record().id), None, None, EndedBy::Revoked, NOW)
            .await
            .unwrap();
        assert_eq!(rows(fresh).await, before, "{name} was given up");
        // And its connection is as good as before.
        live(backend, &session.token.unwrap()).await;
    }
    let visitor = stored(backend, record()).await;
    backend.update(&visitor, &set("k", 1), NOW).await.unwrap();
    backend.update(&visitor, &many(2), NOW).await.unwrap();
    assert_eq!(live(backend, &visitor.token.unwrap()).await.version, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_was_given_up_does_nothing() {
    let fresh = Fresh::new().await;
    check(&fresh, &fresh.backend, &TRANSACTIONS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_was_given_up_does_nothing() {
    let fresh = Fresh::new().await;
    check(&fresh, &fresh.backend, &STATEMENTS).await;
}

/// A pool that the application brought.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_a_transaction_on_a_pool() {
    let fresh = Fresh::new().await;
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_with(fresh.options()).await.unwrap();
    check(&fresh, &SqliteBackend::from_pool(pool), &TRANSACTIONS).await;
}
