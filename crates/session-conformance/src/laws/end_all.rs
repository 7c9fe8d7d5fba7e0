//! The law of ending every session there is.

use std::collections::HashSet;

use session_core::{EndedBy, Found, SessionId, Timestamp};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, ended, expiring, hash, named, signed_in, sorted, user, visitor,
};
use crate::race::race;
use crate::run::rounds;
use crate::subject::Fresh;

/// Begun at `None` and called until there is no next batch, it ends every session whose create had
/// returned before, whoever's, and returns each id once, also if two call it at once; each batch looks at
/// no more than `limit` sessions (0 counts as 1). One that is made meanwhile is live, or among the ids.
/// What has expired is not told of.
pub async fn end_all_is_complete(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    let (none, batches) = end_all(&db, NOW, 10).await;
    assert!(none.is_empty() && batches == 1, "nothing there");

    for limit in [1_u32, 4, 7, 1000] {
        let mut sessions = Vec::new();
        for n in 0..12 {
            let new =
                if n % 3 == 0 { visitor(NOW) } else { signed_in(&format!("u{}", n % 5), NOW) };
            sessions.push(db.make(new, NOW).await);
            if n % 4 == 0 {
                db.make(expiring(visitor(NOW), at(10)), NOW).await;
            }
        }
        let expected = sorted(sessions.iter().map(|session| session.id));
        let (all, batches) = end_all(&db, at(20), limit).await;
        assert_eq!(all, expected, "in batches of {limit}");
        assert!(batches >= 12 / limit as usize, "{batches} batches of {limit}");
        for session in &sessions {
            let found = ended(db.find(&hash(session), at(20)).await);
            assert_eq!(found, (session.id, EndedBy::Revoked, at(20)), "in batches of {limit}");
        }
        assert!(db.list(&user("u1"), at(20)).await.is_empty(), "one is left");
        assert!(end_all(&db, at(20), limit).await.0.is_empty(), "once more");
    }
    let expired = db.purge_all(at(20), 100).await;
    assert_eq!(expired, 12, "what had expired was left to the purge");

    db.make(visitor(NOW), NOW).await;
    let batch = db.next().end_all(EndedBy::Revoked, None, NOW, 0).await.or_panic("end_all");
    assert_eq!(batch.ended.len(), 1, "a limit of 0 counts as 1");

    for round in 0..rounds(3) {
        let mut before = HashSet::new();
        for n in 0..20 {
            before.insert(
                db.make(signed_in(&format!("r{round} {}", n % 3), at(LIFE)), at(LIFE)).await.id,
            );
        }
        // Six sign in while two others end everything.
        let racers = (0..8).map(|n| {
            let client = db.client(n);
            let new = signed_in(&format!("r{round} {}", n % 3), at(LIFE));
            async move {
                if n >= 2 {
                    let session = named(&new);
                    client.create(new, at(LIFE)).await.or_panic("create");
                    return (Some(session), Vec::new());
                }
                let (mut after, mut all) = (None, Vec::new());
                loop {
                    let batch = client.end_all(EndedBy::Revoked, after.as_ref(), at(LIFE), 3).await;
                    let batch = batch.or_panic("end_all");
                    all.extend(batch.ended);
                    after = batch.next;
                    if after.is_none() {
                        return (None, all);
                    }
                    tokio::task::yield_now().await;
                }
            }
        });
        let (made, all): (Vec<_>, Vec<_>) = race(racers).await.into_iter().unzip();
        let all: Vec<_> = all.into_iter().flatten().collect();
        let distinct: HashSet<_> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len(), "each is returned once");
        assert!(before.is_subset(&distinct), "made before the calls, and not among the ids");
        for session in made.into_iter().flatten() {
            let found = db.find(&hash(&session), at(LIFE)).await;
            let live = matches!(found, Some(Found::Live { .. }));
            assert_ne!(live, distinct.contains(&session.id), "neither before nor after");
        }
        end_all(&db, at(LIFE), 100).await;
    }
}

/// Ends all, and says in how many batches.
async fn end_all(db: &Db, now: Timestamp, limit: u32) -> (Vec<SessionId>, usize) {
    let (mut after, mut all, mut batches) = (None, Vec::new(), 0);
    loop {
        let batch = db.next().end_all(EndedBy::Revoked, after.as_ref(), now, limit).await;
        let batch = batch.or_panic("end_all");
        let size = u32::try_from(batch.ended.len()).expect("few");
        assert!(size <= limit, "{size} in a batch of {limit}");
        batches += 1;
        assert!(batches < 1000, "after 1000 batches there is still a next one");
        all.extend(batch.ended);
        after = batch.next;
        if after.is_none() {
            return (all, batches);
        }
    }
}
