//! Stored values whose type no longer fits: what is said of them, and how to be rid of them.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use session_core::{ErrorKind, Key, MemoryBackend, SessionConfig, SessionStore};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::Request;

const PAGE: Key<u32> = Key::new("page");

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0.lock().unwrap(), "{}={value:?} ", field.name()).unwrap();
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        write!(self.0.lock().unwrap(), "{}={value} ", field.name()).unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        write!(self.0.lock().unwrap(), "{} ", event.metadata().level()).unwrap();
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

async fn stored() -> (SessionStore, String) {
    let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    let request = Request::with_cookie(&store, "").await;
    request.set("page", "a secret").unwrap();
    request.set("other", 1).unwrap();
    let cookie = request.finish().await.unwrap().unwrap();
    (store, cookie.split(';').next().unwrap().to_owned())
}

#[tokio::test]
async fn the_error_names_key_and_reason_and_no_value() {
    let (store, cookie) = stored().await;
    let error = Request::with_cookie(&store, &cookie).await.get(PAGE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongType);
    let expected = "the value under \"page\" is not a u32: invalid type: string, expected u32";
    assert_eq!(error.to_string(), expected);
    assert!(!format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn what_is_discarded_is_absent_logged_and_gone() {
    let (store, cookie) = stored().await;
    let log = Log::default();
    let request = Request::with_cookie(&store, &cookie).await;
    let seen = tracing::subscriber::with_default(log.clone(), || {
        (request.get_or_discard(PAGE), request.get_or_discard(PAGE))
    });
    assert_eq!(seen, (None, None));
    assert!(!request.contains(PAGE));
    assert_eq!(request.get_or_discard::<u8>("other"), Some(1));
    let said = log.0.lock().unwrap().clone();
    assert_eq!(said.matches("WARN").count(), 1, "{said}");
    assert!(said.contains("\"page\"") && said.contains("string, expected u32"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    request.finish().await.unwrap();

    let request = Request::with_cookie(&store, &cookie).await;
    assert_eq!(request.keys(), ["other"]);
    assert_eq!(request.get(PAGE).unwrap(), None);
}

#[tokio::test]
async fn after_the_response_it_only_reads_as_absent() {
    let (store, cookie) = stored().await;
    let request = Request::with_cookie(&store, &cookie).await;
    request.finish().await.unwrap();
    assert_eq!(request.get_or_discard(PAGE), None);
    assert!(request.contains(PAGE));
    assert!(Request::with_cookie(&store, &cookie).await.contains(PAGE));
}

#[tokio::test]
async fn what_fits_and_what_is_not_there_stays_as_it_is() {
    let (store, cookie) = stored().await;
    let request = Request::with_cookie(&store, &cookie).await;
    assert_eq!(request.get_or_discard::<String>("page").as_deref(), Some("a secret"));
    assert_eq!(request.get_or_discard::<String>("absent"), None);
    request.set(PAGE, 7).unwrap();
    assert_eq!(request.get_or_discard(PAGE), Some(7));
    assert_eq!(request.keys(), ["other", "page"]);
}
