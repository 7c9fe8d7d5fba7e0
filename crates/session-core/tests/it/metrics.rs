//! The feature `metrics`: what a recorder is told, and that it is what the table promises.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use session_core::{
    ManualClock, MemoryBackend, MismatchAction, Peer, SessionConfig, SessionStore, Timestamp,
};

use crate::support::Request;

const SOURCE: &str = include_str!("../../src/metrics.rs");
const START: i64 = 1_800_000_000_000_000;

/// What was recorded: `name{label=value}`, in the order of the names, with how often, or the gauge.
type Recorded = BTreeMap<String, f64>;

/// Runs a story on a store of its own, and says what was recorded of it, calls to the backend left out.
fn record(config: SessionConfig, story: impl AsyncFnOnce(&SessionStore, &ManualClock)) -> Recorded {
    let mut recorded = record_all(config, story);
    recorded.retain(|name, _| !name.starts_with("web_session.backend.call"));
    recorded
}

fn record_all(
    config: SessionConfig,
    story: impl AsyncFnOnce(&SessionStore, &ManualClock),
) -> Recorded {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let clock = Arc::new(ManualClock::new(Timestamp::from_micros(START)));
            let store = SessionStore::new(MemoryBackend::new(), config).unwrap();
            let store = store.with_clock(clock.clone());
            story(&store, &clock).await;
        });
    });
    let metrics = recorder.snapshotter().snapshot().into_vec().into_iter();
    let named = metrics.map(|(key, _, _, value)| {
        let labels = key.key().labels().map(|l| format!("{}={}", l.key(), l.value()));
        let labels = labels.collect::<Vec<_>>().join(",");
        let value = match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.0,
            DebugValue::Histogram(values) => values.len() as f64,
        };
        (format!("{}{{{labels}}}", key.key().name()), value)
    });
    // A counter that was never told of anything is still there, at 0.
    named.filter(|(_, value)| *value > 0.0).collect()
}

fn check(name: &str, recorded: &Recorded, expected: &[(&str, f64)]) {
    let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    assert_eq!(*recorded, expected, "{name}");
}

/// A sign-in whose cookie's value is returned.
async fn sign_in(store: &SessionStore, user: &str, cookie: &str) -> String {
    let request = Request::with_cookie(store, cookie).await;
    request.authenticate(user).await.unwrap();
    token(&request).await
}

async fn token(request: &Request) -> String {
    let cookie = request.finish().await.unwrap().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn a_visitor_signs_in_and_out() {
    let recorded = record(SessionConfig::default(), async |store, clock| {
        let request = Request::with_cookie(store, "x=1").await;
        request.set("cart", 1).unwrap();
        let visitor = token(&request).await;
        let user = sign_in(store, "ann", &visitor).await;
        // Its first request touches, and renews the cookie.
        clock.advance(Duration::from_secs(600));
        let request = Request::with_cookie(store, &user).await;
        request.rotate().await.unwrap();
        let user = token(&request).await;
        let request = Request::with_cookie(store, &user).await;
        request.reauthenticate().await.unwrap();
        let user = token(&request).await;
        clock.advance(Duration::from_secs(600));
        let request = Request::with_cookie(store, &user).await;
        request.finish().await.unwrap();
        let request = Request::with_cookie(store, &user).await;
        assert_eq!(request.logout().await.unwrap(), 1);
        request.finish().await.unwrap();
    });
    check(
        "signs in and out",
        &recorded,
        &[
            ("web_session.created{kind=anonymous}", 1.0),
            ("web_session.created{kind=signed_in}", 1.0),
            ("web_session.sign_ins{}", 1.0),
            ("web_session.rotations{}", 1.0),
            ("web_session.reauthentications{}", 1.0),
            ("web_session.ended{reason=signed_out}", 1.0),
            ("web_session.cookies.set{action=issued}", 4.0),
            ("web_session.cookies.set{action=renewed}", 1.0),
            ("web_session.cookies.set{action=removed}", 1.0),
        ],
    );
}

#[test]
fn a_cap_evicts_and_an_administrator_revokes() {
    let config = SessionConfig { max_sessions_per_user: 1, ..SessionConfig::default() };
    let recorded = record(config, async |store, _| {
        sign_in(store, "ann", "x=1").await;
        sign_in(store, "ann", "x=1").await;
        let ann = session_core::UserId::new("ann").unwrap();
        assert_eq!(store.revoke_all(&ann).await.unwrap().len(), 1);
    });
    check(
        "evicted and revoked",
        &recorded,
        &[
            ("web_session.created{kind=signed_in}", 2.0),
            ("web_session.sign_ins{}", 2.0),
            ("web_session.ended{reason=evicted}", 1.0),
            ("web_session.ended{reason=revoked}", 1.0),
            ("web_session.cookies.set{action=issued}", 2.0),
        ],
    );
}

/// A request by a browser that says this of itself.
async fn by(store: &SessionStore, cookie: &str, agent: &str) -> session_core::Visit {
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, cookie.parse().unwrap());
    headers.insert(header::USER_AGENT, agent.parse().unwrap());
    let visit = store.begin();
    let peer = Peer::Ip([127, 0, 0, 1].into());
    visit.attach(&http::Method::GET, &http::Uri::default(), &headers, peer, None);
    visit.load().await.unwrap();
    visit
}

