//! The bound of the memory backend. What every backend must do is in `session-conformance`.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use session_core::{
    BackendErrorKind, MemoryBackend, NewSession, SessionBackend, SessionData, SessionId,
    SessionToken, Timestamp, UserId,
};

const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);

/// A memory backend answers at once, so no runtime is needed.
fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a memory backend waits for nothing"),
    }
}

fn create(
    backend: &MemoryBackend,
    user: Option<&str>,
    now: Timestamp,
) -> Result<SessionId, BackendErrorKind> {
    let record = SessionData {
        user_id: user.map(|user| UserId::new(user).unwrap()),
        ..SessionData::new(SessionId::generate(now).unwrap(), now, HOUR)
    };
    let id = record.id;
    let new = NewSession::new(record, SessionToken::generate().unwrap().hash());
    now_or_never(backend.create(new, now)).map(|_| id).map_err(|error| error.kind())
}

#[test]
fn a_full_one_says_so_and_keeps_what_it_has() {
    let backend = MemoryBackend::with_capacity(20);
    let full = Err(BackendErrorKind::Unavailable);
    for _ in 0..18 {
        create(&backend, None, START).unwrap();
    }
    assert_eq!(create(&backend, None, START), full, "visitors may take nine tenths");
    for _ in 0..2 {
        create(&backend, Some("alice"), START).unwrap();
    }
    assert_eq!(create(&backend, Some("alice"), START), full);

    let alice = UserId::new("alice").unwrap();
    let live = now_or_never(backend.list(&alice, START)).unwrap();
    assert_eq!(live.len(), 2);
    let replaced = now_or_never(backend.remove_user(
        &alice,
        None,
        None,
        session_core::EndedBy::SignedOut,
        START,
    ));
    assert_eq!(replaced.unwrap().len(), 2);
    create(&backend, Some("alice"), START).unwrap();
}

#[test]
fn what_has_expired_makes_room() {
    let backend = MemoryBackend::with_capacity(10);
    for _ in 0..9 {
        create(&backend, None, START).unwrap();
    }
    assert!(create(&backend, None, START.plus(HOUR / 2)).is_err());
    for _ in 0..9 {
        create(&backend, None, START.plus(HOUR)).unwrap();
    }
}
