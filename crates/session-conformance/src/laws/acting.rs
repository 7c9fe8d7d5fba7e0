//! By whose right a user's sessions are ended.

use session_core::{BackendErrorKind, EndedBy, SessionRef, Timestamp, UserId};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, ending_others, expiring, hash, just_before, named, presenting,
    reauthenticating, refused, replacing, rotating, signed_in, token, user, visitor, with_cap,
};
use crate::race::race_two;
use crate::run::rounds;

/// When the acting sessions act.
const ACTS: Timestamp = at(30);

/// Sessions that have the right to act, and such that have lost it.
async fn those_who_act(db: &Db) -> Vec<(&'static str, SessionRef, bool)> {
    let make = async |name| db.make(signed_in(name, NOW), NOW).await;
    let mut all = Vec::new();

    let revoked = make("revoked").await;
    db.remove(&SessionRef::by_id(revoked.id), None, EndedBy::Revoked, NOW).await;
    all.push(("revoked", revoked, false));
    let signed_out = make("signed out").await;
    db.remove(&signed_out, None, EndedBy::SignedOut, NOW).await;
    all.push(("signed out", signed_out, false));
    let replaced = make("replaced").await;
    db.make(replacing(signed_in("replaced", NOW), &replaced), NOW).await;
    all.push(("replaced", replaced, false));
    let evicted = make("evicted").await;
    db.make(with_cap(signed_in("evicted", at(1)), 1), at(1)).await;
    all.push(("evicted", evicted, false));
    let expired = db.make(expiring(signed_in("expired", NOW), ACTS), NOW).await;
    all.push(("expired", expired, false));
    all.push(("never made", named(&signed_in("never made", NOW)), false));

    let current = make("current").await;
    let next = token();
    db.apply(&current, &reauthenticating(next, at(LIFE)), NOW).await;
    all.push(("with a token that was re-authenticated away", current.clone(), false));
    all.push(("with a token never issued", presenting(&current, token()), false));
    let other = make("current").await;
    all.push(("with another session's token", presenting(&current, hash(&other)), false));
    all.push(("with its current token", presenting(&current, next), true));

    for (case, grace_until, has_power) in [
        ("with a token whose grace is over", ACTS, false),
        ("with a token in grace", crate::db::just_after(ACTS), true),
    ] {
        let session = make(case).await;
        db.apply(&session, &rotating(token(), grace_until), just_before(ACTS)).await;
        all.push((case, session, has_power));
    }
    all
}

/// Whose it is.
fn owner(session: &SessionRef) -> UserId {
    session.user.clone().expect("a session of somebody")
}

/// `remove` by a session that has lost its right ends nothing, whatever is to be ended.
pub(super) async fn removals_need_power(db: &Db) {
    let how = EndedBy::Revoked;
    for (case, acting, has_power) in those_who_act(db).await {
        let (ann, by) = (owner(&acting), Some(&acting));
        let target = db.make(signed_in(ann.as_str(), ACTS), ACTS).await;
        let gone = named(&visitor(ACTS));
        for (target, is_live) in [(&target, true), (&gone, false)] {
            for owner in [Some(&ann), None] {
                let target = SessionRef::by_id(target.id);
                let removed = db.next().remove(&target, owner, by, how, ACTS).await;
                if has_power {
                    let expected = is_live && owner.is_some();
                    assert_eq!(removed.or_panic("remove"), expected, "acting: {case}");
                } else {
                    let kind = refused(format!("acting: {case}"), removed);
                    assert_eq!(kind, BackendErrorKind::ActingEnded, "acting: {case}");
                }
            }
        }
        assert_eq!(db.is_live(&target, ACTS).await, !has_power, "acting: {case}");
    }
    // It may end itself, once.
    let own = db.make(signed_in("acts", NOW), NOW).await;
    let removed = db.next().remove(&own, None, Some(&own), how, NOW).await;
    assert!(removed.or_panic("remove"), "its own session");
    let again = refused("again", db.next().remove(&own, None, Some(&own), how, NOW).await);
    assert_eq!(again, BackendErrorKind::ActingEnded, "its own session, again");
}

