//! A fresh database per test, and short ways to make sessions.

use std::path::PathBuf;
use std::time::Duration;

use session_core::{
    Agent, BackendError, DeviceType, Fingerprint, Found, NewSession, Patch, SessionBackend,
    SessionChange, SessionData, SessionId, SessionRef, SessionToken, Timestamp, TokenHash, Touch,
    UserId,
};
use session_sqlite::SqliteBackend;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tempfile::TempDir;

/// A migrated database in a folder that goes with it.
pub(crate) struct Fresh {
    pub(crate) backend: SqliteBackend,
    pub(crate) path: PathBuf,
    pub(crate) folder: TempDir,
}

impl Fresh {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let backend = SqliteBackend::connect(path.to_str().unwrap()).await.unwrap();
        backend.migrate().await.unwrap();
        Self { backend, path, folder }
    }

    /// A second way to the same file.
    pub(crate) async fn pool(&self) -> SqlitePool {
        SqlitePoolOptions::new().connect_with(self.options()).await.unwrap()
    }

    pub(crate) fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new().filename(&self.path)
    }
}

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_795_305_600_123_456);

pub(crate) fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

pub(crate) fn token() -> TokenHash {
    SessionToken::generate().unwrap().hash()
}

/// An anonymous session that lives for an hour.
pub(crate) fn record() -> SessionData {
    SessionData {
        ip_address: Some("192.0.2.1".parse().unwrap()),
        last_ip_address: Some("2001:db8::1".parse().unwrap()),
        user_agent: Some("Mozilla/5.0 'quoted'".into()),
        device_name: "Firefox on Linux".into(),
        device_type: DeviceType::Desktop,
        fingerprint: Fingerprint::from_bytes(&[1; 33]),
        version: 0,
        idle_ttl_secs: Some(3600),
        cookie_persistent: Some(false),
        ..SessionData::new(SessionId::generate(NOW).unwrap(), NOW, Duration::from_secs(3600))
    }
}

pub(crate) fn record_of(user: &str) -> SessionData {
    SessionData {
        user_id: Some(UserId::new(user).unwrap()),
        authenticated_at: Some(NOW),
        ..record()
    }
}

pub(crate) fn reference(id: SessionId, token: TokenHash) -> SessionRef {
    SessionRef { id, token: Some(token), user: None }
}

/// Stores a session and returns how to speak of it.
pub(crate) async fn stored(backend: &SqliteBackend, record: SessionData) -> SessionRef {
    let token = token();
    let created = backend.create(NewSession::new(record, token), NOW).await.unwrap();
    reference(created.session.id, token)
}

pub(crate) fn set(key: &str, value: impl Into<serde_json::Value>) -> SessionChange {
    let mut patch = Patch::new();
    patch.set(key, value.into());
    SessionChange::patch(patch)
}

/// More objects than one statement takes: this change goes by a transaction.
pub(crate) fn many(value: usize) -> SessionChange {
    let mut patch = Patch::new();
    (0..20).for_each(|n| patch.set(format!("many {n}"), serde_json::json!({ "n": value })));
    SessionChange::patch(patch)
}

/// A touch that is due, with a newer agent.
pub(crate) fn touch(at: Timestamp) -> Touch {
    Touch {
        due_before: at,
        expires_at: at.plus(Duration::from_secs(3600)),
        ip_address: Some("198.51.100.7".parse().unwrap()),
        agent: Some(Agent {
            user_agent: "Mozilla/6.0".into(),
            device_name: "Chrome on Windows".into(),
            device_type: DeviceType::Mobile,
        }),
    }
}

pub(crate) async fn live(backend: &SqliteBackend, token: &TokenHash) -> SessionData {
    match backend.find(token, NOW).await.unwrap() {
        Some(Found::Live { session, .. }) => SessionData::clone(&session),
        other => panic!("{other:?}"),
    }
}

/// The error with everything below it, as a log would have it.
pub(crate) fn chain(error: &BackendError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A generator of numbers that a seed repeats: tests need no better one.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
