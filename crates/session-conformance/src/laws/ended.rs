//! The law of slow sign-ins: what was ended meanwhile is not renewed.

use session_core::{BackendErrorKind, Carry, EndedBy, Replace, SessionRef, Updated};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, cap, ending_others, expiring, hash, named, presenting,
    reauthenticating, refused, replacing, rotating, setting, signed_in, token, user, visitor,
    with_cap, with_data,
};
use crate::race::race_two;
use crate::run::rounds;
use crate::subject::Fresh;

/// A sign-in that would replace a session which its request had loaded as the same user's is refused
/// (`ActingEnded`) if that session was signed out, revoked or evicted meanwhile, or the token that
/// was presented has lost its power; in the step that would create, and nothing is changed. So when a
/// revocation has returned, nothing that began before it can sign its session in again.
///
/// It is not refused if the session was another user's or nobody's, nor if it expired or another
/// sign-in replaced it.
pub async fn ended_never_returns(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    refuses_what_was_ended(&db).await;
    lets_the_others_in(&db).await;

    for round in 0..rounds(10) {
        let pause = async move || {
            for _ in 0..round % 4 {
                tokio::task::yield_now().await;
            }
        };
        // With a revocation of all: whichever comes first, nothing lives when both have returned.
        let name = format!("revoked {round}");
        let owner = user(&name);
        let old = db.make(signed_in(&name, NOW), NOW).await;
        let new = replacing(signed_in(&name, NOW), &old);
        let (signer, ender, heir, all) = (db.client(0), db.client(1), named(&new), owner.clone());
        let sign_in = async move { signer.create(new, NOW).await };
        let end = async move {
            pause().await;
            let removed = ender.remove_user(&all, None, None, EndedBy::Revoked, NOW).await;
            removed.or_panic("remove_user")
        };
        let (made, removed) = race_two(sign_in, end).await;
        let expected = match made {
            Ok(created) => {
                assert!(created.replaced, "a sign-in before the revocation");
                heir.id
            }
            Err(error) => {
                assert_eq!(error.kind(), BackendErrorKind::ActingEnded, "{error}");
                old.id
            }
        };
        assert_eq!(removed, [expected], "what the revocation ended");
        assert!(db.list(&owner, NOW).await.is_empty(), "it came back after its revocation");
        assert!(!db.is_live(&heir, NOW).await && !db.is_live(&old, NOW).await);

        // With a revocation of this one: it ended the session, or the sign-in had.
        let old = db.make(signed_in("ann", NOW), NOW).await;
        let new = replacing(signed_in("ann", NOW), &old);
        let (signer, ender, heir, ended) = (db.client(0), db.client(1), named(&new), old.id);
        let sign_in = async move { signer.create(new, NOW).await };
        let end = async move {
            pause().await;
            let ended = SessionRef::by_id(ended);
            let removed = ender.remove(&ended, None, None, EndedBy::Revoked, NOW).await;
            removed.or_panic("remove")
        };
        let (made, removed) = race_two(sign_in, end).await;
        assert_ne!(made.is_ok(), removed, "a session that was revoked and replaced, or neither");
        assert_eq!(db.is_live(&heir, NOW).await, made.is_ok());

        // With a sign-in that evicts it.
        let name = format!("evicted {round}");
        let old = db.make(signed_in(&name, at(-1)), NOW).await;
        db.make(signed_in(&name, NOW), NOW).await;
        let new = replacing(signed_in(&name, NOW), &old);
        let (signer, other, heir) = (db.client(0), db.client(1), named(&new));
        let newcomer = with_cap(signed_in(&name, NOW), 2);
        let sign_in = async move { signer.create(new, NOW).await };
        let evict = async move {
            pause().await;
            other.create(newcomer, NOW).await.or_panic("create").evicted
        };
        let (made, evicted) = race_two(sign_in, evict).await;
        assert_eq!(evicted.len(), 1, "{evicted:?}");
        assert_ne!(made.is_ok(), evicted[0] == old.id, "evicted and replaced, or neither");
        let live = made.is_ok() && evicted[0] != heir.id;
        assert_eq!(db.is_live(&heir, NOW).await, live);
    }
}

/// How a session of ann's ended, or its token lost its power, while a request went on.
const ENDS: [&str; 9] = [
    "signed out",
    "revoked",
    "revoked with all",
    "evicted",
    "ended by a re-authentication elsewhere",
    "ended while the token was in grace",
    "a token that was re-authenticated away",
    "a token whose grace is over",
    "a token never issued",
];

