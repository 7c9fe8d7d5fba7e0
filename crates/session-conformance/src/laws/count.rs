//! The law of counting.

use session_core::{EndedBy, SessionCount};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, expiring, just_before, replacing, rotating, signed_in, token,
    touching, visitor, with_cap,
};
use crate::race::race;
use crate::subject::Fresh;

/// `count` says how many sessions are live, how many of these are a user's, and of how many different
/// users, exactly and all as of one moment: what ended or has expired is not counted, whether or not it
/// was purged, and while sessions are made and ended no count shows half of a sign-in.
pub async fn count_is_exact(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    check(&db, "nothing there", NOW, [0, 0, 0]).await;

    let first = db.make(signed_in("ann", NOW), NOW).await;
    db.make(signed_in("ann", NOW), NOW).await;
    db.make(signed_in("Ann", NOW), NOW).await;
    db.make(expiring(signed_in("bob", NOW), at(60)), NOW).await;
    let cart = db.make(visitor(NOW), NOW).await;
    db.make(visitor(NOW), NOW).await;
    let renewed = db.make(expiring(visitor(NOW), at(62)), NOW).await;
    for _ in 0..2 {
        check(&db, "four of three users, and three visitors", NOW, [7, 4, 3]).await;
    }
    db.apply(&renewed, &touching(at(30), at(LIFE)), at(30)).await;
    db.apply(&first, &rotating(token(), at(90)), at(30)).await;
    check(&db, "a microsecond before one expires", just_before(at(60)), [7, 4, 3]).await;
    check(&db, "one expired", at(60), [6, 3, 2]).await;
    db.purge_all(at(61), 100).await;
    check(&db, "purged", at(61), [6, 3, 2]).await;
    check(&db, "one was renewed", at(62), [6, 3, 2]).await;
    db.make(replacing(signed_in("cid", at(62)), &cart), at(62)).await;
    check(&db, "a visitor signed in", at(62), [6, 4, 3]).await;
    db.make(with_cap(signed_in("ann", at(62)), 1), at(62)).await;
    check(&db, "two were evicted for one", at(62), [5, 3, 3]).await;
    db.remove(&renewed, None, EndedBy::SignedOut, at(62)).await;
    check(&db, "one signed out", at(62), [4, 3, 3]).await;

    // One takes another's place again and again: there is always one of the two.
    let mut last = db.make(signed_in("dan", at(62)), at(62)).await;
    let mut successors = Vec::new();
    for _ in 0..12 {
        let new = replacing(signed_in("dan", at(62)), &last);
        last = crate::db::named(&new);
        successors.push(new);
    }
    let racers = (0..3).map(|n| {
        let client = db.client(n);
        let successors = if n == 0 { std::mem::take(&mut successors) } else { Vec::new() };
        async move {
            for new in successors {
                client.create(new, at(62)).await.or_panic("create");
            }
            for _ in 0..10 {
                let count = client.count(at(62)).await.or_panic("count");
                assert_eq!((count.live, count.signed_in, count.users), (5, 4, 4), "meanwhile");
                tokio::task::yield_now().await;
            }
        }
    });
    race(racers).await;
}

async fn check(db: &Db, case: &str, now: session_core::Timestamp, expected: [u64; 3]) {
    let count = db.next().count(now).await.or_panic("count");
    let [live, signed_in, users] = expected;
    assert_eq!(count, SessionCount { live, signed_in, users }, "{case}");
}