#[test]
fn another_browser_is_counted_by_what_is_done_about_it() {
    const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const CURL: &str = "curl/8.14.1";
    for (action, name, refused) in [
        (MismatchAction::Reject, "reject", true),
        (MismatchAction::Revoke, "revoke", true),
        (MismatchAction::Report, "report", false),
    ] {
        let config = SessionConfig { on_fingerprint_mismatch: action, ..SessionConfig::default() };
        let recorded = record(config, async |store, _| {
            let visit = by(store, "x=1", FIREFOX).await;
            let session = visit.load().await.unwrap();
            session.authenticate("ann").await.unwrap();
            let mut headers = HeaderMap::new();
            visit.finish(StatusCode::OK).await.apply(&mut headers);
            let cookie = headers[header::SET_COOKIE].to_str().unwrap().to_owned();
            by(store, cookie.split(';').next().unwrap(), CURL).await;
        });
        let count = |name: &str| recorded.get(name).copied().unwrap_or_default();
        let mismatches = format!("web_session.fingerprint.mismatches{{action={name}}}");
        assert_eq!(count(&mismatches), 1.0, "{recorded:?}");
        let refusals = f64::from(u8::from(refused));
        assert_eq!(count("web_session.tokens.refused{reason=fingerprint}"), refusals, "{name}");
    }
}

#[test]
fn a_cookie_that_stands_for_nothing_is_counted_by_its_reason() {
    let recorded = record(SessionConfig::default(), async |store, clock| {
        for cookie in ["x=1", "_session=no-token", &format!("_session={}", "a".repeat(64))] {
            Request::with_cookie(store, cookie).await.finish().await.unwrap();
        }
        let signed_out = sign_in(store, "ann", "x=1").await;
        let request = Request::with_cookie(store, &signed_out).await;
        request.logout().await.unwrap();
        request.finish().await.unwrap();
        Request::with_cookie(store, &signed_out).await;
        clock.advance(Duration::from_secs(11));
        Request::with_cookie(store, &signed_out).await;
        let (one, other) = (sign_in(store, "ann", "x=1").await, sign_in(store, "bob", "x=1").await);
        Request::with_cookie(store, &format!("{one}; {other}")).await;
    });
    let refused: Recorded = recorded
        .into_iter()
        .filter(|(name, _)| name.starts_with("web_session.tokens.refused"))
        .collect();
    check(
        "refused",
        &refused,
        &[
            ("web_session.tokens.refused{reason=malformed}", 1.0),
            ("web_session.tokens.refused{reason=unknown}", 1.0),
            ("web_session.tokens.refused{reason=followed}", 1.0),
            ("web_session.tokens.refused{reason=ended}", 1.0),
            ("web_session.tokens.refused{reason=ambiguous}", 1.0),
        ],
    );
}

#[test]
fn a_purge_tells_how_far_it_is() {
    let recorded = record(SessionConfig::default(), async |store, clock| {
        sign_in(store, "ann", "x=1").await;
        clock.advance(Duration::from_secs(31 * 86_400));
        assert_eq!(store.purge().await.unwrap(), 1);
    });
    let completed = START as f64 / 1e6 + 31.0 * 86_400.0;
    for (name, expected) in [
        ("web_session.purge.removed{}", 1.0),
        ("web_session.purge.batches{left=none}", 1.0),
        ("web_session.purge.completed{}", completed),
    ] {
        assert_eq!(recorded.get(name), Some(&expected), "{name}: {recorded:?}");
    }
}

#[test]
fn calls_are_counted_by_operation() {
    let recorded = record_all(SessionConfig::default(), async |store, _| {
        let user = sign_in(store, "ann", "x=1").await;
        // One read, and one write because the token is new.
        Request::with_cookie(store, &user).await.finish().await.unwrap();
        store.ping().await.unwrap();
    });
    for (operation, count) in [("create", 1.0), ("find", 1.0), ("update", 1.0), ("ping", 1.0)] {
        let name = format!("web_session.backend.call.duration{{operation={operation},outcome=ok}}");
        assert_eq!(recorded.get(&name), Some(&count), "{name}: {recorded:?}");
    }
}

#[test]
fn a_request_without_a_session_tells_nothing() {
    let recorded = record_all(SessionConfig::default(), async |store, _| {
        let visit = store.begin();
        drop(visit.finish(StatusCode::OK).await);
        Request::with_cookie(store, "x=1").await.finish().await.unwrap();
    });
    check("nothing", &recorded, &[]);
}

/// The rows of the table in the documentation: name, kind, unit, labels.
fn table() -> Vec<(String, String, String, String)> {
    let rows = SOURCE.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    rows.map(|row| {
        let cells: Vec<_> = row.split(" | ").map(str::trim).collect();
        let (name, _) = cells[0].split_once('`').unwrap();
        (name.to_owned(), cells[1].to_owned(), cells[2].to_owned(), cells[3].to_owned())
    })
    .collect()
}

/// What a store tells a recorder, without any request.
#[test]
fn the_table_is_what_is_described() {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        session_core::metrics::describe();
        // Only what was used has a snapshot.
        for (name, kind, ..) in table() {
            match kind.as_str() {
                "counter" => metrics::counter!(name).increment(1),
                "gauge" => metrics::gauge!(name).set(1.0),
                _ => metrics::histogram!(name).record(1.0),
            }
        }
    });
    let described: BTreeSet<_> = recorder
        .snapshotter()
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, unit, text, _)| {
            let unit = unit.expect("a unit").as_str().to_owned();
            assert!(text.is_some_and(|text| !text.is_empty()), "{key:?}");
            let kind = match key.kind() {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                MetricKind::Histogram => "histogram",
            };
            (key.key().name().to_owned(), kind.to_owned(), unit)
        })
        .collect();
    let expected = table().into_iter().map(|(name, kind, unit, _)| {
        let unit = if unit == "`s`" { "seconds" } else { "count" };
        (name, kind, unit.to_owned())
    });
    assert_eq!(described, expected.collect());
    assert_eq!(described.len(), SOURCE.matches(": &str = \"web_session.").count());
}
