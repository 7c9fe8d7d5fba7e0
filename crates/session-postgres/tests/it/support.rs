//! A schema of its own for every test, and short ways to make sessions.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use session_core::{
    Agent, BackendError, DeviceType, Fingerprint, Found, NewSession, Patch, SessionBackend,
    SessionChange, SessionData, SessionId, SessionRef, SessionToken, Timestamp, TokenHash, Touch,
    UserId,
};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_test_servers::given;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

use super::proxy::Proxy;

/// One test, on a runtime of several threads, if there is a server.
macro_rules! with_server {
    ($($(#[$meta:meta])* async fn $name:ident() $body:block)+) => {
        $(
            $(#[$meta])*
            #[test]
            fn $name() {
                if session_test_servers::given::has_postgres() {
                    tokio::runtime::Builder::new_multi_thread()
                        .worker_threads(2)
                        .enable_all()
                        .build()
                        .unwrap()
                        .block_on(async $body);
                }
            }
        )+
    };
}
pub(crate) use with_server;

/// The server's URL, and a schema that nobody has used before.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) schema: String,
}

pub(crate) const ACQUIRE: Duration = Duration::from_millis(1500);
pub(crate) const STATEMENT: Duration = Duration::from_millis(1200);
pub(crate) const LOCK: Duration = Duration::from_millis(900);

impl Place {
    pub(crate) fn new() -> Self {
        Self { url: given::postgres().unwrap(), schema: given::fresh_name() }
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        let settings = [
            ("search_path", self.schema.clone()),
            ("statement_timeout", STATEMENT.as_millis().to_string()),
            ("lock_timeout", LOCK.as_millis().to_string()),
        ];
        PgConnectOptions::from_str(&self.url)
            .unwrap()
            .application_name(&self.schema)
            .options(settings)
    }

    pub(crate) fn config(&self) -> PostgresConfig {
        self.config_at(&self.url)
    }

    pub(crate) fn config_at(&self, url: &str) -> PostgresConfig {
        // Told apart from other tests' connections by the name.
        let separator = if url.contains('?') { '&' } else { '?' };
        PostgresConfig::new(format!("{url}{separator}application_name={}", self.schema))
            .schema(&self.schema)
            .max_connections(NonZeroU32::new(5).unwrap())
            .acquire_timeout(ACQUIRE)
            .statement_timeout(STATEMENT)
            .lock_timeout(LOCK)
    }

    /// Ready for use, through connections of its own.
    pub(crate) async fn backend(&self) -> PostgresBackend {
        let backend = PostgresBackend::connect_with(self.config()).await.unwrap();
        backend.migrate().await.unwrap_or_else(|error| panic!("{}", chain(&error)));
        backend
    }

    /// As an application would make it, told where the tables are.
    pub(crate) async fn pool(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(5)
            .acquire_timeout(ACQUIRE)
            .connect_with(self.options())
            .await
            .unwrap()
    }

    /// One more client, under another name than the backend's connections.
    pub(crate) async fn connection(&self) -> PgConnection {
        let options = self.options().application_name("session-test");
        PgConnection::connect_with(&options).await.unwrap()
    }

    /// A way to the server that can be shut, and the URL that leads through it.
    pub(crate) async fn proxy(&self) -> (Proxy, String) {
        let options = PgConnectOptions::from_str(&self.url).unwrap();
        let server = format!("{}:{}", options.get_host(), options.get_port());
        assert!(self.url.contains(&server), "{} names no host and port", given::POSTGRES_URL);
        let proxy = Proxy::to(server.clone()).await;
        let url = self.url.replacen(&server, &proxy.address.to_string(), 1);
        (proxy, url)
    }
}

/// A migrated schema and a backend over it.
pub(crate) struct Fresh {
    pub(crate) backend: PostgresBackend,
    pub(crate) place: Place,
}

impl Fresh {
    pub(crate) async fn new() -> Self {
        let place = Place::new();
        Self { backend: place.backend().await, place }
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
    SessionData { user_id: Some(user_id(user)), authenticated_at: Some(NOW), ..record() }
}

pub(crate) fn user_id(user: &str) -> UserId {
    UserId::new(user).unwrap()
}

/// Stores a session and returns how to speak of it.
pub(crate) async fn stored(backend: &PostgresBackend, record: SessionData) -> SessionRef {
    let token = token();
    let created = backend.create(NewSession::new(record, token), NOW).await;
    let created = created.unwrap_or_else(|error| panic!("{}", chain(&error)));
    SessionRef { id: created.session.id, token: Some(token), user: None }
}

pub(crate) fn set(key: &str, value: impl Into<serde_json::Value>) -> SessionChange {
    let mut patch = Patch::new();
    patch.set(key, value.into());
    SessionChange::patch(patch)
}

/// A touch that is due, with a newer agent.
pub(crate) fn touch(at: Timestamp) -> SessionChange {
    SessionChange::touch(Touch {
        due_before: at,
        expires_at: at.plus(Duration::from_secs(3600)),
        ip_address: Some("198.51.100.7".parse().unwrap()),
        agent: Some(Agent {
            user_agent: "Mozilla/6.0".into(),
            device_name: "Chrome on Windows".into(),
            device_type: DeviceType::Mobile,
        }),
    })
}

pub(crate) async fn live(backend: &PostgresBackend, token: &TokenHash) -> SessionData {
    match backend.find(token, NOW).await.unwrap_or_else(|error| panic!("{}", chain(&error))) {
        Some(Found::Live { session, .. }) => SessionData::clone(&session),
        other => panic!("{other:?}"),
    }
}

/// Asks again and again, for as long as a test may take.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let mut clock = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..1000 {
        if let Some(answer) = ask().await {
            return answer;
        }
        clock.tick().await;
    }
    panic!("{what} never came to pass");
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
