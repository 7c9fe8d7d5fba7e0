//! The law of touches: activity only ever moves a session's times forward.

use std::net::IpAddr;

use session_core::{Agent, DeviceType, Rotation, SessionRef, Timestamp, Touch};

use super::lifetime::{race_with_lifetimes, reauthenticates, sets_lifetimes};

use crate::db::{
    Db, LIFE, NOW, OrPanic, applied, at, hash, just_before, setting, signed_in, token, touching,
    visitor,
};
use crate::race::{Random, race};
use crate::run::rounds;
use crate::subject::Fresh;

/// A touch applies if the session was last active at its `due_before` or before, and then
/// `last_active_at` and `expires_at` only grow, never beyond the `absolute_expires_at` and `not_after`
/// that are stored, whatever an older read believed; one that is not due is skipped and no reason to
/// skip the rest. Racing touches never move either time backwards, and of many that are due by the
/// same measure one applies. Re-authentication and a lifetime set the end anew, even if that is
/// sooner, but never beyond `not_after`.
pub async fn touch_is_monotonic(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    touches_what_is_due(&db).await;
    keeps_the_bounds(&db).await;
    sets_lifetimes(&db).await;
    reauthenticates(&db).await;
    race_with_lifetimes(&db).await;

    // Many requests of one page: one of them touches.
    for _ in 0..rounds(4) {
        let session = db.make(visitor(NOW), NOW).await;
        let mut change = touching(at(600), at(LIFE + 600));
        if let Some(touch) = &mut change.touch {
            touch.due_before = at(300);
        }
        let racers = (0..12).map(|n| {
            let (client, session, change) = (db.client(n), session.clone(), change.clone());
            async move {
                applied(client.update(&session, &change, at(600)).await.or_panic("update")).touched
            }
        });
        let touched = race(racers).await.into_iter().filter(|touched| *touched).count();
        assert_eq!(touched, 1, "so many of twelve equal touches applied");
        let stored = db.live(&hash(&session), at(600)).await;
        assert_eq!((stored.last_active_at, stored.expires_at), (at(600), at(LIFE + 600)));
    }

    // Servers whose clocks differ, in any order, and somebody who watches.
    for round in 0..rounds(4) {
        let mut random = Random::new(u64::from(round));
        let session = db.make(visitor(NOW), NOW).await;
        let racers = (0..14).map(|n| {
            let (client, session) = (db.client(n), session.clone());
            let seconds = |number: u64| i64::try_from(number).expect("a small number");
            let now = at(seconds(random.below(500)));
            let expires_at = at(LIFE - 300 + seconds(random.below(600)));
            async move {
                if n < 2 {
                    watch(&*client, &session).await;
                    return None;
                }
                let change = touching(now, expires_at);
                let answer = client.update(&session, &change, now).await;
                applied(answer.or_panic("update")).touched.then_some((now, expires_at))
            }
        });
        let touched: Vec<_> = race(racers).await.into_iter().flatten().collect();
        let stored = db.live(&hash(&session), at(500)).await;
        let last = touched.iter().map(|(now, _)| *now).max().unwrap_or(NOW);
        let end = touched.iter().map(|(_, end)| *end).max().unwrap_or(NOW).max(at(LIFE));
        assert_eq!(stored.last_active_at, last, "the latest touch counts");
        assert_eq!(stored.expires_at, end, "the latest end counts");
    }
}

async fn watch(client: &dyn session_core::SessionBackend, session: &SessionRef) {
    let mut before = (Timestamp::MIN, Timestamp::MIN);
    for _ in 0..30 {
        let found = client.find(&hash(session), NOW).await.or_panic("find");
        let seen = crate::db::live(found);
        let now = (seen.last_active_at, seen.expires_at);
        assert!(now.0 >= before.0, "last_active_at went from {} back to {}", before.0, now.0);
        assert!(now.1 >= before.1, "expires_at went from {} back to {}", before.1, now.1);
        before = now;
        tokio::task::yield_now().await;
    }
}

