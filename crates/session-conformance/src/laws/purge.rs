//! The law of the purge: a little at a time, and never what lives.

use session_core::{
    EndedBy, Found, PurgeReport, Purged, Rotation, SessionChange, SessionRef, Updated,
    tombstone_expiry,
};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, expiring, hash, just_before, signed_in, sorted, token, touching,
    visitor,
};
use crate::race::{race, race_two};
use crate::run::rounds;
use crate::subject::Fresh;

/// One call looks at no more than `limit` due sessions (0 counts as 1) and as many tombstones, says
/// how many sessions went, and that more may be due if it stopped at the limit; calling until it
/// says no more ends, and then everything due is gone. It never removes a session that was renewed
/// meanwhile. Several servers may purge at once, and each session is counted once.
pub async fn purge_is_bounded(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    assert_eq!(db.purge(NOW, 10).await, Purged::default(), "nothing there");

    let mut stay = Vec::new();
    for n in 0..25 {
        let new = if n % 2 == 0 { visitor(NOW) } else { signed_in(&format!("user {n}"), NOW) };
        db.make(expiring(new, at(60 + n % 3)), NOW).await;
    }
    for _ in 0..5 {
        stay.push(db.make(signed_in("ann", NOW), NOW).await);
    }
    assert_eq!(db.purge_all(just_before(at(60)), 10).await, 0, "before any of them expired");
    let purged = db.purge(at(60), 3).await;
    assert!(purged.removed <= 3 && purged.more, "nine were due, and the limit was 3: {purged:?}");
    let purged = purged.removed + db.purge_all(at(60), 3).await;
    assert_eq!(purged, 9, "those that expire at this very moment, in batches of 3");
    let purged = db.purge(at(100), 0).await;
    assert!(purged.removed <= 1 && purged.more, "a limit of 0 counts as 1: {purged:?}");
    let purged = purged.removed + db.purge_all(at(100), 0).await;
    assert_eq!(purged, 16, "the rest, one by one");
    assert_eq!(db.purge_all(at(100), u32::MAX).await, 0, "nothing is due any more");
    check_live(&db, &stay, "a live session").await;

    // Renewed: by touches, far beyond what they were made for. The purge still comes to an end.
    let mut renewed = Vec::new();
    for n in 0..12 {
        let session = db.make(expiring(visitor(at(100)), at(160)), at(100)).await;
        if n % 3 < 2 {
            db.apply(&session, &touching(at(150), at(LIFE)), at(150)).await;
            renewed.push(session);
        }
    }
    for limit in [1, 3, 100] {
        let purged = db.purge_all(at(200), limit).await;
        assert_eq!(purged, if limit == 1 { 4 } else { 0 }, "those that nobody renewed");
        check_live(&db, &renewed, "a renewed session").await;
    }
    assert_eq!(db.purge_all(at(LIFE), 5).await, 13, "in the end they expire as well");

    // Tombstones are due as well, and are not counted.
    let over = at(2 * LIFE);
    for n in 0..25 {
        let session = db.make(signed_in("bob", over), over).await;
        if n % 2 == 0 {
            let rotation = Rotation::Immediate { token: token() };
            db.apply(&session, &SessionChange::rotation(rotation), over).await;
        }
        db.remove(&session, None, EndedBy::SignedOut, over).await;
    }
    let due = tombstone_expiry(over, None);
    assert_eq!(db.purge_all(just_before(due), 10).await, 0, "before any tombstone is due");
    let purged = db.purge(due, 10).await;
    let expected = Purged { removed: 0, more: true, expired: Vec::new() };
    assert_eq!(purged, expected, "38 tombstones due, and 10 looked at");
    assert_eq!(db.purge_all(due, 10).await, 0, "tombstones are not counted");

    names_those_that_went(&db).await;
    race_each_other(&db).await;
    race_with_renewal(&db).await;
}

