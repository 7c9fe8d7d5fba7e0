//! Names that end a line, steer a terminal or begin a header: of users, who may have chosen theirs, and of
//! browsers. No line of the log is broken by one, and no header of an answer is made of one.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use axum::routing::get;
use session_axum::{Session, SessionError, layer};
use session_core::{SessionStore, UserId};
use tracing::Level;

use crate::log::Log;
use crate::support::{call, cookie, request, store};

const NAMES: [&str; 8] = [
    "eve\r\nWARN session: revoked user=ann",
    "eve\nSet-Cookie: _session=planted",
    "eve\u{1b}[2J\u{1b}]0;title\u{7}",
    "eve\u{9b}2Jbot/1.0 \u{85}",
    "eve\u{202e}nimda-bot/1.0",
    "eve\u{2028}WARN\u{2029}bot/1.0",
    "eve\u{2066}\u{2069}bot/1.0",
    "eve\tbot/1.0\u{7f}",
];

/// Two that are known, and each another kind of client than the other, and than the bots above.
const KNOWN: [&str; 2] = ["curl/8.5.0", "python-requests/2.32.3"];

/// What a terminal or a viewer of logs does something with.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn app(store: SessionStore, user: &'static str) -> Router {
    Router::new()
        .route(
            "/sign-in",
            get(move |session: Session| async move {
                session.authenticate(user).await?;
                Ok::<_, SessionError>(())
            }),
        )
        .route(
            "/prove",
            get(|session: Session| async move {
                session.reauthenticate().await?;
                Ok::<_, SessionError>(())
            }),
        )
        .route("/look", get(async |_: Session| ()))
        // An error whose text holds the user's name.
        .route(
            "/number",
            get(|session: Session| async move {
                session.require_user()?.parse::<i64>()?;
                Ok::<_, SessionError>(())
            }),
        )
        .route(
            "/sign-out",
            get(|session: Session| async move {
                session.logout().await?;
                Ok::<_, SessionError>(())
            }),
        )
        .layer(layer(store))
}

fn from(agent: &HeaderValue, path: &str, cookie: &str) -> Request<Body> {
    let mut request = request(path);
    request.headers_mut().insert(header::USER_AGENT, agent.clone());
    if !cookie.is_empty() {
        request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
    }
    request
}

/// No header but the one cookie, and none that says the name.
fn check_headers(answer: &Response<Body>, name: &str) {
    assert!(answer.headers().get_all(header::SET_COOKIE).iter().count() <= 1, "{name:?}");
    for (header, value) in answer.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        assert!(!value.contains("eve") && !value.contains(is_odd), "{name:?}: {header}: {value:?}");
    }
}

fn check_log(log: &Log, name: &str, says: &str) {
    let lines = log.take();
    assert!(lines.iter().any(|line| line.contains(says)), "{name:?}: {lines:?}");
    for line in lines {
        assert!(!line.contains(is_odd), "{name:?} reaches the log: {line:?}");
    }
}

#[tokio::test]
async fn a_users_name_breaks_no_line_and_makes_no_header() {
    let (log, _listens) = Log::listen_to(Level::DEBUG);
    let [agent, another] = KNOWN.map(HeaderValue::from_static);
    for name in NAMES {
        let app = app(store(), name);
        let signed_in = call(&app, from(&agent, "/sign-in", "")).await;
        let first = cookie(&signed_in);
        let proved = call(&app, from(&agent, "/prove", &first)).await;
        let second = cookie(&proved);
        let mut answers = vec![signed_in, proved];
        for (agent, path, status) in
            [(&another, "/look", 200), (&agent, "/number", 500), (&agent, "/sign-out", 200)]
        {
            let answer = call(&app, from(agent, path, &second)).await;
            assert_eq!(answer.status().as_u16(), status, "{name:?}: {path}");
            answers.push(answer);
        }
        for answer in &answers {
            check_headers(answer, name);
        }
        check_log(&log, name, "user=eve");
    }
}

#[tokio::test]
async fn an_agent_breaks_no_line_and_makes_no_header() {
    let (log, _listens) = Log::listen_to(Level::DEBUG);
    let known = HeaderValue::from_static(KNOWN[0]);
    let user = UserId::new("ann").unwrap();
    let mut sent = 0;
    for name in NAMES {
        // What ends a header's line is no header at all, here as in the server.
        let Ok(agent) = HeaderValue::from_bytes(name.as_bytes()) else {
            assert!(name.contains(|c: char| c.is_ascii_control() && c != '\t'), "{name:?}");
            continue;
        };
        sent += 1;
        for (first, second) in [(&agent, &known), (&known, &agent)] {
            let store = store();
            let app = app(store.clone(), "ann");
            let signed_in = call(&app, from(first, "/sign-in", "")).await;
            let looked = call(&app, from(second, "/look", &cookie(&signed_in))).await;
            check_headers(&signed_in, name);
            check_headers(&looked, name);
            let [session] = &*store.list(&user).await.unwrap() else { panic!("one session") };
            assert!(!session.device_name.contains(is_odd), "{:?}", session.device_name);
        }
        check_log(&log, name, "fingerprint mismatch");
    }
    assert_eq!(sent, 4, "those without a control character of ASCII");
}
