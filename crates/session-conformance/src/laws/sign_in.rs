//! Laws of signing in: one session takes the place of another in one step, and takes its data along.

use session_core::{
    BackendErrorKind, Carry, EndedBy, Found, NewSession, Rotation, SessionChange, SessionRef,
    Updated,
};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, describe, expiring, hash, named, refused, replacing, setting,
    signed_in, token, user, visitor, with_data,
};
use crate::race::{race, race_two};
use crate::run::rounds;
use crate::subject::Fresh;

/// `create` with `replaces` ends the old session in the same step, with every token of it that was
/// in grace: never are both live, and never is neither where the call succeeded. Where the call
/// returned an error the old session goes on. One that is not live is no error.
pub async fn create_replaces_atomically(fresh: &Fresh) {
    let db = Db::open(fresh).await;

    // An anonymous session, one of the same user, one of another user.
    for (case, old) in [
        ("an anonymous one", visitor(NOW)),
        ("the same user's", signed_in("ann", NOW)),
        ("another user's", signed_in("bob", NOW)),
    ] {
        let owner = old.record.user_id.clone();
        let old = db.make(old, NOW).await;
        let next = token();
        let rotation = Rotation::Graceful { token: next, grace_until: at(30) };
        db.apply(&old, &SessionChange::rotation(rotation), NOW).await;

        let new = replacing(signed_in("ann", at(1)), &old);
        let (new_token, id) = (new.token, new.record.id);
        let created = db.create(new, at(1)).await;
        assert!(created.replaced, "{case}: it was live, and is not said to be replaced");
        assert!(created.evicted.is_empty(), "{case}: replaced is not evicted");
        assert_eq!(db.live(&new_token, at(1)).await.id, id, "{case}");
        for (which, token) in [("current token", next), ("token in grace", hash(&old))] {
            let found = db.find(&token, at(1)).await;
            let over = !matches!(found, Some(Found::Live(_) | Found::Grace { .. }));
            assert!(over, "{case}: its {which} is still {}", describe(found.as_ref()));
        }
        if let Some(owner) = owner {
            assert!(!db.ids(&owner, at(1)).await.contains(&old.id), "{case}: it is still listed");
        }
        let updated = db.update(&old, &setting("late", 1), at(1)).await;
        assert_eq!(updated, Updated::Missing, "{case}: a late write reached it");
        db.remove_user(&user("ann"), None, EndedBy::Revoked, at(1)).await;
    }

    // Gone already: no error.
    let removed = db.make(visitor(NOW), NOW).await;
    db.remove(&removed, None, EndedBy::SignedOut, NOW).await;
    let expired = db.make(expiring(visitor(NOW), at(10)), NOW).await;
    let never = named(&visitor(NOW));
    for (case, old) in [("removed", removed), ("expired", expired), ("never made", never)] {
        let new = replacing(signed_in("ann", at(10)), &old);
        let session = named(&new);
        let created = db.create(new, at(10)).await;
        assert!(!created.replaced, "{case}: nothing was live, so nothing was replaced");
        assert!(db.is_live(&session, at(10)).await, "{case}");
    }

    // Refused: the old session goes on.
    let old = db.make(with_data(visitor(NOW), "cart", 1), NOW).await;
    let mut new = with_data(signed_in("ann", NOW), "big", "x".repeat(4000));
    new.max_bytes = 1000;
    let session = named(&new);
    let kind = refused("too much data", db.next().create(replacing(new, &old), NOW).await);
    assert_eq!(kind, BackendErrorKind::TooLarge);
    assert!(db.is_live(&old, NOW).await, "a refused sign-in ended the session before");
    assert!(!db.is_live(&session, NOW).await, "a refused sign-in made a session");

    for _ in 0..rounds(12) {
        let old = db.make(visitor(NOW), NOW).await;
        let new = replacing(signed_in("ann", NOW), &old);
        let (old_token, new_token) = (hash(&old), new.token);
        let (writer, reader) = (db.client(0), db.client(1));
        let sign_in = async move {
            writer.create(new, NOW).await.or_panic("create");
        };
        let look = async move {
            // Neither step is ever undone, so two reads in a row say what was true between them.
            for _ in 0..100_000 {
                let old = reader.find(&old_token, NOW).await.or_panic("find");
                let old_is_over = !matches!(old, Some(Found::Live(_)));
                let new = reader.find(&new_token, NOW).await.or_panic("find");
                let new_is_live = matches!(new, Some(Found::Live(_)));
                assert!(new_is_live || !old_is_over, "neither is live");
                if new_is_live {
                    let old = reader.find(&old_token, NOW).await.or_panic("find");
                    assert!(!matches!(old, Some(Found::Live(_))), "both are live");
                    return;
                }
                tokio::task::yield_now().await;
            }
            panic!("the new session never came to be");
        };
        race_two(sign_in, look).await;
    }
}

