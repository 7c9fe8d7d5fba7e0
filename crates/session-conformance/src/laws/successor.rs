//! What is known of the token that came after one: whether a browser has it.

use session_core::{
    EndedBy, Reauthentication, Rotation, SessionChange, SessionRef, Timestamp, TokenHash,
};

use crate::db::{
    Db, LIFE, NOW, at, hash, in_grace, presented, presenting, reauthenticating, replacing,
    rotating, setting, showing, signed_in, token, touching, visitor,
};

/// When every grace is over, and what ended is still known.
const LATE: Timestamp = at(100);

/// A token is seen when a browser sends it with a touch, a rotation or a re-authentication; such a
/// touch applies however early it is, the first time.
pub(super) async fn sees_what_is_presented(db: &Db) {
    let immediate = || SessionChange::rotation(Rotation::Immediate { token: token() });
    for (case, change, sees) in [
        ("nothing at all", presented(SessionChange::default()), false),
        ("a patch", presented(setting("k", 1)), false),
        ("a touch by nobody's browser", touching(at(20), at(LIFE)), false),
        ("a rotation by nobody's browser", rotating(token(), at(60)), false),
        ("a touch", presented(touching(at(20), at(LIFE))), true),
        ("a touch that is not due", showing(), true),
        ("a rotation", presented(rotating(token(), at(60))), true),
        ("a rotation without grace", presented(immediate()), true),
        ("a re-authentication", presented(reauthenticating(token(), at(LIFE))), true),
    ] {
        let (session, before) = rotated(db).await;
        let current = hash(&session);
        assert!(!db.token_seen(&current, at(50)).await, "{case}: a new token was not seen");

        // Through no token, or one in grace, nobody shows the current one.
        for session in [SessionRef::by_id(session.id), presenting(&session, before)] {
            if change.rotation.is_none() {
                db.apply(&session, &change, at(20)).await;
                assert!(!db.token_seen(&current, at(20)).await, "{case}: not the current token");
            }
        }
        // If a condition fails nothing is seen.
        let mut refused = change.clone();
        refused.if_version = Some(99);
        db.update(&session, &refused, at(50)).await;
        assert!(!db.token_seen(&current, at(50)).await, "{case}: refused");
        assert!(!db.successor_seen(&before, LATE).await, "{case}: not seen yet");

        let answer = db.apply(&session, &change, at(50)).await;
        assert_eq!(answer.touched, change.touch.is_some(), "{case}: a touch that shows a token");
        assert_eq!(db.successor_seen(&before, LATE).await, sees, "{case}");
        match &change.rotation {
            None => assert_eq!(db.token_seen(&current, at(50)).await, sees, "{case}"),
            Some(rotation) => {
                let next = *rotation.token();
                assert!(!db.token_seen(&next, at(50)).await, "{case}: the new one was not");
                assert!(!db.successor_seen(&current, LATE).await, "{case}: the new one was not");
                db.apply(&presenting(&session, next), &showing(), at(51)).await;
                for (which, token) in [("the last", current), ("the one before it", before)] {
                    assert!(db.successor_seen(&token, LATE).await, "{case}: {which}");
                }
            }
        }
    }

    // Only the first time.
    let (session, _) = rotated(db).await;
    assert!(db.apply(&session, &showing(), at(50)).await.touched);
    let stored = db.live(&hash(&session), at(50)).await;
    assert_eq!(stored.last_active_at, at(50), "the touch of a token that is seen first");
    assert!(!db.apply(&session, &showing(), at(51)).await.touched, "seen already, and not due");
}

/// A session under its second token, and its first, which is in grace for half a minute.
async fn rotated(db: &Db) -> (SessionRef, TokenHash) {
    let session = db.make(signed_in("rotated", NOW), NOW).await;
    let next = token();
    db.apply(&session, &rotating(next, at(30)), NOW).await;
    in_grace(db.find(&hash(&session), NOW).await);
    (presenting(&session, next), hash(&session))
}

