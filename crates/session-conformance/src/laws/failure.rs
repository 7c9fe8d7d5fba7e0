//! The law of failure: a database that is down is an error, never an absent session.

use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use session_core::{
    BackendError, BackendErrorKind, EndedBy, Found, SessionBackend, SessionData, SessionId,
    SessionRef, Updated,
};

use crate::db::{Db, LIFE, NOW, at, hash, setting, signed_in, touching, user, visitor, with_data};
use crate::race::race;
use crate::subject::{Cut, Failure, Fresh};

/// What a busy machine may add to the time that a backend promised.
const SLACK: Duration = Duration::from_secs(3);

/// A database that is unreachable, slow, or broken is an error with a kind that says so, on every
/// method and within the configured time; never `None`, an empty list, `Missing` or `false`, which
/// would read as signed out. If a database cannot fail in one of these ways the law says so on
/// standard error, and holds it to its word.
pub async fn failure_is_an_error(fresh: &Fresh) {
    for failure in Failure::ALL {
        let db = Db::open(fresh).await;
        let session = db.make(with_data(signed_in("ann", NOW), "k", 1), NOW).await;
        let backend = db.client(0);
        let doomed = || db.make(visitor(NOW), NOW);
        let sound = Expect { failure: None, within: None };
        check(&backend, &session, doomed().await, sound).await;
        let last = doomed().await;
        match db.subject.cut(failure).await {
            Cut::Done { within } => {
                let expect = Expect { failure: Some(failure), within: Some(within) };
                check(&backend, &session, last, expect).await;
            }
            Cut::CannotFail { reason } => {
                // Past the capture of the test harness: nobody shall believe that this was seen.
                let _ = writeln!(
                    std::io::stderr(),
                    "failure_is_an_error: {failure:?} NOT LOOKED AT, because {reason}"
                );
                check(&backend, &session, last, sound).await;
            }
        }
    }
}

/// Every method at once, with a right answer that is never the one an outage could be taken for.
async fn check(
    backend: &Arc<dyn SessionBackend>,
    session: &SessionRef,
    doomed: SessionRef,
    expect: Expect,
) {
    let read = move |what| Expectation { expect, what, reads: true };
    let write = move |what| Expectation { expect, what, reads: false };
    let (ann, id, token) = (user("ann"), session.id, hash(session));
    let mut calls: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::new();

    let db = Arc::clone(backend);
    calls.push(Box::pin(async move {
        let is_right = |found: &Option<Found>| matches!(found, Some(Found::Live { .. }));
        read("find").check(db.find(&token, NOW), is_right).await;
    }));
    let (db, owner) = (Arc::clone(backend), ann.clone());
    calls.push(Box::pin(async move {
        let is_right = |listed: &Vec<SessionData>| listed.iter().any(|s| s.id == id);
        read("list").check(db.list(&owner, NOW), is_right).await;
    }));
    let db = Arc::clone(backend);
    calls.push(Box::pin(async move {
        let is_right = |got: &Option<SessionData>| got.as_ref().is_some_and(|s| s.id == id);
        read("get").check(db.get(&id, NOW), is_right).await;
    }));
    let db = Arc::clone(backend);
    calls.push(Box::pin(async move {
        read("live").check(db.live(&[id], NOW), |live| live == &[id]).await;
    }));
    let db = Arc::clone(backend);
    calls.push(Box::pin(async move {
        read("count").check(db.count(NOW), |count| count.signed_in > 0).await;
    }));
    // A database without its tables still answers a ping.
    if expect.failure != Some(Failure::Broken) {
        let db = Arc::clone(backend);
        calls.push(Box::pin(async move { read("ping").check(db.ping(), |()| true).await }));
    }
    for (what, change) in
        [("update (a patch)", setting("k", 2)), ("update (a touch)", touching(NOW, at(2 * LIFE)))]
    {
        let (db, session) = (Arc::clone(backend), session.clone());
        calls.push(Box::pin(async move {
            let applied = |updated: &Updated| matches!(updated, Updated::Applied(_));
            write(what).check(db.update(&session, &change, NOW), applied).await;
        }));
    }
    let db = Arc::clone(backend);
    calls.push(Box::pin(async move {
        write("create").check(db.create(visitor(NOW), NOW), |_| true).await;
    }));
    let db = Arc::clone(backend);
    calls.push(Box::pin(async move {
        let removed = db.remove(&doomed, None, None, EndedBy::SignedOut, NOW);
        write("remove").check(removed, |removed| *removed).await;
    }));
    let db = Arc::clone(backend);
    calls.push(Box::pin(async move {
        let removed = db.remove_user(&ann, None, Some(&id), EndedBy::SignedOut, NOW);
        write("remove_user").check(removed, Vec::is_empty).await;
    }));
    let db = Arc::clone(backend);
    calls.push(Box::pin(async move {
        // After every session there is.
        let after = SessionId::from_bytes([0xff; 16]);
        let ended = db.end_all(EndedBy::Revoked, Some(&after), NOW, 10);
        write("end_all").check(ended, |batch| batch.ended.is_empty()).await;
    }));
    let db = Arc::clone(backend);
    calls.push(Box::pin(async move {
        let purged = db.purge_expired(at(-LIFE), 10, Default::default());
        write("purge_expired").check(purged, |purged| purged.removed == 0).await;
    }));
    race(calls).await;
}

#[derive(Clone, Copy)]
struct Expect {
    failure: Option<Failure>,
    within: Option<Duration>,
}

#[derive(Clone, Copy)]
struct Expectation {
    expect: Expect,
    what: &'static str,
    reads: bool,
}

impl Expectation {
    async fn check<T>(
        self,
        call: impl Future<Output = Result<T, BackendError>>,
        is_right: impl FnOnce(&T) -> bool,
    ) {
        let Self { expect: Expect { failure, within }, what, reads } = self;
        let within = within.unwrap_or(Duration::from_secs(60));
        let Ok(answer) = tokio::time::timeout(within + SLACK, call).await else {
            panic!("{what} did not answer within {within:?} ({failure:?})");
        };
        match (answer, failure) {
            (Ok(answer), None) => assert!(is_right(&answer), "{what} gave a wrong answer"),
            (Err(error), None) => {
                panic!("{what} failed on a database that does not: {:?}: {error}", error.kind());
            }
            (Ok(answer), Some(Failure::Slow)) if reads && is_right(&answer) => {}
            (Ok(_), Some(failure)) => panic!("{what} succeeded on a database that is {failure:?}"),
            (Err(error), Some(failure)) => {
                let kind = error.kind();
                let fits = match failure {
                    Failure::Unreachable | Failure::Slow => kind == BackendErrorKind::Unavailable,
                    Failure::Broken => {
                        matches!(kind, BackendErrorKind::Corrupt | BackendErrorKind::Other)
                    }
                };
                assert!(fits, "{what} on a database that is {failure:?} was {kind:?}: {error}");
            }
        }
    }
}