/// Brings it about, at two seconds; the session as the slow request names it, and its present token.
async fn end(db: &Db, case: &str) -> (SessionRef, session_core::TokenHash) {
    let (ann, next) = (user("ann"), token());
    let session = db.make(with_data(signed_in("ann", NOW), "k", 1), NOW).await;
    let mut current = hash(&session);
    match case {
        "signed out" => assert!(db.remove(&session, None, EndedBy::SignedOut, at(2)).await),
        "revoked" => assert!(db.remove(&session, Some(&ann), EndedBy::Revoked, at(2)).await),
        "revoked with all" => {
            db.remove_user(&ann, None, EndedBy::Revoked, at(2)).await;
        }
        "evicted" => {
            db.make(with_cap(signed_in("ann", at(2)), 1), at(2)).await;
        }
        "ended by a re-authentication elsewhere" => {
            let other = db.make(signed_in("ann", at(1)), at(1)).await;
            db.apply(&other, &ending_others(next, at(LIFE)), at(2)).await;
        }
        "ended while the token was in grace" => {
            db.apply(&session, &rotating(next, at(60)), at(1)).await;
            db.remove(&SessionRef::by_id(session.id), None, EndedBy::Revoked, at(2)).await;
            current = next;
        }
        "a token that was re-authenticated away" => {
            db.apply(&session, &reauthenticating(next, at(LIFE)), at(2)).await;
            current = next;
        }
        "a token whose grace is over" => {
            db.apply(&session, &rotating(next, at(2)), at(1)).await;
            current = next;
        }
        _ => return (presenting(&session, next), current),
    }
    (session, current)
}

async fn refuses_what_was_ended(db: &Db) {
    let ann = user("ann");
    for case in ENDS {
        let (old, current) = end(db, case).await;
        let before = db.list(&ann, at(2)).await;
        // At once, and long after; and nothing of it happens, whatever else was asked for.
        for now in [at(2), at(60)] {
            for carry in [Carry::All, Carry::Nothing] {
                let mut new = with_data(signed_in("ann", now), "new", 1);
                new.cap = Some(cap(1));
                new.presented = vec![hash(&old)];
                new.replaces = Some(Replace { session: old.clone(), carry });
                let session = named(&new);
                let kind = refused(case, db.next().create(new, now).await);
                assert_eq!(kind, BackendErrorKind::ActingEnded, "{case}");
                assert!(db.find(&hash(&session), now).await.is_none(), "{case}: it was made");
                assert_eq!(db.list(&ann, now).await, before, "{case}: it changed something");
            }
        }
        if let Some(mut left) = before.into_iter().find(|left| left.id == old.id) {
            // Whoever has its present token goes on, and may sign in.
            let old = presenting(&old, current);
            db.apply(&old, &setting("k", 2), at(60)).await;
            left.data = db.live(&current, at(60)).await.data.clone();
            let created = db.create(replacing(signed_in("ann", at(60)), &old), at(60)).await;
            assert!(created.replaced, "{case}: with its present token");
            assert_eq!(created.session.data, left.data, "{case}: with its present token");
        }
        db.remove_user(&ann, None, EndedBy::Revoked, at(60)).await;
    }
}

async fn lets_the_others_in(db: &Db) {
    let ann = user("ann");
    for case in ENDS {
        let (old, _) = end(db, case).await;
        let by_nobody = SessionRef { user: None, ..old.clone() };
        let by_bob = SessionRef { user: Some(user("bob")), ..old.clone() };
        for (who, new, old) in [
            ("another user", signed_in("bob", at(60)), &old),
            ("a visitor", visitor(at(60)), &old),
            ("one that found it ended", signed_in("ann", at(60)), &by_nobody),
            ("one that had another's", signed_in("ann", at(60)), &by_bob),
        ] {
            let session = named(&new);
            let created = db.create(replacing(new, old), at(60)).await;
            assert!(!created.replaced, "{case}, {who}: it has no power over the session");
            assert!(created.session.data.is_empty(), "{case}, {who}: it carried");
            assert!(db.is_live(&session, at(60)).await, "{case}, {who}");
            db.remove(&session, None, EndedBy::Revoked, at(60)).await;
        }
        db.remove_user(&ann, None, EndedBy::Revoked, at(60)).await;
    }

    // Expired, or replaced by another sign-in, whoever's.
    let expired = db.make(expiring(signed_in("ann", NOW), at(10)), NOW).await;
    let twice = db.make(signed_in("ann", NOW), NOW).await;
    db.make(replacing(signed_in("ann", at(1)), &twice), at(1)).await;
    let bobs = db.make(signed_in("ann", NOW), NOW).await;
    db.make(replacing(signed_in("bob", at(1)), &bobs), at(1)).await;
    let rotated = db.make(signed_in("ann", NOW), NOW).await;
    db.apply(&rotated, &rotating(token(), at(60)), at(1)).await;
    for (case, old, replaced) in [
        ("expired", expired, false),
        ("replaced by her own sign-in", twice, false),
        ("replaced by another's sign-in", bobs, false),
        ("in grace", rotated, true),
    ] {
        let new = replacing(signed_in("ann", at(20)), &old);
        let session = named(&new);
        assert_eq!(db.create(new, at(20)).await.replaced, replaced, "{case}");
        assert!(db.is_live(&session, at(20)).await, "{case}");
        assert_eq!(db.update(&old, &setting("k", 1), at(20)).await, Updated::Missing, "{case}");
    }
}
