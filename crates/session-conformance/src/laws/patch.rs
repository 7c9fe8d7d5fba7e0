//! Laws of data: patches from parallel requests commute, and every value comes back as it was.

use std::collections::HashSet;

use serde_json::{Value, json};
use session_core::{Data, Patch, Rotation, SessionChange, SessionRef};

use super::values::{assert_same, deep, odd_keys, odd_values, random_value};
use crate::db::{
    Db, LIFE, NOW, OrPanic, applied, at, hash, named, setting, token, touching, visitor, with_data,
};
use crate::race::{Random, race};
use crate::run::rounds;
use crate::subject::Fresh;

/// Patches to different keys from parallel requests all survive, whatever else happens to the
/// session at the same time; on one key the last to commit wins. Each moves the version by one, so
/// the order in which they committed can be read from their answers.
pub async fn patches_commute(fresh: &Fresh) {
    const WRITERS: usize = 12;
    const WRITES: usize = 4;
    let db = Db::open(fresh).await;
    for _ in 0..rounds(3) {
        let session = db.make(with_data(visitor(NOW), "untouched", 1), NOW).await;
        let racers = (0..WRITERS).map(|writer| {
            let (client, session) = (db.client(writer), session.clone());
            async move {
                let mut versions = Vec::new();
                for write in 0..WRITES {
                    let mut patch = Patch::new();
                    patch.set(format!("own {writer}.{write}"), write.into());
                    patch.set("shared", json!([writer, write]));
                    if write > 0 {
                        patch.remove(format!("own {writer}.{}", write - 1));
                    }
                    let mut change = SessionChange::patch(patch);
                    if writer % 3 == 0 {
                        change.touch = touching(NOW, at(LIFE + 1)).touch;
                    }
                    let updated = client.update(&session, &change, NOW).await;
                    let version = applied(updated.or_panic("update")).version;
                    versions.push((version, json!([writer, write])));
                    tokio::task::yield_now().await;
                }
                versions
            }
        });
        let mut versions: Vec<_> = race(racers).await.into_iter().flatten().collect();
        versions.sort_by_key(|(version, _)| *version);

        let stored = db.live(&hash(&session), NOW).await;
        for writer in 0..WRITERS {
            let own = |write: usize| stored.data.get(&format!("own {writer}.{write}"));
            let last = own(WRITES - 1);
            assert_eq!(last, Some(&json!(WRITES - 1)), "the last write of {writer} is lost");
            for write in 0..WRITES - 1 {
                assert_eq!(own(write), None, "what {writer} removed is back");
            }
        }
        assert_eq!(stored.data.get("untouched"), Some(&json!(1)), "a key that no patch names");
        let total = u64::try_from(WRITERS * WRITES).expect("a small number");
        let numbers: Vec<u64> = versions.iter().map(|(version, _)| *version).collect();
        assert_eq!(numbers, Vec::from_iter(1..=total), "each patch moves the version by one");
        assert_eq!(stored.version, total, "the version that is stored");
        let last = versions.last().map(|(_, value)| value);
        assert_eq!(stored.data.get("shared"), last, "on one key the last to commit wins");
    }

    // A rotation in between takes nothing away, and writes by the token before still land.
    for _ in 0..rounds(3) {
        let session = db.make(visitor(NOW), NOW).await;
        let next = token();
        let racers = (0..8).map(|n| {
            let (client, session) = (db.client(n), session.clone());
            let change = match n {
                0 => {
                    SessionChange::rotation(Rotation::Graceful { token: next, grace_until: at(30) })
                }
                _ => setting(&format!("key {n}"), n),
            };
            async move { applied(client.update(&session, &change, NOW).await.or_panic("update")) }
        });
        race(racers).await;
        let stored = db.live(&next, NOW).await;
        let keys: HashSet<&str> = stored.data.iter().map(|(key, _)| key).collect();
        assert_eq!(keys.len(), 7, "writes that raced with a rotation: {keys:?}");
    }
}

