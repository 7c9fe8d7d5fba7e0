//! What SQLite keeps of tokens: whether one was seen, who came after it, and what a replaced session
//! held.

use session_core::{
    Applied, BackendErrorKind, EndedBy, Found, MAX_GRACES, NewSession, Reauthentication, Replace,
    Rotation, SessionBackend, SessionChange, SessionData, SessionRef, TokenHash, TokenState,
    Updated, UserId,
};
use session_sqlite::SqliteBackend;

use super::support::{Fresh, NOW, after, live, record, record_of, set, stored, token, touch};

fn at(session: &SessionRef, token: TokenHash) -> SessionRef {
    SessionRef { token: Some(token), ..session.clone() }
}

async fn rotate(
    backend: &SqliteBackend,
    session: &SessionRef,
    now: session_core::Timestamp,
) -> SessionRef {
    let rotation = Rotation::Graceful { token: token(), grace_until: after(30) };
    let next = at(session, *rotation.token());
    apply(backend, session, &SessionChange::rotation(rotation), now).await;
    next
}

async fn apply(
    backend: &SqliteBackend,
    session: &SessionRef,
    change: &SessionChange,
    now: session_core::Timestamp,
) -> Applied {
    match backend.update(session, change, now).await.unwrap() {
        Updated::Applied(applied) => applied,
        other => panic!("{other:?}"),
    }
}

/// A sign-in through this session.
fn sign_in(user: &str, session: &SessionRef) -> NewSession {
    let mut new = NewSession::new(record_of(user), token());
    new.replaces = Some(Replace { session: session.clone(), carry: Default::default() });
    new
}

/// A touch by a token that a browser sent, due or not.
fn presented(due: bool, patch: bool) -> SessionChange {
    let mut change = if patch { set("k", 1) } else { SessionChange::default() };
    let due_before = if due { NOW } else { NOW.minus(std::time::Duration::from_secs(1)) };
    change.touch = Some(session_core::Touch { due_before, ..touch(after(1)) });
    change.presented = true;
    change
}

async fn is_seen(backend: &SqliteBackend, session: &SessionRef) -> bool {
    match backend.find(&session.token.unwrap(), after(1)).await.unwrap() {
        Some(Found::Live { token_seen, .. }) => token_seen,
        other => panic!("{other:?}"),
    }
}