/// The new session gets the old one's data as it is in that very step, so no write that was
/// acknowledged before is lost: all of it, some keys, or nothing, with the new session's own
/// changes on top. A session that is gone carries nothing. Of several sign-ins that race from one
/// session all succeed and one carries.
pub async fn sign_in_carries_every_write(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    carries_what_it_is_told(&db).await;

    for round in 0..rounds(12) {
        // One browser goes on adding to its cart while it signs in.
        let old = db.make(with_data(visitor(NOW), "cart", 0), NOW).await;
        let new = replacing(signed_in("ann", NOW), &old);
        let new_token = new.token;
        let (writer, signer) = (db.client(0), db.client(1));
        let write = async move {
            let mut acknowledged = 0;
            for item in 1..500 {
                let change = setting(&format!("item {item}"), item);
                match writer.update(&old, &change, NOW).await.or_panic("update") {
                    Updated::Applied(_) => acknowledged = item,
                    Updated::Missing => break,
                    other => panic!("a plain write was answered {other:?}"),
                }
                tokio::task::yield_now().await;
            }
            acknowledged
        };
        let sign_in = async move {
            // Somewhere amid the writes.
            for _ in 0..round % 8 {
                tokio::task::yield_now().await;
            }
            signer.create(new, NOW).await.or_panic("create")
        };
        let (acknowledged, created) = race_two(write, sign_in).await;
        assert!(created.replaced, "the old session was live");
        let session = db.live(&new_token, NOW).await;
        assert_eq!(session.data, created.session.data, "what create says it carried");
        for item in 1..=acknowledged {
            let key = format!("item {item}");
            assert!(session.data.get(&key).is_some(), "acknowledged and not carried: {key}");
        }
        assert_eq!(session.data.len(), acknowledged + 1, "carried and never acknowledged");
    }

    for _ in 0..rounds(6) {
        let old = db.make(with_data(visitor(NOW), "cart", 1), NOW).await;
        let racers = (0..8).map(|n| {
            let client = db.client(n);
            let new = replacing(signed_in(&format!("user {n}"), NOW), &old);
            let session = named(&new);
            async move { (session, client.create(new, NOW).await.or_panic("create")) }
        });
        let mut carried = 0;
        for (session, created) in race(racers).await {
            let found = db.live(&hash(&session), NOW).await;
            let has_cart = found.data.get("cart").is_some();
            assert_eq!(has_cart, created.replaced, "who replaced it has its data, and nobody else");
            carried += u32::from(has_cart);
        }
        assert_eq!(carried, 1, "so many of the racing sign-ins carried the cart");
        assert!(!db.is_live(&old, NOW).await, "the old session outlived its sign-ins");
    }
}

