//! Races requests against every application over real HTTP, and writes down what a browser sees
//! afterwards.
//!
//! Every verdict comes from answers: what a browser's cookie jar holds after the answers arrived in
//! their order, and who is signed in with it. One library's answers are judged by the same code as
//! another's, and nothing about a library is assumed.

mod adoption;
mod forge;
mod outage;
mod report;
mod rotation;
mod sign_out;
mod subjects;
mod writes;

use std::collections::BTreeSet;
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, anyhow};
use reqwest::Client;
use tokio::task::JoinHandle;

use crate::browser::{Answer, Browser};
use crate::database::Databases;
use crate::programs::{Program, root};
use crate::proxy::Proxy;
use crate::server::Server;
use subjects::{SUBJECTS, Subject};

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Only subjects whose name contains this; the document stays as it is.
    #[arg(long)]
    only: Option<String>,
    /// How often each race is run.
    #[arg(long, default_value_t = 5)]
    trials: u32,
}

/// What every trial of one race saw, or why there is no verdict.
type Trials<T> = Result<Vec<T>, String>;

/// What was seen of one application over one database.
struct Row {
    label: &'static str,
    database: &'static str,
    /// Or why it was not run.
    races: Result<Races, String>,
}

struct Races {
    writes: Trials<Option<writes::Writes>>,
    spaced_writes: Trials<Option<writes::Writes>>,
    /// Over two servers, where two can share the database.
    two_servers: Option<Trials<Option<writes::Writes>>>,
    sign_out: Trials<sign_out::SignedOut>,
    rotation: Trials<Option<rotation::Rotated>>,
    adoption: Trials<adoption::Adopted>,
    /// One trial, where the database has a server.
    outage: Option<Trials<outage::Outage>>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    for program in [Program::Current, Program::OldDrivers] {
        program.build(&[])?;
    }
    let wanted = |subject: &&Subject| {
        arguments.only.as_deref().is_none_or(|part| subject.name.contains(part))
    };
    let databases = Databases::find().await?;
    let (mut rows, mut versions) = (Vec::new(), BTreeSet::new());
    for subject in SUBJECTS.iter().filter(wanted) {
        eprint!("{} over {} … ", subject.label, subject.store.name());
        let races = if databases.has(subject.store) {
            races(subject, &databases, arguments.trials).await.map_err(|why| format!("{why:#}"))
        } else {
            Err("there is no server for it".to_owned())
        };
        match &races {
            Err(reason) => eprintln!("NOT RUN: {reason}"),
            Ok(_) => eprintln!("done"),
        }
        rows.push(Row { label: subject.label, database: subject.store.name(), races });
        versions.extend(subject.packages.iter().filter_map(|package| {
            Some(format!("{package} {}", subject.program.version_of(package)?))
        }));
    }
    databases.clear().await?;
    let versions: Vec<_> = versions.into_iter().chain(databases.versions()).collect();
    let text = report::markdown(&versions, &rows);
    if arguments.only.is_none() {
        report::write(&root().join("docs/comparison.md"), &text)?;
    } else {
        println!("{text}");
    }
    // A run that leaves something out is no success.
    let is_whole = rows.iter().all(|row| row.races.is_ok());
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every race against one application over one database.
async fn races(subject: &Subject, databases: &Databases, trials: u32) -> Result<Races> {
    let database = databases.make(subject.store).await?;
    let server = Server::start(subject.setup(), &database.url).await?;
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
    if subject.store.is_shared() {
        let other = Server::start(subject.setup(), &database.url).await?;
        let both = [server.origin.as_str(), other.origin.as_str()];
        let seen = races.two_servers.insert(Ok(Vec::new()));
        for _ in 0..trials {
            add(seen, writes::trial(browser(), both, 50).await);
        }
    }
    races.outage = outage(subject, databases, &client).await?;
    Ok(races)
}

/// The outage, with a server and a database of its own.
async fn outage(
    subject: &Subject,
    databases: &Databases,
    client: &Client,
) -> Result<Option<Trials<outage::Outage>>> {
    let database = databases.make(subject.store).await?;
    let Some(address) = database.address else { return Ok(None) };
    let mut proxy = Proxy::start(address).await?;
    let Some(url) = database.through(proxy.port) else { return Ok(None) };
    let server = Server::start(subject.setup(), &url).await?;
    let browser = Browser::new(client, &server.origin);
    let mut seen = Ok(Vec::new());
    let trial = outage::trial(&browser, &mut proxy);
    // Every request in it has its own limit; this bounds them all.
    let trial = tokio::time::timeout(Duration::from_secs(300), trial).await;
    add(&mut seen, trial.unwrap_or_else(|_| Err(anyhow!("no verdict in five minutes"))));
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

/// How long a slow handler waits between its read and its write, where another request is to be
/// answered in between.
const SLOW: Duration = Duration::from_secs(1);

/// A slow write that is under way: its handler says that it has read its session.
async fn slow_write(browser: &Browser, server: &Server) -> Result<JoinHandle<Answer>> {
    let path = format!("/slow-set?key=k60&value=late&ms={}", SLOW.as_millis());
    let browser = browser.clone();
    let mut waiting = server.waiting.clone();
    let before = waiting.count();
    let late = tokio::spawn(async move { browser.send("POST", &path).await });
    waiting.more_than(before).await?;
    Ok(late)
}

/// The machine was too busy: the slow request was answered before what it was to race against. Such
/// a trial says nothing about a library, and is run again.
#[derive(Debug)]
struct NoRace;

impl NoRace {
    fn unless_under_way(late: &JoinHandle<Answer>) -> Result<(), Self> {
        if late.is_finished() { Err(Self) } else { Ok(()) }
    }
}

impl fmt::Display for NoRace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the slow request was answered first, again and again")
    }
}

impl std::error::Error for NoRace {}
