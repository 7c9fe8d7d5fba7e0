//! Streams, if the runtime of whoever looks for their end is gone.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use session_conformance::backends::Watched;
use session_core::{
    EndedBy, ManualClock, MemoryBackend, NewSession, SessionConfig, SessionData, SessionId,
    SessionRef, SessionStore, SessionToken, Timestamp, UntilEnded,
};

const NOW: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);
const WITHIN: Duration = Duration::from_secs(5);

fn is_open(stream: &mut UntilEnded) -> bool {
    Pin::new(stream).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// A runtime that ends before the task which it was given has run at all: streams on another one go on being
/// looked for.
#[test]
fn a_runtime_that_never_looked_leaves_nobody_waiting() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    let backend = Watched::new(MemoryBackend::new());
    let clock = Arc::new(ManualClock::new(NOW));
    let store = SessionStore::new(backend.clone(), SessionConfig::default()).unwrap();
    let store = store.with_clock(clock);
    let (first, second) = (runtime(), runtime());
    let id = SessionId::generate(NOW).unwrap();
    let record = SessionData::new(id, NOW, Duration::from_secs(3600));
    let new = NewSession::new(record, SessionToken::generate().unwrap().hash());
    second.block_on(backend.unwatched().create(new, NOW)).unwrap();

    let mut never_looks = store.until_ended(&id);
    first.block_on(async { assert!(is_open(&mut never_looks)) });
    let mut stream = store.until_ended(&id);
    let stream = second.spawn(async move {
        assert!(is_open(&mut stream));
        stream.await;
    });
    second.block_on(tokio::task::yield_now());
    drop(first);
    second.block_on(async {
        let target = SessionRef::by_id(id);
        let removal = backend.unwatched().remove(&target, None, None, EndedBy::Revoked, NOW);
        assert!(removal.await.unwrap());
        let ended = tokio::time::timeout(WITHIN, stream).await;
        assert!(ended.is_ok(), "nobody looks");
    });
}
