//! Point 6: how many round trips a sign-in takes, whatever the cap does.

use std::num::NonZeroU32;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use serde_json::json;
use session_core::{
    Carry, Clock, NewSession, Replace, SessionBackend, SessionRef, SystemClock, Timestamp,
};
use session_postgres::{PostgresBackend, PostgresConfig};
use sqlx::postgres::PgConnectOptions;

use crate::Arguments;
use crate::fill::{self, PER_USER};
use crate::place::{Place, Scratch};
use crate::report::{Line, Target, say};
use crate::wire::{Counts, Proxy};

/// What a sign-in is made of, and what it has to have done.
struct Case {
    name: &'static str,
    sessions_before: u64,
    cap: u32,
    replaces: bool,
    carry: Carry,
    evicts: usize,
}

fn cases() -> Vec<Case> {
    let case = |name, sessions_before, cap, replaces, evicts| Case {
        name,
        sessions_before,
        cap,
        replaces,
        carry: Carry::All,
        evicts,
    };
    let cap = PER_USER as u32;
    vec![
        case("the first of its user", 0, cap, false, 0),
        case("some room below the cap", 3, cap, false, 0),
        case("the cap is full, one is evicted", PER_USER, cap, false, 1),
        case("the cap was lowered, eight are evicted", PER_USER, 3, false, 8),
        case("replaces a visitor's session and carries its data", 0, cap, true, 0),
        case("replaces, carries and evicts", PER_USER, cap, true, 1),
        Case {
            carry: Carry::keys(&[&"cart"]),
            ..case("replaces, carries one key and evicts", PER_USER, cap, true, 1)
        },
    ]
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let Place::Postgres(url) = &arguments.database else {
        bail!("round trips are counted on the wire to PostgreSQL; the others have none");
    };
    let scratch = Scratch::new(&arguments.database).await?;
    let done = measure(url, &scratch, if arguments.quick { 20 } else { 200 }).await;
    scratch.remove().await?;
    done
}

async fn measure(url: &str, scratch: &Scratch, sign_ins: u64) -> Result<()> {
    let options = PgConnectOptions::from_str(url)?;
    let server = format!("{}:{}", options.get_host(), options.get_port());
    ensure!(url.contains(&server), "the URL names no host and port");
    let proxy = Proxy::to(server.clone()).await?;
    let through = url.replacen(&server, &proxy.address.to_string(), 1);
    // One connection: so that it is clear when its statements are prepared.
    let config =
        PostgresConfig::new(through).schema(&scratch.name).max_connections(NonZeroU32::MIN);
    let counted = PostgresBackend::connect_with(config).await?;
    let direct = scratch.backend();
    let now = SystemClock.now();

    let mut most = 0;
    let mut detail = serde_json::Map::new();
    let mut first = None;
    for (number, case) in cases().iter().enumerate() {
        let mut seen: Vec<Counts> = Vec::new();
        for n in 0..sign_ins {
            let new = prepare(&*direct, case, &format!("user {number} {n}"), now).await?;
            let before = proxy.counts();
            let created = counted.create(new, now).await?;
            let counts = proxy.counts() - before;
            ensure!(created.evicted.len() == case.evicts, "evicted {:?}", created.evicted);
            ensure!(created.replaced == case.replaces, "replaced {}", created.replaced);
            // The first statement of a connection is prepared once, in a round trip of its own.
            if first.is_none() {
                first = Some(counts);
            } else {
                seen.push(counts);
            }
        }
        let worst = seen.iter().map(|counts| counts.round_trips - counts.pings).max().unwrap_or(0);
        let executes = seen.iter().map(|counts| counts.executes).max().unwrap_or(0);
        let pings: u64 = seen.iter().map(|counts| counts.pings).sum();
        say!("  {}: {worst} round trip, {executes} statement", case.name);
        most = most.max(worst);
        detail.insert(
            case.name.to_owned(),
            json!({
                "sign_ins": seen.len(),
                "most_round_trips": worst,
                "most_statements": executes,
                "pings_of_the_pool_meanwhile": pings,
            }),
        );
    }
    if let Some(first) = first {
        let both =
            json!({"round_trips": first.round_trips - first.pings, "prepares": first.parses});
        detail.insert("the first on a new connection".to_owned(), both);
    }
    counted.close().await;
    Line {
        point: "6",
        what: "round trips of a sign-in, the most of all kinds",
        database: "postgres",
        value: most as f64,
        unit: "round trips",
        target: Target::AtMost(1.0),
        detail: detail.into(),
    }
    .print();
    Ok(())
}

/// Brings the database to where the sign-in begins, past the counter.
async fn prepare(
    direct: &dyn SessionBackend,
    case: &Case,
    user: &str,
    now: Timestamp,
) -> Result<NewSession> {
    for _ in 0..case.sessions_before {
        direct.create(fill::sign_in(user, "{}", now)?, now).await?;
    }
    let mut new = fill::sign_in(user, "{}", now)?;
    new.cap = NonZeroU32::new(case.cap);
    if case.replaces {
        let mut visitor = fill::sign_in(user, fill::DATA, now)?;
        visitor.record.user_id = None;
        visitor.cap = None;
        let token = visitor.token;
        let visitor = direct.create(visitor, now).await?.session;
        let session = SessionRef { id: visitor.id, token: Some(token), user: None };
        new.replaces = Some(Replace { session, carry: case.carry.clone() });
    }
    Ok(new)
}
