//! The law of tokens that ended: they are known for a while, and so is what came after them.

use session_core::{
    EndedBy, Rotation, SessionChange, SessionRef, TOMBSTONE_LIFETIME, Timestamp, TokenHash,
    tombstone_expiry,
};

use super::successor::{names_what_came_after, sees_what_is_presented};
use crate::db::{
    Db, LIFE, NOW, OrPanic, at, describe, ended, expiring, hash, in_grace, just_before, presenting,
    reauthenticating, replacing, rotating, setting, signed_in, token, user, visitor, with_cap,
};
use crate::subject::Fresh;

/// A token that was rotated, replaced, signed out, revoked or evicted is known until
/// `tombstone_expiry`, five minutes and at least the 60 seconds that a slow request may take: in
/// grace while its grace lasts and its session lives, else ended, with the session, how and when
/// (after a rotation: the end of its grace). All tokens of a session share its end, kind and moment;
/// `SignedOut` is the token that asked for it, and every other that it ended is `Revoked`.
///
/// It is also known whether what was made from the token, by a rotation, a re-authentication or a
/// sign-in, was presented since; once it was, that stays so. After all that the token is absent, as
/// is one that was never issued.
pub async fn ended_token_is_known(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    assert!(db.find(&token(), NOW).await.is_none(), "a token never issued");
    ends_with_all(&db).await;
    keeps_the_grace(&db).await;
    ends_every_grace(&db).await;
    shares_the_end(&db).await;
    sees_what_is_presented(&db).await;
    names_what_came_after(&db).await;

    // How each of them ends, and when: half a second and a microsecond after NOW.
    let end = Timestamp::from_micros(NOW.as_micros() + 500_001);
    let ann = user("ann");
    let rotated = db.make(signed_in("rotating", NOW), NOW).await;
    db.apply(&rotated, &SessionChange::rotation(Rotation::Immediate { token: token() }), end).await;
    let replaced = db.make(visitor(NOW), NOW).await;
    db.make(replacing(signed_in("rotating", end), &replaced), end).await;
    let signed_out = db.make(signed_in("ann", NOW), NOW).await;
    db.remove(&signed_out, Some(&ann), EndedBy::SignedOut, end).await;
    let revoked = db.make(visitor(NOW), NOW).await;
    db.remove(&SessionRef::by_id(revoked.id), None, EndedBy::Revoked, end).await;
    let everywhere = db.make(signed_in("ann", NOW), NOW).await;
    let elsewhere = db.make(signed_in("ann", NOW), NOW).await;
    let kept = db.make(signed_in("ann", NOW), NOW).await;
    let (acting, except, how) = (Some(&everywhere), Some(&kept.id), EndedBy::SignedOut);
    let all = db.next().remove_user(&ann, acting, except, how, end).await;
    assert_eq!(all.or_panic("remove_user").len(), 2);
    db.remove_user(&ann, None, EndedBy::SignedOut, end).await;
    let mut evicted = Vec::new();
    for _ in 0..3 {
        evicted.push(db.make(signed_in("bob", NOW), NOW).await);
    }
    db.make(with_cap(signed_in("bob", end), 1), end).await;
    let mut cases = vec![
        ("rotated", rotated, EndedBy::Rotated),
        ("replaced", replaced, EndedBy::Replaced),
        ("signed out", signed_out, EndedBy::SignedOut),
        ("revoked", revoked, EndedBy::Revoked),
        ("signed out everywhere, from here", everywhere, EndedBy::SignedOut),
        ("signed out everywhere, from elsewhere", elsewhere, EndedBy::Revoked),
        ("signed out everywhere, by nobody's token", kept, EndedBy::Revoked),
    ];
    cases.extend(evicted.into_iter().map(|session| ("evicted", session, EndedBy::Evicted)));

    let over = tombstone_expiry(end, None);
    assert_eq!(over, end.plus(TOMBSTONE_LIFETIME));
    let known = [end, end.plus(crate::db::secs(60)), just_before(over)];
    // Purges in between, also one by a clock that is as far as it may be, forget none of them.
    for purge in [None, Some(just_before(over))] {
        if let Some(now) = purge {
            db.purge_all(now, 100).await;
        }
        for (case, session, how) in &cases {
            for now in known {
                let found = ended(db.find(&hash(session), now).await);
                assert_eq!(found, (session.id, *how, end), "{case}, looked at {now}");
            }
        }
    }
    for purged in ["not purged", "purged"] {
        for (case, session, _) in &cases {
            for now in [over, at(LIFE - 1)] {
                let found = db.find(&hash(session), now).await;
                assert!(found.is_none(), "{case}, {purged}: {}", describe(found.as_ref()));
            }
        }
        db.purge_all(over, 100).await;
    }
}

