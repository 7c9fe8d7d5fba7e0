//! Laws of changing a session: only at the version named, and never one that is gone.

use serde_json::json;
use session_core::{
    EndedBy, Found, Patch, Reauthentication, Rotation, SessionChange, SessionRef, Updated,
};

use crate::db::{
    Db, LIFE, NOW, OrPanic, applied, at, describe, hash, named, presenting, replacing, setting,
    signed_in, token, touching, user, visitor, with_cap, with_data,
};
use crate::race::{race, race_two};
use crate::run::rounds;
use crate::subject::Fresh;

/// An update that names a version applies only at that version; else it is `Conflict`, and nothing
/// of it happens, neither patch nor touch nor rotation. Data writes move the version by one;
/// touches, rotations and re-authentications do not. Of several that race at one version one
/// applies.
pub async fn compare_and_set(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    let session = db.make(with_data(signed_in("ann", NOW), "n", 0), NOW).await;

    let answer = db.apply(&session, &at_version(0, setting("n", 1)), NOW).await;
    assert_eq!(answer.version, 1, "a data write moves the version by one");
    let next = token();
    let mut everything = setting("n", 2);
    everything.touch = touching(at(10), at(2 * LIFE)).touch;
    everything.rotation = Some(Rotation::Graceful { token: next, grace_until: at(40) });
    let before = db.live(&hash(&session), NOW).await;
    for wrong in [0, 2, u64::from(u32::MAX)] {
        let change = at_version(wrong, everything.clone());
        let updated = db.update(&session, &change, at(10)).await;
        assert_eq!(updated, Updated::Conflict, "version {wrong} where 1 is stored");
        let after = db.live(&hash(&session), at(10)).await;
        assert_eq!(after, before, "a conflict changed something");
        assert!(db.find(&next, at(10)).await.is_none(), "a conflict rotated the token");
    }

    // The order of the conditions: a wrong version is told before a rotation that does not apply.
    let mut stale = at_version(9, everything.clone());
    stale.max_bytes = 1;
    let updated = db.update(&presenting(&session, token()), &stale, at(10)).await;
    assert_eq!(updated, Updated::Conflict, "the version is looked at before token and size");

    // What is no data write leaves the version, and may name it.
    for (what, change) in [
        ("nothing at all", SessionChange::default()),
        ("a touch", touching(at(20), at(2 * LIFE))),
        (
            "a rotation",
            SessionChange::rotation(Rotation::Graceful { token: next, grace_until: at(60) }),
        ),
    ] {
        let answer = db.apply(&session, &at_version(1, change), at(20)).await;
        assert_eq!(answer.version, 1, "{what} moved the version");
    }
    let session = presenting(&session, next);
    let again = token();
    let mut change = at_version(1, SessionChange::rotation(Rotation::Immediate { token: again }));
    change.reauthentication = Some(Reauthentication {
        expires_at: at(LIFE),
        absolute_expires_at: None,
        ip_address: None,
    });
    let answer = db.apply(&session, &change, at(30)).await;
    assert_eq!(answer.version, 1, "a re-authentication moved the version");
    let session = presenting(&session, again);
    assert_eq!(db.live(&again, at(30)).await.version, 1, "the version that is stored");

    // Everything at once, at the right version.
    let last = token();
    everything.rotation = Some(Rotation::Graceful { token: last, grace_until: at(90) });
    let answer = db.apply(&session, &at_version(1, everything), at(60)).await;
    let stored = db.live(&last, at(60)).await;
    assert_eq!((answer.version, stored.version), (2, 2));
    assert_eq!(stored.data.get("n"), Some(&json!(2)));

    // Counting: every turn is read, changed, and written where nobody came between.
    const COUNTERS: usize = 8;
    const TURNS: u64 = 3;
    for _ in 0..rounds(2) {
        let session = db.make(with_data(visitor(NOW), "n", 0), NOW).await;
        let racers = (0..COUNTERS).map(|n| {
            let (client, session) = (db.client(n), session.clone());
            async move {
                let mut done = 0;
                while done < TURNS {
                    let found = client.find(&hash(&session), NOW).await.or_panic("find");
                    let read = crate::db::live(found);
                    let count = read.data.get("n").and_then(serde_json::Value::as_u64);
                    let change = setting("n", count.expect("a number") + 1);
                    let change = at_version(read.version, change);
                    match client.update(&session, &change, NOW).await.or_panic("update") {
                        Updated::Applied(answer) => {
                            assert_eq!(answer.version, read.version + 1);
                            done += 1;
                        }
                        Updated::Conflict => tokio::task::yield_now().await,
                        other => panic!("a plain write was answered {other:?}"),
                    }
                }
            }
        });
        race(racers).await;
        let stored = db.live(&hash(&session), NOW).await;
        let expected = u64::try_from(COUNTERS).expect("a small number") * TURNS;
        assert_eq!(stored.data.get("n"), Some(&json!(expected)), "counts that were lost");
        assert_eq!(stored.version, expected);
    }
}

