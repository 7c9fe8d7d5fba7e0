//! A PostgreSQL that is killed under load, started again, frozen and thawed: nobody is signed out,
//! and nothing that was acknowledged is lost.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use session_test_servers::{Postgres, given};
use tokio::task::JoinSet;

use crate::browser::{Browser, Reply};
use crate::demo::{Demo, Framework, TOO_LONG};

const CLIENTS: usize = 24;

/// What the demo is told, so that it waits for a server that does not answer, and no longer.
const BACKEND_TIMEOUT: Duration = Duration::from_millis(1500);

/// What a request may take beside the one call that fails: the calls before it, and a machine that
/// does other things too.
const MARGIN: Duration = Duration::from_millis(2500);

mod axum_over_postgres {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn killed_and_frozen_under_load() {
        super::killed_and_frozen_under_load(super::Framework::Axum).await;
    }
}

mod salvo_over_postgres {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn killed_and_frozen_under_load() {
        super::killed_and_frozen_under_load(super::Framework::Salvo).await;
    }
}

async fn killed_and_frozen_under_load(framework: Framework) {
    let Some(mut server) = given::own_postgres() else { return };
    let demo = demo_over(&server, framework).await;
    let mut load = Load::begin(&demo).await;
    load.rounds(2).await;

    // Killed, and started again.
    load.now(None);
    server.kill().unwrap();
    load.now(Some(false));
    tokio::join!(check_down(&demo), load.rounds(1));
    load.now(None);
    server.start_again().unwrap();
    load.now(Some(true));
    load.rounds(2).await;

    // Frozen, and thawed.
    load.now(None);
    server.freeze().unwrap();
    load.now(Some(false));
    tokio::join!(check_down(&demo), load.rounds(1));
    load.now(None);
    server.thaw().unwrap();
    load.now(Some(true));
    load.rounds(2).await;

    load.end().await;
}

async fn demo_over(server: &Postgres, framework: Framework) -> Demo {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("backend_timeout_ms: {}\n", BACKEND_TIMEOUT.as_millis());
    std::fs::write(folder.path().join("config.yaml"), config).unwrap();
    Demo::start(framework, folder, &["--backend", &server.url, "--config", "config.yaml"]).await
}

/// People who come while the server is away.
async fn check_down(demo: &Demo) {
    let visitor = demo.browser();
    let mut stranger = demo.browser();
    stranger.cookie = Some("5".repeat(64));
    let mut asking = JoinSet::new();
    for (browser, method, path, body) in [
        (&visitor, Method::GET, "/healthz", ""),
        (&visitor, Method::POST, "/api/login", r#"{"user":"mallory"}"#),
        (&visitor, Method::PUT, "/api/data/cart", "1"),
        (&stranger, Method::GET, "/api/me", ""),
        (&stranger, Method::GET, "/api/layer-user", ""),
        (&stranger, Method::POST, "/api/logout", ""),
    ] {
        let mut browser = browser.clone();
        asking.spawn(async move { browser.send(method, path, body).await });
    }
    // Who brings nothing and stores nothing needs no database.
    assert_eq!(visitor.clone().get("/api/session").await.json(), json!({ "session": null }));
    for reply in asking.join_all().await {
        check_unavailable(&reply);
    }
}

#[track_caller]
fn check_unavailable(reply: &Reply) {
    // With Retry-After.
    reply.check_error(503, "unavailable");
    assert!(!reply.headers.contains_key("set-cookie"), "{reply:?}");
}

/// What is known of the server at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    /// Counts the changes, so that two moments are told apart.
    number: u32,
    /// Whether it answers. `None` while it changes.
    answers: Option<bool>,
}

struct State {
    moment: Moment,
    /// How many whole rounds each client has made within this moment.
    rounds: [u32; CLIENTS],
    is_over: bool,
}

/// Clients that never rest.
struct Load {
    state: Arc<Mutex<State>>,
    clients: JoinSet<Client>,
}

