//! The laws of looking sessions up by their ids: one whole, and many at once.

use session_core::{EndedBy, MAX_LIVE_IDS, SessionId, SessionRef};

use crate::db::{
    Db, LIFE, NOW, at, cap, expiring, hash, just_before, reauthenticating, replacing, rotating,
    setting, signed_in, sorted, token, touching, user, visitor, with_data,
};
use crate::subject::Fresh;

/// `get` gives the live session of an id as `find` gives it to whoever has its token, whole, whatever
/// became of the token, and `None` for one that ended, has expired or never was.
pub async fn get_finds_by_id(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    assert!(db.get(&unknown(), NOW).await.is_none(), "an id that was never used");

    let sessions = [
        db.make(with_data(signed_in("ann", NOW), "k", "ann's"), NOW).await,
        db.make(with_data(visitor(NOW), "k", 0.1), NOW).await,
        db.make(visitor(NOW), NOW).await,
    ];
    for session in &sessions {
        let found = db.live(&hash(session), NOW).await;
        assert_eq!(db.get(&session.id, NOW).await, Some((*found).clone()), "as it was made");
        // Two more reads: it is no use.
        assert_eq!(db.live(&hash(session), NOW).await, found, "a look changed it");
    }

    let [session, cart, _] = &sessions;
    db.apply(session, &setting("k", "changed"), at(5)).await;
    db.apply(session, &touching(at(6), at(2 * LIFE)), at(6)).await;
    let next = token();
    db.apply(session, &rotating(next, at(60)), at(7)).await;
    let found = db.live(&next, at(8)).await;
    assert_eq!(db.get(&session.id, at(8)).await, Some((*found).clone()), "under its new token");
    let last = token();
    db.apply(session, &reauthenticating(last, at(LIFE)), at(9)).await;
    let found = db.live(&last, at(10)).await;
    assert_eq!(db.get(&session.id, at(10)).await, Some((*found).clone()), "re-authenticated");

    let heir = db.make(replacing(signed_in("bob", at(10)), cart), at(10)).await;
    assert!(db.get(&cart.id, at(10)).await.is_none(), "one that was replaced");
    assert!(db.get(&heir.id, at(10)).await.is_some(), "the one in its place");
    db.remove(session, None, EndedBy::SignedOut, at(10)).await;
    assert!(db.get(&session.id, at(10)).await.is_none(), "one that was signed out");
}

/// `live` gives those of the ids whose sessions are live, in their order and each once, whatever became
/// of their tokens, however a session ended, and for as many as may be asked for at once.
pub async fn live_tells_the_ended(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    assert!(db.live_ids(&[], NOW).await.is_empty(), "none");
    assert!(db.live_ids(&[unknown()], NOW).await.is_empty(), "an id that was never used");

    let (ann, bob) = (user("ann"), user("bob"));
    let goes_on = db.make(signed_in("ann", NOW), NOW).await;
    let rotated = db.make(visitor(NOW), NOW).await;
    let again = db.make(signed_in("cid", NOW), NOW).await;
    let renewed = db.make(expiring(visitor(NOW), at(60)), NOW).await;
    let expires = db.make(expiring(visitor(NOW), at(60)), NOW).await;
    let signed_out = db.make(signed_in("ann", NOW), NOW).await;
    let revoked = db.make(visitor(NOW), NOW).await;
    let replaced = db.make(visitor(NOW), NOW).await;
    let evicted = db.make(signed_in("bob", NOW), NOW).await;
    let elsewhere = db.make(signed_in("dan", NOW), NOW).await;
    let all = [
        &goes_on,
        &rotated,
        &again,
        &renewed,
        &expires,
        &signed_out,
        &revoked,
        &replaced,
        &evicted,
        &elsewhere,
    ];
    // Not in order, and one of them twice.
    let mut asked: Vec<_> = all.iter().rev().map(|session| session.id).collect();
    asked.insert(3, unknown());
    asked.push(goes_on.id);
    let expected = sorted(all.iter().map(|session| session.id));
    for _ in 0..2 {
        assert_eq!(db.live_ids(&asked, at(1)).await, expected, "all of them, in their order");
    }

    let (how, now) = (EndedBy::Revoked, at(10));
    db.apply(&rotated, &rotating(token(), at(60)), now).await;
    db.apply(&again, &reauthenticating(token(), at(LIFE)), now).await;
    db.apply(&renewed, &touching(now, at(LIFE)), now).await;
    db.remove(&signed_out, Some(&ann), EndedBy::SignedOut, now).await;
    db.remove(&SessionRef::by_id(revoked.id), None, how, now).await;
    let heir = db.make(replacing(signed_in("ann", now), &replaced), now).await;
    let mut newcomer = signed_in("bob", now);
    newcomer.cap = Some(cap(1));
    let newcomer = db.make(newcomer, now).await;
    assert_eq!(db.ids(&bob, now).await, [newcomer.id]);
    db.remove_user(&user("dan"), None, how, now).await;
    asked.extend([heir.id, newcomer.id]);
    let live = [&goes_on, &rotated, &again, &renewed, &expires, &heir, &newcomer];
    let expected = sorted(live.iter().map(|session| session.id));
    assert_eq!(db.live_ids(&asked, just_before(at(60))).await, expected, "what goes on");
    let expected: Vec<_> = expected.into_iter().filter(|id| *id != expires.id).collect();
    assert_eq!(db.live_ids(&asked, at(61)).await, expected, "and one that expired");

    // As many as may be asked for.
    let mut many: Vec<_> = (asked.len()..MAX_LIVE_IDS).map(|_| unknown()).collect();
    many.extend(&asked);
    assert_eq!(db.live_ids(&many, at(61)).await, expected, "among {MAX_LIVE_IDS} ids");
}

/// An id that no session has.
fn unknown() -> SessionId {
    SessionId::generate(NOW).expect("randomness")
}
