//! What SQLite's statements do where another way would go wrong.

use std::num::NonZeroU32;
use std::time::Duration;

use session_core::{
    BackendErrorKind, Carry, EndedBy, Found, NewSession, PurgeReport, Reauthentication, Replace,
    Rotation, SessionBackend, SessionChange, SessionRef, TOMBSTONE_LIFETIME, Timestamp, TokenState,
    Updated, UserId,
};
use session_sqlite::SqliteBackend;

use super::support::{Fresh, NOW, after, live, record, record_of, set, stored, token, touch};

/// Applies a change, and checks the version and whether it touched.
async fn applies(
    backend: &SqliteBackend,
    (session, change): (&SessionRef, &SessionChange),
    now: Timestamp,
    (version, touched): (u64, bool),
) {
    match backend.update(session, change, now).await.unwrap() {
        Updated::Applied(applied) => {
            assert_eq!((applied.version, applied.touched), (version, touched));
            assert_eq!(applied.token, TokenState::Current);
            let stored = backend.list(&UserId::new("alice").unwrap(), now).await.unwrap();
            for stored in stored.iter().filter(|stored| stored.id == session.id) {
                let answered = (applied.expires_at, applied.lifetime);
                assert_eq!(answered, (stored.expires_at, stored.lifetime()));
            }
        }
        other => panic!("{other:?}"),
    }
}

fn touching(at: Timestamp) -> SessionChange {
    SessionChange::touch(touch(at))
}

#[tokio::test]
async fn a_touch_that_is_not_due_is_skipped_and_the_rest_is_not() {
    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record_of("alice")).await;
    let token = session.token.unwrap();
    let late = after(400);
    let mut change = touching(late);
    change.touch.as_mut().unwrap().due_before = NOW.minus(Duration::from_micros(1));
    applies(&fresh.backend, (&session, &change), late, (0, false)).await;
    assert_eq!(live(&fresh.backend, &token).await.last_active_at, NOW);

    change.patch = set("k", 1).patch;
    applies(&fresh.backend, (&session, &change), late, (1, false)).await;
    assert_eq!(live(&fresh.backend, &token).await.last_active_at, NOW);

    change.touch.as_mut().unwrap().due_before = NOW;
    applies(&fresh.backend, (&session, &change), late, (2, true)).await;
    let touched = live(&fresh.backend, &token).await;
    assert_eq!(touched.last_active_at, late);
    assert_eq!(touched.expires_at, late.plus(Duration::from_secs(3600)));
    assert_eq!(touched.device_name, "Chrome on Windows");

    let mut change = touching(late);
    change.touch.as_mut().unwrap().agent = None;
    change.touch.as_mut().unwrap().ip_address = None;
    applies(&fresh.backend, (&session, &change), late, (2, true)).await;
    let touched = live(&fresh.backend, &token).await;
    assert_eq!(touched.device_name, "Chrome on Windows");
    assert_eq!(touched.last_ip_address, None);
}

#[tokio::test]
async fn a_touch_moves_forward_and_stops_at_the_end() {
    check_end(Some(after(4000)), None).await;
    check_end(Some(after(4000)), Some(after(5000))).await;
    check_end(Some(after(5000)), Some(after(4000))).await;
    check_end(None, Some(after(4000))).await;
}

/// `absolute` and `own` come to an end after 4000 seconds.
async fn check_end(absolute: Option<Timestamp>, own: Option<Timestamp>) {
    let fresh = Fresh::new().await;
    let mut record = record_of("alice");
    (record.absolute_expires_at, record.not_after) = (absolute, own);
    let session = stored(&fresh.backend, record).await;
    for (name, at, expires_at, expected) in [
        ("a clock that jumped back", after(0), after(10), after(3600)),
        ("as asked", after(10), after(3700), after(3700)),
        ("too far", after(20), after(9000), after(4000)),
    ] {
        let mut change = touching(at);
        change.touch.as_mut().unwrap().expires_at = expires_at;
        applies(&fresh.backend, (&session, &change), at, (0, true)).await;
        let found = live(&fresh.backend, &session.token.unwrap()).await;
        assert_eq!((found.expires_at, found.last_active_at), (expected, at), "{name}");
    }
}

