//! The law of signing in: one session takes the place of another in one step.

use session_core::{BackendErrorKind, EndedBy, Found, Rotation, SessionChange, Updated};

use crate::db::{
    Db, NOW, OrPanic, at, describe, expiring, hash, named, refused, replacing, setting, signed_in,
    token, user, visitor, with_data,
};
use crate::race::race_two;
use crate::run::rounds;
use crate::subject::Fresh;

/// `create` with `replaces` ends the old session in the same step, with every token of it that was
/// in grace: never are both live, and never is neither if the call succeeded. If the call
/// returned an error the old session goes on. One that is not live is no error.
pub async fn create_replaces_atomically(fresh: &Fresh) {
    let db = Db::open(fresh).await;

    // An anonymous session, one of the same user, one of another user.
    for (case, old) in [
        ("an anonymous one", visitor(NOW)),
        ("the same user's", signed_in("ann", NOW)),
        ("another user's", signed_in("bob", NOW)),
    ] {
        let owner = old.record.user_id.clone();
        let old = db.make(old, NOW).await;
        let next = token();
        let rotation = Rotation::Graceful { token: next, grace_until: at(30) };
        db.apply(&old, &SessionChange::rotation(rotation), NOW).await;

        let new = replacing(signed_in("ann", at(1)), &old);
        let (new_token, id) = (new.token, new.record.id);
        let created = db.create(new, at(1)).await;
        assert!(created.replaced, "{case}: it was live, and is not said to be replaced");
        assert!(created.evicted.is_empty(), "{case}: replaced is not evicted");
        assert_eq!(db.live(&new_token, at(1)).await.id, id, "{case}");
        for (which, token) in [("current token", next), ("token in grace", hash(&old))] {
            let found = db.find(&token, at(1)).await;
            let over = !matches!(found, Some(Found::Live { .. } | Found::Grace { .. }));
            assert!(over, "{case}: its {which} is still {}", describe(found.as_ref()));
        }
        if let Some(owner) = owner {
            assert!(!db.ids(&owner, at(1)).await.contains(&old.id), "{case}: it is still listed");
        }
        let updated = db.update(&old, &setting("late", 1), at(1)).await;
        assert_eq!(updated, Updated::Missing, "{case}: a late write reached it");
        db.remove_user(&user("ann"), None, EndedBy::Revoked, at(1)).await;
    }

    // Gone already: no error.
    let removed = db.make(visitor(NOW), NOW).await;
    db.remove(&removed, None, EndedBy::SignedOut, NOW).await;
    let expired = db.make(expiring(visitor(NOW), at(10)), NOW).await;
    let never = named(&visitor(NOW));
    for (case, old) in [("removed", removed), ("expired", expired), ("never made", never)] {
        let new = replacing(signed_in("ann", at(10)), &old);
        let session = named(&new);
        let created = db.create(new, at(10)).await;
        assert!(!created.replaced, "{case}: nothing was live, so nothing was replaced");
        assert!(db.is_live(&session, at(10)).await, "{case}");
    }

    // Refused: the old session goes on.
    let old = db.make(with_data(visitor(NOW), "cart", 1), NOW).await;
    let mut new = with_data(signed_in("ann", NOW), "big", "x".repeat(4000));
    new.max_bytes = 1000;
    let session = named(&new);
    let kind = refused("too much data", db.next().create(replacing(new, &old), NOW).await);
    assert_eq!(kind, BackendErrorKind::TooLarge);
    assert!(db.is_live(&old, NOW).await, "a refused sign-in ended the session before");
    assert!(!db.is_live(&session, NOW).await, "a refused sign-in made a session");

    for _ in 0..rounds(12) {
        let old = db.make(visitor(NOW), NOW).await;
        let new = replacing(signed_in("ann", NOW), &old);
        let (old_token, new_token) = (hash(&old), new.token);
        let (writer, reader) = (db.client(0), db.client(1));
        let sign_in = async move {
            writer.create(new, NOW).await.or_panic("create");
        };
        let look = async move {
            // Neither step is ever undone, so two reads in a row say what was true between them.
            for _ in 0..100_000 {
                let old = reader.find(&old_token, NOW).await.or_panic("find");
                let old_is_over = !matches!(old, Some(Found::Live { .. }));
                let new = reader.find(&new_token, NOW).await.or_panic("find");
                let new_is_live = matches!(new, Some(Found::Live { .. }));
                assert!(new_is_live || !old_is_over, "neither is live");
                if new_is_live {
                    let old = reader.find(&old_token, NOW).await.or_panic("find");
                    assert!(!matches!(old, Some(Found::Live { .. })), "both are live");
                    return;
                }
                tokio::task::yield_now().await;
            }
            panic!("the new session never came to be");
        };
        race_two(sign_in, look).await;
    }
}
