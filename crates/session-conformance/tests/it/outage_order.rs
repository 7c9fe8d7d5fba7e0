//! In which order the hook hears of an outage's beginning and end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use session_conformance::backends::{Fault, Method, Watched};
use session_core::{BackendErrorKind, EventKind, MemoryBackend, SessionConfig, SessionStore};

/// A hook that takes a moment over the beginning: what it knows at the end must be that there is no outage.
/// An application that keeps a gauge, or pages somebody, would else do so for ever.
#[test]
fn the_end_is_told_after_the_beginning() {
    let heard: Arc<(Mutex<Vec<&str>>, Condvar)> = Arc::default();
    let (has_begun, ears) = (Arc::new(AtomicBool::new(false)), heard.clone());
    let begun = has_begun.clone();
    let backend = Watched::new(MemoryBackend::new());
    backend.fail(Fault::new(BackendErrorKind::Unavailable).only(Method::Ping).times(1));
    let store =
        SessionStore::new(backend, SessionConfig::default()).unwrap().on_event(move |event| {
            let (heard, changed) = &*ears;
            match event.kind {
                EventKind::OutageBegan => {
                    begun.store(true, Ordering::SeqCst);
                    // Until the end was told, or for a while.
                    let heard = heard.lock().unwrap();
                    let (mut heard, _) = changed
                        .wait_timeout_while(heard, Duration::from_millis(500), |heard| {
                            heard.is_empty()
                        })
                        .unwrap();
                    heard.push("began");
                }
                EventKind::OutageEnded { .. } => {
                    heard.lock().unwrap().push("ended");
                    changed.notify_all();
                }
                _ => {}
            }
        });
    let ping = |store: SessionStore| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(store.ping())
    };
    let fails = std::thread::spawn({
        let store = store.clone();
        move || ping(store).is_err()
    });
    while !has_begun.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    ping(store).unwrap();
    assert!(fails.join().unwrap());
    assert_eq!(*heard.0.lock().unwrap(), ["began", "ended"]);
}
