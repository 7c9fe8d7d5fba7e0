//! Laws of ending sessions: only those that were meant, and all of those.

use session_core::{EndedBy, SessionChange, SessionRef};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, expiring, hash, named, presenting, signed_in, sorted, token, user,
    visitor,
};
use crate::race::race;
use crate::run::rounds;
use crate::subject::Fresh;

/// `remove` with an owner never ends another user's session, nor one without a user, decided in the
/// same step; it ends the session named and no other. A missing one is not an error: `false`. Of
/// several that race for one session one is told `true`.
pub async fn remove_is_scoped(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    let (ann, bob) = (user("ann"), user("bob"));
    let anns = db.make(signed_in("ann", NOW), NOW).await;
    let anns_other = db.make(signed_in("ann", NOW), NOW).await;
    let bobs = db.make(signed_in("bob", NOW), NOW).await;
    let visitors = db.make(visitor(NOW), NOW).await;
    let how = EndedBy::Revoked;

    for (case, session, owner) in [
        ("another user's", &anns, &bob),
        ("one without a user", &visitors, &ann),
        ("a user whose id is alike", &anns, &user("Ann")),
        ("a user whose id begins alike", &anns, &user("an")),
        ("a pattern", &anns, &user("%")),
    ] {
        // Whoever asks may also say, wrongly, that the session is his.
        let claimed = SessionRef { user: Some(owner.clone()), ..session.clone() };
        for session in [session.clone(), SessionRef::by_id(session.id), claimed] {
            assert!(!db.remove(&session, Some(owner), how, NOW).await, "{case} was removed");
        }
        assert!(db.is_live(session, NOW).await, "{case} was removed");
    }

    let all = [&anns, &anns_other, &bobs, &visitors];
    for (case, session, owner) in [
        ("the owner's", presenting(&anns, token()), Some(&ann)),
        ("named by its id", SessionRef::by_id(bobs.id), Some(&bob)),
        ("without an owner", visitors.clone(), None),
    ] {
        let before: Vec<_> = live_of(&db, &all).await;
        assert!(db.remove(&session, owner, how, NOW).await, "{case}: it was live");
        let after = live_of(&db, &all).await;
        let expected: Vec<_> = before.into_iter().filter(|id| *id != session.id).collect();
        assert_eq!(after, expected, "{case}: that one and no other");
        assert!(!db.remove(&session, owner, how, NOW).await, "{case}: it was gone already");
    }
    let never = named(&visitor(NOW));
    assert!(!db.remove(&never, None, how, NOW).await, "one that was never made");
    assert!(!db.remove(&never, Some(&ann), how, NOW).await, "one that was never made");

    // Rotated since the request began: the name counts.
    let next = token();
    let rotation = session_core::Rotation::Graceful { token: next, grace_until: at(LIFE) };
    db.apply(&anns_other, &SessionChange::rotation(rotation), NOW).await;
    assert!(db.remove(&anns_other, Some(&ann), how, NOW).await, "with the token before");
    assert!(!db.is_live(&presenting(&anns_other, next), NOW).await);

    for _ in 0..rounds(5) {
        let session = db.make(signed_in("ann", NOW), NOW).await;
        let racers = (0..8).map(|n| {
            let (client, session, ann) = (db.client(n), session.clone(), ann.clone());
            async move {
                let owner = (n % 4 < 2).then_some(&ann);
                client.remove(&session, owner, how, NOW).await.or_panic("remove")
            }
        });
        let removed = race(racers).await.into_iter().filter(|removed| *removed).count();
        assert_eq!(removed, 1, "so many racing calls were told that they removed it");
        assert!(!db.is_live(&session, NOW).await);
    }
}

async fn live_of(db: &Db, sessions: &[&SessionRef]) -> Vec<session_core::SessionId> {
    let mut live = Vec::new();
    for session in sessions {
        if db.is_live(session, NOW).await {
            live.push(session.id);
        }
    }
    live
}

/// When `remove_user` returns, every session of that user whose `create` had returned before the
/// call is gone, however many; one that is made meanwhile falls wholly before (it is gone, and its
/// id returned) or wholly after (it is live). The ids of those that were live are returned; `except`
/// keeps one; nobody else's is touched.
pub async fn remove_user_is_complete(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    let (ann, how) = (user("ann"), EndedBy::SignedOut);
    let bobs = db.make(signed_in("bob", NOW), NOW).await;
    let alike = db.make(signed_in("Ann", NOW), NOW).await;
    let visitors = db.make(visitor(NOW), NOW).await;

    let mut sessions = Vec::new();
    for _ in 0..30 {
        sessions.push(db.make(signed_in("ann", NOW), NOW).await);
    }
    let expired = db.make(expiring(signed_in("ann", NOW), at(10)), NOW).await;
    let ids = sorted(sessions.iter().map(|session| session.id));

    let kept = &sessions[7];
    let removed = sorted(db.remove_user(&ann, Some(&kept.id), how, at(11)).await);
    let expected: Vec<_> = ids.iter().copied().filter(|id| *id != kept.id).collect();
    assert_eq!(removed, expected, "all but the one to keep (and the expired {})", expired.id);
    assert_eq!(db.ids(&ann, at(11)).await, [kept.id]);
    for session in &sessions {
        assert_eq!(db.is_live(session, at(11)).await, session.id == kept.id, "{}", session.id);
    }
    assert!(db.remove_user(&ann, Some(&kept.id), how, at(11)).await.is_empty(), "once more");
    let anothers = Some(&bobs.id);
    assert_eq!(db.remove_user(&ann, anothers, how, at(11)).await, [kept.id], "all of hers");
    assert!(db.remove_user(&ann, None, how, at(11)).await.is_empty(), "none left");
    for (case, session) in [("bob", &bobs), ("Ann", &alike), ("nobody", &visitors)] {
        assert!(db.is_live(session, at(11)).await, "{case} was signed out as well");
    }

    for round in 0..rounds(5) {
        let name = format!("racing {round}");
        let owner = user(&name);
        let mut before = Vec::new();
        for _ in 0..4 {
            before.push(db.make(signed_in(&name, NOW), NOW).await.id);
        }
        // Ten sign in while two others end everything.
        let racers = (0..12).map(|n| {
            let (client, owner) = (db.client(n), owner.clone());
            let new = signed_in(&name, NOW);
            async move {
                if n < 2 {
                    let removed = client.remove_user(&owner, None, how, NOW).await;
                    return (Vec::new(), removed.or_panic("remove_user"));
                }
                for _ in 0..n % 3 {
                    tokio::task::yield_now().await;
                }
                let session = named(&new);
                client.create(new, NOW).await.or_panic("create");
                (vec![session], Vec::new())
            }
        });
        let (made, removed): (Vec<_>, Vec<_>) = race(racers).await.into_iter().unzip();
        let removed = sorted(removed.into_iter().flatten());
        for id in &before {
            assert!(removed.contains(id), "made before the call, and not among the ids: {id}");
        }
        let mut all = before;
        for session in made.iter().flatten() {
            let live =
                matches!(db.find(&hash(session), NOW).await, Some(session_core::Found::Live(_)));
            let was_removed = removed.contains(&session.id);
            assert_ne!(live, was_removed, "{} is neither wholly before nor after", session.id);
            all.push(session.id);
        }
        let accounted = removed.iter().copied().chain(db.ids(&owner, NOW).await);
        assert_eq!(sorted(accounted), sorted(all), "each is removed once or live");
    }
}
