//! Laws of tokens: one rotation wins, and a token that ended is known for a while.

use session_core::{
    BackendErrorKind, EndedBy, Found, Rotation, SessionChange, SessionRef, TOMBSTONE_LIFETIME,
    Timestamp, TokenHash, TokenState, Updated, tombstone_expiry,
};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, describe, ended, expiring, hash, in_grace, just_before, presenting,
    refused, replacing, setting, signed_in, token, touching, user, visitor, with_cap, with_data,
};
use crate::race::race;
use crate::run::rounds;
use crate::subject::Fresh;

fn graceful(token: TokenHash, grace_until: Timestamp) -> Rotation {
    Rotation::Graceful { token, grace_until }
}

/// Of any number of racing rotations from one token exactly one applies; the others are
/// `Superseded` and change nothing, neither data nor times nor tokens. A plain rotation applies only
/// from the current token, the rotation of a re-authentication also from one in grace. The answer
/// says whether the token that was presented is still the current one.
pub async fn rotation_has_one_winner(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    applies_from_the_right_token(&db).await;

    for round in 0..rounds(8) {
        // Plain rotations race with each other, and in other rounds those of re-authentications.
        let immediate = round % 2 == 1;
        let session = db.make(visitor(NOW), NOW).await;
        let racers = (0..10).map(|n| {
            let (client, session, token) = (db.client(n), session.clone(), token());
            let mut change = setting(&format!("by {n}"), n);
            change.rotation = Some(if immediate {
                Rotation::Immediate { token }
            } else {
                graceful(token, at(30))
            });
            async move { (token, client.update(&session, &change, NOW).await.or_panic("update")) }
        });
        let mut winner = None;
        for (token, updated) in race(racers).await {
            match updated {
                Updated::Applied(_) => {
                    let before = winner.replace(token);
                    assert!(before.is_none(), "two rotations from one token applied");
                }
                Updated::Superseded => {
                    let found = db.find(&token, NOW).await;
                    assert!(found.is_none(), "a loser's token: {}", describe(found.as_ref()));
                }
                other => panic!("a racing rotation was answered {other:?}"),
            }
        }
        let winner = winner.expect("of racing rotations one applies");
        let stored = db.live(&winner, NOW).await;
        assert_eq!(stored.id, session.id, "a rotation keeps the id");
        assert_eq!(stored.data.len(), 1, "a rotation that lost left its patch behind");
        assert_eq!(stored.version, 1);
        let before = db.find(&hash(&session), NOW).await;
        assert!(
            !matches!(before, Some(Found::Live(_))),
            "the token before is still the current one"
        );
    }
}

async fn applies_from_the_right_token(db: &Db) {
    let [first, second, third] = [token(), token(), token()];
    let mut new = with_data(signed_in("ann", NOW), "k", 0);
    new.token = first;
    let session = db.make(new, NOW).await;
    let stranger = db.make(visitor(NOW), NOW).await;

    let mut change = SessionChange::rotation(graceful(second, at(30)));
    change.patch.set("k", 1.into());
    change.touch = touching(NOW, at(2 * LIFE)).touch;
    let answer = db.apply(&session, &change, NOW).await;
    assert_eq!(answer.token, TokenState::Current, "after a rotation the new token is current");
    let stored = db.live(&second, NOW).await;
    assert_eq!(stored.data.get("k"), Some(&1.into()), "the patch beside a rotation");
    assert_eq!(stored.expires_at, at(2 * LIFE), "the touch beside a rotation");

    // What was presented decides what the answer says, and nothing else.
    for (case, session, state) in [
        ("the current token", presenting(&session, second), TokenState::Current),
        ("the token before", session.clone(), TokenState::Replaced),
        ("a token of another", presenting(&session, hash(&stranger)), TokenState::Replaced),
        ("no token", SessionRef::by_id(session.id), TokenState::Replaced),
    ] {
        let answer = db.apply(&session, &setting("by", case), NOW).await;
        assert_eq!(answer.token, state, "{case}");
    }

    // A plain rotation from anything but the current token.
    let before = db.live(&second, NOW).await;
    let mut late = SessionChange::rotation(graceful(third, at(30)));
    late.patch.set("large", "x".repeat(100).into());
    late.touch = touching(at(5), at(3 * LIFE)).touch;
    late.max_bytes = 1;
    for (case, session) in [
        ("the token in grace", session.clone()),
        ("the token of another session", presenting(&session, hash(&stranger))),
        ("a token never issued", presenting(&session, token())),
        ("no token", SessionRef::by_id(session.id)),
    ] {
        // Its data is too large as well: superseded is told first.
        let updated = db.update(&session, &late, at(5)).await;
        assert_eq!(updated, Updated::Superseded, "a plain rotation from {case}");
        assert_eq!(db.live(&second, at(5)).await, before, "superseded from {case}, and yet");
        assert!(db.find(&third, at(5)).await.is_none(), "superseded from {case}, and yet");
    }
    let current = presenting(&session, second);
    let kind = refused("too large", db.next().update(&current, &late, at(5)).await);
    assert_eq!(kind, BackendErrorKind::TooLarge, "a rotation with too much data");
    assert_eq!(db.live(&second, at(5)).await, before, "a refused rotation left something behind");
    assert!(db.find(&third, at(5)).await.is_none(), "a refused rotation left its token behind");

    // The rotation of a re-authentication: from the token in grace, while the grace lasts.
    let immediate = |token| SessionChange::rotation(Rotation::Immediate { token });
    let updated = db.update(&session, &immediate(third), at(30)).await;
    assert_eq!(updated, Updated::Superseded, "at the very end of the grace");
    let answer = db.apply(&session, &immediate(third), just_before(at(30))).await;
    assert_eq!(answer.token, TokenState::Current, "just before the end of the grace");
    assert_eq!(db.live(&third, at(30)).await.id, session.id);
    for (case, token) in [("the token in grace", first), ("the one that was current", second)] {
        let found = db.find(&token, at(29)).await;
        let over = matches!(found, Some(Found::Ended { .. }));
        assert!(over, "after a re-authentication {case} is {}", describe(found.as_ref()));
        let again = immediate(self::token());
        let updated = db.update(&presenting(&session, token), &again, at(29)).await;
        assert_eq!(updated, Updated::Superseded, "from {case}, after a re-authentication");
    }
    let by_id = SessionRef::by_id(session.id);
    let updated = db.update(&by_id, &immediate(token()), at(29)).await;
    assert_eq!(updated, Updated::Superseded, "a re-authentication without a token");
    let other = presenting(&session, hash(&stranger));
    let updated = db.update(&other, &immediate(token()), at(29)).await;
    assert_eq!(updated, Updated::Superseded, "a re-authentication with another's token");
    let other = presenting(&stranger, third);
    let updated =
        db.update(&other, &SessionChange::rotation(graceful(token(), at(60))), at(29)).await;
    assert_eq!(updated, Updated::Superseded, "a current token, but of another session");
}

