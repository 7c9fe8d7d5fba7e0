//! The law of what a sign-in takes along from the session that it replaces.

use session_core::{
    CARRY_LIFETIME, Carry, EndedBy, NewSession, Rotation, SessionChange, SessionRef, Updated,
};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, hash, just_before, named, presenting, replacing, setting,
    signed_in, token, user, visitor, with_data,
};
use crate::race::{race, race_two};
use crate::run::rounds;
use crate::subject::Fresh;

/// The new session gets the old one's data as it is in that very step, so no write that was
/// acknowledged before is lost: all of it, some keys, or nothing, with the new session's own
/// changes on top. A session that is gone carries nothing, with one exception: of several sign-ins
/// from one session, racing or within ten seconds, all succeed, and each of the user whose sign-in
/// came first carries what the session held when it was replaced; not what was written since, and
/// not what was another user's. Another user's sign-in, or a later one, carries nothing.
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

    for round in 0..rounds(6) {
        sign_in_at_once(&db, round).await;
    }
    carries_once_more(&db).await;
    carries_nobody_elses(&db).await;
}

/// Two users' sign-ins, each sent several times, race for one visitor's session; in other rounds it is
/// one user's own.
async fn sign_in_at_once(db: &Db, round: u32) {
    let is_own = round % 2 == 1;
    let name = |n: usize| if is_own || n.is_multiple_of(2) { "one" } else { "two" };
    let old = if is_own { signed_in("one", NOW) } else { visitor(NOW) };
    let old = db.make(with_data(old, "cart", 1), NOW).await;
    let racers = (0..8).map(|n| {
        let client = db.client(n);
        let new = replacing(with_data(signed_in(name(n), NOW), "own", n), &old);
        let session = named(&new);
        async move { (session, client.create(new, NOW).await.or_panic("create")) }
    });
    let made = race(racers).await;
    let mut first = made.iter().filter(|(_, created)| created.replaced);
    let winner = first.next().expect("one of them replaced it").0.user.clone();
    assert!(first.next().is_none(), "two of them replaced one session");
    for (session, created) in made {
        let found = db.live(&hash(&session), NOW).await;
        let has_cart = found.data.get("cart").is_some();
        assert_eq!(found.data, created.session.data, "what create says it carried");
        assert_eq!(has_cart, session.user == winner, "{:?} after {winner:?}", session.user);
        assert_eq!(found.data.len(), 1 + usize::from(has_cart), "what another of them wrote");
    }
    assert!(!db.is_live(&old, NOW).await, "the old session outlived its sign-ins");
}

/// A form that is sent twice, one after the other.
async fn carries_once_more(db: &Db) {
    let secs = i64::try_from(CARRY_LIFETIME.as_secs()).expect("a small number");
    for (case, old) in [("a visitor's", visitor(NOW)), ("her own", signed_in("ann", NOW))] {
        let old = db.make(with_data(old, "cart", 1), NOW).await;
        let (next, spent) = (token(), hash(&old));
        let rotation = Rotation::Graceful { token: next, grace_until: at(30) };
        db.apply(&old, &SessionChange::rotation(rotation), NOW).await;
        let old = presenting(&old, next);
        db.apply(&old, &setting("cart", 2), NOW).await;

        let new = replacing(with_data(signed_in("ann", at(1)), "own", 1), &old);
        let first = named(&new);
        assert!(db.create(new, at(1)).await.replaced, "{case}");
        db.apply(&first, &setting("grant", true), at(1)).await;
        db.purge_all(at(2), 100).await;

        let (nobody, cart) = (None, r#"{"cart":2}"#);
        let keys = Carry::Keys(vec!["own".to_owned(), "grant".to_owned()]);
        let over = at(1 + secs);
        for (what, by, token, carry, now, expected) in [
            ("at once", Some("ann"), next, Carry::All, at(1), cart),
            ("a third time", Some("ann"), next, Carry::All, at(2), cart),
            ("with the token that was in grace", Some("ann"), spent, Carry::All, at(2), cart),
            ("in the end", Some("ann"), next, Carry::All, just_before(over), cart),
            ("nothing", Some("ann"), next, Carry::Nothing, at(2), "{}"),
            ("what was written since", Some("ann"), next, keys, at(2), "{}"),
            ("another user", Some("bob"), next, Carry::All, at(2), "{}"),
            ("a visitor", nobody, next, Carry::All, at(2), "{}"),
            ("too late", Some("ann"), next, Carry::All, over, "{}"),
            ("after that", Some("ann"), spent, Carry::All, at(200), "{}"),
        ] {
            let case = format!("once more from {case}: {what}");
            let new = by.map_or_else(|| visitor(now), |name| signed_in(name, now));
            let old = presenting(&old, token);
            check_carried(db, &case, new, &old, carry, expected, false).await;
        }
    }

    // Whoever only names it gets nothing.
    let old = db.make(with_data(visitor(NOW), "cart", 1), NOW).await;
    db.make(replacing(signed_in("ann", NOW), &old), NOW).await;
    let other = db.make(visitor(NOW), NOW).await;
    for (case, token) in [("never issued", token()), ("another session's", hash(&other))] {
        let (new, old) = (signed_in("ann", NOW), presenting(&old, token));
        check_carried(db, case, new, &old, Carry::All, "{}", false).await;
    }
}

/// The first sign-in knew that the session was another user's, and carried nothing; the second one
/// finds it ended and does not know.
async fn carries_nobody_elses(db: &Db) {
    let old = db.make(with_data(signed_in("bob", NOW), "secret", 1), NOW).await;
    let new = signed_in("ann", NOW);
    check_carried(db, "another's", new, &old, Carry::Nothing, "{}", true).await;
    for name in ["ann", "bob"] {
        let old = SessionRef { user: None, ..old.clone() };
        let new = signed_in(name, NOW);
        check_carried(db, "another's, again", new, &old, Carry::All, "{}", false).await;
    }
    db.remove_user(&user("ann"), None, EndedBy::Revoked, NOW).await;
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

    // Named with a token that was rotated since, and is in grace.
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