fn at_version(version: u64, mut change: SessionChange) -> SessionChange {
    change.if_version = Some(version);
    change
}

/// Any change to a session that is missing (ended in whatever way, or never made) is `Missing` and
/// leaves nothing behind. So a sign-out wins: once it returned, no request that is still under way
/// can bring the session back.
pub async fn update_never_creates(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    let ann = user("ann");

    let removed = db.make(signed_in("ann", NOW), NOW).await;
    assert!(db.remove(&removed, None, EndedBy::SignedOut, NOW).await);
    let revoked = db.make(signed_in("ann", NOW), NOW).await;
    db.remove_user(&ann, None, EndedBy::Revoked, NOW).await;
    let replaced = db.make(signed_in("ann", NOW), NOW).await;
    let heir = db.make(replacing(signed_in("bob", NOW), &replaced), NOW).await;
    let evicted = db.make(signed_in("bob", at(-1)), NOW).await;
    db.make(with_cap(signed_in("bob", NOW), 2), NOW).await;
    assert!(db.is_live(&heir, NOW).await);
    let never = named(&signed_in("ann", NOW));
    for (case, session) in [
        ("signed out", removed),
        ("revoked", revoked),
        ("replaced", replaced),
        ("evicted", evicted),
        ("never made", never),
    ] {
        let owner = session.user.clone().expect("a user");
        let others = db.ids(&owner, NOW).await;
        for (what, change) in changes() {
            // With everything that is known of it, and by its name alone.
            for session in [session.clone(), SessionRef::by_id(session.id)] {
                let updated = db.update(&session, &change, NOW).await;
                assert_eq!(updated, Updated::Missing, "{what} of a session that is {case}");
            }
            let found = db.find(&hash(&session), NOW).await;
            let over = matches!(found, None | Some(Found::Ended { .. }));
            assert!(over, "{what} of a session that is {case}: {}", describe(found.as_ref()));
            if let Some(rotation) = &change.rotation {
                let found = db.find(rotation.token(), NOW).await;
                assert!(found.is_none(), "{what}, {case}: {}", describe(found.as_ref()));
            }
            assert_eq!(db.ids(&owner, NOW).await, others, "{what} of a session that is {case}");
        }
    }
    assert!(db.list(&ann, NOW).await.is_empty());

    for round in 0..rounds(10) {
        let session = db.make(with_data(signed_in("ann", NOW), "k", 0), NOW).await;
        let (writer, ender) = (db.client(0), db.client(1));
        let (written, ended) = (session.clone(), session.clone());
        let write = async move {
            for n in 0..200 {
                let updated = writer.update(&written, &setting("k", n), NOW).await;
                if updated.or_panic("update") == Updated::Missing {
                    // Once more, now that it is surely gone.
                    return writer
                        .update(&written, &setting("k", -1), NOW)
                        .await
                        .or_panic("update");
                }
                tokio::task::yield_now().await;
            }
            Updated::Missing
        };
        let sign_out = async move {
            for _ in 0..round % 5 {
                tokio::task::yield_now().await;
            }
            assert!(
                ender.remove(&ended, None, EndedBy::SignedOut, NOW).await.or_panic("remove"),
                "it was live"
            );
            let found = ender.find(&hash(&ended), NOW).await.or_panic("find");
            assert!(
                !matches!(found, Some(Found::Live(_) | Found::Grace { .. })),
                "after the sign-out returned: {}",
                describe(found.as_ref())
            );
        };
        let (last, ()) = race_two(write, sign_out).await;
        assert_eq!(last, Updated::Missing, "a write after the sign-out");
        assert!(!db.is_live(&session, NOW).await, "a late write brought it back");
        assert!(db.list(&ann, NOW).await.is_empty(), "a late write brought it back");
    }

    // And one that is live goes on being changed by others.
    let session = db.make(signed_in("ann", NOW), NOW).await;
    applied(db.update(&session, &setting("k", 1), NOW).await);
}

fn changes() -> Vec<(&'static str, SessionChange)> {
    let mut clear = Patch::new();
    clear.clear();
    let mut reauthentication = SessionChange::rotation(Rotation::Immediate { token: token() });
    reauthentication.reauthentication = Some(Reauthentication {
        expires_at: at(LIFE),
        absolute_expires_at: None,
        ip_address: None,
    });
    let rotation = Rotation::Graceful { token: token(), grace_until: at(30) };
    // A condition that fails as well: missing is told first.
    let mut conditional = at_version(9, setting("k", "x".repeat(100)));
    conditional.max_bytes = 1;
    vec![
        ("no change", SessionChange::default()),
        ("a patch", setting("k", 1)),
        ("a patch that clears", SessionChange::patch(clear)),
        ("a touch", touching(NOW, at(LIFE))),
        ("a rotation", SessionChange::rotation(rotation)),
        ("a re-authentication", reauthentication),
        ("a patch at a version", conditional),
    ]
}