/// Which went, and whose: only if somebody asks.
async fn names_those_that_went(db: &Db) {
    let (born, due) = (at(3 * LIFE), at(3 * LIFE + 60));
    let mut expected = Vec::new();
    for n in 0..9 {
        let new = if n % 3 == 0 { visitor(born) } else { signed_in(&format!("e{n}"), born) };
        let session = db.make(expiring(new, due), born).await;
        if n % 4 == 3 {
            db.apply(&session, &touching(born, at(9 * LIFE)), born).await;
        } else {
            expected.push((session.id, session.user));
        }
    }
    let mut named = Vec::new();
    for _ in 0..20 {
        let purged = db.next().purge_expired(due, 4, PurgeReport::Sessions).await;
        let purged = purged.or_panic("purge_expired");
        assert_eq!(purged.expired.len() as u64, purged.removed, "each that went, and no other");
        named.extend(purged.expired.into_iter().map(|session| (session.id, session.user_id)));
        if !purged.more {
            break;
        }
    }
    assert_eq!(sorted(named), sorted(expected), "those that went, and whose they were");
    db.make(expiring(signed_in("unasked", born), due), born).await;
    assert_eq!(db.purge(due, 4).await.expired, [], "nobody asked");
    db.remove_user(&crate::db::user("e7"), None, EndedBy::Revoked, due).await;
}

async fn check_live(db: &Db, sessions: &[SessionRef], what: &str) {
    for session in sessions {
        assert!(db.is_live(session, at(200)).await, "{what} was purged");
    }
}

async fn race_each_other(db: &Db) {
    let (born, due) = (at(4 * LIFE), at(5 * LIFE));
    for _ in 0..rounds(2) {
        for _ in 0..24 {
            db.make(expiring(visitor(born), due), born).await;
        }
        let racers = (0..6).map(|n| {
            let client = db.client(n);
            async move {
                let mut removed = 0;
                for _ in 0..100 {
                    let purged = client
                        .purge_expired(due, 4, Default::default())
                        .await
                        .or_panic("purge_expired");
                    assert!(purged.removed <= 4, "{} with a limit of 4", purged.removed);
                    removed += purged.removed;
                    if !purged.more {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                removed
            }
        });
        // One that another server has in its hands may be skipped, so look once more.
        let removed: u64 = race(racers).await.into_iter().sum();
        let removed = removed + db.purge_all(due, 4).await;
        assert_eq!(removed, 24, "each is counted once, whoever purged it");
    }
}

async fn race_with_renewal(db: &Db) {
    let (born, expires_at) = (at(6 * LIFE), at(7 * LIFE));
    for _ in 0..rounds(6) {
        let mut sessions = Vec::new();
        for _ in 0..6 {
            sessions.push(db.make(expiring(visitor(born), expires_at), born).await);
        }
        let (purger, renewer, renewed) = (db.client(0), db.client(1), sessions.clone());
        let renew = async move {
            let now = just_before(expires_at);
            let mut kept = Vec::new();
            for session in renewed {
                let change = touching(now, at(9 * LIFE));
                match renewer.update(&session, &change, now).await.or_panic("update") {
                    Updated::Applied(_) => kept.push(session),
                    Updated::Missing => {}
                    other => panic!("a touch was answered {other:?}"),
                }
                tokio::task::yield_now().await;
            }
            kept
        };
        let purge = async move {
            for _ in 0..20 {
                let purged = purger
                    .purge_expired(expires_at, 2, Default::default())
                    .await
                    .or_panic("purge_expired");
                if !purged.more {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        let (kept, ()) = race_two(renew, purge).await;
        for session in &sessions {
            let live =
                matches!(db.find(&hash(session), expires_at).await, Some(Found::Live { .. }));
            let acknowledged = kept.iter().any(|kept| kept.id == session.id);
            assert_eq!(
                live, acknowledged,
                "a renewal that was acknowledged, and a purge beside it"
            );
        }
    }
}