/// Tokens of a session that ends with every other there is.
async fn ends_with_all(db: &Db) {
    let session = db.make(signed_in("ends with all", NOW), NOW).await;
    let next = token();
    db.apply(&session, &rotating(next, at(60)), at(1)).await;
    let batch = db.next().end_all(EndedBy::Revoked, None, at(2), 100).await.or_panic("end_all");
    assert_eq!((batch.ended, batch.next), (vec![session.id], None));
    for token in [hash(&session), next] {
        let found = ended(db.find(&token, at(3)).await);
        assert_eq!(found, (session.id, EndedBy::Revoked, at(2)), "ended with all");
    }
}

async fn keeps_the_grace(db: &Db) {
    let [first, second, third] = [token(), token(), token()];
    let mut new = signed_in("gracious", NOW);
    new.token = first;
    let session = db.make(new, NOW).await;
    let until = Timestamp::from_micros(at(30).as_micros() + 1);
    db.apply(&session, &rotating(second, until), at(1)).await;
    let session = presenting(&session, second);
    db.apply(&session, &setting("k", 1), at(1)).await;
    db.apply(&session, &rotating(third, at(1000)), at(2)).await;
    let session = presenting(&session, third);
    db.apply(&session, &setting("k", 2), at(2)).await;

    // Both tokens before work, and see what is stored now.
    let now = just_before(until);
    for (case, token, end) in [("the first", first, until), ("the second", second, at(1000))] {
        let (found, until) = in_grace(db.find(&token, now).await);
        assert_eq!((found.id, until), (session.id, end), "{case}");
        assert_eq!(*found, *db.live(&third, now).await, "{case} sees the session as it is");
    }
    // Each until its own end, which is then the moment at which it ended.
    let found = ended(db.find(&first, until).await);
    assert_eq!(found, (session.id, EndedBy::Rotated, until), "at the end of its grace");
    in_grace(db.find(&second, until).await);
    let found = ended(db.find(&second, at(1000)).await);
    assert_eq!(found, (session.id, EndedBy::Rotated, at(1000)), "at the end of its grace");

    // Known for as long as any other, counted from the end of the grace.
    for (case, token, over) in [
        ("the first", first, tombstone_expiry(at(1), Some(until))),
        ("the second", second, tombstone_expiry(at(2), Some(at(1000)))),
    ] {
        db.purge_all(just_before(over), 100).await;
        ended(db.find(&token, just_before(over)).await);
        let found = db.find(&token, over).await;
        assert!(found.is_none(), "{case}: {}", describe(found.as_ref()));
    }
    assert!(db.is_live(&session, at(LIFE - 1)).await, "the session goes on");

    // A grace of no length.
    let session = db.make(visitor(NOW), NOW).await;
    db.apply(&session, &rotating(token(), NOW), NOW).await;
    let found = ended(db.find(&hash(&session), NOW).await);
    assert_eq!(found, (session.id, EndedBy::Rotated, NOW));
    ended(db.find(&hash(&session), just_before(tombstone_expiry(NOW, None))).await);
}

