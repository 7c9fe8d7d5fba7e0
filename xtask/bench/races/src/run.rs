//! Every race against one program over one database.

use std::time::Duration;

use anyhow::Result;
use reqwest::Client;
use serde::Serialize;

use crate::browser::Browser;
use crate::databases::{Database, Databases};
use crate::programs::Programs;
use crate::proxy::Proxy;
use crate::race::{NoRace, adoption, outage, rotation, sign_out, writes};
use crate::server::Server;
use crate::subjects::Subject;

/// What every trial of one race saw, or why there is no verdict.
pub(crate) type Trials<T> = Result<Vec<T>, String>;

/// What was seen of one program over one database.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) label: &'static str,
    pub(crate) database: &'static str,
    pub(crate) not_run: Option<String>,
    pub(crate) races: Option<Races>,
}

/// The races.
#[derive(Debug, Serialize)]
pub(crate) struct Races {
    pub(crate) writes: Trials<writes::Seen>,
    pub(crate) spaced_writes: Trials<writes::Seen>,
    /// Over two servers, where two can share the database.
    pub(crate) two_servers: Option<Trials<writes::Seen>>,
    pub(crate) sign_out: Trials<sign_out::SignedOut>,
    pub(crate) rotation: Trials<rotation::Seen>,
    pub(crate) adoption: Trials<adoption::Adopted>,
    /// One trial, where the database has a server.
    pub(crate) outage: Option<Trials<outage::Outage>>,
}

/// Runs `trials` of every race.
pub(crate) async fn row(
    subject: &Subject,
    programs: &Programs,
    databases: &mut Databases,
    trials: u32,
) -> Result<Row> {
    let row = |not_run, races| Row {
        label: subject.label,
        database: subject.kind.name(),
        not_run,
        races,
    };
    let Some(program) = programs.of(subject) else {
        return Ok(row(Some(format!("bench-{} has not been built", subject.program)), None));
    };
    let Some(database) = databases.make(subject.kind).await? else {
        return Ok(row(Some(format!("no server for {} was found", subject.kind.name())), None));
    };
    let server = match Server::start(&program, &database.url, subject.variant).await {
        Ok(server) => server,
        Err(reason) => return Ok(row(Some(format!("{reason:#}")), None)),
    };
    let client = Client::builder().pool_max_idle_per_host(100).build()?;
    let browser = || Browser::new(&client, &server.origin);

    let mut races = Races {
        writes: Ok(Vec::new()),
        spaced_writes: Ok(Vec::new()),
        two_servers: None,
        sign_out: Ok(Vec::new()),
        rotation: Ok(Vec::new()),
        adoption: Ok(Vec::new()),
        outage: None,
    };
    let one = [server.origin.as_str(); 2];
    for _ in 0..trials {
        add(&mut races.writes, writes::trial(browser(), one, 0).await);
        add(&mut races.spaced_writes, writes::trial(browser(), one, 50).await);
        add(&mut races.sign_out, raced(async || sign_out::trial(&browser(), &server).await).await);
        add(&mut races.rotation, raced(async || rotation::trial(&browser(), &server).await).await);
        add(&mut races.adoption, adoption::trial(&browser()).await);
    }
    if subject.kind.shared() {
        let other = Server::start(&program, &database.url, subject.variant).await?;
        let both = [server.origin.as_str(), other.origin.as_str()];
        let seen = races.two_servers.insert(Ok(Vec::new()));
        for _ in 0..trials {
            add(seen, writes::trial(browser(), both, 50).await);
        }
    }
    races.outage = outage(subject, &program, databases, &client).await?;
    drop::<Database>(database);
    Ok(row(None, Some(races)))
}

/// The outage, with a server and a database of its own.
async fn outage(
    subject: &Subject,
    program: &std::path::Path,
    databases: &mut Databases,
    client: &Client,
) -> Result<Option<Trials<outage::Outage>>> {
    let Some(database) = databases.make(subject.kind).await? else { return Ok(None) };
    let Some(address) = database.address else { return Ok(None) };
    let mut proxy = Proxy::start(address).await?;
    let Some(url) = database.through(proxy.port) else { return Ok(None) };
    let server = Server::start(program, &url, subject.variant).await?;
    let browser = Browser::new(client, &server.origin);
    let mut seen = Ok(Vec::new());
    let trial = outage::trial(&browser, &mut proxy);
    // Every request in it has its own limit; this bounds them all.
    let trial = tokio::time::timeout(Duration::from_secs(300), trial).await;
    add(&mut seen, trial.unwrap_or_else(|_| Err(anyhow::anyhow!("no verdict in five minutes"))));
    Ok(Some(seen))
}

/// A trial, again where this machine was too busy for it to be one.
async fn raced<T>(trial: impl AsyncFn() -> Result<T>) -> Result<T> {
    for _ in 0..9 {
        match trial().await {
            Err(reason) if reason.is::<NoRace>() => {}
            done => return done,
        }
    }
    trial().await
}

/// A race without a verdict has none in any of its trials.
fn add<T>(seen: &mut Trials<T>, trial: Result<T>) {
    match (seen.as_mut(), trial) {
        (Ok(trials), Ok(trial)) => trials.push(trial),
        (Ok(_), Err(reason)) => *seen = Err(format!("{reason:#}")),
        (Err(_), _) => {}
    }
}