/// Under any key (dots, quotes, `$`, empty, emoji, a kilobyte long) strings, booleans, nulls and
/// structure come back equal; every `i64` and `u64` as that integer; every finite `f64` with the
/// same bits when it is read as one (but -0.0 may return as 0.0, and a whole number of 1e16 or more
/// as an integer). Null is a value and absent is not one; a value is put in the place of the one
/// before and never merged into it; a value may nest 128 deep and a patch may name thousands of
/// keys, and what was accepted can always be loaded.
pub async fn patch_is_exact(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    comes_back_exactly(&db).await;
    replaces_and_removes(&db).await;

    // Random patches, held against a model.
    for round in 0..rounds(3) {
        let mut random = Random::new(u64::from(round) + 1);
        let session = db.make(visitor(NOW), NOW).await;
        let mut model = Data::new();
        for step in 0..12 {
            let mut patch = Patch::new();
            if random.below(8) == 0 {
                patch.clear();
            }
            for _ in 0..=random.below(12) {
                let key = if random.below(4) == 0 {
                    odd_keys()[usize::try_from(random.below(20)).expect("small")].clone()
                } else {
                    format!("key {}", random.below(24))
                };
                if random.below(4) == 0 {
                    patch.remove(key);
                } else {
                    patch.set(key, random_value(&mut random, 3));
                }
            }
            patch.apply(&mut model);
            db.apply(&session, &SessionChange::patch(patch), NOW).await;
            check(&db, &format!("random patch {round}.{step}"), &session, &model).await;
        }
    }
}

async fn comes_back_exactly(db: &Db) {
    // Each odd value under each odd key, once by an update and once by a create.
    let mut expected = Data::new();
    let mut patch = Patch::new();
    let (keys, values) = (odd_keys(), odd_values());
    for n in 0..keys.len().max(values.len()) {
        let key = keys.get(n).cloned().unwrap_or_else(|| format!("value {n}"));
        let value = values[n % values.len()].clone();
        expected.insert(key.clone(), value.clone());
        patch.set(key, value);
    }
    let session = db.make(visitor(NOW), NOW).await;
    let answer = db.apply(&session, &SessionChange::patch(patch.clone()), NOW).await;
    assert_eq!(answer.version, 1);
    check(db, "odd keys and values, by an update", &session, &expected).await;
    let mut new = visitor(NOW);
    new.patch = patch;
    let session = named(&new);
    let created = db.create(new, NOW).await;
    check_data("odd keys and values, as create returns them", &created.session.data, &expected);
    check(db, "odd keys and values, by a create", &session, &expected).await;
    // A patch of one key leaves all the others as they are, in whatever form they are stored.
    db.apply(&session, &setting("one more", 1), NOW).await;
    expected.insert("one more", 1.into());
    check(db, "odd values that a later patch does not name", &session, &expected).await;

    // One key at a time: what a batch hides, such as a key that is taken for a path.
    let session = db.make(visitor(NOW), NOW).await;
    let mut expected = Data::new();
    for (n, key) in odd_keys().into_iter().enumerate() {
        let value = json!({ "n": n });
        db.apply(&session, &setting(&key, value.clone()), NOW).await;
        expected.insert(key, value);
    }
    check(db, "odd keys, one by one", &session, &expected).await;
    for key in odd_keys() {
        let mut patch = Patch::new();
        patch.remove(key.clone());
        db.apply(&session, &SessionChange::patch(patch), NOW).await;
        expected.remove(&key);
        check(db, &format!("{key:?} removed"), &session, &expected).await;
    }

    let session = db.make(visitor(NOW), NOW).await;
    let mut expected = Data::new();
    for (name, value) in [("arrays", deep(false)), ("objects", deep(true))] {
        db.apply(&session, &setting(name, value.clone()), NOW).await;
        expected.insert(name, value);
        check(db, "as deep as it may be", &session, &expected).await;
    }
    db.apply(&session, &setting("beside", 1), NOW).await;
    expected.insert("beside", 1.into());
    check(db, "a patch beside a deep value", &session, &expected).await;

    let session = db.make(visitor(NOW), NOW).await;
    let mut patch = Patch::new();
    for n in 0..2000 {
        patch.set(format!("key {n}"), n.into());
    }
    let mut expected = Data::new();
    patch.apply(&mut expected);
    db.apply(&session, &SessionChange::patch(patch), NOW).await;
    check(db, "two thousand keys set", &session, &expected).await;
    let mut patch = Patch::new();
    for n in 0..1999 {
        patch.remove(format!("key {n}"));
    }
    patch.apply(&mut expected);
    db.apply(&session, &SessionChange::patch(patch), NOW).await;
    check(db, "all but one of them removed", &session, &expected).await;
}

