//! What sets the end of a session anew, sooner or later: a lifetime of its own, and a
//! re-authentication.

use std::net::IpAddr;

use session_core::{
    Lifetime, NewLifetime, Reauthentication, Rotation, SessionChange, SessionRef, Timestamp,
};

use crate::db::{
    Db, LIFE, NOW, OrPanic, applied, at, hash, presenting, reauthenticating, rotating, secs,
    setting, signed_in, token, touching, visitor,
};
use crate::race::race;
use crate::run::rounds;

/// This lifetime, and nothing else.
fn lasting(lifetime: Lifetime, expires_at: Timestamp) -> SessionChange {
    let mut change = SessionChange::default();
    change.lifetime = Some(NewLifetime { lifetime, expires_at });
    change
}

/// A lifetime takes the place of the one before, with its end, which the stored absolute end and its own
/// `not_after` bound; and moves nothing else.
pub(super) async fn sets_lifetimes(db: &Db) {
    let (plain, fixed) = (Lifetime::new(), Lifetime::new().until(at(5 * LIFE)));
    let full = fixed.idle(secs(7)).persistent(false);
    // (the absolute end, the lifetime before, the new one and its end, the end that has to be stored)
    for (case, absolute, before, new, asked, stored) in [
        ("shorter", None, plain, full, at(60), at(60)),
        ("longer", None, plain, full, at(3 * LIFE), at(3 * LIFE)),
        ("beyond its own end", None, plain, full, at(9 * LIFE), at(5 * LIFE)),
        ("beyond the absolute end", Some(at(4 * LIFE)), plain, full, at(9 * LIFE), at(4 * LIFE)),
        ("beyond the end before", None, fixed, plain, at(9 * LIFE), at(9 * LIFE)),
        (
            "an end after the one before",
            None,
            full,
            plain.until(at(7 * LIFE)),
            at(6 * LIFE),
            at(6 * LIFE),
        ),
        ("an end before it expires", None, full, plain.until(at(90)), at(LIFE), at(90)),
        ("the cookie only", None, full, full.persistent(true), at(LIFE), at(LIFE)),
    ] {
        let mut new_session = signed_in("ann", NOW);
        let record = &mut new_session.record;
        (record.absolute_expires_at, record.not_after) = (absolute, before.not_after);
        (record.idle_ttl_secs, record.cookie_persistent) =
            (before.idle_ttl_secs, before.cookie_persistent);
        let session = db.make(new_session, NOW).await;
        let next = token();
        db.apply(&session, &rotating(next, at(30)), NOW).await;
        let mut expected = (*db.live(&next, NOW).await).clone();

        // Through a token in grace as well.
        let answer = db.apply(&session, &lasting(new, asked), at(20)).await;
        expected.expires_at = stored;
        (expected.idle_ttl_secs, expected.cookie_persistent) =
            (new.idle_ttl_secs, new.cookie_persistent);
        expected.not_after = new.not_after;
        assert_eq!(*db.live(&next, at(20)).await, expected, "{case}");
        assert_eq!((answer.expires_at, answer.lifetime), (stored, new), "{case}: the answer");
        assert!(!answer.touched, "{case}: it is no touch");

        // A request that had read what was there before slides it, and proves who it is.
        let session = presenting(&session, next);
        let late = touching(at(30), at(20 * LIFE));
        let bound = [absolute, new.not_after].into_iter().flatten().min();
        let bounded = |end: Timestamp| bound.map_or(end, |bound| bound.min(end));
        let answer = db.apply(&session, &late, at(30)).await;
        assert_eq!(answer.expires_at, bounded(at(20 * LIFE)), "{case}: a late touch");
        let last = token();
        let answer = db.apply(&session, &reauthenticating(last, at(30 * LIFE)), at(40)).await;
        let bounded = new.not_after.map_or(at(30 * LIFE), |end| end.min(at(30 * LIFE)));
        assert_eq!(answer.expires_at, bounded, "{case}: a late re-authentication");
        assert_eq!(db.live(&last, at(40)).await.expires_at, bounded, "{case}");
        assert_eq!(answer.lifetime, new, "{case}: a re-authentication keeps it");
    }

    // Beside a touch: that may be later, and is bounded by the new end.
    let session = db.make(visitor(NOW), NOW).await;
    let mut change = lasting(Lifetime::new().until(at(300)), at(120));
    change.touch = touching(at(60), at(240)).touch;
    change.patch = setting("k", 1).patch;
    let answer = db.apply(&session, &change, at(60)).await;
    assert_eq!((answer.touched, answer.expires_at, answer.version), (true, at(240), 1));
    change.touch = touching(at(90), at(LIFE)).touch;
    let answer = db.apply(&SessionRef::by_id(session.id), &change, at(90)).await;
    assert_eq!((answer.expires_at, answer.version), (at(300), 2), "the new end bounds the touch");
    assert_eq!(db.live(&hash(&session), at(90)).await.not_after, Some(at(300)));
}

