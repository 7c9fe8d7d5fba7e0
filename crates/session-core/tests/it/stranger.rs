//! What a stranger found: data that crosses from one user to another, and who is locked out beside a
//! second cookie.

use session_core::{ErrorKind, MemoryBackend, SessionConfig, SessionStore, UserId};

use crate::support::Request;

async fn request(store: &SessionStore, cookie: &str) -> Request {
    Request::with_cookie(store, cookie).await
}

async fn finish(request: &Request) -> String {
    let cookie = request.finish().await.unwrap().unwrap_or_default();
    cookie.split(';').next().unwrap_or_default().to_owned()
}

async fn signed_in(store: &SessionStore, user: &str) -> String {
    let session = request(store, "").await;
    session.authenticate(user).await.unwrap();
    finish(&session).await
}

fn store() -> SessionStore {
    SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap()
}

/// What was written for a user whose session turns out to have ended is dropped when another signs in.
#[tokio::test]
async fn what_was_written_for_one_user_never_reaches_another() {
    let store = store();
    let cookie = signed_in(&store, "alice").await;
    let session = request(&store, &cookie).await;
    session.set("card", "alice's").unwrap();
    store.revoke_all(&UserId::new("alice").unwrap()).await.unwrap();
    // The handler finds out, and somebody else signs in.
    let error = session.list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionEnded);
    session.authenticate("bob").await.unwrap();
    assert_eq!(session.get::<String>("card").unwrap(), None, "alice's data is bob's");
    let cookie = finish(&session).await;
    let session = request(&store, &cookie).await;
    assert_eq!(session.user_id().unwrap().as_str(), "bob");
    assert_eq!(session.get::<String>("card").unwrap(), None, "alice's data is bob's");
}

/// Two sessions of one user, under two paths: the last counts. Another user who signs in then is not
/// ambiguous in the very next request.
#[tokio::test]
async fn a_switch_of_user_beside_a_second_session_is_not_ambiguous() {
    let store = store();
    let elsewhere = signed_in(&store, "alice").await;
    let here = signed_in(&store, "alice").await;
    let session = request(&store, &format!("{elsewhere}; {here}")).await;
    assert_eq!(session.user_id().unwrap().as_str(), "alice");
    session.authenticate("bob").await.unwrap();
    let here = finish(&session).await;
    let session = request(&store, &format!("{elsewhere}; {here}")).await;
    assert!(session.may_store(), "whoever has just signed in is refused");
    assert_eq!(session.user_id().map(|user| user.to_string()).as_deref(), Some("bob"));
}

/// What a request that started over stores is its own, whoever signs in then.
#[tokio::test]
async fn what_was_written_after_starting_over_is_carried() {
    let store = store();
    let cookie = signed_in(&store, "alice").await;
    let session = request(&store, &cookie).await;
    store.revoke_all(&UserId::new("alice").unwrap()).await.unwrap();
    assert_eq!(session.list().await.unwrap_err().kind(), ErrorKind::SessionEnded);
    session.start_over().await.unwrap();
    session.set("cart", "tea").unwrap();
    session.authenticate("bob").await.unwrap();
    assert_eq!(session.get::<String>("cart").unwrap().as_deref(), Some("tea"));
}
