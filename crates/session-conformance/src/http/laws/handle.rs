//! One request's handle, used from several places at once.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use serde_json::{Value, json};
use session_core::{ErrorKind, Found, SessionId};

use crate::backends::{Gate, Method};
use crate::http::desk::Desk;
use crate::http::exchange::{Answer, Ask};
use crate::http::lab::Lab;
use crate::http::operation::{OPERATIONS, perform};
use crate::http::site::Site;
use crate::race::race;
use crate::run::rounds;

/// How many cases are at work at one moment.
const AT_ONCE: usize = 8;

/// What a request brings.
#[derive(Debug, Clone, Copy)]
enum Start {
    Visitor,
    Anonymous,
    SignedIn,
    InGrace,
    /// Revoked, which makes a visitor of it.
    Ended,
    /// Replaced, and its browser has the newer token.
    Followed,
    Ambiguous,
}

const STARTS: [Start; 7] = [
    Start::Visitor,
    Start::Anonymous,
    Start::SignedIn,
    Start::InGrace,
    Start::Ended,
    Start::Followed,
    Start::Ambiguous,
];

/// Any two operations on clones of one handle, and any operation beside its own response, end as they
/// would one after the other: what each returned, the cookie, what is stored, and what the browser sees
/// next. Every pair from every start, really at once; every order in which they can meet is explored by
/// the suite's own tests, on a backend whose calls stop at gates.
pub async fn handle_operations_serialise(lab: &Lab) {
    let site = Site::open(lab).await;
    let mut cases = Vec::new();
    for start in STARTS {
        for (at, first) in OPERATIONS.iter().enumerate() {
            cases.push((start, [*first, "the response"]));
            for second in &OPERATIONS[at..] {
                cases.push((start, [*first, *second]));
            }
        }
    }
    for (number, some) in cases.chunks(AT_ONCE).enumerate() {
        let case = |(at, (start, pair)): (usize, &(Start, [&'static str; 2]))| {
            let name = format!("{number}x{at}");
            let case = Case { site: site.clone(), start: *start, pair: *pair, name };
            async move { case.check().await }
        };
        race(some.iter().enumerate().map(case)).await;
    }
}

struct Case {
    site: Site,
    start: Start,
    pair: [&'static str; 2],
    /// Of its users, whom it shares with no other case.
    name: String,
}

/// What came of it.
#[derive(Debug, PartialEq)]
struct Outcome {
    results: [Value; 2],
    status: u16,
    cookie: String,
    presented: Vec<String>,
    sessions: [usize; 2],
    next: Value,
}

impl Case {
    async fn check(&self) {
        let mut orders = Vec::new();
        for (round, way) in [Way::InOrder, Way::InTheOther].into_iter().enumerate() {
            orders.push(self.go(way, round).await);
        }
        for round in 0..rounds(1) {
            let found = self.go(Way::AtOnce, 2 + round as usize).await;
            assert!(
                orders.contains(&found),
                "{:?}, {:?} at once end as no order does:\n{found:#?}\nmay be\n{orders:#?}",
                self.start,
                self.pair
            );
        }
    }

    /// The word of an operation, with this round's users.
    fn word(&self, at: usize, round: usize) -> String {
        match self.pair[at].strip_prefix("as:") {
            Some(user) => format!("as:{}", self.user(user, round)),
            None => self.pair[at].to_owned(),
        }
    }

    fn user(&self, user: &str, round: usize) -> String {
        format!("{user}-{}-{round}", self.name)
    }

    async fn go(&self, way: Way, round: usize) -> Outcome {
        let site = &self.site;
        let presented = self.begin(round).await;
        let ask = |path: String| {
            presented.iter().fold(site.ask(&path), |ask: Ask, token| ask.token(token))
        };
        let first = self.word(0, round);
        let (answer, results) = if self.pair[1] == "the response" {
            match way {
                Way::InOrder => {
                    let answer = ask(format!("/try.set.b.1/one.{first}")).send().await;
                    let result = of_handler(&answer, 1);
                    (answer, [result, Value::Null])
                }
                Way::InTheOther => {
                    let desk = Desk::open();
                    let answer = ask("/try.set.b.1/keep".to_owned()).at(&desk).send().await;
                    let late = perform(desk.kept(), first, self.own(&presented).await).await;
                    (answer, [late, Value::Null])
                }
                Way::AtOnce => {
                    let desk = Desk::open();
                    let answer = ask(format!("/try.set.b.1/begin.{first}")).at(&desk).send().await;
                    let left = desk.left().await;
                    (answer, [left, Value::Null])
                }
            }
        } else {
            let second = self.word(1, round);
            let (path, order) = match way {
                Way::InOrder => (format!("/try.set.b.1/one.{first}/one.{second}"), [1, 2]),
                Way::InTheOther => (format!("/try.set.b.1/one.{second}/one.{first}"), [2, 1]),
                Way::AtOnce => (format!("/try.set.b.1/pair.{first}.{second}"), [1, 2]),
            };
            let answer = ask(path).send().await;
            let results = order.map(|at| of_handler(&answer, at));
            (answer, results)
        };
        self.outcome(&presented, answer, results, round).await
    }

    /// Brings the case about; what its request presents.
    async fn begin(&self, round: usize) -> Vec<String> {
        let site = &self.site;
        let ann = self.user("ann", round);
        let sign_in = async || site.ask(&format!("/login.{ann}/set.n.1")).send().await.token();
        // On another device.
        let other = sign_in().await;
        match self.start {
            Start::Visitor => Vec::new(),
            Start::Anonymous => vec![site.ask("/set.n.1").send().await.token()],
            Start::SignedIn => vec![sign_in().await],
            Start::InGrace => {
                let token = sign_in().await;
                site.ask("/rotate").token(&token).send().await.ok();
                vec![token]
            }
            Start::Ended => {
                let token = sign_in().await;
                let ended = site.live(&token).await.expect("a session").id;
                let id = format!("/revoke.{ended}");
                site.ask(&id).token(&other).send().await.ok();
                vec![token]
            }
            Start::Followed => {
                let token = sign_in().await;
                let newer = site.ask(&format!("/login.{ann}")).token(&token).send().await.token();
                site.ask("/get.n").token(&newer).send().await.ok();
                vec![token]
            }
            Start::Ambiguous => {
                // A visitor's data in a cookie makes nothing ambiguous; another user's session does.
                let cid = format!("/login.{}", self.user("cid", round));
                let second = if site.has_cookie_visitors() { &cid } else { "/set.n.1" };
                vec![sign_in().await, site.ask(second).send().await.token()]
            }
        }
    }

    async fn outcome(
        &self,
        presented: &[String],
        answer: Answer,
        results: [Value; 2],
        round: usize,
    ) -> Outcome {
        let site = &self.site;
        let (cookie, now) = match answer.cookie().map(|cookie| cookie.value().to_owned()) {
            None => ("none".to_owned(), presented.to_vec()),
            Some(value) if value.is_empty() => ("removed".to_owned(), Vec::new()),
            Some(value) => (format!("new, {}", self.stands_for(&value).await), vec![value]),
        };
        let mut stand = Vec::new();
        for token in presented {
            stand.push(self.stands_for(token).await);
        }
        let next = now.iter().fold(site.ask("/get.n"), |ask: Ask, token| ask.token(token));
        let next = next.send().await.ok();
        let sessions = [
            site.sessions_of(&self.user("ann", round)).await,
            site.sessions_of(&self.user("bob", round)).await,
        ];
        let user = next.user().map(|user| without_round(&user));
        Outcome {
            results,
            status: answer.status.as_u16(),
            cookie,
            presented: stand,
            sessions,
            next: json!({ "user": user, "data": next.data() }),
        }
    }

    /// The session with which a request that presents this begins.
    async fn own(&self, presented: &[String]) -> Option<SessionId> {
        let [token] = presented else { return None };
        match self.site.found(token).await? {
            Found::Live { session, .. } | Found::Grace { session, .. } => Some(session.id),
            Found::Ended { .. } => None,
        }
    }

    async fn stands_for(&self, token: &str) -> String {
        let session = |session: &session_core::SessionData| {
            let user = session.user_id.as_ref().map(|user| without_round(user.as_str()));
            format!("{user:?} v{} {}", session.version, session.data.to_json())
        };
        match self.site.found(token).await {
            None => "nothing".to_owned(),
            Some(Found::Live { session: data, .. }) => format!("live {}", session(&data)),
            Some(Found::Grace { session: data, .. }) => format!("in grace {}", session(&data)),
            Some(Found::Ended { how, .. }) => format!("ended {how}"),
        }
    }
}

/// How the two meet.
#[derive(Debug, Clone, Copy)]
enum Way {
    InOrder,
    InTheOther,
    AtOnce,
}

/// Users are named for the round, so that rounds do not meet; what came of them is not.
fn without_round(user: &str) -> String {
    user.split('-').next().unwrap_or_default().to_owned()
}

/// What the handler noted of a step. A response that became an error says nothing of it.
fn of_handler(answer: &Answer, at: usize) -> Value {
    let report: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    report["results"][at].clone()
}

/// One request never leaves two live sessions that it made, and what it acknowledged is in the session
/// whose token its cookie carries. An operation that its handler did not wait for is waited for by the
/// response; one that cannot come to its end makes no session after it.
pub async fn one_request_one_session(lab: &Lab) {
    let site = Site::open(lab).await;
    for _ in 0..rounds(10) {
        for pair in [
            "update.update",
            "save.update",
            "save.save",
            "save.as:ann",
            "update.as:ann",
            "as:ann.as:ann",
        ] {
            one_session(&site, &format!("/set.b.1/pair.{pair}"), 2).await;
        }
        for operation in ["save", "update", "as:ann"] {
            one_session(&site, &format!("/set.b.1/begin.{operation}"), 0).await;
        }
    }
    outlives_its_handler(&site).await;
    outlives_its_response(lab).await;
}

/// A visitor's request that makes a session from several places.
async fn one_session(site: &Site, path: &str, operations: usize) {
    site.take_made().await;
    let desk = Desk::open();
    let answer = site.ask(path).at(&desk).send().await.ok();
    let updates = if operations == 0 {
        u64::from(desk.left().await["ok"].is_u64())
    } else {
        let results: Vec<_> = (1..=operations).map(|at| of_handler(&answer, at)).collect();
        let done = results.iter().all(|result| result.get("ok").is_some());
        assert!(done, "{path}: {results:?}");
        results.iter().filter(|result| result["ok"].is_u64()).count() as u64
    };
    let made = site.take_made().await;
    assert_eq!(made.len(), 1, "{path}: live sessions that one request made");
    let session = site.live(&answer.token()).await.expect("the cookie's token is live");
    assert_eq!(session.id, made[0].1.id, "{path}: the cookie is another session's");
    assert_eq!(session.data.get("b"), Some(&json!(1)), "{path}: what was buffered");
    let counted = session.data.get("n").and_then(Value::as_u64).unwrap_or(0);
    assert_eq!(counted, updates, "{path}: an acknowledged write is lost");
}

/// The handler has answered and left an operation behind, whose call is under way.
async fn outlives_its_handler(site: &Site) {
    for operation in ["save", "update", "as:ann"] {
        site.take_made().await;
        let stop = site.probe.stop(Method::Create, Gate::Before);
        let desk = Desk::open();
        let pending = site.ask(&format!("/set.b.1/begin.{operation}/hold.handler"));
        let pending = pending.at(&desk).begin();
        stop.arrived().await;
        desk.gate("handler").open();
        stop.pass();
        let answer = pending.answer().await.ok();
        let made = site.take_made().await;
        assert_eq!(made.len(), 1, "{operation}: live sessions that one request made");
        let session = site.live(&answer.token()).await.expect("the cookie's token is live");
        assert_eq!(session.data.get("b"), Some(&json!(1)), "{operation}: what was buffered");
        assert!(desk.left().await.get("ok").is_some(), "{operation}: it was acknowledged");
    }
}

/// An operation's future is kept and polled no more: the response says that it does not know, in time,
/// and what is made afterwards is not there.
async fn outlives_its_response(lab: &Lab) {
    let site = Site::with(lab, |config| config.backend_timeout_ms = 500).await;
    for operation in ["save", "update", "as:ann"] {
        let desk = Desk::open();
        let pending = site.ask("/set.b.1/keep/hold.handler").at(&desk).begin();
        let gate = desk.gate("handler");
        gate.arrival().await;
        site.take_made().await;
        let stop = site.probe.stop(Method::Create, Gate::After);
        let session = desk.kept();
        let mut held = pin!(perform(session.clone(), operation.to_owned(), None));
        // Polled until the database has done it and not answered, and then no more.
        let mut arrived = pin!(stop.arrived());
        poll_fn(|context| match held.as_mut().poll(context) {
            Poll::Pending => arrived.as_mut().poll(context),
            Poll::Ready(result) => panic!("{operation}: it is done: {result}"),
        })
        .await;
        gate.open();
        pending.answer().await.refused_as_outage().no_cookie();
        stop.pass();
        let late = held.await;
        let refused =
            json!({ "error": session_core::Error::from_kind(ErrorKind::LateWrite).code() });
        let unknown = json!({ "error": "unavailable" });
        assert!(late == refused || late == unknown, "{operation}: {late}");
        if late == unknown {
            // To end what it made took too long; whoever asks next does it.
            while session.list().await.is_err_and(|e| e.kind() == ErrorKind::Unavailable) {}
        }
        let made = site.take_made().await;
        assert!(made.is_empty(), "{operation}: made after the response was decided");
    }
}
