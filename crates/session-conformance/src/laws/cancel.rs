//! The law of cancellation: a client that hangs up leaves nothing half done.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use session_core::{
    EndedBy, Found, Lifetime, NewLifetime, Rotation, SessionRef, Timestamp, TokenHash,
};

use crate::db::{
    Db, LIFE, NOW, OrPanic, applied, at, describe, ending_others, expiring, hash, named, presented,
    presenting, replacing, rotating, setting, signed_in, sorted, token, touching, user, visitor,
    with_cap, with_data,
};
use crate::race::race;
use crate::run::rounds;
use crate::subject::Fresh;

/// Dropping any call's future at any point leaves the session wholly changed or wholly unchanged,
/// tokens, data and times together, for whoever looks at whatever moment; and what the call used is
/// fit for the next one: afterwards every method still answers.
pub async fn cancel_is_safe(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    for round in 0..rounds(1) {
        for (place, point) in points().into_iter().enumerate() {
            let name = format!("{round}.{place}");
            drop_an_update(&db, point).await;
            drop_a_reauthentication(&db, &name, point).await;
            drop_a_sign_in(&db, &name, point).await;
            drop_a_removal(&db, &name, point).await;
            drop_the_removal_of_all(&db, &name, point).await;
            drop_the_rest(&db, &name, point).await;
            // What this point left has expired by then; a database that grows only gets slower.
            db.purge_all(at(9 * LIFE), 100).await;
        }
    }
    drop_many_at_once(&db).await;
    still_answers(&db).await;
}

/// Where a call is dropped.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// After it was polled so many times and was not ready.
    Polls(u32),
    /// After so long, wherever that is.
    Time(Duration),
}

fn points() -> Vec<Point> {
    let polls = (0..10).map(Point::Polls);
    let times = (0..10).map(|power| Point::Time(Duration::from_micros(10 << power)));
    polls.chain(times).collect()
}