impl Load {
    async fn begin(demo: &Demo) -> Self {
        let moment = Moment { number: 0, answers: Some(true) };
        let state = State { moment, rounds: [0; CLIENTS], is_over: false };
        let state = Arc::new(Mutex::new(state));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let mut browser = demo.browser();
            let user = format!("user{number}");
            browser.login(&user).await;
            let id = browser.session().await["id"].clone();
            let client =
                Client { number, user, id, browser, state: state.clone(), stored: Vec::new() };
            clients.spawn(client.work());
        }
        Self { state, clients }
    }

    /// Says what requests that begin from now on meet.
    fn now(&self, answers: Option<bool>) {
        let mut state = self.state.lock().unwrap();
        state.moment = Moment { number: state.moment.number + 1, answers };
        state.rounds = [0; CLIENTS];
    }

    /// Waits until every client has made so many rounds in this moment.
    async fn rounds(&mut self, expected: u32) {
        let begun = Instant::now();
        let mut clock = tokio::time::interval(Duration::from_millis(20));
        loop {
            let rounds = self.state.lock().unwrap().rounds;
            if rounds.iter().all(|made| *made >= expected) {
                return;
            }
            if let Some(ended) = self.clients.try_join_next() {
                panic!("a client ended: {:?}", ended.map(|client| client.user));
            }
            assert!(begun.elapsed() < TOO_LONG, "too slow: {rounds:?}");
            clock.tick().await;
        }
    }

    /// Lets the clients end, and asks for each what is there.
    async fn end(mut self) {
        self.state.lock().unwrap().is_over = true;
        while let Some(client) = self.clients.join_next().await {
            client.unwrap().check().await;
        }
    }
}

struct Client {
    number: usize,
    user: String,
    /// The session's.
    id: Value,
    browser: Browser,
    state: Arc<Mutex<State>>,
    /// What it was told is stored.
    stored: Vec<usize>,
}

impl Client {
    async fn work(mut self) -> Self {
        let cookie = self.browser.cookie.clone();
        for round in 0.. {
            let begun = self.moment();
            self.ask("/api/me").await;
            self.store(round).await;
            self.ask("/api/session").await;
            let mut state = self.state.lock().unwrap();
            if begun == state.moment {
                state.rounds[self.number] += 1;
            }
            if state.is_over {
                break;
            }
        }
        assert_eq!(self.browser.cookie, cookie, "the one that it signed in with");
        self
    }

    fn moment(&self) -> Moment {
        self.state.lock().unwrap().moment
    }

    async fn ask(&mut self, path: &str) {
        let (before, begun) = (self.moment(), Instant::now());
        let reply = self.browser.get(path).await;
        if !self.is_answered(&reply, before, begun) {
            return;
        }
        let found = reply.json();
        let user = if path == "/api/me" { &found } else { &found["session"] };
        assert_eq!(user["user_id"], self.user, "{reply:?}");
    }

    /// Each time under another key: a write that was given up may still happen, and after the next.
    async fn store(&mut self, round: usize) {
        let (before, begun) = (self.moment(), Instant::now());
        let reply = self.browser.put(&format!("/api/data/k{round}"), &json!(round)).await;
        if self.is_answered(&reply, before, begun) {
            self.stored.push(round);
        }
    }

    /// Whether it is a 200, which it must be if the server answers. If it does not, it must be
    /// a 503 in time, and while it changes one of both. Nothing else, ever, and no cookie.
    fn is_answered(&self, reply: &Reply, before: Moment, begun: Instant) -> bool {
        let took = begun.elapsed();
        assert!(took < BACKEND_TIMEOUT + MARGIN, "{took:?}: {reply:?}");
        let answers = if self.moment() == before { before.answers } else { None };
        if answers == Some(true) || (answers.is_none() && reply.status == 200) {
            reply.check(200);
            assert!(reply.cookie().is_none(), "{reply:?}");
            return true;
        }
        check_unavailable(reply);
        false
    }

    /// Still signed in, with everything that was acknowledged.
    async fn check(mut self) {
        let session = self.browser.session().await;
        assert_eq!((&session["user_id"], &session["id"]), (&json!(self.user), &self.id));
        for round in &self.stored {
            assert_eq!(session["data"][format!("k{round}")], json!(round), "{}", self.user);
        }
        // Before, between and after.
        assert!(self.stored.len() >= 6, "{:?}", self.stored);
    }
}