/// A re-authentication sets the lifetime anew, even if that shortens it, within `not_after`.
pub(super) async fn reauthenticates(db: &Db) {
    let address: Option<IpAddr> = Some("198.51.100.7".parse().expect("an address"));
    // (the call's now, the fixed end, the end and the bound asked for, the end that has to be stored)
    for (case, now, not_after, end, bound, stored) in [
        ("shorter", at(60), None, at(120), Some(at(180)), at(120)),
        ("longer, without a bound", at(60), None, at(9 * LIFE), None, at(9 * LIFE)),
        ("beyond the bound before", at(60), None, at(4 * LIFE), Some(at(5 * LIFE)), at(4 * LIFE)),
        ("beyond its fixed end", at(60), Some(at(3 * LIFE)), at(4 * LIFE), None, at(3 * LIFE)),
        ("before its fixed end", at(60), Some(at(3 * LIFE)), at(2 * LIFE), None, at(2 * LIFE)),
        ("by a clock that is behind", at(-5), None, at(LIFE), None, at(LIFE)),
    ] {
        let mut new = signed_in("ann", NOW);
        new.record.authenticated_at = Some(at(-60));
        new.record.absolute_expires_at = Some(at(2 * LIFE));
        new.record.not_after = not_after;
        let session = db.make(new, NOW).await;
        let mut expected = (*db.live(&hash(&session), NOW).await).clone();
        let next = token();
        let mut change = SessionChange::rotation(Rotation::Immediate { token: next });
        change.reauthentication = Some(Reauthentication {
            expires_at: end,
            absolute_expires_at: bound,
            ip_address: address,
            end_others: false,
        });
        let answer = db.apply(&session, &change, now).await;
        assert_eq!(answer.expires_at, stored, "{case}: the answer");
        expected.authenticated_at = Some(now);
        expected.last_active_at = now.max(NOW);
        expected.expires_at = stored;
        expected.absolute_expires_at = bound;
        expected.last_ip_address = address;
        assert_eq!(*db.live(&next, now).await, expected, "{case}");
    }
}

/// Requests that believe in a long life, while another one ends it sooner.
pub(super) async fn race_with_lifetimes(db: &Db) {
    let (end, fixed) = (at(2 * LIFE), Lifetime::new().until(at(3 * LIFE)));
    for round in 0..rounds(4) {
        let session = db.make(visitor(NOW), NOW).await;
        let racers = (0..10).map(|n| {
            let (client, session) = (db.client(n), session.clone());
            async move {
                let change = if n == 0 {
                    for _ in 0..round % 4 {
                        tokio::task::yield_now().await;
                    }
                    lasting(fixed, end)
                } else {
                    touching(at(60), at(9 * LIFE))
                };
                let answer = client.update(&session, &change, at(60)).await;
                let answer = applied(answer.or_panic("update"));
                (answer.lifetime == fixed, answer.expires_at)
            }
        });
        let mut ends = vec![end];
        for (is_fixed, expires_at) in race(racers).await {
            let expected = if is_fixed { at(3 * LIFE) } else { at(9 * LIFE) };
            assert!(expires_at <= expected, "{expires_at}, fixed: {is_fixed}");
            if is_fixed {
                ends.push(expires_at);
            }
        }
        // Touches after the lifetime move it on, as far as its own end.
        let stored = db.live(&hash(&session), at(60)).await;
        assert_eq!((stored.lifetime(), stored.expires_at), (fixed, *ends.iter().max().unwrap()));
    }
}
