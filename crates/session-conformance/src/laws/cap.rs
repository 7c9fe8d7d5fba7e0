//! Laws of the cap: it holds exactly, and takes those who were away longest.

use std::collections::HashSet;

use session_core::{Found, SessionChange, SessionId, SessionRef, Updated};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, expiring, hash, named, replacing, signed_in, sorted, token,
    touching, user, visitor, with_cap,
};
use crate::race::{race, race_two};
use crate::run::rounds;
use crate::subject::Fresh;

/// After any number of racing creates a user has at most `cap` live sessions, and exactly `cap`
/// if more were made; nobody who looks meanwhile sees more. Expired sessions, the one that is
/// replaced, and other users' do not count; a session without a user and a create without a cap
/// evict nothing.
pub async fn cap_is_exact(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    counts_what_counts(&db).await;

    for round in 0..rounds(5) {
        // Some begin with nobody, some at the cap already.
        const CAP: u32 = 3;
        const RACERS: usize = 12;
        let name = format!("racing {round}");
        let owner = user(&name);
        let mut made = Vec::new();
        for n in 0..round % 4 {
            made.push(db.make(signed_in(&name, at(-100 + i64::from(n))), NOW).await.id);
        }
        let racers = (0..=RACERS).map(|n| {
            let (client, owner) = (db.client(n), owner.clone());
            let new = with_cap(signed_in(&name, NOW), CAP);
            async move {
                if n == RACERS {
                    for _ in 0..20 {
                        let seen = client.list(&owner, NOW).await.or_panic("list").len();
                        assert!(seen <= 3, "amid racing creates {seen} sessions were live");
                        tokio::task::yield_now().await;
                    }
                    return None;
                }
                let id = new.record.id;
                let created = client.create(new, NOW).await.or_panic("create");
                assert!(!created.evicted.contains(&id), "the newcomer evicted itself");
                Some((id, created.evicted))
            }
        });
        let mut evicted = Vec::new();
        for (id, victims) in race(racers).await.into_iter().flatten() {
            made.push(id);
            evicted.extend(victims);
        }
        let live = db.ids(&owner, NOW).await;
        assert_eq!(live.len(), 3, "live sessions after {} were made under a cap of 3", made.len());
        // Nobody is lost, and nobody is evicted twice.
        assert_eq!(evicted.len() + live.len(), made.len(), "evicted {evicted:?}, live {live:?}");
        let accounted = sorted(evicted.iter().chain(&live).copied());
        assert_eq!(accounted, sorted(made), "evicted and live, together all that were made");
    }
}

async fn counts_what_counts(db: &Db) {
    let count = async |name: &str, now| db.ids(&user(name), now).await.len();
    for made in 1..=6 {
        let created = db.create(with_cap(signed_in("ann", at(made)), 4), at(made)).await;
        let live = usize::try_from(made.min(4)).expect("a small number");
        assert_eq!(count("ann", at(made)).await, live, "live after {made} under a cap of 4");
        assert_eq!(created.evicted.len(), usize::from(made > 4), "evicted by number {made}");
    }
    // Without a cap there is none.
    let created = db.create(signed_in("ann", at(10)), at(10)).await;
    assert!(created.evicted.is_empty());
    assert_eq!(count("ann", at(10)).await, 5, "a create without a cap");
    // Lowered: as many go as are above it.
    let created = db.create(with_cap(signed_in("ann", at(11)), 1), at(11)).await;
    assert_eq!(created.evicted.len(), 5);
    assert_eq!(count("ann", at(11)).await, 1, "a cap of one leaves the newcomer");

    // Nobody else's, and nobody's at all.
    db.make(with_cap(signed_in("bob", NOW), 1), NOW).await;
    assert_eq!(count("ann", at(11)).await, 1);
    let anonymous = db.make(with_cap(visitor(NOW), 1), NOW).await;
    db.make(with_cap(visitor(NOW), 1), NOW).await;
    assert!(db.is_live(&anonymous, NOW).await, "sessions without a user have no cap");

    // The session that is replaced makes room itself.
    let stays = db.make(signed_in("carl", NOW), NOW).await;
    let old = db.make(signed_in("carl", NOW), NOW).await;
    let new = with_cap(replacing(signed_in("carl", at(1)), &old), 2);
    let created = db.create(new, at(1)).await;
    assert!(created.evicted.is_empty(), "room was made by the session that was replaced");
    assert!(db.is_live(&stays, at(1)).await);
    assert_eq!(count("carl", at(1)).await, 2);

    // Expired ones make room as well.
    let stays = db.make(signed_in("dora", at(-1)), NOW).await;
    for _ in 0..3 {
        db.make(expiring(signed_in("dora", NOW), at(10)), NOW).await;
    }
    let created = db.create(with_cap(signed_in("dora", at(11)), 2), at(11)).await;
    assert!(created.evicted.is_empty(), "expired sessions were counted");
    assert!(db.is_live(&stays, at(11)).await);
    assert_eq!(count("dora", at(11)).await, 2);
}

