//! The law of lists: what a user is shown as their devices.

use session_core::{EndedBy, SessionId};

use crate::db::{Db, LIFE, NOW, at, expiring, hash, signed_in, touching, user, visitor, with_data};
use crate::subject::Fresh;

/// `list` gives the live sessions of that user and of nobody else, whole, most recently active
/// first, the larger id first among equals.
pub async fn list_is_ordered(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    let ann = user("ann");
    assert!(db.list(&ann, NOW).await.is_empty(), "a user without sessions");

    // Made in one order, named in another, active in a third.
    let mut sessions = Vec::new();
    for (number, active) in [(5, 20), (9, 10), (1, 30), (7, 20), (3, 20), (8, -40), (2, 30)] {
        let mut new = with_data(signed_in("ann", at(-50)), "number", number);
        let mut bytes = [number; 16];
        bytes[0] = 1;
        new.record.id = SessionId::from_bytes(bytes);
        new.record.last_active_at = at(active);
        sessions.push((number, db.make(new, NOW).await));
    }
    db.make(signed_in("bob", NOW), NOW).await;
    db.make(signed_in("Ann", NOW), NOW).await;
    db.make(visitor(NOW), NOW).await;
    db.make(expiring(signed_in("ann", NOW), at(10)), NOW).await;
    let ended = db.make(signed_in("ann", NOW), NOW).await;
    db.remove(&ended, None, EndedBy::SignedOut, NOW).await;

    let order = async |now| {
        let numbers = db.list(&ann, now).await;
        let numbers = numbers.iter().map(|session| session.data.get("number").cloned());
        numbers.map(|number| number.and_then(|n| n.as_i64())).collect::<Vec<_>>()
    };
    let expected = [2, 1, 7, 5, 3, 9, 8].map(Some);
    assert_eq!(order(at(60)).await, expected, "most recent first, then the larger id");
    for session in db.list(&ann, at(60)).await {
        let (_, named) = sessions
            .iter()
            .find(|(_, named)| named.id == session.id)
            .expect("one of those that were made");
        assert_eq!(session, *db.live(&hash(named), at(60)).await, "what is listed is whole");
    }

    // A touch brings one to the front.
    let (_, last) = &sessions[5];
    db.apply(last, &touching(at(70), at(LIFE)), at(70)).await;
    assert_eq!(order(at(70)).await, [8, 2, 1, 7, 5, 3, 9].map(Some), "after a touch");
}
