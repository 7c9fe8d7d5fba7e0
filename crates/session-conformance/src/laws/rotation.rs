//! The law of rotations: one wins, and few tokens of a session work at one moment.

use session_core::{
    BackendErrorKind, EndedBy, Found, MAX_GRACES, Rotation, SessionChange, SessionRef, TokenState,
    Updated,
};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, describe, ended, hash, in_grace, just_before, presenting, refused,
    rotating, setting, signed_in, token, touching, visitor, with_data,
};
use crate::race::race;
use crate::run::rounds;
use crate::subject::Fresh;

/// Of any number of racing rotations from one token exactly one applies; the others change nothing,
/// neither data nor times nor tokens. A plain rotation applies only from the current token, and is
/// `Superseded` from one in grace; the rotation of a re-authentication applies from both. Through
/// any other token it is `Missing`. The answer says whether the token that was presented is still the
/// current one. Of a session's tokens the eight newest at most are in grace: the grace of an older one
/// ends with the rotation that passes the limit.
pub async fn rotation_has_one_winner(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    applies_from_the_right_token(&db).await;
    keeps_few_graces(&db, 1).await;
    // At one moment: the newest are those that were made last.
    keeps_few_graces(&db, 0).await;

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
                Rotation::Graceful { token, grace_until: at(30) }
            });
            async move { (token, client.update(&session, &change, NOW).await.or_panic("update")) }
        });
        // After a re-authentication the token of the others is good for nothing.
        let lost = if immediate { Updated::Missing } else { Updated::Superseded };
        let mut winner = None;
        for (token, updated) in race(racers).await {
            if let Updated::Applied(_) = updated {
                let before = winner.replace(token);
                assert!(before.is_none(), "two rotations from one token applied");
            } else {
                assert_eq!(updated, lost, "a rotation that lost");
                let found = db.find(&token, NOW).await;
                assert!(found.is_none(), "a loser's token: {}", describe(found.as_ref()));
            }
        }
        let winner = winner.expect("of racing rotations one applies");
        let stored = db.live(&winner, NOW).await;
        assert_eq!(stored.id, session.id, "a rotation keeps the id");
        assert_eq!(stored.data.len(), 1, "a rotation that lost left its patch behind");
        assert_eq!(stored.version, 1);
        let before = db.find(&hash(&session), NOW).await;
        assert!(
            !matches!(before, Some(Found::Live { .. })),
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

    let mut change = rotating(second, at(30));
    change.patch.set("k", 1.into());
    change.touch = touching(NOW, at(2 * LIFE)).touch;
    let answer = db.apply(&session, &change, NOW).await;
    assert_eq!(answer.token, TokenState::Current, "after a rotation the new token is current");
    let stored = db.live(&second, NOW).await;
    assert_eq!(stored.data.get("k"), Some(&1.into()), "the patch beside a rotation");
    assert_eq!(stored.expires_at, at(2 * LIFE), "the touch beside a rotation");

    // What the answer says of the token that was presented.
    for (case, session, state) in [
        ("the current token", presenting(&session, second), TokenState::Current),
        ("the token before", session.clone(), TokenState::Grace),
        ("no token", SessionRef::by_id(session.id), TokenState::Grace),
    ] {
        let answer = db.apply(&session, &setting("by", case), NOW).await;
        assert_eq!(answer.token, state, "{case}");
    }

    // A plain rotation from anything but the current token.
    let before = db.live(&second, NOW).await;
    let mut late = rotating(third, at(30));
    late.patch.set("large", "x".repeat(100).into());
    late.touch = touching(at(5), at(3 * LIFE)).touch;
    late.max_bytes = 1;
    for (case, session, told) in [
        ("the token in grace", session.clone(), Updated::Superseded),
        ("no token", SessionRef::by_id(session.id), Updated::Superseded),
        ("another's token", presenting(&session, hash(&stranger)), Updated::Missing),
        ("a token never issued", presenting(&session, token()), Updated::Missing),
    ] {
        // Its data is too large as well: this is told first.
        let updated = db.update(&session, &late, at(5)).await;
        assert_eq!(updated, told, "a plain rotation from {case}");
        assert_eq!(db.live(&second, at(5)).await, before, "{told:?} from {case}, and yet");
        assert!(db.find(&third, at(5)).await.is_none(), "{told:?} from {case}, and yet");
    }
    let current = presenting(&session, second);
    let kind = refused("too large", db.next().update(&current, &late, at(5)).await);
    assert_eq!(kind, BackendErrorKind::TooLarge, "a rotation with too much data");
    assert_eq!(db.live(&second, at(5)).await, before, "a refused rotation left something behind");
    assert!(db.find(&third, at(5)).await.is_none(), "a refused rotation left its token behind");

    // The rotation of a re-authentication: from the token in grace, while the grace lasts.
    let immediate = |token| SessionChange::rotation(Rotation::Immediate { token });
    let updated = db.update(&session, &immediate(third), at(30)).await;
    assert_eq!(updated, Updated::Missing, "at the very end of the grace");
    let answer = db.apply(&session, &immediate(third), just_before(at(30))).await;
    assert_eq!(answer.token, TokenState::Current, "just before the end of the grace");
    assert_eq!(db.live(&third, at(30)).await.id, session.id);
    for (case, token) in [("the token in grace", first), ("the one that was current", second)] {
        let found = db.find(&token, at(29)).await;
        let over = matches!(found, Some(Found::Ended { .. }));
        assert!(over, "after a re-authentication {case} is {}", describe(found.as_ref()));
    }
    for (case, session, told) in [
        ("the token in grace", presenting(&session, first), Updated::Missing),
        ("the one that was current", presenting(&session, second), Updated::Missing),
        ("another's token", presenting(&session, hash(&stranger)), Updated::Missing),
        ("a current token of another session", presenting(&stranger, third), Updated::Missing),
        ("no token", SessionRef::by_id(session.id), Updated::Superseded),
    ] {
        let updated = db.update(&session, &immediate(token()), at(29)).await;
        assert_eq!(updated, told, "a re-authentication from {case}");
    }
}

/// A browser that rotates with every request, so many seconds apart, and loses every answer.
async fn keeps_few_graces(db: &Db, apart: i64) {
    // Over before the others begin, so they take nobody's place.
    let mut session = db.make(visitor(NOW), NOW).await;
    let mut over = Vec::new();
    for _ in 0..MAX_GRACES {
        let next = token();
        db.apply(&session, &rotating(next, at(5)), NOW).await;
        over.push(hash(&session));
        session = presenting(&session, next);
    }
    let mut former = Vec::new();
    for turn in (0..).take(MAX_GRACES + 4) {
        let (now, next, until) = (at(10 + turn * apart), token(), at(110 + turn));
        db.apply(&session, &rotating(next, until), now).await;
        former.push((hash(&session), until));
        session = presenting(&session, next);

        let cut = former.len().saturating_sub(MAX_GRACES);
        for (number, (token, until)) in former.iter().enumerate() {
            let found = db.find(token, now).await;
            if number < cut {
                // The one that is cut now ends now, and those before it when they were cut.
                let turn = i64::try_from(number + MAX_GRACES).expect("a small number");
                let ends = at(10 + turn * apart);
                assert_eq!(ended(found), (session.id, EndedBy::Rotated, ends), "token {number}");
            } else {
                assert_eq!(in_grace(found).1, *until, "token {number} of {}", former.len());
            }
        }
    }
    for token in &over {
        let found = ended(db.find(token, at(50)).await);
        assert_eq!(found, (session.id, EndedBy::Rotated, at(5)), "over long before");
    }
}