#[tokio::test]
async fn conditions_in_their_order() {
    let fresh = Fresh::new().await;
    let stale = stored(&fresh.backend, record()).await;
    let next = Rotation::Graceful { token: token(), grace_until: after(30) };
    let session = SessionRef { token: Some(*next.token()), ..stale.clone() };
    fresh.backend.update(&stale, &SessionChange::rotation(next), NOW).await.unwrap();
    let gone = SessionRef::by_id(record().id);
    let dead = SessionRef { token: Some(token()), ..session.clone() };
    let mut change = set("k", "x".repeat(100));
    change.max_bytes = 10;
    change.if_version = Some(7);
    change.rotation = Some(Rotation::Graceful { token: token(), grace_until: after(30) });
    assert_eq!(fresh.backend.update(&dead, &change, NOW).await.unwrap(), Updated::Missing);
    assert_eq!(fresh.backend.update(&gone, &change, NOW).await.unwrap(), Updated::Missing);
    assert_eq!(fresh.backend.update(&stale, &change, after(3600)).await.unwrap(), Updated::Missing);
    assert_eq!(fresh.backend.update(&stale, &change, NOW).await.unwrap(), Updated::Conflict);
    change.if_version = Some(0);
    assert_eq!(fresh.backend.update(&stale, &change, NOW).await.unwrap(), Updated::Superseded);
    let error = fresh.backend.update(&session, &change, NOW).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::TooLarge);
    for used in [stale.token.unwrap(), session.token.unwrap()] {
        change.rotation = Some(Rotation::Graceful { token: used, grace_until: after(30) });
        let error = fresh.backend.update(&session, &change, NOW).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Conflict);
    }

    change.rotation = None;
    assert_eq!(fresh.backend.update(&dead, &change, NOW).await.unwrap(), Updated::Missing);
    assert_eq!(fresh.backend.update(&gone, &change, NOW).await.unwrap(), Updated::Missing);
    change.if_version = Some(7);
    assert_eq!(fresh.backend.update(&session, &change, NOW).await.unwrap(), Updated::Conflict);
    let nothing = SessionChange::patch(session_core::Patch::new());
    assert_eq!(fresh.backend.update(&gone, &nothing, NOW).await.unwrap(), Updated::Missing);
    assert_eq!(fresh.backend.update(&dead, &nothing, NOW).await.unwrap(), Updated::Missing);
    applies(&fresh.backend, (&session, &nothing), NOW, (0, false)).await;
    assert!(live(&fresh.backend, &session.token.unwrap()).await.data.is_empty());
}

#[tokio::test]
async fn graces_end_with_a_reauthentication_and_with_their_session() {
    let fresh = Fresh::new().await;
    let backend = &fresh.backend;
    let first = stored(backend, record_of("alice")).await;
    let (second, third, fourth) = (token(), token(), token());
    let at = |hash| SessionRef { token: Some(hash), ..first.clone() };
    let graceful =
        |token| SessionChange::rotation(Rotation::Graceful { token, grace_until: after(30) });
    backend.update(&first, &graceful(second), NOW).await.unwrap();
    backend.update(&at(second), &graceful(third), NOW).await.unwrap();
    for hash in [first.token.unwrap(), second] {
        let found = backend.find(&hash, after(29)).await.unwrap();
        assert!(matches!(found, Some(Found::Grace { until, .. }) if until == after(30)));
        let found = backend.find(&hash, after(30)).await.unwrap();
        assert!(matches!(found, Some(Found::Ended { how: EndedBy::Rotated, .. })));
        let lost = backend.update(&at(hash), &graceful(token()), NOW).await.unwrap();
        assert_eq!(lost, Updated::Superseded);
    }

    // From a token in grace, which a re-authentication takes.
    let mut again = SessionChange::rotation(Rotation::Immediate { token: fourth });
    again.reauthentication = Some(Reauthentication {
        expires_at: after(60),
        absolute_expires_at: Some(after(600)),
        ip_address: None,
        end_others: false,
    });
    applies(backend, (&at(second), &again), after(1), (0, false)).await;
    for hash in [first.token.unwrap(), second, third] {
        let found = backend.find(&hash, after(1)).await.unwrap();
        assert!(matches!(found, Some(Found::Ended { id, .. }) if id == first.id), "{found:?}");
    }
    let now = live(backend, &fourth).await;
    assert_eq!((now.expires_at, now.authenticated_at), (after(60), Some(after(1))));

    backend.update(&at(fourth), &graceful(token()), after(1)).await.unwrap();
    backend.remove(&first, None, None, EndedBy::SignedOut, after(2)).await.unwrap();
    let found = backend.find(&fourth, after(2)).await.unwrap();
    assert!(matches!(found, Some(Found::Ended { .. })), "{found:?}");
}

