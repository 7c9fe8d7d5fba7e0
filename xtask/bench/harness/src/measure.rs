//! What is measured of which program, in which order: counts, statements, and rounds of load in which
//! the programs take turns.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::callgrind;
use crate::database::Databases;
use crate::jobs;
use crate::programs::{PROGRAMS, Program, Role, Store};
use crate::results::{Asked, Counted, Loads, Results, Route};
use crate::serve::{self, Served, Spent};
use crate::statements;

/// How long everything may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Minutes.
    Quick,
    Full,
}

impl Depth {
    pub(crate) const fn rounds(self) -> u32 {
        match self {
            Self::Quick => 3,
            Self::Full => 5,
        }
    }

    /// Runs under callgrind of each length.
    const fn repeats(self) -> u32 {
        match self {
            Self::Quick => 1,
            Self::Full => 2,
        }
    }

    pub(crate) const fn round(self) -> Duration {
        match self {
            Self::Quick => Duration::from_millis(400),
            Self::Full => Duration::from_millis(800),
        }
    }
}

/// Connections of the client; each has a session.
pub(crate) const CLIENTS: u32 = 8;
/// Connections of a program's pool.
const POOL: u32 = 10;

/// Whether programs are built before they are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    Anew,
    /// As they are: somebody has just built them.
    AsItIs,
}

/// The programs that can be run, of those that are wanted. Why others cannot goes into the results.
pub(crate) fn build(
    wanted: impl Fn(&Program) -> bool,
    build: Build,
    results: &mut Results,
) -> Vec<&'static Program> {
    let mut built = Vec::new();
    for program in PROGRAMS.iter().filter(|program| wanted(program)) {
        let ready = match build {
            Build::Anew => {
                println!("building {}", program.package);
                program.build(&[])
            }
            Build::AsItIs if program.binary().exists() => Ok(()),
            Build::AsItIs => Err(anyhow!("it is not built")),
        };
        match ready {
            Ok(()) => built.push(program),
            Err(error) => results.miss(format!("{}: {error:#}", program.package)),
        }
        if let Some(version) = program.version_of(program.library) {
            results.versions.insert(program.library.to_owned(), version);
        }
    }
    built
}

const MEMORY: [Route; 3] = [Route::Untouched, Route::Me, Route::Set];

fn routes(depth: Depth, store: Store) -> &'static [Route] {
    match (store, depth) {
        (Store::Memory, _) => &MEMORY,
        (_, Depth::Quick) | (Store::Redis, _) => &[Route::Me, Route::Set],
        (_, Depth::Full) => &[Route::Me, Route::Set, Route::SetMany, Route::SignIn],
    }
}

