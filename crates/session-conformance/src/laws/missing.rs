//! The law of late changes: they bring nothing back, and need a token that is good.

use session_core::{
    EndedBy, Found, Lifetime, MAX_GRACES, NewLifetime, Patch, SessionChange, SessionRef, TokenHash,
    Updated,
};

use crate::db::{
    Db, LIFE, NOW, OrPanic, applied, at, describe, hash, in_grace, named, presented, presenting,
    reauthenticating, replacing, rotating, setting, signed_in, token, touching, user, with_cap,
    with_data,
};
use crate::race::race_two;
use crate::run::rounds;
use crate::subject::Fresh;

/// Any change to a session that is missing (ended in whatever way, or never made) is `Missing` and
/// leaves nothing behind; and so is one to a live session through a token that is neither its current
/// one nor in grace. So a sign-out wins: once it returned, no request that is still under way can bring
/// the session back; and after a re-authentication nobody goes on with the token before.
pub async fn update_never_creates(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    let ann = user("ann");

    let removed = db.make(signed_in("ann", NOW), NOW).await;
    assert!(db.remove(&removed, None, EndedBy::SignedOut, NOW).await);
    let revoked = db.make(signed_in("ann", NOW), NOW).await;
    db.remove_user(&ann, None, EndedBy::Revoked, NOW).await;
    let replaced = db.make(signed_in("ann", NOW), NOW).await;
    let heir = db.make(replacing(signed_in("bob", NOW), &replaced), NOW).await;
    let evicted = db.make(signed_in("bob", at(-1)), NOW).await;
    db.make(with_cap(signed_in("bob", NOW), 2), NOW).await;
    assert!(db.is_live(&heir, NOW).await);
    let never = named(&signed_in("ann", NOW));
    for (case, session) in [
        ("signed out", removed),
        ("revoked", revoked),
        ("replaced", replaced),
        ("evicted", evicted),
        ("never made", never),
    ] {
        let owner = session.user.clone().expect("a user");
        let others = db.ids(&owner, NOW).await;
        for (what, change) in changes() {
            // With everything that is known of it, and by its name alone.
            for session in [session.clone(), SessionRef::by_id(session.id)] {
                let updated = db.update(&session, &change, NOW).await;
                assert_eq!(updated, Updated::Missing, "{what} of a session that is {case}");
            }
            let found = db.find(&hash(&session), NOW).await;
            let over = matches!(found, None | Some(Found::Ended { .. }));
            assert!(over, "{what} of a session that is {case}: {}", describe(found.as_ref()));
            if let Some(rotation) = &change.rotation {
                let found = db.find(rotation.token(), NOW).await;
                assert!(found.is_none(), "{what}, {case}: {}", describe(found.as_ref()));
            }
            assert_eq!(db.ids(&owner, NOW).await, others, "{what} of a session that is {case}");
        }
    }
    assert!(db.list(&ann, NOW).await.is_empty());
    needs_a_good_token(&db).await;

    for round in 0..rounds(10) {
        let session = db.make(with_data(signed_in("ann", NOW), "k", 0), NOW).await;
        let (writer, ender) = (db.client(0), db.client(1));
        let (written, ended) = (session.clone(), session.clone());
        let write = async move {
            for n in 0..200 {
                let updated = writer.update(&written, &setting("k", n), NOW).await;
                if updated.or_panic("update") == Updated::Missing {
                    // Once more, now that it is surely gone.
                    return writer
                        .update(&written, &setting("k", -1), NOW)
                        .await
                        .or_panic("update");
                }
                tokio::task::yield_now().await;
            }
            Updated::Missing
        };
        let sign_out = async move {
            for _ in 0..round % 5 {
                tokio::task::yield_now().await;
            }
            assert!(
                ender.remove(&ended, None, None, EndedBy::SignedOut, NOW).await.or_panic("remove"),
                "it was live"
            );
            let found = ender.find(&hash(&ended), NOW).await.or_panic("find");
            assert!(
                !matches!(found, Some(Found::Live { .. } | Found::Grace { .. })),
                "after the sign-out returned: {}",
                describe(found.as_ref())
            );
        };
        let (last, ()) = race_two(write, sign_out).await;
        assert_eq!(last, Updated::Missing, "a write after the sign-out");
        assert!(!db.is_live(&session, NOW).await, "a late write brought it back");
        assert!(db.list(&ann, NOW).await.is_empty(), "a late write brought it back");
    }

    // And one that is live goes on being changed by others.
    let session = db.make(signed_in("ann", NOW), NOW).await;
    applied(db.update(&session, &setting("k", 1), NOW).await);
}

