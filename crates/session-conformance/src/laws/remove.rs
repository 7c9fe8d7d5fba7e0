//! The law of ending a session: only the one that was meant.

use session_core::{EndedBy, SessionRef};

use super::acting::{REVOKE_EACH_OTHER, act_on_each_other, removals_need_power};
use crate::db::{
    Db, LIFE, NOW, OrPanic, at, named, presenting, rotating, signed_in, token, user, visitor,
};
use crate::race::race;
use crate::run::rounds;
use crate::subject::Fresh;

/// `remove` with an owner never ends another user's session, nor one without a user, decided in the
/// same step; it ends the session named and no other. A missing one is not an error: `false`. Of
/// several that race for one session one is told `true`. With an acting session it ends nothing
/// (`ActingEnded`) if that one is not live, or its token neither current nor in grace; of
/// two that act on each other at once exactly one succeeds.
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
        // Whoever asks may also say, wrongly, that the session is theirs.
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
    db.apply(&anns_other, &rotating(next, at(LIFE)), NOW).await;
    assert!(db.remove(&anns_other, Some(&ann), how, NOW).await, "with the token before");
    assert!(!db.is_live(&presenting(&anns_other, next), NOW).await);

    removals_need_power(&db).await;
    act_on_each_other(&db, &REVOKE_EACH_OTHER).await;
    for _ in 0..rounds(5) {
        let session = db.make(signed_in("ann", NOW), NOW).await;
        let racers = (0..8).map(|n| {
            let (client, session, ann) = (db.client(n), session.clone(), ann.clone());
            async move {
                let owner = (n % 4 < 2).then_some(&ann);
                client.remove(&session, owner, None, how, NOW).await.or_panic("remove")
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
