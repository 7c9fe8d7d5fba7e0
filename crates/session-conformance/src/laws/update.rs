//! The law of versions: who names one changes no other.

use serde_json::json;
use session_core::{
    Applied, Lifetime, NewLifetime, Rotation, SessionChange, SessionData, Timestamp, Updated,
};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, ended, hash, presented, presenting, reauthenticating, rotating,
    setting, showing, signed_in, token, touching, visitor, with_data,
};
use crate::race::race;
use crate::run::rounds;
use crate::subject::Fresh;

/// An update that names a version applies only at that version; else it is `Conflict`, and nothing
/// of it happens, neither patch nor touch nor rotation nor lifetime. Data writes move the version by
/// one; touches, lifetimes, rotations and re-authentications do not. Of several that race at one
/// version one applies. What the answer says is what is stored.
pub async fn compare_and_set(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    let session = db.make(with_data(signed_in("ann", NOW), "n", 0), NOW).await;

    let answer = db.apply(&session, &at_version(0, setting("n", 1)), NOW).await;
    assert_eq!(answer.version, 1, "a data write moves the version by one");
    let next = token();
    let mut everything = presented(setting("n", 2));
    everything.touch = touching(at(10), at(2 * LIFE)).touch;
    everything.lifetime = lifetime(at(3 * LIFE)).lifetime;
    everything.rotation = Some(Rotation::Graceful { token: next, grace_until: at(40) });
    let before = db.live(&hash(&session), NOW).await;
    for wrong in [0, 2, u64::from(u32::MAX)] {
        let change = at_version(wrong, everything.clone());
        let updated = db.update(&session, &change, at(10)).await;
        assert_eq!(updated, Updated::Conflict, "version {wrong} but 1 is stored");
        let after = db.live(&hash(&session), at(10)).await;
        assert_eq!(after, before, "a conflict changed something");
        assert!(db.find(&next, at(10)).await.is_none(), "a conflict rotated the token");
        assert!(!db.token_seen(&hash(&session), at(10)).await, "a conflict shows no token");
    }

    // The order of the conditions: a wrong version is told before a rotation that does not apply.
    let spare = token();
    db.apply(&session, &rotating(spare, at(LIFE)), NOW).await;
    let mut stale = at_version(9, everything.clone());
    stale.max_bytes = 1;
    let updated = db.update(&session, &stale, at(10)).await;
    assert_eq!(updated, Updated::Conflict, "the version is looked at before rotation and size");
    let session = presenting(&session, spare);

    // What is no data write leaves the version, and may name it.
    for (what, change) in [
        ("nothing at all", SessionChange::default()),
        ("a touch", touching(at(20), at(2 * LIFE))),
        ("a touch that is not due", touching(at(19), at(4 * LIFE))),
        ("a touch that shows the token", showing()),
        ("a shorter life", lifetime(at(LIFE / 2))),
        ("a longer one", lifetime(at(2 * LIFE))),
        ("a rotation", rotating(next, at(60))),
    ] {
        let answer = db.apply(&session, &at_version(1, change), at(20)).await;
        assert_eq!(answer.version, 1, "{what} moved the version");
        let current = if what == "a rotation" { next } else { spare };
        is_stored(what, &answer, &*db.live(&current, at(20)).await);
    }
    let session = presenting(&session, next);
    let again = token();
    let change = at_version(1, reauthenticating(again, at(LIFE)));
    let answer = db.apply(&session, &change, at(30)).await;
    assert_eq!(answer.version, 1, "a re-authentication moved the version");
    let session = presenting(&session, again);
    let stored = db.live(&again, at(30)).await;
    assert_eq!(stored.version, 1, "the version that is stored");
    is_stored("a re-authentication", &answer, &stored);

    // Everything at once, at the right version.
    let last = token();
    everything.rotation = Some(Rotation::Graceful { token: last, grace_until: at(90) });
    let answer = db.apply(&session, &at_version(1, everything), at(60)).await;
    let stored = db.live(&last, at(60)).await;
    assert_eq!(stored.version, 2);
    is_stored("everything at once", &answer, &stored);
    // Also through the token that is in grace by now.
    let answer = db.apply(&session, &setting("m", 1), at(60)).await;
    is_stored("in grace", &answer, &*db.live(&last, at(60)).await);
    ended(db.find(&next, at(60)).await);
    assert_eq!(stored.data.get("n"), Some(&json!(2)));

    // Counting: every turn is read, changed, and written if nobody came between.
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

/// Whether the answer tells what is stored.
#[track_caller]
fn is_stored(case: &str, answer: &Applied, stored: &SessionData) {
    let said = (answer.version, answer.expires_at, answer.lifetime);
    assert_eq!(said, (stored.version, stored.expires_at, stored.lifetime()), "{case}");
    assert!(answer.ended.is_empty(), "{case} ended other sessions");
}

fn lifetime(expires_at: Timestamp) -> SessionChange {
    let lifetime = Lifetime::new().idle(crate::db::secs(600)).until(at(5 * LIFE));
    let lifetime = Some(NewLifetime { lifetime, expires_at });
    let mut change = SessionChange::default();
    change.lifetime = lifetime;
    change
}

fn at_version(version: u64, mut change: SessionChange) -> SessionChange {
    change.if_version = Some(version);
    change
}