#[tokio::test]
async fn a_token_that_ended_is_never_issued_again() {
    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record_of("alice")).await;
    let dead = session.token.unwrap();
    let other = stored(&fresh.backend, record()).await;
    fresh.backend.remove(&session, None, None, EndedBy::Revoked, NOW).await.unwrap();
    let rotation = SessionChange::rotation(Rotation::Immediate { token: dead });
    for (name, error) in [
        ("create", fresh.backend.create(NewSession::new(record(), dead), NOW).await.unwrap_err()),
        ("rotate", fresh.backend.update(&other, &rotation, NOW).await.unwrap_err()),
    ] {
        assert_eq!(error.kind(), BackendErrorKind::Conflict, "{name}");
    }
    // Nothing else of the rotation happened either.
    live(&fresh.backend, &other.token.unwrap()).await;
}

#[tokio::test]
async fn a_sign_in_carries_replaces_and_evicts() {
    let fresh = Fresh::new().await;
    let backend = &fresh.backend;
    let mut phones = Vec::new();
    let mut records = [(); 3].map(|()| record_of("alice"));
    records.sort_unstable_by_key(|record| record.id);
    for (n, mut phone) in (0..).zip(records) {
        // The second and third at one moment: the smaller id goes first.
        phone.last_active_at = NOW.minus(Duration::from_secs(60 - n.min(1)));
        phones.push(stored(backend, phone).await);
    }
    let mut expired = record_of("alice");
    expired.expires_at = NOW.minus(TOMBSTONE_LIFETIME);
    stored(backend, expired).await;
    let cart = stored(backend, record()).await;
    backend.update(&cart, &set("cart", 3), NOW).await.unwrap();
    backend.update(&cart, &set("theme", "dark"), NOW).await.unwrap();

    let mut new = NewSession::new(record_of("alice"), token());
    let newcomer = new.record.id;
    new.cap = NonZeroU32::new(2);
    new.patch.set("welcome", true.into());
    new.replaces = Some(Replace { session: cart.clone(), carry: Carry::keys(&[&"cart", &"x"]) });
    let made = backend.create(new, NOW).await.unwrap();
    assert!(made.replaced);
    assert_eq!(made.session.data.to_json(), r#"{"cart":3,"welcome":true}"#);
    assert_eq!(made.evicted, [phones[0].id, phones[1].id]);
    let user = UserId::new("alice").unwrap();
    let left: Vec<_> = backend.list(&user, NOW).await.unwrap().iter().map(|s| s.id).collect();
    assert_eq!(left, [newcomer, phones[2].id]);
    for (gone, how) in [(&cart, EndedBy::Replaced), (&phones[1], EndedBy::Evicted)] {
        let found = backend.find(&gone.token.unwrap(), NOW).await.unwrap();
        assert!(matches!(found, Some(Found::Ended { how: h, .. }) if h == how), "{found:?}");
    }
    let pool = fresh.pool().await;
    let count = async |rows: &'static str| -> i64 {
        sqlx::query_scalar(rows).fetch_one(&pool).await.unwrap()
    };
    let rows = "SELECT count(*) FROM web_sessions WHERE evicted_at IS NULL";
    assert_eq!(count(rows).await, 2, "the expired one is gone as well");
    // What was evicted is its own tombstone, and holds no more than one.
    let bare = "SELECT count(*) FROM web_sessions WHERE evicted_at IS NOT NULL \
        AND coalesce(user_id, ip_address, last_ip_address, user_agent, fingerprint) IS NULL \
        AND device_name = '' AND data = '{}' AND expires_at = 0";
    assert_eq!(count(bare).await, 2);
    // A sign-in may be sent the token of one: it then says which session came of it, by a row of its own.
    let mut again = NewSession::new(record_of("bob"), token());
    again.presented = vec![phones[0].token.unwrap()];
    backend.create(again, NOW).await.unwrap();
    let buried = "SELECT count(*) FROM web_session_tombstones \
        WHERE how = 'evicted' AND successor_id IS NOT NULL";
    assert_eq!((count(bare).await, count(buried).await), (1, 1));
    let found = backend.find(&phones[0].token.unwrap(), NOW).await.unwrap();
    assert!(matches!(found, Some(Found::Ended { how: EndedBy::Evicted, .. })), "{found:?}");
    // The purge lets it go when its time is over, and not with the time that it had as a session.
    let known = NOW.plus(TOMBSTONE_LIFETIME);
    backend
        .purge_expired(known.minus(Duration::from_micros(1)), 100, PurgeReport::Count)
        .await
        .unwrap();
    assert_eq!(count(bare).await, 1);
    backend.purge_expired(known, 100, PurgeReport::Count).await.unwrap();
    assert_eq!(count(bare).await, 0);

    // An id in use, also that of the very session to replace.
    let mut taken = NewSession::new(record_of("alice"), token());
    taken.record.id = phones[2].id;
    taken.replaces = Some(Replace { session: phones[2].clone(), carry: Carry::All });
    let error = backend.create(taken, NOW).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Conflict);
    live(backend, &phones[2].token.unwrap()).await;
}