async fn carries_what_it_is_told(db: &Db) {
    let keys = |keys: &[&str]| Carry::Keys(keys.iter().map(|&key| key.to_owned()).collect());
    let old_data = r#"{"a":1,"b":{"c":2},"":3,"d.e":null}"#;
    let all = |new: &mut NewSession| _ = new;
    let patched = |new: &mut NewSession| {
        new.patch.set("a", 9.into());
        new.patch.remove("b");
        new.patch.set("new", true.into());
    };
    let cleared = |new: &mut NewSession| {
        new.patch.clear();
        new.patch.set("new", true.into());
    };
    type Change = fn(&mut NewSession);
    let cases: [(&str, Carry, Change, &str); 8] = [
        ("everything", Carry::All, all, old_data),
        ("nothing", Carry::Nothing, all, "{}"),
        ("no key", keys(&[]), all, "{}"),
        ("some keys", keys(&["b", "d.e", "absent"]), all, r#"{"b":{"c":2},"d.e":null}"#),
        ("odd keys", keys(&["", "d", "e"]), all, r#"{"":3}"#),
        (
            "everything, with changes on top",
            Carry::All,
            patched,
            r#"{"a":9,"":3,"d.e":null,"new":true}"#,
        ),
        ("a key, with changes on top", keys(&["b", "a"]), patched, r#"{"a":9,"new":true}"#),
        ("a patch that clears", Carry::All, cleared, r#"{"new":true}"#),
    ];
    for (case, carry, change, expected) in cases {
        let mut old = visitor(NOW);
        for (key, value) in data(old_data).iter() {
            old.patch.set(key, value.clone());
        }
        let old = db.make(old, NOW).await;
        let mut new = signed_in("carrier", NOW);
        change(&mut new);
        check_carried(db, case, new, &old, carry, expected, true).await;
    }

    // Written after it was read: what counts is what is stored now.
    let old = db.make(with_data(visitor(NOW), "cart", 1), NOW).await;
    db.apply(&old, &setting("cart", 2), NOW).await;
    let new = signed_in("carrier", NOW);
    check_carried(db, "a later write", new, &old, Carry::All, r#"{"cart":2}"#, true).await;

    // Known by its name alone, and named with a token that was rotated since.
    let old = db.make(with_data(visitor(NOW), "cart", 1), NOW).await;
    let new = signed_in("carrier", NOW);
    let by_id = SessionRef::by_id(old.id);
    check_carried(db, "by its id", new, &by_id, Carry::All, r#"{"cart":1}"#, true).await;
    let old = db.make(with_data(visitor(NOW), "cart", 1), NOW).await;
    let rotation = Rotation::Graceful { token: token(), grace_until: at(30) };
    db.apply(&old, &SessionChange::rotation(rotation), NOW).await;
    let new = signed_in("carrier", NOW);
    check_carried(db, "rotated since", new, &old, Carry::All, r#"{"cart":1}"#, true).await;

    // Not live: nothing to carry, and no error.
    let gone = db.make(with_data(visitor(NOW), "cart", 1), NOW).await;
    db.remove(&gone, None, EndedBy::SignedOut, NOW).await;
    let new = with_data(signed_in("carrier", NOW), "new", 1);
    check_carried(db, "removed", new, &gone, Carry::All, r#"{"new":1}"#, false).await;
    let expired = db.make(with_data(visitor(at(-LIFE)), "cart", 1), at(-LIFE)).await;
    let new = signed_in("carrier", at(1));
    check_carried(db, "expired", new, &expired, Carry::All, "{}", false).await;
}

async fn check_carried(
    db: &Db,
    case: &str,
    new: NewSession,
    old: &SessionRef,
    carry: Carry,
    expected: &str,
    replaced: bool,
) {
    let mut new = replacing(new, old);
    if let Some(replace) = &mut new.replaces {
        replace.carry = carry;
    }
    let (session, now) = (named(&new), new.record.created_at);
    let created = db.create(new, now).await;
    assert_eq!(created.replaced, replaced, "{case}: whether it replaced a live session");
    let (said, stored) = (created.session, db.live(&hash(&session), now).await);
    let expected = data(expected);
    assert_eq!(said.data.as_map(), expected.as_map(), "{case}: the data that create returned");
    assert_eq!(stored.data.as_map(), expected.as_map(), "{case}: the data that was stored");
}

fn data(json: &str) -> session_core::Data {
    session_core::Data::from_json(json.as_bytes()).expect("session data")
}
