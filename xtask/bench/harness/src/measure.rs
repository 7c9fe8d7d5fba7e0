//! A whole run: counts, statements, rounds of load in which the applications take turns, and the purge;
//! each part to its end whatever fails in another, but nothing where a program does not build.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;
use reqwest::Client;
use tokio::task::JoinSet;

use crate::browser::Browser;
use crate::database::{self, Database, Databases, Store};
use crate::load::{self, Load};
use crate::machine::Machine;
use crate::programs::Program;
use crate::results::{Case, Loads, Place, Results, SUBJECTS, Subject};
use crate::server::{self, Server, Setup};
use crate::{callgrind, purge, report};

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Arguments {
    /// Fewer and shorter rounds and smaller tables: minutes. The page is printed, and not written.
    #[arg(long)]
    quick: bool,
    /// Only these parts: counts, loads, purge. The page is printed, and not written.
    #[arg(long, value_delimiter = ',', value_parser = PARTS)]
    parts: Vec<String>,
    /// Only subjects whose name contains one of these, such as `ours-axum,tower`; likewise.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

const PARTS: [&str; 3] = ["counts", "loads", "purge"];

/// How long everything may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
    /// Runs under callgrind of each length.
    pub(crate) repeats: u32,
    /// How many users are at the cap.
    pub(crate) users: usize,
    /// Rows of the table that is purged.
    pub(crate) rows: u64,
}

pub(crate) const FULL: Depth =
    Depth { rounds: 5, round: Duration::from_secs(1), repeats: 1, users: 4_096, rows: 1_000_000 };

pub(crate) const QUICK: Depth =
    Depth { rounds: 3, round: Duration::from_secs(1), repeats: 1, users: 256, rows: 50_000 };

/// Connections of the client; each has a session.
pub(crate) const CLIENTS: usize = 8;