/// Every program with every store that it has, and that there is a server for.
fn cells<'a>(
    programs: &'a [&'static Program],
    databases: &'a Databases,
    depth: Depth,
) -> impl Iterator<Item = (&'static Program, Store, Route)> + 'a {
    programs.iter().flat_map(move |program| {
        let stores = program.stores.iter().copied().filter(|store| databases.has(*store));
        stores.flat_map(move |store| {
            let all = routes(depth, store).iter().copied();
            // Without a database the floor has no sessions at all, and nothing to set.
            let some = all.filter(move |route| {
                let is_plain = program.role == Role::Floor && store == Store::Memory;
                let sets = matches!(route, Route::Set | Route::SetMany);
                // Ten keys are beside those by hand only.
                let is_beside = program.role != Role::Peer || *route != Route::SetMany;
                is_beside && (!sets || (program.keeps_data && !is_plain))
            });
            some.map(move |route| (*program, store, route))
        })
    })
}

pub(crate) fn counts(
    programs: &[&'static Program],
    databases: &Databases,
    depth: Depth,
    results: &mut Results,
) {
    if !callgrind::is_installed() {
        results.miss(format!("instruction counts: {}", callgrind::HELP));
        return;
    }
    let jobs = cells(programs, databases, depth).map(|(program, store, route)| {
        move || {
            let fresh = || databases.fresh(store);
            let cost = callgrind::count(&program.binary(), route.name(), depth.repeats(), fresh);
            let place = format!("{}, {}, {}", program.package, store.name(), route.name());
            match &cost {
                Ok(cost) => println!("  {place}: {:.0} instructions", cost.instructions),
                Err(error) => println!("  {place}: {error:#}"),
            }
            let package = program.package.to_owned();
            cost.map(|cost| Counted { package, store, route, cost })
                .map_err(|error| format!("counting {place}: {error:#}"))
        }
    });
    for counted in jobs::at_once(jobs.collect()) {
        match counted {
            Ok(counted) => results.counted.push(counted),
            Err(problem) => results.miss(problem),
        }
    }
}

pub(crate) fn statements(
    programs: &[&'static Program],
    databases: &Databases,
    results: &mut Results,
) {
    for (program, store, route) in cells(programs, databases, Depth::Full) {
        if store != Store::Postgres {
            continue;
        }
        match statements::count(program, store, route.request(), databases) {
            Ok(per_request) => {
                println!(
                    "  {}, {}: {} statements in {} round trips",
                    program.package,
                    route.name(),
                    per_request.statements,
                    per_request.round_trips
                );
                let package = program.package.to_owned();
                results.asked.push(Asked { package, store, route, per_request });
            }
            Err(error) => {
                let place = format!("{}, {}", program.package, route.name());
                results.miss(format!("statements of {place}: {error:#}"));
            }
        }
    }
}

/// Load, database by database and route by route. In each round every program has its turn, and the
/// order turns with the rounds, so that whatever the machine does meanwhile it does to all.
pub(crate) fn loads(
    programs: &[&'static Program],
    databases: &Databases,
    depth: Depth,
    results: &mut Results,
) {
    let all: Vec<_> = cells(programs, databases, depth)
        .filter(|(.., route)| *route != Route::SetMany)
        // In a few minutes there is time for the databases only.
        .filter(|(_, store, _)| depth == Depth::Full || *store != Store::Memory)
        .collect();
    for store in [Store::Memory, Store::Sqlite, Store::Postgres, Store::Redis] {
        for route in [Route::Untouched, Route::Me, Route::Set, Route::SignIn] {
            let here =
                all.iter().filter(|(_, its, asked)| its.database() == store && *asked == route);
            let here: Vec<_> = here.map(|(program, its, _)| (*program, *its)).collect();
            if !here.is_empty() {
                println!("  {}, {}", store.name(), route.title());
                rounds(&here, route, databases, depth, results);
            }
        }
    }
}

fn rounds(
    here: &[(&'static Program, Store)],
    route: Route,
    databases: &Databases,
    depth: Depth,
    results: &mut Results,
) {
    let mut running: Vec<(Served, Loads)> = Vec::new();
    for (program, store) in here {
        let started = databases.fresh(*store).and_then(|url| Served::start(program, &url, POOL));
        match started.context(program.package) {
            Ok(served) => running.push((served, nothing_yet(program, *store, route))),
            Err(error) => results.miss(format!("serving {}: {error:#}", store.name())),
        }
    }
    for round in 0..depth.rounds() {
        for turn in 0..running.len() {
            let nth = (turn + round as usize) % running.len();
            let (served, loads) = &mut running[nth];
            match turn_of(served, loads.store, route, databases, depth) {
                Ok(spent) => note(loads, spent),
                Err(error) => {
                    let place = format!("{}, {}", loads.package, loads.store.name());
                    results.miss(format!("loading {place}, {}: {error:#}", route.name()));
                }
            }
        }
    }
    // Whoever missed a round has no pair for it.
    let whole = |loads: &Loads| loads.throughput.len() == depth.rounds() as usize;
    results.loads.extend(running.into_iter().map(|(_, loads)| loads).filter(whole));
}

fn nothing_yet(program: &Program, store: Store, route: Route) -> Loads {
    Loads {
        package: program.package.to_owned(),
        store,
        route,
        throughput: Vec::new(),
        server: Vec::new(),
        database: Vec::new(),
    }
}

fn turn_of(
    served: &Served,
    store: Store,
    route: Route,
    databases: &Databases,
    depth: Depth,
) -> Result<Spent> {
    let milliseconds = u64::try_from(depth.round().as_millis())?;
    let of_database = || databases.processor_time(store);
    serve::load(served, route.request(), CLIENTS, milliseconds, of_database)
}

fn note(loads: &mut Loads, spent: Spent) {
    let requests = spent.loaded.requests as f64;
    loads.throughput.push(requests / spent.loaded.seconds);
    loads.server.push(spent.server * 1e6 / requests);
    loads.database.push(spent.database * 1e6 / requests);
}
