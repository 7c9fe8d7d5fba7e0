//! A database of a test's own, sessions in it, and the program that is run on it.

use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use session_core::{
    Clock, ManualClock, Peer, SessionBackend, SessionConfig, SessionStore, SignIn, SystemClock,
    Timestamp,
};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_sqlite::SqliteBackend;
use session_test_servers::given;
use tempfile::TempDir;

/// Where the program finds the sessions, and the backend that the test makes them with.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    pub(crate) schema: Option<String>,
    pub(crate) backend: Arc<dyn SessionBackend>,
    pub(crate) folder: TempDir,
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// Each database at hand, migrated and empty.
pub(crate) async fn everywhere() -> Vec<Place> {
    let mut places = vec![sqlite().await];
    if given::has_postgres() {
        places.push(postgres().await);
    }
    places
}

pub(crate) async fn sqlite() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let backend = SqliteBackend::connect(&url).await.unwrap();
    backend.migrate().await.unwrap();
    Place { name: "sqlite", url, schema: None, backend: Arc::new(backend), folder }
}

/// In a schema of its own.
pub(crate) async fn postgres() -> Place {
    let (url, schema) = (given::postgres().unwrap(), given::fresh_name());
    let config = PostgresConfig::new(&url).schema(&schema);
    let backend = PostgresBackend::connect_with(config).await.unwrap();
    backend.migrate().await.unwrap();
    let (backend, folder) = (Arc::new(backend), tempfile::tempdir().unwrap());
    Place { name: "postgres", url, schema: Some(schema), backend, folder }
}

impl Place {
    pub(crate) fn store(&self) -> SessionStore {
        SessionStore::shared(self.backend.clone(), SessionConfig::default()).unwrap()
    }

    /// As if it were so many seconds ago.
    pub(crate) fn store_ago(&self, secs: u64) -> SessionStore {
        let then = SystemClock.now().minus(std::time::Duration::from_secs(secs));
        self.store().with_clock(ManualClock::new(then))
    }

    /// Runs the program on this database.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let mut all = vec!["--backend", &self.url];
        if let Some(schema) = &self.schema {
            all.extend(["--schema", schema]);
        }
        all.extend(arguments);
        run(&all)
    }
}

/// Runs the program.
pub(crate) fn run(arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessionctl"));
    let output = command.args(arguments).env_remove("SESSION_BACKEND").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// Signs a user in, with a value in the session; the id and the token.
pub(crate) async fn sign_in(store: &SessionStore, user: &str) -> (String, String) {
    sign_in_and_act(store, user, None).await
}

/// The same, and then in another user's place.
pub(crate) async fn sign_in_and_act(
    store: &SessionStore,
    user: &str,
    acts_for: Option<&str>,
) -> (String, String) {
    let visit = store.begin();
    let mut headers = http::HeaderMap::new();
    headers.insert("user-agent", AGENT.parse().unwrap());
    let uri = http::Uri::from_static("/");
    let peer = Peer::Ip([203, 0, 113, 7].into());
    visit.attach(&http::Method::POST, &uri, &headers, peer, None);
    let session = visit.load().await.unwrap();
    let sign_in = SignIn::new(user).data("pin", "stored by the application").unwrap();
    session.authenticate_with(sign_in).await.unwrap();
    if let Some(customer) = acts_for {
        session.impersonate(customer).await.unwrap();
    }
    let id = session.id().unwrap().to_string();
    let mut headers = http::HeaderMap::new();
    visit.finish(http::StatusCode::OK).await.apply(&mut headers);
    let cookie = headers["set-cookie"].to_str().unwrap();
    let token = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    (id, token)
}

/// For a time in an answer.
pub(crate) fn is_time(value: &Value) -> bool {
    serde_json::from_value::<Timestamp>(value.clone()).is_ok()
}
