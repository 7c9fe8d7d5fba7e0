//! Point 7: what a touch writes, and that of many requests at once one touches.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use session_core::{
    Clock, ManualClock, Peer, SessionBackend, SessionChange, SessionConfig, SessionRef,
    SessionStore, SystemClock, Timestamp, Touch, Updated, UserId,
};
use tokio::task::JoinSet;

use crate::Arguments;
use crate::fill::{AGENT, Fill, LIFE};
use crate::place::{Place, Raw, Scratch};
use crate::report::{Line, Target, round, say};
use crate::watched::Watched;

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    if let Place::Postgres(_) = arguments.database {
        let scratch = Scratch::new(&arguments.database).await?;
        let done = writes(arguments, scratch).await;
        done?;
    }
    let scratch = Scratch::new(&arguments.database).await?;
    let done = at_once(arguments, &scratch).await;
    scratch.remove().await?;
    done
}

/// Touches sessions all over a large table, several times each.
async fn writes(arguments: &Arguments, scratch: Scratch) -> Result<()> {
    const ROUNDS: u64 = 3;
    let (rows, touched) = (arguments.rows(), arguments.rows().min(200_000));
    let now = SystemClock.now();
    let mut raw = scratch.raw().await?;
    say!("touch: filling {rows} rows");
    Fill::new(rows, now).run(&mut raw).await?;
    let sessions = raw.sessions(&format!("true ORDER BY token_hash LIMIT {touched}")).await?;
    let before = Counted::read(&mut raw).await?;
    let began_at = wal(&mut raw).await?;
    for number in 1..=ROUNDS {
        let at = now.plus(Duration::from_secs(600 * number));
        touch_all(scratch.backend(), &sessions, at).await?;
        say!("  round {number} of {ROUNDS}");
    }
    let written = wal(&mut raw).await? - began_at;
    let expected = i64::try_from(ROUNDS * sessions.len() as u64)?;
    // What a connection counted is told when it has nothing to do; some patience.
    let mut after = Counted::read(&mut raw).await?;
    let mut clock = tokio::time::interval(Duration::from_millis(200));
    for _ in 0..100 {
        if after.updates - before.updates >= expected {
            break;
        }
        clock.tick().await;
        after = Counted::read(&mut raw).await?;
    }
    raw.close().await?;
    scratch.remove().await?;

    let updates = after.updates - before.updates;
    ensure!(updates == expected, "{updates} updates were counted for {expected} touches");
    let hot = after.hot - before.hot;
    let detail = json!({
        "rows": rows,
        "touches": updates,
        "hot": hot,
        "touches_of_each_session": ROUNDS,
        "note": "WAL of everything on this server meanwhile; without full page writes where the server has them off, as the one of cargo xtask services",
    });
    let line = |what, value, unit, target| {
        let detail = detail.clone();
        Line { point: "7", what, database: "postgres", value, unit, target, detail }.print();
    };
    let part = 100.0 * hot as f64 / updates as f64;
    line("touches that write no index", part, "%", Target::AtLeast(95.0));
    line("WAL per touch", written as f64 / updates as f64, "bytes", Target::Stated);
    Ok(())
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    updates: i64,
    hot: i64,
}

impl Counted {
    async fn read(raw: &mut Raw) -> Result<Self> {
        let of = |column: &str| {
            format!(
                "SELECT {column} FROM pg_stat_user_tables \
                 WHERE relid = 'web_sessions'::regclass"
            )
        };
        Ok(Self {
            updates: raw.number(&of("n_tup_upd")).await?,
            hot: raw.number(&of("n_tup_hot_upd")).await?,
        })
    }
}

async fn wal(raw: &mut Raw) -> Result<i64> {
    raw.number("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint").await
}

async fn touch_all(
    backend: Arc<dyn SessionBackend>,
    sessions: &[SessionRef],
    at: Timestamp,
) -> Result<()> {
    let mut workers = JoinSet::new();
    for part in sessions.chunks(sessions.len().div_ceil(8).max(1)) {
        let (backend, part) = (backend.clone(), part.to_vec());
        workers.spawn(async move {
            for session in &part {
                let change = SessionChange::touch(Touch {
                    due_before: at,
                    expires_at: at.plus(LIFE),
                    ip_address: Some([203, 0, 113, 58].into()),
                    agent: None,
                });
                match backend.update(session, &change, at).await? {
                    Updated::Applied(applied) if applied.touched => {}
                    other => bail!("a touch was answered {other:?}"),
                }
            }
            Ok(())
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(())
}

/// A hundred requests with one cookie, again and again with the interval between.
async fn at_once(arguments: &Arguments, scratch: &Scratch) -> Result<()> {
    const REQUESTS: u64 = 100;
    let database = arguments.database.name();
    let intervals = if arguments.quick { 20 } else { 100 };
    let watched = Watched::new(scratch.backend());
    let config = SessionConfig { backend_timeout_ms: 60_000, ..SessionConfig::default() };
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let store = SessionStore::shared(Arc::new(watched.clone()), config)?.with_clock(clock.clone());
    let visit = store.begin();
    visit.attach(&http::Method::GET, &http::Uri::default(), &headers(None)?, peer(), None);
    let session = visit.load().await?;
    session.authenticate(UserId::new("ann")?).await?;
    let mut answer = HeaderMap::new();
    visit.finish(StatusCode::OK).await.apply(&mut answer);
    let cookie = answer.get(header::SET_COOKIE).context("no cookie was set")?.to_str()?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();

    let (mut most, mut sent, mut cookies) = (0, 0, 0);
    for _ in 0..intervals {
        clock.advance(Duration::from_secs(301));
        watched.seen(|seen| (seen.touched, seen.updates) = (0, 0));
        let mut requests = JoinSet::new();
        for _ in 0..REQUESTS {
            let (store, headers) = (store.clone(), headers(Some(&cookie))?);
            requests.spawn(async move {
                let visit = store.begin();
                visit.attach(&http::Method::GET, &http::Uri::default(), &headers, peer(), None);
                let session = visit.load().await?;
                ensure!(session.is_authenticated(), "the session was not found");
                let mut conclusion = visit.finish(StatusCode::OK).await;
                if let Some(error) = conclusion.take_error() {
                    return Err(error.into());
                }
                let mut answer = HeaderMap::new();
                conclusion.apply(&mut answer);
                Ok(u64::from(answer.contains_key(header::SET_COOKIE)))
            });
        }
        while let Some(done) = requests.join_next().await {
            cookies += done??;
        }
        let (touched, updates) = watched.seen(|seen| (seen.touched, seen.updates));
        ensure!(touched > 0, "nobody touched the session");
        most = most.max(touched);
        sent += updates;
    }
    Line {
        point: "7",
        what: "touches of one session in one interval, under 100 requests at once",
        database,
        value: most as f64,
        unit: "touches",
        target: Target::AtMost(1.0),
        detail: json!({
            "intervals": intervals,
            "requests_at_once": REQUESTS,
            "calls_that_asked_for_the_touch_per_interval": round(sent as f64 / intervals as f64),
            "cookies_sent_per_interval": round(cookies as f64 / intervals as f64),
        }),
    }
    .print();
    Ok(())
}

fn peer() -> Peer {
    Peer::Ip([203, 0, 113, 57].into())
}

fn headers(cookie: Option<&str>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
    if let Some(cookie) = cookie {
        headers.insert(header::COOKIE, cookie.parse()?);
    }
    Ok(headers)
}