#[tokio::test]
async fn the_purge_spares_what_was_renewed() {
    let fresh = Fresh::new().await;
    let backend = &fresh.backend;
    let mut sessions = Vec::new();
    for n in 0..10 {
        let mut record = record();
        record.expires_at = after(n + 1);
        sessions.push(stored(backend, record).await);
    }
    let mut change = touching(NOW);
    change.touch.as_mut().unwrap().expires_at = after(1000);
    backend.update(&sessions[0], &change, NOW).await.unwrap();
    backend.update(&sessions[4], &change, NOW).await.unwrap();

    let mut removed = Vec::new();
    for _ in 0..10 {
        let purged = backend.purge_expired(after(100), 3, Default::default()).await.unwrap();
        removed.push(purged.removed);
        if !purged.more {
            break;
        }
    }
    assert_eq!(removed, [2, 2, 3, 1], "no more than three are looked at");
    assert_eq!(backend.purge_expired(after(999), 3, Default::default()).await.unwrap().removed, 0);
    assert_eq!(backend.purge_expired(after(1000), 0, Default::default()).await.unwrap().removed, 1);
    assert_eq!(backend.purge_expired(after(1000), 9, Default::default()).await.unwrap().removed, 1);
}

#[tokio::test]
async fn no_token_is_in_the_files() {
    let fresh = Fresh::new().await;
    let secret = session_core::SessionToken::generate().unwrap();
    let next = session_core::SessionToken::generate().unwrap();
    let made = fresh.backend.create(NewSession::new(record_of("alice"), secret.hash()), NOW).await;
    let session = super::support::reference(made.unwrap().session.id, secret.hash());
    let rotation = Rotation::Graceful { token: next.hash(), grace_until: after(30) };
    let change = SessionChange::rotation(rotation);
    fresh.backend.update(&session, &change, NOW).await.unwrap();
    let bytes_of = |text: String| -> Vec<u8> {
        (0..64).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    };
    let mut seen = 0;
    for file in std::fs::read_dir(fresh.folder.path()).unwrap() {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        let holds = |what: &[u8]| content.windows(what.len()).any(|window| window == what);
        for token in [&secret, &next] {
            assert!(!holds(token.expose().as_bytes()) && !holds(&bytes_of(token.expose())));
        }
        seen += usize::from(holds(next.hash().as_bytes()));
    }
    assert!(seen > 0, "the hash is there, so this looked at the right files");
}

/// The attempt to write, by which `connect` finds out whether it may, is taken back.
#[tokio::test]
async fn connecting_changes_nothing_of_the_applications() {
    let fresh = Fresh::new().await;
    let pool = fresh.pool().await;
    sqlx::query("PRAGMA user_version = 7").execute(&pool).await.unwrap();
    SqliteBackend::connect(fresh.path.to_str().unwrap()).await.unwrap();
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&pool).await.unwrap();
    assert_eq!(version, 7);
}