/// The victims are the least recently active at the moment of eviction, touches that just committed
/// included; among equals the smallest id; never the newcomer, even if its own activity is the
/// oldest. Expired sessions are no victims. All their ids are returned, even if a lowered cap
/// makes them many.
pub async fn evicts_least_recently_active(fresh: &Fresh) {
    let db = Db::open(fresh).await;

    // (last active at, by the number of the session; the cap; who goes)
    for (case, active, cap, victims) in [
        ("the oldest activity", &[30, 10, 20][..], 3, &[1][..]),
        ("not the oldest session", &[30, 40, 20, 50], 4, &[2]),
        ("ties: the smallest id", &[10, 10, 10], 3, &[0]),
        ("a tie of the others", &[20, 10, 20, 10], 3, &[1, 3]),
        ("a lowered cap takes many", &[50, 40, 30, 20, 10, 60], 3, &[1, 2, 3, 4]),
        ("all but the newcomer", &[30, 10, 20], 1, &[0, 1, 2]),
        ("more active than the newcomer", &[3000, 4000], 2, &[0]),
    ] {
        let mut sessions = Vec::new();
        for (number, active) in (0_u8..).zip(active) {
            let mut new = signed_in(case, NOW);
            new.record.id = numbered(case, number);
            new.record.last_active_at = at(*active);
            sessions.push(db.make(new, NOW).await);
        }
        let new = with_cap(signed_in(case, at(100)), cap);
        let newcomer = named(&new);
        let created = db.create(new, at(100)).await;
        let expected = sorted(victims.iter().map(|&number| numbered(case, number)));
        assert_eq!(sorted(created.evicted.clone()), expected, "{case}: the ids returned");
        assert!(db.is_live(&newcomer, at(100)).await, "{case}: the newcomer");
        for session in sessions {
            let gone = !db.is_live(&session, at(100)).await;
            assert_eq!(gone, expected.contains(&session.id), "{case}: {}", session.id);
        }
    }

    // A touch makes one the most recent; an expired one is no victim, however long ago.
    let [first, second] =
        [db.make(signed_in("ann", at(1)), NOW).await, db.make(signed_in("ann", at(2)), NOW).await];
    let expired = db.make(expiring(signed_in("ann", NOW), at(50)), NOW).await;
    db.apply(&first, &touching(at(60), at(LIFE)), at(60)).await;
    let created = db.create(with_cap(signed_in("ann", at(61)), 2), at(61)).await;
    assert_eq!(
        created.evicted,
        [second.id],
        "after a touch of the other (expired: {})",
        expired.id
    );

    for round in 0..rounds(10) {
        // A touch races with the sign-in that would evict its session: if it was acknowledged, it
        // counts.
        let name = format!("racing {round}");
        let oldest = db.make(signed_in(&name, at(1)), NOW).await;
        let second = db.make(signed_in(&name, at(2)), NOW).await;
        let third = db.make(signed_in(&name, at(3)), NOW).await;
        let new = with_cap(signed_in(&name, at(100)), 3);
        let (toucher, signer, touched) = (db.client(0), db.client(1), oldest.clone());
        let touch = async move {
            let change = touching(at(99), at(LIFE));
            toucher.update(&touched, &change, at(99)).await.or_panic("update")
        };
        let sign_in = async move { signer.create(new, at(100)).await.or_panic("create").evicted };
        let (updated, evicted) = race_two(touch, sign_in).await;
        let victim = match &updated {
            Updated::Applied(answer) if answer.touched => &second,
            Updated::Missing => &oldest,
            other => panic!("a racing touch was answered {other:?}"),
        };
        assert_eq!(evicted, [victim.id], "the touch was answered {updated:?}");
        assert!(db.is_live(&third, at(100)).await);
        let left: HashSet<SessionId> = db.ids(&user(&name), at(100)).await.into_iter().collect();
        assert!(!left.contains(&victim.id) && left.len() == 3);
    }
    check_rotated(&db).await;
}

/// A victim that was rotated is found by its name, whatever its token is now.
async fn check_rotated(db: &Db) {
    let oldest = db.make(signed_in("rotated", at(1)), NOW).await;
    let stays = db.make(signed_in("rotated", at(2)), NOW).await;
    let next = token();
    let rotation = session_core::Rotation::Graceful { token: next, grace_until: at(LIFE) };
    db.apply(&oldest, &SessionChange::rotation(rotation), at(3)).await;
    let created = db.create(with_cap(signed_in("rotated", at(4)), 2), at(4)).await;
    assert_eq!(created.evicted, [oldest.id]);
    for token in [next, hash(&oldest)] {
        let found = db.find(&token, at(4)).await;
        assert!(
            !matches!(found, Some(Found::Live { .. } | Found::Grace { .. })),
            "evicted, and yet"
        );
    }
    assert!(db.is_live(&SessionRef { ..stays }, at(4)).await);
}

/// Ids in the order of their numbers, a different range for each case.
fn numbered(case: &str, number: u8) -> SessionId {
    let mut bytes = [0; 16];
    for (place, byte) in case.bytes().enumerate() {
        bytes[place % 15] ^= byte.rotate_left(u32::try_from(place / 15).unwrap_or(0));
    }
    bytes[0] &= 0x3f;
    bytes[15] = number;
    SessionId::from_bytes(bytes)
}