/// A token that was rotated, replaced, signed out, revoked or evicted is known until
/// `tombstone_expiry`, five minutes and at least the 60 seconds that a slow request may take: in
/// grace while its grace lasts and its session lives, else ended, with the session, how and when.
/// After that it is absent, as is a token that was never issued.
pub async fn ended_token_is_known(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    assert!(db.find(&token(), NOW).await.is_none(), "a token never issued");
    keeps_the_grace(&db).await;
    ends_every_grace(&db).await;

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
    db.remove_user(&ann, Some(&elsewhere.id), EndedBy::SignedOut, end).await;
    db.remove_user(&ann, None, EndedBy::Revoked, end).await;
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
        ("signed out everywhere", everywhere, EndedBy::SignedOut),
        ("revoked with all the others", elsewhere, EndedBy::Revoked),
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

async fn keeps_the_grace(db: &Db) {
    let [first, second, third] = [token(), token(), token()];
    let mut new = signed_in("gracious", NOW);
    new.token = first;
    let session = db.make(new, NOW).await;
    let until = Timestamp::from_micros(at(30).as_micros() + 1);
    db.apply(&session, &SessionChange::rotation(graceful(second, until)), at(1)).await;
    let session = presenting(&session, second);
    db.apply(&session, &setting("k", 1), at(1)).await;
    db.apply(&session, &SessionChange::rotation(graceful(third, at(1000))), at(2)).await;
    let session = presenting(&session, third);
    db.apply(&session, &setting("k", 2), at(2)).await;

    // Both tokens before work, and see what is stored now.
    let now = just_before(until);
    for (case, token, end) in [("the first", first, until), ("the second", second, at(1000))] {
        let (found, until) = in_grace(db.find(&token, now).await);
        assert_eq!((found.id, until), (session.id, end), "{case}");
        assert_eq!(*found, *db.live(&third, now).await, "{case} sees the session as it is");
    }
    // Each until its own end.
    let found = ended(db.find(&first, until).await);
    assert_eq!(found, (session.id, EndedBy::Rotated, at(1)), "at the end of its grace");
    in_grace(db.find(&second, until).await);
    let found = ended(db.find(&second, at(1000)).await);
    assert_eq!(found, (session.id, EndedBy::Rotated, at(2)), "at the end of its grace");

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

    // A grace that was over before it began.
    let session = db.make(visitor(NOW), NOW).await;
    db.apply(&session, &SessionChange::rotation(graceful(token(), at(-10))), NOW).await;
    let found = ended(db.find(&hash(&session), NOW).await);
    assert_eq!(found, (session.id, EndedBy::Rotated, NOW));
    ended(db.find(&hash(&session), just_before(tombstone_expiry(NOW, None))).await);
}

/// A session that is over takes its tokens in grace along, and so does a re-authentication.
async fn ends_every_grace(db: &Db) {
    for case in
        ["signed out", "replaced", "evicted", "removed with all", "re-authenticated", "expired"]
    {
        let [first, second, third] = [token(), token(), token()];
        let mut new = expiring(signed_in(case, NOW), at(60));
        new.token = first;
        let session = db.make(new, NOW).await;
        db.apply(&session, &SessionChange::rotation(graceful(second, at(200))), NOW).await;
        let session = presenting(&session, second);
        db.apply(&session, &SessionChange::rotation(graceful(third, at(200))), NOW).await;
        let session = presenting(&session, third);
        in_grace(db.find(&first, at(1)).await);

        let owner = user(case);
        let mut now = at(2);
        match case {
            "signed out" => assert!(db.remove(&session, None, EndedBy::SignedOut, now).await),
            "replaced" => {
                db.make(replacing(visitor(now), &session), now).await;
            }
            "evicted" => {
                db.make(with_cap(signed_in(case, now), 1), now).await;
            }
            "removed with all" => {
                db.remove_user(&owner, None, EndedBy::SignedOut, now).await;
            }
            "re-authenticated" => {
                db.apply(
                    &session,
                    &SessionChange::rotation(Rotation::Immediate { token: token() }),
                    now,
                )
                .await;
            }
            _ => now = at(60),
        }
        for token in [first, second] {
            let (id, ..) = ended(db.find(&token, now).await);
            assert_eq!(id, session.id, "{case}: a token in grace");
        }
    }
}