/// Whether what came after this token was seen, once the token is dead.
async fn is_followed(backend: &SqliteBackend, token: TokenHash) -> bool {
    match backend.find(&token, after(100)).await.unwrap() {
        Some(Found::Ended { successor_seen, .. }) => successor_seen,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_is_seen_once_and_with_it_what_came_before() {
    // How it is changed: whether the token came with the request, the touch is due, and there is data.
    // Then whether it touches, and whether it marks.
    for (name, (came, due, patch), (touched, marked)) in [
        ("issued by this request", (false, true, false), (true, false)),
        ("issued, with data", (false, true, true), (true, false)),
        ("issued, not due", (false, false, true), (false, false)),
        ("sent", (true, true, false), (true, true)),
        ("sent, with data", (true, true, true), (true, true)),
        ("sent, not due", (true, false, false), (true, true)),
        ("sent, not due, with data", (true, false, true), (true, true)),
    ] {
        let fresh = Fresh::new().await;
        let backend = &fresh.backend;
        let visitor = stored(backend, record()).await;
        let mut new = sign_in("alice", &visitor);
        let (id, first) = (new.record.id, new.token);
        new.presented = vec![visitor.token.unwrap(), token()];
        backend.create(new, NOW).await.unwrap();
        let before = SessionRef { id, token: Some(first), user: None };
        let session = rotate(backend, &before, NOW).await;
        assert!(!is_seen(backend, &session).await, "{name}");

        // One in grace shows nothing of the current one.
        let grace = presented(false, true);
        let applied = apply(backend, &before, &grace, after(1)).await;
        assert_eq!((applied.token, applied.touched), (TokenState::Grace, false), "{name}");
        assert!(!is_seen(backend, &session).await, "{name}");

        let mut change = presented(due, patch);
        change.presented = came;
        let applied = apply(backend, &session, &change, after(1)).await;
        assert_eq!(applied.token, TokenState::Current, "{name}");
        assert_eq!(applied.touched, touched, "{name}");
        assert_eq!(applied.version, 1 + u64::from(patch), "{name}");
        assert_eq!(is_seen(backend, &session).await, marked, "{name}");
        assert_eq!(
            is_followed(backend, visitor.token.unwrap()).await,
            marked,
            "the visitor's, {name}"
        );
        assert_eq!(is_followed(backend, first).await, marked, "the rotated one, {name}");
        if marked {
            let again = apply(backend, &session, &presented(false, false), after(1)).await;
            assert!(!again.touched, "only the first time: {name}");
        }
    }
}

#[tokio::test]
async fn a_new_token_was_not_seen_and_what_it_follows_was() {
    let fresh = Fresh::new().await;
    let backend = &fresh.backend;
    let first = stored(backend, record_of("alice")).await;
    let second = rotate(backend, &first, NOW).await;
    let rotation = Rotation::Graceful { token: token(), grace_until: after(30) };
    let third = at(&second, *rotation.token());
    let mut change = SessionChange::rotation(rotation);
    change.presented = true;
    apply(backend, &second, &change, NOW).await;
    assert!(!is_seen(backend, &third).await);
    assert!(is_followed(backend, first.token.unwrap()).await);
    assert!(!is_followed(backend, second.token.unwrap()).await);
}

#[tokio::test]
async fn the_newest_tokens_stay_in_grace() {
    let fresh = Fresh::new().await;
    let mut session = stored(&fresh.backend, record()).await;
    let mut before = Vec::new();
    // All at one moment, so that only their order tells them apart.
    for _ in 0..MAX_GRACES + 3 {
        before.push(session.token.unwrap());
        session = rotate(&fresh.backend, &session, after(1)).await;
    }
    for (n, token) in before.iter().enumerate() {
        let found = fresh.backend.find(token, after(2)).await.unwrap();
        match found {
            Some(Found::Grace { until, .. }) => assert!(n >= 3 && until == after(30), "{n}"),
            Some(Found::Ended { how, at, .. }) => {
                assert!(n < 3 && (how, at) == (EndedBy::Rotated, after(1)), "{n}");
            }
            other => panic!("{n}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn all_tokens_share_the_end_and_one_of_them_asked_for_it() {
    use EndedBy::{Replaced, Revoked, SignedOut};
    // Which of three tokens, the oldest first, asks; how each of them ends.
    for (name, how, asks, expected) in [
        ("signed out by the current one", SignedOut, Some(2), [Revoked, Revoked, SignedOut]),
        ("signed out by one in grace", SignedOut, Some(1), [Revoked, SignedOut, Revoked]),
        ("signed out by a dead one", SignedOut, Some(0), [SignedOut, Revoked, Revoked]),
        ("signed out by an administrator", SignedOut, None, [Revoked; 3]),
        ("revoked", Revoked, Some(2), [Revoked; 3]),
        ("replaced", Replaced, Some(2), [Replaced; 3]),
    ] {
        let fresh = Fresh::new().await;
        let backend = &fresh.backend;
        let first = stored(backend, record_of("alice")).await;
        let rotation = Rotation::Graceful { token: token(), grace_until: after(1) };
        let second = at(&first, *rotation.token());
        apply(backend, &first, &SessionChange::rotation(rotation), NOW).await;
        let third = rotate(backend, &second, NOW).await;
        let tokens = [&first, &second, &third].map(|session| session.token.unwrap());
        let by = SessionRef { token: asks.map(|n: usize| tokens[n]), ..first.clone() };
        if how == Replaced {
            backend.create(sign_in("alice", &by), after(5)).await.unwrap();
        } else {
            assert!(backend.remove(&by, None, None, how, after(5)).await.unwrap());
        }
        for (n, (token, expected)) in tokens.iter().zip(expected).enumerate() {
            match backend.find(token, after(6)).await.unwrap() {
                Some(Found::Ended { id, how, at, .. }) => {
                    assert_eq!((id, how, at), (first.id, expected, after(5)), "{name}, {n}");
                }
                other => panic!("{name}, {n}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_a_replaced_session_held_is_stored_once_and_found_by_any_token() {
    for (name, owner, user, seconds, carried) in [
        ("a visitor's", None, "alice", 9, true),
        ("her own", Some("alice"), "alice", 9, true),
        ("another user's", Some("bob"), "alice", 9, false),
        ("another user's, who comes back", Some("bob"), "bob", 9, false),
        ("too late", None, "alice", 10, false),
        ("for another user", None, "bob", 1, false),
    ] {
        let fresh = Fresh::new().await;
        let backend = &fresh.backend;
        let first = stored(backend, owner.map_or_else(record, record_of)).await;
        apply(backend, &first, &set("cart", 3), NOW).await;
        let second = rotate(backend, &first, NOW).await;
        let new = sign_in("alice", &second);
        let successor = SessionRef { id: new.record.id, token: Some(new.token), user: None };
        backend.create(new, NOW).await.unwrap();
        // What the successor wrote since is its own.
        apply(backend, &successor, &set("admin", true), NOW).await;
        for through in [&first, &second] {
            let made = backend.create(sign_in(user, through), after(seconds)).await.unwrap();
            let expected = if carried { r#"{"cart":3}"# } else { "{}" };
            assert_eq!(
                (made.session.data.to_json().as_str(), made.replaced),
                (expected, false),
                "{name}"
            );
        }
        let copies: i64 = sqlx::query_scalar(
            "SELECT count(data) FROM web_session_tombstones WHERE session_id = ?1",
        )
        .bind(first.id.to_string())
        .fetch_one(&fresh.pool().await)
        .await
        .unwrap();
        assert_eq!(copies, i64::from(owner != Some("bob")), "{name}");
    }
}

#[tokio::test]
async fn a_sign_in_from_a_session_that_ended_is_refused_unless_it_expired() {
    let alice = UserId::new("alice").unwrap();
    // Whether the session was loaded as this user's, and when it is asked for.
    for (name, loaded, ended, now, refused) in [
        ("revoked", true, true, after(1), true),
        ("revoked, loaded as nobody's", false, true, after(1), false),
        ("expired", true, false, after(10), false),
        ("revoked long ago", true, true, after(7200), true),
    ] {
        let fresh = Fresh::new().await;
        let backend = &fresh.backend;
        let mut record = record_of("alice");
        record.expires_at = after(10);
        let mut session = stored(backend, record).await;
        if ended {
            backend.remove(&session, None, None, EndedBy::Revoked, NOW).await.unwrap();
        }
        session.user = loaded.then(|| alice.clone());
        // Twice, as a form that is sent twice.
        for _ in 0..2 {
            let answer = backend.create(sign_in("alice", &session), now).await;
            let kind = answer.as_ref().err().map(session_core::BackendError::kind);
            assert_eq!(kind, refused.then_some(BackendErrorKind::ActingEnded), "{name}");
        }
        let left = backend.list(&alice, now).await.unwrap().len();
        assert_eq!(left, if refused { 0 } else { 2 }, "{name}");
    }
}

#[tokio::test]
async fn who_acts_must_be_good_in_the_same_step() {
    let alice = UserId::new("alice").unwrap();
    for (name, good) in [("current", true), ("in grace", true), ("dead", false), ("none", false)] {
        let fresh = Fresh::new().await;
        let backend = &fresh.backend;
        let before = stored(backend, record_of("alice")).await;
        let current = rotate(backend, &before, NOW).await;
        let others =
            [stored(backend, record_of("alice")).await, stored(backend, record_of("alice")).await];
        let acting = match name {
            "current" => current.clone(),
            "in grace" => before.clone(),
            "dead" => at(&current, token()),
            _ => SessionRef::by_id(current.id),
        };
        let (acting, how) = (Some(&acting), EndedBy::Revoked);
        let one = backend.remove(&others[0], Some(&alice), acting, how, NOW).await;
        let rest = backend.remove_user(&alice, acting, Some(&current.id), how, NOW).await;
        if good {
            assert!(one.unwrap(), "{name}");
            assert_eq!(rest.unwrap(), [others[1].id], "{name}");
        } else {
            for error in [one.unwrap_err(), rest.unwrap_err()] {
                assert_eq!(error.kind(), BackendErrorKind::ActingEnded, "{name}");
            }
            live(backend, &others[0].token.unwrap()).await;
        }
    }
}

#[tokio::test]
async fn a_change_of_password_ends_the_others() {
    let fresh = Fresh::new().await;
    let backend = &fresh.backend;
    let session = stored(backend, record_of("alice")).await;
    let other = stored(backend, record_of("alice")).await;
    stored(backend, record_of("bob")).await;
    let mut change = SessionChange::rotation(Rotation::Immediate { token: token() });
    change.reauthentication = Some(Reauthentication {
        expires_at: after(60),
        absolute_expires_at: None,
        ip_address: None,
        end_others: true,
    });
    let applied = apply(backend, &session, &change, NOW).await;
    assert_eq!((applied.ended, applied.expires_at), (vec![other.id], after(60)));
    let found = backend.find(&other.token.unwrap(), NOW).await.unwrap();
    assert!(matches!(found, Some(Found::Ended { how: EndedBy::Revoked, .. })), "{found:?}");
    assert_eq!(backend.list(&UserId::new("bob").unwrap(), NOW).await.unwrap().len(), 1);
}

/// A sign-in that is on its way when its session expires is not refused because another device signed in
/// meanwhile: the session expired, and was not ended.
#[tokio::test]
async fn a_sign_in_sees_that_its_session_expired_beside_another() {
    let fresh = Fresh::new().await;
    let mut old = stored(&fresh.backend, record_of("ann")).await;
    old.user = Some("ann".try_into().unwrap());
    let late = after(3601);
    let fresh_record = || SessionData { expires_at: after(7200), ..record_of("ann") };
    fresh.backend.create(NewSession::new(fresh_record(), token()), late).await.unwrap();
    let mut new = NewSession::new(fresh_record(), token());
    new.replaces = Some(Replace { session: old, carry: Default::default() });
    fresh.backend.create(new, late).await.unwrap();
}

#[tokio::test]
async fn one_that_was_evicted_is_known_no_longer_for_being_presented() {
    let fresh = Fresh::new().await;
    let backend = &fresh.backend;
    let victim = stored(backend, record_of("ann")).await;
    let mut newcomer = NewSession::new(record_of("ann"), token());
    newcomer.cap = std::num::NonZeroU32::new(1);
    backend.create(newcomer, NOW).await.unwrap();

    let mut visitor = NewSession::new(record(), token());
    visitor.presented = vec![victim.token.unwrap()];
    backend.create(visitor, after(100)).await.unwrap();
    for (now, is_known) in [(after(299), true), (after(300), false)] {
        let found = backend.find(&victim.token.unwrap(), now).await.unwrap();
        assert_eq!(found.is_some(), is_known, "{now}: {found:?}");
    }
}
