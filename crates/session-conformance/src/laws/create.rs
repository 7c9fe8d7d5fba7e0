//! Laws of making sessions: nothing of a record is lost, and nothing is overwritten.

use serde_json::json;
use session_core::{
    BackendErrorKind, DeviceType, EndedBy, Fingerprint, Found, NewSession, Rotation, SessionChange,
    SessionId, Timestamp,
};

use crate::db::{
    Db, LIFE, NOW, at, describe, hash, live, named, refused, replacing, rotating, signed_in, token,
    user, visitor, with_cap, with_data,
};
use crate::race::race;
use crate::run::rounds;
use crate::subject::Fresh;

/// What was created is found by its token hash, on any client: every field equal, the optional ones
/// even if they are empty, timestamps to the microsecond; and nobody has seen its token.
pub async fn create_then_find(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    for (name, new, now) in records() {
        let (token, id) = (new.token, new.record.id);
        let mut expected = new.record.clone();
        new.patch.apply(&mut expected.data);
        let created = db.create(new, now).await;
        assert_eq!(*created.session, expected, "{name}: what create says it stored");
        assert!(created.evicted.is_empty() && !created.replaced, "{name}: {created:?}");
        for client in [db.client(0), db.client(1)] {
            let found = client.find(&token, now).await.expect("find");
            assert_eq!(*live(found), expected, "{name}: what find gives back for {id}");
        }
        assert!(!db.token_seen(&token, now).await, "{name}: nobody has presented it yet");
        if let Some(user) = &expected.user_id {
            let listed = db.list(user, now).await;
            assert_eq!(listed, [expected], "{name}: what list gives back");
        }
    }
    db.next().ping().await.expect("ping");
}

fn records() -> Vec<(&'static str, NewSession, Timestamp)> {
    // Microseconds that a database of milliseconds or of floating-point seconds cannot keep.
    let odd = Timestamp::from_micros(NOW.as_micros() + 123_457);
    let mut everything = signed_in("everything", odd);
    let record = &mut everything.record;
    record.ip_address = Some("203.0.113.7".parse().expect("an address"));
    record.last_ip_address = Some("2001:db8::7".parse().expect("an address"));
    record.user_agent = Some("Mozilla/5.0 (Ünïx; 'quoted\" \\) 😀".to_owned());
    record.device_name = "Firefox on Windows ’\"\\😀".to_owned();
    record.device_type = DeviceType::Desktop;
    record.fingerprint = fingerprint(1);
    record.version = 7;
    record.idle_ttl_secs = Some(31_536_000);
    record.cookie_persistent = Some(true);
    record.authenticated_at = Some(Timestamp::from_micros(odd.as_micros() + 1));
    record.last_active_at = Timestamp::from_micros(odd.as_micros() + 2);
    record.expires_at = Timestamp::from_micros(at(LIFE).as_micros() + 999_999);
    record.absolute_expires_at = Some(Timestamp::from_micros(at(2 * LIFE).as_micros() + 1));
    record.not_after = Some(Timestamp::from_micros(at(3 * LIFE).as_micros() + 2));
    everything = with_data(everything, "cart", json!({"items": [1, "two", null]}));

    let mut borders = signed_in(&"é".repeat(127), NOW);
    let record = &mut borders.record;
    record.ip_address = Some("::ffff:192.0.2.1".parse().expect("an address"));
    record.last_ip_address = Some("::".parse().expect("an address"));
    record.user_agent = Some("x".repeat(512));
    record.device_name = String::new();
    record.device_type = DeviceType::Bot;
    record.fingerprint = fingerprint(2);
    record.idle_ttl_secs = Some(u64::from(u32::MAX) + 1);
    record.cookie_persistent = Some(false);
    record.created_at = Timestamp::MIN;
    record.authenticated_at = Some(Timestamp::from_micros(-1));
    record.last_active_at = Timestamp::UNIX_EPOCH;
    record.expires_at = Timestamp::MAX;
    record.absolute_expires_at = Some(Timestamp::MAX);
    record.not_after = Some(Timestamp::MAX);

    let mut records = vec![
        ("every field set", everything, odd),
        ("fields at their ends", borders, NOW),
        ("nothing but what must be", visitor(odd), odd),
    ];
    let types = [
        ("mobile", DeviceType::Mobile),
        ("tablet", DeviceType::Tablet),
        ("unknown", DeviceType::Unknown),
    ];
    for (name, device_type) in types {
        let mut new = visitor(NOW);
        new.record.device_type = device_type;
        new.record.user_agent = Some(String::new());
        new.record.idle_ttl_secs = Some(0);
        records.push((name, new, NOW));
    }
    // Each of these is a user of its own, however alike they look to a collation or a pattern.
    for name in ["Alice", "alice", "alice ", "al%ce", "al_ce", "a'l\"i\\ce", "e\u{301}", "é", "😀"]
    {
        records.push(("a user whose id others resemble", signed_in(name, NOW), NOW));
    }
    records
}

