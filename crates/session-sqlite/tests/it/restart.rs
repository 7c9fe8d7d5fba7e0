//! What a restart leaves, and what a database in memory is.

use session_core::{Found, NewSession, SessionBackend, SessionChange, UserId};
use session_sqlite::SqliteBackend;

use super::support::{Fresh, NOW, after, live, record_of, set, stored, token, touch};

#[tokio::test]
async fn sessions_outlive_the_backend() {
    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record_of("alice")).await;
    let gone = stored(&fresh.backend, record_of("alice")).await;
    fresh.backend.update(&session, &set("cart", 3), NOW).await.unwrap();
    let change = SessionChange::touch(touch(NOW));
    fresh.backend.update(&session, &change, NOW).await.unwrap();
    let how = session_core::EndedBy::SignedOut;
    assert!(fresh.backend.remove(&gone, None, None, how, NOW).await.unwrap());
    let before = live(&fresh.backend, &session.token.unwrap()).await;
    fresh.backend.close().await;
    assert!(!fresh.path.with_extension("db-wal").exists(), "closing moves the WAL into the file");

    for url in [
        format!("sqlite:{}", fresh.path.display()),
        format!("sqlite://{}", fresh.path.display()),
        fresh.path.display().to_string(),
    ] {
        let again = SqliteBackend::connect(&url).await.unwrap();
        again.migrate().await.unwrap();
        assert_eq!(live(&again, &session.token.unwrap()).await, before);
        let ended = again.find(&gone.token.unwrap(), NOW).await.unwrap();
        assert!(matches!(ended, Some(Found::Ended { .. })), "{ended:?}");
        again.close().await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_without_close() {
    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record_of("alice")).await;
    // A crash: the connections are never closed, and the WAL is all there is of the session.
    let copy = fresh.folder.path().join("copy.db");
    std::fs::copy(&fresh.path, &copy).unwrap();
    std::fs::copy(fresh.path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let again = SqliteBackend::connect(copy.to_str().unwrap()).await.unwrap();
    live(&again, &session.token.unwrap()).await;
}

#[tokio::test]
async fn a_closed_backend_says_so() {
    let fresh = Fresh::new().await;
    fresh.backend.close().await;
    let error = fresh.backend.ping().await.unwrap_err();
    assert_eq!(error.kind(), session_core::BackendErrorKind::Unavailable);
    assert_eq!(error.to_string(), "the SQLite backend was closed");
}

#[tokio::test]
async fn in_memory_is_one_database_per_backend() {
    let user = UserId::new("alice").unwrap();
    let mut backends = Vec::new();
    for _ in 0..2 {
        let backend = SqliteBackend::connect("sqlite::memory:").await.unwrap();
        backend.migrate().await.unwrap();
        backends.push(backend);
    }
    for n in 0..20 {
        let mut new = NewSession::new(record_of("alice"), token());
        new.cap = std::num::NonZeroU32::new(5);
        let made = backends[0].create(new, after(n)).await.unwrap();
        assert_eq!(made.evicted.len(), usize::from(n >= 5));
    }
    assert_eq!(backends[0].clone().list(&user, NOW).await.unwrap().len(), 5);
    assert_eq!(backends[1].list(&user, NOW).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_pool_of_the_applications_own() {
    let fresh = Fresh::new().await;
    let pool = fresh.pool().await;
    let backend = SqliteBackend::from_pool(pool.clone());
    backend.migrate().await.unwrap();
    let session = stored(&backend, record_of("alice")).await;
    backend.update(&session, &set("cart", 3), NOW).await.unwrap();
    assert_eq!(
        live(&fresh.backend, &session.token.unwrap()).await,
        live(&backend, &session.token.unwrap()).await
    );
    backend.close().await;
    assert!(!pool.is_closed(), "it is the application's to close");
}
