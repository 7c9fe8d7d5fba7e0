//! The law of expiry: what has expired is absent, for every method, purged or not.

use session_core::{EndedBy, Found, SessionChange, SessionRef, Timestamp, Updated};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, describe, expiring, hash, just_after, just_before,
    reauthenticating, replacing, rotating, setting, signed_in, token, touching, user, visitor,
    with_data,
};
use crate::subject::Fresh;

/// From the microsecond `expires_at` on, a session is absent: `find`, `get`, `live` and `list` do not return
/// it, `count` does not count it,
/// `update` is `Missing` and cannot bring it back, `remove` and `remove_user` do not count it, a
/// sign-in does not replace it, and its token in grace no longer works. The purge changes none of
/// that, and the microsecond before it is live.
pub async fn expired_is_absent(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    let ann = user("ann");
    let expires_at = Timestamp::from_micros(at(60).as_micros() + 500_001);

    let first = with_data(expiring(signed_in("ann", NOW), expires_at), "k", 1);
    let first = db.make(first, NOW).await;
    let rotated = expiring(signed_in("ann", NOW), expires_at);
    let rotated = db.make(rotated, NOW).await;
    let next = token();
    db.apply(&rotated, &rotating(next, at(LIFE)), NOW).await;
    let outlives = db.make(signed_in("ann", NOW), NOW).await;

    let last = just_before(expires_at);
    assert!(db.is_live(&first, last).await, "a microsecond before it expires");
    assert_eq!(db.list(&ann, last).await.len(), 3, "a microsecond before they expire");
    assert!(matches!(db.find(&hash(&rotated), last).await, Some(Found::Grace { .. })));
    db.apply(&first, &setting("k", 2), last).await;

    for (case, now) in [("at that moment", expires_at), ("after it", at(LIFE - 1))] {
        check_absent(&db, case, &first, &rotated, &next, &outlives, now).await;
    }
    // A clock that jumps back may find it again; that it was looked at changed nothing.
    assert!(db.is_live(&first, last).await, "a look that found nothing took it away");

    let by_purge = db.purge_all(just_after(expires_at), 100).await;
    assert!(by_purge <= 2, "{by_purge} were purged but two had expired");
    check_absent(&db, "purged", &first, &rotated, &next, &outlives, just_after(expires_at)).await;

    // The same for one that never had a user.
    let visitor = db.make(expiring(visitor(NOW), expires_at), NOW).await;
    assert!(db.find(&hash(&visitor), expires_at).await.is_none(), "an anonymous one");
    let updated = db.update(&visitor, &setting("k", 1), expires_at).await;
    assert_eq!(updated, Updated::Missing, "an anonymous one");
}

async fn check_absent(
    db: &Db,
    case: &str,
    session: &SessionRef,
    rotated: &SessionRef,
    next: &session_core::TokenHash,
    outlives: &SessionRef,
    now: Timestamp,
) {
    let ann = user("ann");
    let found = db.find(&hash(session), now).await;
    assert!(found.is_none(), "{case}: find gave {}", describe(found.as_ref()));
    let found = db.find(next, now).await;
    assert!(found.is_none(), "{case}: find gave {}", describe(found.as_ref()));
    let found = db.find(&hash(rotated), now).await;
    let works = matches!(found, Some(Found::Live { .. } | Found::Grace { .. }));
    assert!(!works, "{case}: its token in grace gave {}", describe(found.as_ref()));
    assert_eq!(db.ids(&ann, now).await, [outlives.id], "{case}: list gave an expired one");
    assert!(db.get(&session.id, now).await.is_none(), "{case}: get gave it");
    let asked = [session.id, outlives.id, rotated.id];
    assert_eq!(db.live_ids(&asked, now).await, [outlives.id], "{case}: live gave it");
    let count = db.next().count(now).await.or_panic("count");
    assert_eq!((count.live, count.signed_in), (1, 1), "{case}: count counts it");

    for (what, change) in [
        ("nothing", SessionChange::default()),
        ("a patch", setting("k", 3)),
        ("a touch", touching(now, now.plus(crate::db::secs(60)))),
        ("a rotation", rotating(token(), at(LIFE))),
        ("a re-authentication", reauthenticating(token(), now.plus(crate::db::secs(60)))),
    ] {
        let updated = db.update(session, &change, now).await;
        assert_eq!(updated, Updated::Missing, "{case}: {what}");
        if let Some(rotation) = &change.rotation {
            assert!(db.find(rotation.token(), now).await.is_none(), "{case}: {what} revived it");
        }
    }
    let named_by_id = SessionRef::by_id(session.id);
    let removed = db.remove(&named_by_id, None, EndedBy::Revoked, now).await;
    assert!(!removed, "{case}: remove counts an expired session");
    let except = Some(&outlives.id);
    let removed = db.remove_user(&user("nobody"), except, EndedBy::Revoked, now).await;
    assert!(removed.is_empty(), "{case}: a user without sessions");

    let new = replacing(visitor(now), session);
    let created = db.create(new, now).await;
    assert!(!created.replaced, "{case}: a sign-in replaced it");
    assert!(created.session.data.is_empty(), "{case}: a sign-in carried its data");
    db.remove(&SessionRef::by_id(created.session.id), None, EndedBy::Revoked, now).await;
}
