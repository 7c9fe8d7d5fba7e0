//! What waits for the end of a session: what it costs, and what is left of it. On tokio's paused clock.

use std::task::{Context, Waker};
use std::time::Duration;

use session_conformance::backends::{Calls, Method, Watched};
use session_core::{
    BackendErrorKind, ManualClock, MemoryBackend, NewSession, SessionConfig, SessionData,
    SessionId, SessionStore, SessionToken, Timestamp, UntilEnded,
};
use tokio::time::Instant;

const NOW: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);
const LOOK: Duration = Duration::from_secs(3);

fn store(backend: &Watched) -> SessionStore {
    let clock = std::sync::Arc::new(ManualClock::new(NOW));
    SessionStore::new(backend.clone(), SessionConfig::default()).unwrap().with_clock(clock)
}

async fn sessions(backend: &Watched, count: usize) -> Vec<SessionId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let id = SessionId::generate(NOW).unwrap();
        let record = SessionData::new(id, NOW, Duration::from_secs(3600));
        let new = NewSession::new(record, SessionToken::generate().unwrap().hash());
        backend.unwatched().create(new, NOW).await.unwrap();
        ids.push(id);
    }
    ids
}

fn is_open(stream: &mut UntilEnded) -> bool {
    let context = &mut Context::from_waker(Waker::noop());
    std::pin::Pin::new(stream).poll(context).is_pending()
}

async fn end_elsewhere(backend: &Watched, id: &SessionId) {
    let session = session_core::SessionRef::by_id(*id);
    let how = session_core::EndedBy::Revoked;
    assert!(backend.unwatched().remove(&session, None, None, how, NOW).await.unwrap());
}

/// Until the task has looked so often since the calls were taken.
async fn looks(backend: &Watched, count: u32) {
    let begun = Instant::now();
    while backend.calls().live < count {
        assert!(begun.elapsed() < LOOK * (count + 2), "{:?}", backend.calls());
        tokio::time::advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_look_in_chunks_serves_all() {
    let backend = Watched::new(MemoryBackend::new());
    let store = store(&backend);
    let ids = sessions(&backend, 2500).await;
    let mut streams: Vec<_> = ids.iter().map(|id| store.until_ended(id)).collect();
    let mut twice = store.until_ended(&ids[2499]);
    assert!(streams.iter_mut().all(is_open) && is_open(&mut twice));
    end_elsewhere(&backend, &ids[0]).await;
    end_elsewhere(&backend, &ids[2499]).await;
    let begun = Instant::now();
    (&mut twice).await;
    let waited = begun.elapsed();
    assert!(waited <= LOOK + Duration::from_millis(10), "{waited:?}");
    looks(&backend, 3).await;
    assert!(!is_open(&mut streams[0]) && !is_open(&mut streams[2499]));
    assert!(streams[1..2499].iter_mut().all(is_open));
    assert_eq!(backend.calls(), Calls { live: 3, ..Calls::NONE }, "2500 in chunks of 1000");
}

#[tokio::test(start_paused = true)]
async fn who_goes_leaves_nothing() {
    let backend = Watched::new(MemoryBackend::new());
    let store = store(&backend);
    let ids = sessions(&backend, 2).await;
    for round in 0..3 {
        let mut streams: Vec<_> = ids.iter().map(|id| store.until_ended(id)).collect();
        assert!(streams.iter_mut().all(is_open));
        looks(&backend, 1).await;
        drop(streams);
        backend.take_calls();
        tokio::time::advance(LOOK * 10).await;
        tokio::task::yield_now().await;
        assert_eq!(backend.calls(), Calls::NONE, "round {round}: nobody waits any more");
    }
    // Not even polled.
    drop(store.until_ended(&ids[0]));
    // The task holds the store while somebody waits, and not longer.
    let mut last = store.until_ended(&ids[0]);
    assert!(is_open(&mut last));
    drop((last, store));
    tokio::task::yield_now().await;
    assert_eq!(backend.take_calls(), Calls::NONE);
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_nothing() {
    let backend = Watched::new(MemoryBackend::new());
    let store = store(&backend);
    let ids = sessions(&backend, 1).await;
    let mut stream = store.until_ended(&ids[0]);
    assert!(is_open(&mut stream));
    end_elsewhere(&backend, &ids[0]).await;
    backend.fail(
        session_conformance::backends::Fault::new(BackendErrorKind::Unavailable).only(Method::Live),
    );
    looks(&backend, 4).await;
    assert!(is_open(&mut stream));
    backend.recover();
    stream.await;
}

/// Streams of one runtime go on when the one that looked for them has ended.
#[test]
fn another_runtime_takes_over() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    let backend = Watched::new(MemoryBackend::new());
    let store = store(&backend);
    let (first, second) = (runtime(), runtime());
    let ids = second.block_on(sessions(&backend, 2));
    let mut looked_for = store.until_ended(&ids[0]);
    first.block_on(async {
        assert!(is_open(&mut looked_for));
        looks(&backend, 1).await;
    });
    let mut stream = store.until_ended(&ids[1]);
    second.block_on(async { assert!(is_open(&mut stream), "the other one looks for it") });
    drop(first);
    second.block_on(async {
        end_elsewhere(&backend, &ids[1]).await;
        stream.await;
    });
    assert!(is_open(&mut looked_for));
}