/// Of mode `stable` (1) or `exact` (2).
fn fingerprint(mode: u8) -> Option<Fingerprint> {
    let mut bytes = [0; 33];
    for (number, byte) in (0_u8..).zip(&mut bytes) {
        *byte = number.wrapping_mul(37);
    }
    bytes[0] = mode;
    Some(Fingerprint::from_bytes(&bytes).expect("a fingerprint"))
}

/// An id or a hash already in use, by a live session, an expired one, or (a hash) as a token that
/// ended and is still known, is an error `Conflict`, and
/// nothing at all is changed: not the session that has it, not the one to replace, not those above
/// the cap. Of several that race for one id or one hash, one is made.
pub async fn create_never_overwrites(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    for (case, now) in [("live", NOW), ("expired", at(LIFE + 1))] {
        let taken = with_data(signed_in(&format!("owner, {case}"), NOW), "mine", 1);
        let (id, old_token) = (taken.record.id, taken.token);
        let before = db.create(taken, NOW).await.session;
        let cart = db.make(with_data(visitor(now), "cart", 1), now).await;
        let other = db.make(signed_in("other", now), now).await;

        let same_id = with_id(signed_in("other", now), id);
        let mut same_hash = signed_in("other", now);
        same_hash.token = old_token;
        for (what, new) in [("id", same_id), ("hash", same_hash)] {
            let new = replacing(with_cap(with_data(new, "theirs", 2), 1), &cart);
            let session = named(&new);
            let kind = refused(
                format!("create with the {what} of a session that is {case}"),
                db.next().create(new, now).await,
            );
            assert_eq!(kind, BackendErrorKind::Conflict, "the {what} of a session that is {case}");
            assert_eq!(*db.live(&old_token, NOW).await, *before, "the old session was touched");
            if what == "id" {
                let found = db.find(&hash(&session), now).await;
                assert!(found.is_none(), "it left {} behind", describe(found.as_ref()));
            }
            assert!(db.is_live(&cart, now).await, "the session to replace was ended");
            assert!(db.is_live(&other, now).await, "a session was evicted for one never made");
            assert_eq!(db.ids(&user("other"), now).await, [other.id]);
        }
    }

    // A rotation may not take a token that another session has either.
    let first = db.make(with_data(visitor(NOW), "k", 1), NOW).await;
    let second = db.make(visitor(NOW), NOW).await;
    let mut change =
        SessionChange::rotation(Rotation::Graceful { token: hash(&first), grace_until: at(30) });
    change.patch.set("k", 2.into());
    let kind =
        refused("a rotation to a token in use", db.next().update(&second, &change, NOW).await);
    assert_eq!(kind, BackendErrorKind::Conflict, "a rotation to a token in use");
    let (one, two) = (db.live(&hash(&first), NOW).await, db.live(&hash(&second), NOW).await);
    assert_eq!((one.id, two.id), (first.id, second.id));
    assert!(two.data.is_empty(), "the refused rotation left its patch behind");

    ended_tokens_are_in_use(&db).await;

    for _ in 0..rounds(5) {
        let id = visitor(NOW).record.id;
        let shared = token();
        let racers = (0..16).map(|n| {
            let client = db.client(n);
            let mut new = visitor(NOW);
            if n % 4 < 2 {
                new = with_id(new, id);
            } else {
                new.token = shared;
            }
            async move {
                let by_id = new.record.id == id;
                match client.create(new, NOW).await {
                    Ok(_) => (by_id, true),
                    Err(error) => {
                        assert_eq!(error.kind(), BackendErrorKind::Conflict);
                        (by_id, false)
                    }
                }
            }
        });
        let made = race(racers).await;
        for by_id in [true, false] {
            let winners = made.iter().filter(|(this, won)| *this == by_id && *won).count();
            let what = if by_id { "id" } else { "hash" };
            assert_eq!(winners, 1, "so many racing creates got the same {what}");
        }
    }
}

/// A token that ended is known as ended, so nobody else may get it while it is.
async fn ended_tokens_are_in_use(db: &Db) {
    let ended = db.make(visitor(NOW), NOW).await;
    db.remove(&ended, None, EndedBy::SignedOut, NOW).await;
    let rotated = db.make(visitor(NOW), NOW).await;
    let current = token();
    db.apply(&rotated, &rotating(current, at(30)), NOW).await;
    let other = db.make(visitor(NOW), NOW).await;
    for (case, taken) in [("ended", hash(&ended)), ("in grace", hash(&rotated))] {
        let mut new = visitor(NOW);
        new.token = taken;
        let made = refused("create", db.next().create(new, NOW).await);
        assert_eq!(made, BackendErrorKind::Conflict, "create with a token that is {case}");
        let made = refused("update", db.next().update(&other, &rotating(taken, at(30)), NOW).await);
        assert_eq!(made, BackendErrorKind::Conflict, "a rotation to a token that is {case}");
        let found = db.find(&taken, NOW).await;
        assert!(
            !matches!(found, Some(Found::Live { .. })),
            "a token that was {case} is live again"
        );
        assert!(db.is_live(&other, NOW).await, "a refused rotation took its token away");
    }
}

fn with_id(mut new: NewSession, id: SessionId) -> NewSession {
    new.record.id = id;
    new
}