/// What comes after a token is its own session's next one, or the session that a sign-in made from it.
pub(super) async fn names_what_came_after(db: &Db) {
    for case in [
        "rotated",
        "re-authenticated",
        "replaced",
        "replaced, then rotated",
        "revoked, then signed in",
        "signed out, then signed in",
        "rotated, then signed in from the dead token",
    ] {
        let old = db.make(signed_in("followed", NOW), NOW).await;
        let before = hash(&old);
        let heir = follow(db, case, &old).await;
        assert!(!db.successor_seen(&before, LATE).await, "{case}: nobody has it yet");
        // Somebody else's, who was made from nothing.
        let stranger = db.make(visitor(at(20)), at(20)).await;
        db.apply(&stranger, &showing(), at(20)).await;
        db.apply(&heir, &touching(at(20), at(LIFE)), at(20)).await;
        assert!(!db.successor_seen(&before, LATE).await, "{case}: nobody has it yet");

        db.apply(&heir, &showing(), at(21)).await;
        assert!(db.successor_seen(&before, LATE).await, "{case}: it was seen");
        // That stays so.
        let next = token();
        db.apply(&heir, &rotating(next, at(22)), at(22)).await;
        assert!(db.successor_seen(&before, LATE).await, "{case}: rotated again");
        let heir = presenting(&heir, next);
        assert!(db.remove(&heir, None, EndedBy::SignedOut, at(23)).await);
        assert!(db.successor_seen(&before, LATE).await, "{case}: ended");
        assert!(!db.successor_seen(&next, LATE).await, "{case}: nothing was made from this one");
    }

    // A rotation that is followed is so after the whole session has ended.
    let (session, before) = rotated(db).await;
    db.apply(&session, &showing(), at(50)).await;
    db.remove(&SessionRef::by_id(session.id), None, EndedBy::Revoked, at(51)).await;
    assert!(db.successor_seen(&before, LATE).await, "seen before the session was revoked");
    assert!(!db.successor_seen(&hash(&session), LATE).await, "nothing came after this one");

    // What is presented beside a sign-in changes no token that is good, and makes none known.
    let other = db.make(signed_in("followed", NOW), NOW).await;
    let never = token();
    let mut new = signed_in("followed", at(1));
    new.presented = vec![hash(&other), never];
    let heir = db.make(new, at(1)).await;
    db.apply(&heir, &showing(), at(2)).await;
    assert!(db.is_live(&other, at(2)).await, "a live session, presented beside a sign-in");
    assert!(!db.token_seen(&hash(&other), at(2)).await, "presented beside a sign-in");
    assert!(db.find(&never, at(2)).await.is_none(), "a token never issued, presented");
}

/// Ends the token in this way and makes another from it; the session under that one.
async fn follow(db: &Db, case: &str, old: &SessionRef) -> SessionRef {
    let before = hash(old);
    match case {
        "rotated" => {
            let next = token();
            db.apply(old, &rotating(next, at(2)), at(1)).await;
            return presenting(old, next);
        }
        "re-authenticated" => {
            let next = token();
            let mut change = SessionChange::rotation(Rotation::Immediate { token: next });
            change.reauthentication = Some(Reauthentication {
                expires_at: at(LIFE),
                absolute_expires_at: Some(at(2 * LIFE)),
                ip_address: None,
                end_others: false,
            });
            db.apply(old, &change, at(1)).await;
            return presenting(old, next);
        }
        "replaced" => return db.make(replacing(signed_in("heir", at(1)), old), at(1)).await,
        "replaced, then rotated" => {
            let heir = db.make(replacing(signed_in("heir", at(1)), old), at(1)).await;
            let next = token();
            db.apply(&heir, &rotating(next, at(30)), at(2)).await;
            return presenting(&heir, next);
        }
        "revoked, then signed in" => {
            db.remove(&SessionRef::by_id(old.id), None, EndedBy::Revoked, at(1)).await;
        }
        "signed out, then signed in" => {
            db.remove(old, None, EndedBy::SignedOut, at(1)).await;
        }
        _ => {
            db.apply(old, &rotating(token(), at(2)), at(1)).await;
        }
    }
    // The browser had two cookies of the name.
    let mut new = signed_in("heir", at(15));
    new.presented = vec![token(), before];
    db.make(new, at(15)).await
}