async fn touches_what_is_due(db: &Db) {
    let home: Option<IpAddr> = Some("192.0.2.1".parse().expect("an address"));
    let away: Option<IpAddr> = Some("2001:db8::1".parse().expect("an address"));
    let mut new = signed_in("ann", NOW);
    new.record.ip_address = home;
    new.record.last_ip_address = home;
    new.record.user_agent = Some("before".to_owned());
    new.record.device_type = DeviceType::Tablet;
    let session = db.make(new, NOW).await;
    let before = db.live(&hash(&session), NOW).await;

    // Not due by a microsecond: skipped, and the patch applies.
    let mut change = setting("k", 1);
    change.touch = Some(Touch {
        due_before: just_before(NOW),
        expires_at: at(2 * LIFE),
        ip_address: away,
        agent: Some(agent("too early")),
    });
    let answer = db.apply(&session, &change, at(60)).await;
    assert!(!answer.touched, "a touch that was not due");
    let stored = db.live(&hash(&session), at(60)).await;
    assert_eq!(stored.data.get("k"), Some(&1.into()), "the patch beside a touch not due");
    let mut expected = (*before).clone();
    expected.data = stored.data.clone();
    expected.version = 1;
    assert_eq!(*stored, expected, "a touch that was not due changed something");

    // Due to the microsecond.
    if let Some(touch) = &mut change.touch {
        touch.due_before = NOW;
        touch.agent = None;
    }
    change.patch = session_core::Patch::new();
    let answer = db.apply(&session, &change, at(60)).await;
    assert!(answer.touched, "last active at `due_before` itself");
    expected.last_active_at = at(60);
    expected.expires_at = at(2 * LIFE);
    expected.last_ip_address = away;
    assert_eq!(*db.live(&hash(&session), at(60)).await, expected, "what a touch changes");

    // A newer agent, and no address at all.
    let mut change = touching(at(90), at(2 * LIFE));
    if let Some(touch) = &mut change.touch {
        touch.agent = Some(agent("after"));
    }
    assert!(db.apply(&session, &change, at(90)).await.touched);
    expected.last_active_at = at(90);
    expected.last_ip_address = None;
    expected.user_agent = Some("after".to_owned());
    expected.device_name = "after on Linux".to_owned();
    expected.device_type = DeviceType::Mobile;
    assert_eq!(*db.live(&hash(&session), at(90)).await, expected, "the agent that a touch brings");

    // Together with a rotation, and by the name alone.
    let next = token();
    let mut change = touching(at(120), at(3 * LIFE));
    change.rotation = Some(Rotation::Graceful { token: next, grace_until: at(150) });
    assert!(db.apply(&session, &change, at(120)).await.touched, "a touch beside a rotation");
    let by_id = SessionRef::by_id(session.id);
    assert!(db.apply(&by_id, &touching(at(130), at(3 * LIFE)), at(130)).await.touched, "by its id");
    let stored = db.live(&next, at(130)).await;
    assert_eq!((stored.last_active_at, stored.expires_at), (at(130), at(3 * LIFE)));
}

fn agent(name: &str) -> Agent {
    Agent {
        user_agent: name.to_owned(),
        device_name: format!("{name} on Linux"),
        device_type: DeviceType::Mobile,
    }
}

async fn keeps_the_bounds(db: &Db) {
    // (the bounds, the end asked for, the end that has to be stored); it expires at `LIFE` before.
    let far = Some(at(8 * LIFE));
    for (case, absolute, not_after, asked, stored) in [
        ("unbounded", None, None, at(9 * LIFE), at(9 * LIFE)),
        ("below the bound", Some(at(3 * LIFE)), None, at(2 * LIFE), at(2 * LIFE)),
        ("at the bound", Some(at(2 * LIFE)), None, at(2 * LIFE), at(2 * LIFE)),
        ("beyond the bound", Some(at(2 * LIFE)), far, at(3 * LIFE), at(2 * LIFE)),
        ("at the bound already", Some(at(LIFE)), None, at(2 * LIFE), at(LIFE)),
        ("an end before the one that is stored", None, None, at(LIFE / 2), at(LIFE)),
        ("an end in the past", Some(at(2 * LIFE)), None, NOW, at(LIFE)),
        ("before its fixed end", None, Some(at(3 * LIFE)), at(2 * LIFE), at(2 * LIFE)),
        ("beyond its fixed end", far, Some(at(2 * LIFE)), at(3 * LIFE), at(2 * LIFE)),
        ("at its fixed end already", far, Some(at(LIFE)), at(2 * LIFE), at(LIFE)),
    ] {
        let mut new = visitor(NOW);
        new.record.absolute_expires_at = absolute;
        new.record.not_after = not_after;
        let session = db.make(new, NOW).await;
        let answer = db.apply(&session, &touching(at(60), asked), at(60)).await;
        assert!(answer.touched, "{case}");
        assert_eq!(answer.expires_at, stored, "{case}: what the answer says");
        let found = db.live(&hash(&session), at(60)).await;
        assert_eq!(found.expires_at, stored, "{case}");
        let bounds = (found.absolute_expires_at, found.not_after);
        assert_eq!(bounds, (absolute, not_after), "{case}: the bounds themselves");
        assert_eq!(found.last_active_at, at(60), "{case}");
    }
}