/// Runs a call up to a point, and drops it there. Says whether it came to its end.
async fn cut<T>(point: Point, call: impl Future<Output = T>) -> bool {
    match point {
        Point::Time(time) => tokio::time::timeout(time, call).await.is_ok(),
        Point::Polls(polls) => {
            let mut call = Box::pin(call);
            let mut polled = 0;
            poll_fn(move |context| {
                if polled == polls {
                    return Poll::Ready(false);
                }
                polled += 1;
                match Pin::as_mut(&mut call).poll(context) {
                    Poll::Ready(_) => Poll::Ready(true),
                    // Dropped in mid-flight, not at its next step.
                    Poll::Pending if polled == polls => Poll::Ready(false),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await
        }
    }
}

/// A call that came to its end has changed the session; one that was dropped may have, may not have,
/// and may still; but once changed it stays changed.
struct Watched {
    what: &'static str,
    point: Point,
    changed: bool,
}

impl Watched {
    fn new(what: &'static str, point: Point, done: bool) -> Self {
        Self { what, point, changed: done }
    }

    fn see(&mut self, changed: bool) {
        assert!(changed || !self.changed, "{} was undone ({:?})", self.what, self.point);
        self.changed = changed;
    }

    fn broken(&self, found: Option<&Found>) -> ! {
        panic!("half of {} happened ({:?}): found {}", self.what, self.point, describe(found));
    }
}

/// How often what a dropped call left is looked at.
const LOOKS: u32 = 3;

async fn drop_an_update(db: &Db, point: Point) {
    let session = db.make(with_data(visitor(NOW), "a", 0), NOW).await;
    let before = db.live(&hash(&session), NOW).await;
    let next = token();
    let mut change = setting("a", 1);
    change.patch.set("b", 1.into());
    change.touch = touching(at(60), at(2 * LIFE)).touch;
    change.rotation = Some(Rotation::Graceful { token: next, grace_until: at(120) });
    let done = cut(point, db.next().update(&session, &change, at(60))).await;
    let mut watched = Watched::new("an update", point, done);
    for _ in 0..LOOKS {
        match db.find(&hash(&session), at(60)).await {
            Some(Found::Live { session, .. }) => {
                assert_eq!(session, before, "half of an update happened ({point:?})");
                watched.see(false);
            }
            Some(Found::Grace { session, .. }) => {
                let whole = session.data.get("a") == Some(&1.into())
                    && session.data.get("b") == Some(&1.into())
                    && session.version == 1
                    && (session.last_active_at, session.expires_at) == (at(60), at(2 * LIFE));
                assert!(whole, "half of an update happened ({point:?}): {session:?}");
                assert_eq!(db.live(&next, at(60)).await, session, "under its new token");
                watched.see(true);
            }
            other => watched.broken(other.as_ref()),
        }
    }
}

async fn drop_a_reauthentication(db: &Db, name: &str, point: Point) {
    let owner = user(&format!("re-authenticated {name}"));
    let (session, first) = with_grace(db, signed_in(owner.as_str(), NOW)).await;
    let other = db.make(signed_in(owner.as_str(), NOW), NOW).await;
    let (next, both) = (token(), sorted([session.id, other.id]));
    let mut change = presented(ending_others(next, at(3 * LIFE)));
    let fixed = Lifetime::new().until(at(4 * LIFE));
    change.lifetime = Some(NewLifetime { lifetime: fixed, expires_at: at(LIFE) });
    let done = cut(point, db.next().update(&session, &change, at(60))).await;
    let mut watched = Watched::new("a re-authentication", point, done);
    for _ in 0..LOOKS {
        match db.find(&hash(&session), at(60)).await {
            Some(Found::Live { session, token_seen }) => {
                assert_eq!(session.authenticated_at, Some(NOW), "half of it ({point:?})");
                assert_eq!((session.not_after, token_seen), (None, false), "half ({point:?})");
                watched.see(false);
            }
            Some(Found::Ended { how: EndedBy::Rotated, .. }) => {
                let session = db.live(&next, at(60)).await;
                assert_eq!(session.authenticated_at, Some(at(60)), "half of it ({point:?})");
                assert_eq!(session.expires_at, at(3 * LIFE), "half of it ({point:?})");
                assert_eq!(session.lifetime(), fixed, "half of it ({point:?})");
                let grace = db.find(&first, at(60)).await;
                if !matches!(grace, Some(Found::Ended { successor_seen: true, .. })) {
                    watched.broken(grace.as_ref());
                }
                watched.see(true);
            }
            found => watched.broken(found.as_ref()),
        }
        let listed = db.ids(&owner, at(60)).await;
        assert!(listed == both || listed == [session.id], "half of it ({point:?}): {listed:?}");
        watched.see(listed.len() == 1);
    }
}

/// A session with a token in grace: its name with the current token, and the one before.
async fn with_grace(db: &Db, new: session_core::NewSession) -> (SessionRef, TokenHash) {
    let session = db.make(new, NOW).await;
    let current = token();
    db.apply(&session, &rotating(current, at(LIFE / 2)), NOW).await;
    let before = hash(&session);
    (presenting(&session, current), before)
}

async fn drop_a_sign_in(db: &Db, name: &str, point: Point) {
    // A cart is replaced, and the least recently active of two goes.
    let owner = user(&format!("signs in {name}"));
    let cart = db.make(with_data(visitor(NOW), "cart", 1), NOW).await;
    let oldest = db.make(signed_in(owner.as_str(), at(1)), NOW).await;
    let stays = db.make(signed_in(owner.as_str(), at(2)), NOW).await;
    let new = signed_in(owner.as_str(), at(60));
    let new = replacing(with_cap(with_data(new, "own", 1), 2), &cart);
    let session = named(&new);
    let before = sorted([oldest.id, stays.id]);
    let after = sorted([stays.id, session.id]);
    let done = cut(point, db.next().create(new, at(60))).await;
    let mut watched = Watched::new("a sign-in", point, done);
    for _ in 0..LOOKS {
        let listed = db.ids(&owner, at(60)).await;
        assert!(listed == before || listed == after, "half of a sign-in ({point:?}): {listed:?}");
        watched.see(listed == after);
        match db.find(&hash(&cart), at(60)).await {
            Some(Found::Live { .. }) => watched.see(false),
            Some(Found::Ended { how: EndedBy::Replaced, .. }) => {
                watched.see(true);
                let found = db.live(&hash(&session), at(60)).await;
                assert_eq!(found.data.len(), 2, "what it carried ({point:?}): {:?}", found.data);
                let found = db.find(&hash(&oldest), at(60)).await;
                if matches!(found, Some(Found::Live { .. } | Found::Grace { .. })) {
                    watched.broken(found.as_ref());
                }
            }
            other => watched.broken(other.as_ref()),
        }
    }
}

async fn drop_a_removal(db: &Db, name: &str, point: Point) {
    let owner = user(&format!("signs out {name}"));
    let (session, before) = with_grace(db, signed_in(owner.as_str(), NOW)).await;
    let how = EndedBy::SignedOut;
    let done = cut(point, db.next().remove(&session, Some(&owner), None, how, at(60))).await;
    let mut watched = Watched::new("a removal", point, done);
    for _ in 0..LOOKS {
        match db.find(&hash(&session), at(60)).await {
            Some(Found::Live { .. }) => watched.see(false),
            Some(Found::Ended { how: EndedBy::SignedOut, .. }) => watched.see(true),
            other => watched.broken(other.as_ref()),
        }
        match db.find(&before, at(60)).await {
            Some(Found::Grace { .. }) => watched.see(false),
            Some(Found::Ended { .. }) => watched.see(true),
            other => watched.broken(other.as_ref()),
        }
        let listed = db.ids(&owner, at(60)).await;
        watched.see(listed.is_empty());
    }
}

async fn drop_the_removal_of_all(db: &Db, name: &str, point: Point) {
    let owner = user(&format!("signs out everywhere {name}"));
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(db.make(signed_in(owner.as_str(), NOW), NOW).await);
    }
    let kept = sessions[0].id;
    let how = EndedBy::SignedOut;
    let done = cut(point, db.next().remove_user(&owner, None, Some(&kept), how, at(60))).await;
    let mut watched = Watched::new("a removal of all", point, done);
    for _ in 0..LOOKS {
        let listed = db.ids(&owner, at(60)).await;
        assert!(listed.contains(&kept), "the one to keep is gone ({point:?})");
        let whole = listed.len() == 1 || listed.len() == 4;
        assert!(whole, "half of a removal of all happened ({point:?}): {listed:?} are left");
        watched.see(listed.len() == 1);
    }
}

/// Reads, the purge, and the ping.
async fn drop_the_rest(db: &Db, name: &str, point: Point) {
    let owner = user(&format!("is looked at {name}"));
    let session = db.make(signed_in(owner.as_str(), NOW), NOW).await;
    let due = db.make(expiring(visitor(NOW), at(1)), NOW).await;
    cut(point, db.next().find(&hash(&session), at(60))).await;
    cut(point, db.next().list(&owner, at(60))).await;
    cut(point, db.next().get(&session.id, at(60))).await;
    cut(point, db.next().live(&[session.id], at(60))).await;
    cut(point, db.next().count(at(60))).await;
    cut(point, db.next().ping()).await;
    cut(point, db.next().purge_expired(at(60), 10, Default::default())).await;
    assert!(db.is_live(&session, at(60)).await, "a look or a purge took it away ({point:?})");
    assert!(db.find(&hash(&due), at(60)).await.is_none());
}

/// More than any pool has connections, at one moment.
async fn drop_many_at_once(db: &Db) {
    let session = db.make(signed_in("busy", NOW), NOW).await;
    let racers = (0..64).map(|n| {
        let (client, session) = (db.client(n), session.clone());
        let point = Point::Polls(1 + u32::try_from(n % 4).unwrap_or(0));
        let new = with_cap(signed_in("busy elsewhere", NOW), 3);
        let change = setting(&format!("key {n}"), n);
        async move {
            match n % 3 {
                0 => cut(point, client.update(&session, &change, NOW)).await,
                1 => cut(point, client.create(new, NOW)).await,
                _ => cut(point, client.find(&hash(&session), NOW)).await,
            }
        }
    });
    race(racers).await;
}

/// Every method, on both clients, many at once.
async fn still_answers(db: &Db) {
    let racers = (0..24).map(|n| {
        let client = db.client(n);
        async move {
            let now: Timestamp = at(100);
            let owner = user(&format!("after all {n}"));
            let session = with_data(signed_in(owner.as_str(), now), "k", 0);
            let (other, name) = (signed_in(owner.as_str(), now), named(&session));
            client.create(session, now).await.or_panic("create");
            client.create(other, now).await.or_panic("create");
            applied(client.update(&name, &setting("k", 1), now).await.or_panic("update"));
            let found = client.find(&hash(&name), now).await.or_panic("find");
            assert_eq!(crate::db::live(found).data.get("k"), Some(&1.into()));
            assert_eq!(client.list(&owner, now).await.or_panic("list").len(), 2);
            assert!(client.get(&name.id, now).await.or_panic("get").is_some());
            assert_eq!(client.live(&[name.id], now).await.or_panic("live"), [name.id]);
            assert!(client.count(now).await.or_panic("count").live > 0);
            let how = EndedBy::SignedOut;
            assert!(client.remove(&name, Some(&owner), None, how, now).await.or_panic("remove"));
            let removed = client.remove_user(&owner, None, None, how, now).await;
            assert_eq!(removed.or_panic("remove_user").len(), 1);
            client.purge_expired(now, 10, Default::default()).await.or_panic("purge_expired");
            client.ping().await.or_panic("ping");
        }
    });
    race(racers).await;
}