/// A session with two tokens before its current one, both in grace: all three, the oldest first.
async fn with_graces(db: &Db, name: &str) -> (SessionRef, [TokenHash; 3]) {
    let tokens = [token(), token(), token()];
    let mut new = expiring(signed_in(name, NOW), at(60));
    new.token = tokens[0];
    let session = db.make(new, NOW).await;
    db.apply(&session, &rotating(tokens[1], at(2)), NOW).await;
    let session = presenting(&session, tokens[1]);
    db.apply(&session, &rotating(tokens[2], at(200)), at(1)).await;
    in_grace(db.find(&tokens[0], at(1)).await);
    (presenting(&session, tokens[2]), tokens)
}

/// A session that is over takes its tokens in grace along, and so does a re-authentication.
async fn ends_every_grace(db: &Db) {
    let (_, [_, second, _]) = with_graces(db, "expired").await;
    assert!(db.find(&second, at(60)).await.is_none(), "a token in grace of a session that expired");

    let (session, [first, second, third]) = with_graces(db, "re-authenticated").await;
    db.apply(&session, &reauthenticating(token(), at(LIFE)), at(3)).await;
    for (case, token, end) in [
        ("its grace was over", first, at(2)),
        ("in grace", second, at(3)),
        ("the current one", third, at(3)),
    ] {
        let found = ended(db.find(&token, at(3)).await);
        assert_eq!(found, (session.id, EndedBy::Rotated, end), "re-authenticated: {case}");
    }
}

/// Every token of a session ends with it: those in grace, and those whose grace is over.
async fn shares_the_end(db: &Db) {
    use EndedBy::{Evicted, Replaced, Revoked, SignedOut};

    for (case, by, kinds) in [
        ("signed out", 2, [Revoked, Revoked, SignedOut]),
        ("signed out with a token in grace", 1, [Revoked, SignedOut, Revoked]),
        ("signed out with a token that is over", 0, [SignedOut, Revoked, Revoked]),
        ("signed out everywhere", 2, [Revoked, Revoked, SignedOut]),
        ("signed out everywhere with a token in grace", 1, [Revoked, SignedOut, Revoked]),
        ("revoked", 2, [Revoked; 3]),
        ("revoked with all", 2, [Revoked; 3]),
        ("ended by a re-authentication elsewhere", 2, [Revoked; 3]),
        ("replaced", 2, [Replaced; 3]),
        ("replaced with a token in grace", 1, [Replaced; 3]),
        ("evicted", 2, [Evicted; 3]),
    ] {
        let (session, tokens) = with_graces(db, case).await;
        let session = presenting(&session, tokens[by]);
        let (owner, end) = (user(case), at(30));
        match case {
            _ if case.starts_with("signed out everywhere") => {
                let all = db.next().remove_user(&owner, Some(&session), None, SignedOut, end).await;
                assert_eq!(all.or_panic("remove_user"), [session.id], "{case}");
            }
            _ if case.starts_with("signed out") => {
                assert!(db.remove(&session, None, SignedOut, end).await, "{case}");
            }
            "revoked" => assert!(db.remove(&session, None, Revoked, end).await, "{case}"),
            "revoked with all" => {
                db.remove_user(&owner, None, Revoked, end).await;
            }
            "evicted" => {
                db.make(with_cap(signed_in(case, end), 1), end).await;
            }
            _ if case.starts_with("replaced") => {
                db.make(replacing(signed_in(case, end), &session), end).await;
            }
            _ => {
                let other = db.make(signed_in(case, end), end).await;
                let change = crate::db::ending_others(token(), at(LIFE));
                assert_eq!(db.apply(&other, &change, end).await.ended, [session.id]);
            }
        }
        // Longer than the first would have been known by itself.
        let last = just_before(tombstone_expiry(end, None));
        db.purge_all(last, 100).await;
        for now in [end, last] {
            for (number, (token, how)) in tokens.iter().zip(kinds).enumerate() {
                let found = ended(db.find(token, now).await);
                assert_eq!(found, (session.id, how, end), "{case}: token {number}");
            }
        }
    }
}