/// Changes through a token that ended, while the session goes on under another one.
async fn needs_a_good_token(db: &Db) {
    let [first, second, third] = [token(), token(), token()];
    let mut new = with_data(signed_in("goes on", NOW), "k", 0);
    new.token = first;
    let session = db.make(new, NOW).await;
    let stranger = db.make(signed_in("goes on", NOW), NOW).await;
    let never = ("never issued", token());
    let others = ("another session's", hash(&stranger));
    let check = async |state, good: &[TokenHash], bad: &[(&str, TokenHash)], now| {
        let live = good[0];
        for (case, token) in bad {
            let before = db.live(&live, now).await;
            let seen = db.token_seen(&live, now).await;
            for (what, change) in changes() {
                let session = presenting(&session, *token);
                let updated = db.update(&session, &presented(change.clone()), now).await;
                let case = format!("{what} through a token that is {case}, {state}");
                assert_eq!(updated, Updated::Missing, "{case}");
                assert_eq!(db.live(&live, now).await, before, "{case}: it changed something");
                assert_eq!(db.token_seen(&live, now).await, seen, "{case}: it was seen");
                if let Some(rotation) = &change.rotation {
                    let found = db.find(rotation.token(), now).await;
                    assert!(found.is_none(), "{case}: {}", describe(found.as_ref()));
                }
                assert!(db.is_live(&stranger, now).await, "{case}: it ended another session");
            }
        }
        for token in good {
            let change = setting("by", state);
            applied(db.update(&presenting(&session, *token), &change, now).await);
        }
    };
    check("at first", &[first], &[never, others], NOW).await;
    db.apply(&session, &rotating(second, at(30)), NOW).await;
    check("rotated", &[second, first], &[never, others], at(29)).await;
    let over = ("over", first);
    check("after its grace", &[second], &[never, others, over], at(30)).await;
    let session = presenting(&session, second);
    db.apply(&session, &reauthenticating(third, at(LIFE)), at(31)).await;
    let before = ("of before", second);
    check("re-authenticated", &[third], &[never, others, over, before], at(31)).await;

    // In grace, but that the session has had too many tokens since.
    let [oldest, mut last] = [third, third];
    for second in (32..).take(MAX_GRACES + 1) {
        let next = token();
        let session = presenting(&session, last);
        db.apply(&session, &rotating(next, at(LIFE)), at(second)).await;
        last = next;
    }
    check("rotated often", &[last], &[never, others, ("too old", oldest)], at(50)).await;

    // While its grace lasts, and its session is another's all the same.
    let other = db.make(signed_in("goes on", NOW), NOW).await;
    db.apply(&other, &rotating(token(), at(60)), NOW).await;
    in_grace(db.find(&hash(&other), at(50)).await);
    let others = ("another's in grace", hash(&other));
    check("and another in grace", &[last], &[others], at(50)).await;
}

fn changes() -> Vec<(&'static str, SessionChange)> {
    let mut clear = Patch::new();
    clear.clear();
    let mut lifetime = SessionChange::default();
    lifetime.lifetime =
        Some(NewLifetime { lifetime: Lifetime::new().persistent(true), expires_at: at(2 * LIFE) });
    // A condition that fails as well: missing is told first.
    let mut conditional = setting("k", "x".repeat(100));
    conditional.if_version = Some(99);
    conditional.max_bytes = 1;
    vec![
        ("no change", SessionChange::default()),
        ("a patch", setting("k", 1)),
        ("a patch that clears", SessionChange::patch(clear)),
        ("a touch", touching(NOW, at(LIFE))),
        ("a lifetime", lifetime),
        ("a rotation", rotating(token(), at(30))),
        ("a re-authentication", reauthenticating(token(), at(LIFE))),
        ("a patch at a version", conditional),
    ]
}