/// How many sessions each user has at the cap, which is the default.
pub(crate) const CAP: usize = 10;

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let depth = if arguments.quick { QUICK } else { FULL };
    // A page is written from everything or not at all.
    let is_whole = !arguments.quick && arguments.parts.is_empty() && arguments.only.is_empty();
    let has = |part| arguments.parts.is_empty() || arguments.parts.iter().any(|name| name == part);
    let mut results = nothing_yet(depth);
    let databases = Databases::find().await?;
    ensure!(!is_whole || databases.has(Store::Postgres), "a whole run needs PostgreSQL");
    let wanted = |subject: &&Subject| {
        arguments.only.is_empty() || arguments.only.iter().any(|part| subject.name.contains(part))
    };
    let subjects: Vec<_> = SUBJECTS.iter().filter(wanted).collect();
    for program in [Program::Current, Program::OldDrivers] {
        if subjects.iter().any(|subject| subject.program == program) {
            program.build(&[])?;
        }
    }
    for subject in &subjects {
        let version = subject.program.version_of(subject.package).context(subject.package)?;
        results.versions.push(format!("{} {version}", subject.package));
    }
    results.versions.extend(databases.versions());
    if has("loads") {
        results.versions.push(load::version().await?);
    }
    let begun = Instant::now();
    let section =
        |name: &str| println!("\n==== {name} ({:.0} s) ====", begun.elapsed().as_secs_f64());
    if has("counts") {
        section("instructions");
        counts(&subjects, &databases, depth, &mut results);
    }
    if has("loads") {
        section("load");
        database::make_room(&databases);
        loads(&subjects, &databases, depth, &mut results).await;
    }
    if has("purge") {
        section("purge");
        for store in [Store::Sqlite, Store::Postgres] {
            match purge::run(&databases, store, depth).await {
                Ok(purge) => results.purges.push(purge),
                Err(error) => results.miss(format!("the purge in {}: {error:#}", store.name())),
            }
        }
    }
    databases.clear().await?;
    if is_whole {
        report::write(&results)?;
    } else {
        println!("\n{}", report::page(&results));
    }
    Ok(if results.not_run.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn nothing_yet(depth: Depth) -> Results {
    Results {
        machine: Machine::here(),
        pinned: server::can_pin(),
        depth,
        versions: Vec::new(),
        counted: Vec::new(),
        loads: Vec::new(),
        purges: Vec::new(),
        not_run: Vec::new(),
    }
}

/// Every case of every application over every database that it has, and that there is a server for.
fn places<'a>(
    subjects: &'a [&'static Subject],
    databases: &'a Databases,
) -> impl Iterator<Item = (&'static Subject, Place)> + 'a {
    subjects.iter().flat_map(move |subject| {
        let stores = subject.stores.iter().filter(|store| databases.has(**store));
        stores.flat_map(move |store| {
            let cases = Case::ALL.into_iter().filter(|case| subject.has(*store, *case));
            cases.map(|case| (*subject, Place { name: subject.name, store: *store, case }))
        })
    })
}

fn place(Place { name, store, case }: Place) -> String {
    format!("{name}, {}, {case:?}", store.name())
}

fn counts(
    subjects: &[&'static Subject],
    databases: &Databases,
    depth: Depth,
    results: &mut Results,
) {
    if callgrind::version().is_none() {
        results.miss(format!("instruction counts: {}", callgrind::HELP));
        return;
    }
    let runtime = tokio::runtime::Handle::current();
    let count = |(subject, at): &(&Subject, Place)| {
        let route = at.case.route()?;
        let fresh = || Ok(runtime.block_on(databases.make(at.store))?.url);
        let counted = callgrind::count(subject.program, subject.name, route, depth.repeats, fresh);
        if let Ok(counted) = &counted {
            println!("  {}: {counted:.0} instructions", place(*at));
        }
        Some(counted.map(|counted| (*at, counted)).map_err(|why| (*at, why)))
    };
    let all: Vec<_> = places(subjects, databases).collect();
    let counted: Vec<_> =
        tokio::task::block_in_place(|| all.par_iter().filter_map(count).collect());
    for counted in counted {
        match counted {
            Ok(counted) => results.counted.push(counted),
            Err((at, why)) => results.miss(format!("counting {}: {why:#}", place(at))),
        }
    }
}

/// Load, database by database and case by case. All servers are up at once. In each round every one has
/// its turn, and the order turns with the rounds, so that whatever the machine does meanwhile it does to
/// all.
async fn loads(
    subjects: &[&'static Subject],
    databases: &Databases,
    depth: Depth,
    results: &mut Results,
) {
    for database in [Store::Memory, Store::Sqlite, Store::Postgres] {
        for case in Case::ALL {
            let mut running = Vec::new();
            for (subject, at) in places(subjects, databases) {
                if at.store.database() != database || at.case != case {
                    continue;
                }
                match Running::start(subject, at, databases, depth).await {
                    Ok(started) => running.push(started),
                    Err(error) => results.miss(format!("serving {}: {error:#}", place(at))),
                }
            }
            if !running.is_empty() {
                println!("  {}, {}", database.name(), case.title());
                rounds(running, databases, depth, results).await;
            }
        }
    }
}

/// A server that is up, with what its clients hold.
struct Running {
    at: Place,
    server: Server,
    cookies: Vec<String>,
    loads: Loads,
    _database: Database,
}

impl Running {
    async fn start(
        subject: &Subject,
        at: Place,
        databases: &Databases,
        depth: Depth,
    ) -> Result<Self> {
        let database = databases.make(at.store).await?;
        let server =
            Server::start(Setup::new(subject.program, subject.name), &database.url).await?;
        let client = Client::new();
        let mut cookies = Vec::new();
        if at.case.has_sessions() {
            for nth in 0..CLIENTS {
                let mut browser = Browser::new(&client, &server.origin);
                let answer = browser.go("POST", &format!("/sign-in?user=user{nth}")).await;
                ensure!(answer.ok(), "signing in was answered with {}", answer.status);
                // Where nothing sets a cookie: one as long as a session's, so that all pay for the header.
                if browser.session_cookie().is_none() {
                    browser.hold("_another", &"b".repeat(64));
                }
                cookies.push(browser.cookies());
            }
        }
        if at.case == Case::SignInAtCap {
            fill(&client, &server.origin, depth.users).await?;
        }
        Ok(Self { at, server, cookies, loads: Loads::default(), _database: database })
    }
}

/// As many sessions for each user as the cap allows, each signed in by a browser of its own.
async fn fill(client: &Client, origin: &str, users: usize) -> Result<()> {
    let mut workers = JoinSet::new();
    for worker in 0..CLIENTS {
        let browser = Browser::new(client, origin);
        workers.spawn(async move {
            for nth in (worker..users * CAP).step_by(CLIENTS) {
                let path = format!("/sign-in?user=cap{}", nth % users);
                let answer = browser.send("POST", &path).await;
                ensure!(answer.ok(), "{path} was answered with {}", answer.status);
            }
            Ok(())
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(())
}

async fn rounds(
    mut running: Vec<Running>,
    databases: &Databases,
    depth: Depth,
    results: &mut Results,
) {
    // One round that nobody counts: caches, prepared statements, first pages.
    for round in 0..=depth.rounds {
        for turn in 0..running.len() {
            let nth = (turn + round) % running.len();
            let one = &mut running[nth];
            match turn_of(one, databases, depth).await {
                Ok(()) if round == 0 => one.loads = Loads::default(),
                Ok(()) => {}
                Err(error) => results.miss(format!("loading {}: {error:#}", place(one.at))),
            }
        }
    }
    // Whoever missed a round has no pair for it.
    let whole = running.into_iter().filter(|one| one.loads.throughput.len() == depth.rounds);
    results.loads.extend(whole.map(|one| (one.at, one.loads)));
}

async fn turn_of(one: &mut Running, databases: &Databases, depth: Depth) -> Result<()> {
    let (method, path) = one.at.case.request();
    let path = path.replace("USERS", &depth.users.to_string());
    let load = Load {
        method,
        path: &path,
        cookies: &one.cookies,
        connections: CLIENTS,
        time: depth.round,
    };
    let spent = || Ok((one.server.processor_time()?, databases.processor_time(one.at.store)));
    let before: Result<(f64, f64)> = spent();
    let (before, loaded) = (before?, load::run(&one.server.origin, &load).await?);
    let after = spent()?;
    let each = 1e6 / loaded.requests as f64;
    one.loads.throughput.push(loaded.per_second);
    one.loads.server.push((after.0 - before.0) * each);
    one.loads.database.push((after.1 - before.1) * each);
    Ok(())
}
