//! The law of ending everything that a user has.

use session_core::{EndedBy, SessionRef, Updated};

use super::acting::{END_EACH_OTHER, act_on_each_other, users_need_power};
use crate::db::{
    Db, LIFE, NOW, OrPanic, applied, at, ending_others, expiring, hash, named, presenting,
    reauthenticating, rotating, signed_in, sorted, token, user, visitor,
};
use crate::race::race;
use crate::run::rounds;
use crate::subject::Fresh;

/// When `remove_user` returns, every session of that user whose `create` had returned before the
/// call is gone, however many; one that is made meanwhile falls wholly before (it is gone, and its
/// id returned) or wholly after (it is live). The ids of those that were live are returned; `except`
/// keeps one; nobody else's is touched. A re-authentication that ends the user's other sessions does so
/// in its own step, or nothing of it happens.
///
/// With an acting session all this happens only if that session is live and the token given is its
/// current one or in grace, in the same step: of two that act on each other at once exactly one
/// succeeds.
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

    ends_the_others(&db).await;
    users_need_power(&db).await;
    act_on_each_other(&db, &END_EACH_OTHER).await;
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
                    let removed = client.remove_user(&owner, None, None, how, NOW).await;
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
            let live = matches!(
                db.find(&hash(session), NOW).await,
                Some(session_core::Found::Live { .. })
            );
            let was_removed = removed.contains(&session.id);
            assert_ne!(live, was_removed, "{} is neither wholly before nor after", session.id);
            all.push(session.id);
        }
        let accounted = removed.iter().copied().chain(db.ids(&owner, NOW).await);
        assert_eq!(sorted(accounted), sorted(all), "each is removed once or live");
    }
}

/// A change of password: a new token here, and nothing anywhere else.
async fn ends_the_others(db: &Db) {
    let owner = user("changes her password");
    let make = async || db.make(signed_in(owner.as_str(), NOW), NOW).await;
    let session = make().await;
    let others = [make().await, make().await, make().await];
    let expired = db.make(expiring(signed_in(owner.as_str(), NOW), at(10)), NOW).await;
    let bobs = db.make(signed_in("keeps his", NOW), NOW).await;
    let all = async || db.ids(&owner, at(11)).await.len();

    // If it does not apply, nobody is ended.
    let mut stale = ending_others(token(), at(LIFE));
    stale.if_version = Some(9);
    let mut large = ending_others(token(), at(LIFE));
    large.patch.set("k", "x".repeat(100).into());
    large.max_bytes = 1;
    let taken = ending_others(hash(&bobs), at(LIFE));
    let powerless = presenting(&session, token());
    for (case, session, change) in [
        ("another version", &session, stale),
        ("too large", &session, large),
        ("a token in use", &session, taken),
        ("a token without power", &powerless, ending_others(token(), at(LIFE))),
        ("no token", &SessionRef::by_id(session.id), ending_others(token(), at(LIFE))),
    ] {
        let updated = db.next().update(session, &change, at(11)).await;
        assert!(!matches!(updated, Ok(Updated::Applied(_))), "{case}: {updated:?}");
        assert_eq!(all().await, 4, "{case}: it was refused, and ended other sessions");
    }

    // In grace, it has the right as well.
    let (next, last) = (token(), token());
    db.apply(&session, &rotating(next, at(60)), at(11)).await;
    let answer = db.apply(&session, &reauthenticating(token(), at(LIFE)), at(11)).await;
    assert_eq!((answer.ended, all().await), (Vec::new(), 4), "nobody asked for it");
    let again = make().await;
    db.apply(&again, &rotating(token(), at(60)), at(11)).await;
    let answer = db.apply(&again, &ending_others(last, at(LIFE)), at(11)).await;
    let expected = sorted(others.iter().chain([&session]).map(|session| session.id));
    assert_eq!(answer.ended, expected, "in the order of their ids (expired: {})", expired.id);
    assert_eq!(db.ids(&owner, at(11)).await, [again.id], "the others");
    assert_eq!(db.live(&last, at(11)).await.id, again.id, "its own new token");
    assert!(db.is_live(&bobs, at(11)).await, "another user's");

    // Nobody's others are nobody.
    let [first, second] = [db.make(visitor(NOW), NOW).await, db.make(visitor(NOW), NOW).await];
    let answer = db.apply(&first, &ending_others(token(), at(LIFE)), NOW).await;
    assert!(answer.ended.is_empty() && db.is_live(&second, NOW).await, "visitors are no user");

    for round in 0..rounds(5) {
        let owner = user(&format!("in a hurry {round}"));
        let session = db.make(signed_in(owner.as_str(), NOW), NOW).await;
        let before = db.make(signed_in(owner.as_str(), NOW), NOW).await;
        let racers = (0..8).map(|n| {
            let (client, session) = (db.client(n), session.clone());
            let new = signed_in(owner.as_str(), NOW);
            async move {
                if n == 0 {
                    let change = ending_others(token(), at(LIFE));
                    let updated = client.update(&session, &change, NOW).await.or_panic("update");
                    return (None, applied(updated).ended);
                }
                for _ in 0..n % 3 {
                    tokio::task::yield_now().await;
                }
                let id = new.record.id;
                client.create(new, NOW).await.or_panic("create");
                (Some(id), Vec::new())
            }
        });
        let (made, ended): (Vec<_>, Vec<_>) = race(racers).await.into_iter().unzip();
        let ended: Vec<_> = ended.into_iter().flatten().collect();
        assert!(ended.contains(&before.id), "made before, and not among the ids");
        let live = db.ids(&owner, NOW).await;
        for id in made.into_iter().flatten() {
            assert_ne!(live.contains(&id), ended.contains(&id), "neither before nor after: {id}");
        }
        assert!(live.contains(&session.id) && !live.contains(&before.id));
    }
}