/// `remove_user` by a session that has lost its right ends nobody.
pub(super) async fn users_need_power(db: &Db) {
    let how = EndedBy::Revoked;
    for (case, acting, has_power) in those_who_act(db).await {
        let ann = owner(&acting);
        let other = db.make(signed_in(ann.as_str(), ACTS), ACTS).await;
        let before = db.ids(&ann, ACTS).await;
        for user in [user("has no sessions"), ann.clone()] {
            let except = Some(&acting.id);
            let removed = db.next().remove_user(&user, Some(&acting), except, how, ACTS).await;
            if has_power {
                let expected: Vec<_> =
                    before.iter().copied().filter(|id| *id != acting.id).collect();
                let expected = if user == ann { expected } else { Vec::new() };
                assert_eq!(removed.or_panic("remove_user"), expected, "acting: {case}");
            } else {
                let kind = refused(format!("acting: {case}"), removed);
                assert_eq!(kind, BackendErrorKind::ActingEnded, "acting: {case}");
            }
        }
        let left = db.ids(&ann, ACTS).await;
        assert_eq!(left, if has_power { vec![acting.id] } else { before }, "acting: {case}");
        assert_eq!(db.is_live(&other, ACTS).await, !has_power, "acting: {case}");
    }
}

/// How one session acts on another of the same user.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Revokes,
    RevokesTheOthers,
    SignsOutEverywhere,
    Reauthenticates,
}

/// For `remove` alone.
pub(super) const REVOKE_EACH_OTHER: [[Act; 2]; 1] = [[Act::Revokes; 2]];

/// For all that ends several sessions.
pub(super) const END_EACH_OTHER: [[Act; 2]; 7] = {
    use Act::{Reauthenticates, Revokes, RevokesTheOthers, SignsOutEverywhere};
    [
        [RevokesTheOthers; 2],
        [RevokesTheOthers, Revokes],
        [SignsOutEverywhere; 2],
        [SignsOutEverywhere, Revokes],
        [Reauthenticates; 2],
        [Reauthenticates, RevokesTheOthers],
        [Reauthenticates, Revokes],
    ]
};

/// Two sessions, perhaps a thief's and its owner's, end each other at one moment.
pub(super) async fn act_on_each_other(db: &Db, pairs: &[[Act; 2]]) {
    for round in 0..rounds(4) {
        for &acts in pairs {
            let owner = user(&format!("against herself {acts:?} {round}"));
            let first = db.make(signed_in(owner.as_str(), NOW), NOW).await;
            let second = db.make(signed_in(owner.as_str(), NOW), NOW).await;
            let both = [(first.clone(), second.clone()), (second.clone(), first.clone())];
            let [one, two] = [0, 1].map(|place| {
                let (client, owner) = (db.client(place), owner.clone());
                let (acting, on) = both[place].clone();
                async move {
                    // Now the one is ahead, now the other.
                    if round % 2 == u32::from(place == 0) {
                        tokio::task::yield_now().await;
                    }
                    succeeds(&*client, acts[place], &owner, &acting, &on).await
                }
            });
            let (one, two) = race_two(one, two).await;
            assert_ne!(one, two, "{acts:?} at one moment: whether each succeeded");
            let everywhere = matches!(acts[usize::from(two)], Act::SignsOutEverywhere);
            let left =
                if everywhere { vec![] } else { vec![if one { first.id } else { second.id }] };
            assert_eq!(db.ids(&owner, NOW).await, left, "{acts:?}: who is left");
        }
    }
}

async fn succeeds(
    client: &dyn session_core::SessionBackend,
    act: Act,
    owner: &UserId,
    acting: &SessionRef,
    on: &SessionRef,
) -> bool {
    let how = EndedBy::Revoked;
    let done = match act {
        Act::Revokes => {
            let on = SessionRef::by_id(on.id);
            client.remove(&on, Some(owner), Some(acting), how, NOW).await.map(usize::from)
        }
        Act::RevokesTheOthers => {
            let removed = client.remove_user(owner, Some(acting), Some(&acting.id), how, NOW).await;
            removed.map(|ended| ended.len())
        }
        Act::SignsOutEverywhere => {
            let how = EndedBy::SignedOut;
            let removed = client.remove_user(owner, Some(acting), None, how, NOW).await;
            removed.map(|ended| ended.len() - 1)
        }
        Act::Reauthenticates => {
            let change = ending_others(token(), at(LIFE));
            let updated = client.update(acting, &change, NOW).await.or_panic("update");
            return match updated {
                session_core::Updated::Applied(applied) => {
                    assert_eq!(applied.ended, [on.id], "{act:?}");
                    true
                }
                session_core::Updated::Missing => false,
                other => panic!("{act:?} was answered {other:?}"),
            };
        }
    };
    match done {
        Ok(ended) => {
            assert_eq!(ended, 1, "{act:?}: how many others it ended");
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), BackendErrorKind::ActingEnded, "{act:?}: {error}");
            false
        }
    }
}