async fn replaces_and_removes(db: &Db) {
    type Change = fn(&mut Patch);
    let cases: [(&str, Value, Change, Value); 12] = [
        ("set", json!({"a": 1}), |p| p.set("b", 2.into()), json!({"a": 1, "b": 2})),
        ("null is a value", json!({}), |p| p.set("a", Value::Null), json!({"a": null})),
        (
            "null in the place of another",
            json!({"a": 1}),
            |p| p.set("a", Value::Null),
            json!({"a": null}),
        ),
        (
            "a null that stays",
            json!({"a": null}),
            |p| p.set("b", 1.into()),
            json!({"a": null, "b": 1}),
        ),
        (
            "an inner null that stays",
            json!({"a": {"n": null}}),
            |p| p.set("b", 1.into()),
            json!({"a": {"n": null}, "b": 1}),
        ),
        ("remove", json!({"a": 1, "b": 2}), |p| p.remove("a"), json!({"b": 2})),
        ("remove a null", json!({"a": null}), |p| p.remove("a"), json!({})),
        ("remove what is not there", json!({"b": 2}), |p| p.remove("a"), json!({"b": 2})),
        (
            "an object is replaced, not merged",
            json!({"a": {"x": 1, "n": {"y": 2}}}),
            |p| p.set("a", json!({"n": {}, "z": null})),
            json!({"a": {"n": {}, "z": null}}),
        ),
        (
            "an array is replaced",
            json!({"a": [1, 2, 3]}),
            |p| p.set("a", json!([4])),
            json!({"a": [4]}),
        ),
        (
            "clear and set",
            json!({"a": 1, "b": {"c": 2}}),
            |p| {
                p.clear();
                p.set("b", json!({"d": 3}));
            },
            json!({"b": {"d": 3}}),
        ),
        ("clear alone", json!({"a": 1}), Patch::clear, json!({})),
    ];
    for (case, before, change, after) in cases {
        let mut new = visitor(NOW);
        for (key, value) in before.as_object().into_iter().flatten() {
            new.patch.set(key.clone(), value.clone());
        }
        let session = db.make(new, NOW).await;
        let mut patch = Patch::new();
        change(&mut patch);
        let answer = db.apply(&session, &SessionChange::patch(patch), NOW).await;
        assert_eq!(answer.version, 1, "{case}: a patch moves the version, whatever it changes");
        let after = Data::from_iter(
            after.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())),
        );
        check(db, case, &session, &after).await;
    }
}

async fn check(db: &Db, case: &str, session: &SessionRef, expected: &Data) {
    check_data(case, &db.live(&hash(session), NOW).await.data, expected);
}

fn check_data(case: &str, stored: &Data, expected: &Data) {
    let keys = |data: &Data| {
        let mut keys: Vec<String> = data.iter().map(|(key, _)| key.to_owned()).collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(keys(stored), keys(expected), "{case}: the keys");
    for (key, value) in expected.iter() {
        let back = stored.get(key).expect("the keys are the same");
        assert_same(value, back, &|| format!("{case}: under {key:?}"));
    }
}
