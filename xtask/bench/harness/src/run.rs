//! A whole run: everything in its order, each part to its end whatever fails in another.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;

use crate::database::Databases;
use crate::machine::Machine;
use crate::measure::{self, Build, CLIENTS, Depth};
use crate::programs::Program;
use crate::results::Results;
use crate::{points, pure, redis, report, scale, serve, weigh};

#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Everything, with more rounds, and docs/benchmarks.md at the end; else minutes and no page.
    #[arg(long)]
    full: bool,
    /// Only these programs, such as `ours-axum,floor-axum`.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these parts: counts, statements, loads, scale, pure, weigh. Of the others stays what the run
    /// before has found.
    #[arg(long, value_delimiter = ',')]
    parts: Vec<String>,
    /// Measure the programs as they were built last.
    #[arg(long)]
    as_built: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let depth = if arguments.full { Depth::Full } else { Depth::Quick };
    let databases = Databases::find()?;
    let mut results = nothing_yet(depth, &databases);
    if results.postgres.is_none() {
        results.miss("everything on PostgreSQL: there is no server".to_owned());
    }
    if !databases.has(crate::programs::Store::Redis) {
        results.miss(format!("everything on Redis: {}", redis::HELP));
    }
    let wanted = |program: &Program| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == program.package)
    };
    let build = if arguments.as_built { Build::AsItIs } else { Build::Anew };
    let programs = measure::build(wanted, build, &mut results);

    let is_whole = arguments.parts.is_empty();
    let has = |part: &str| is_whole || arguments.parts.iter().any(|name| name == part);
    let begun = Instant::now();
    if has("counts") {
        section("instructions", begun);
        measure::counts(&programs, &databases, depth, &mut results);
    }
    if has("statements") {
        section("statements", begun);
        measure::statements(&programs, &databases, &mut results);
    }
    if has("loads") {
        section("load", begun);
        measure::loads(&programs, &databases, depth, &mut results);
    }
    if has("scale") {
        section("many sessions", begun);
        scale::run(&databases, depth, &mut results);
    }
    if has("pure") {
        section("pure parts", begun);
        match pure::all(depth) {
            Ok(pure) => results.pure = pure,
            Err(error) => results.miss(format!("pure parts: {error:#}")),
        }
    }
    if (arguments.full && is_whole) || arguments.parts.iter().any(|name| name == "weigh") {
        section("size and build time", begun);
        match weigh::all() {
            Ok(weights) => results.weights = weights,
            Err(error) => results.miss(format!("size and build time: {error:#}")),
        }
    } else if is_whole {
        results.miss("size and build time: only with --full".to_owned());
    }
    if !is_whole && let Ok(before) = Results::kept() {
        results.complete_with(before, has);
    }
    section("the eleven points", begun);
    results.keep()?;
    points::print(&points::all(&results));
    for missed in &results.not_run {
        println!("NOT RUN: {missed}");
    }
    if arguments.full && is_whole && arguments.only.is_empty() {
        report::write(&results)?;
    }
    Ok(())
}

fn section(name: &str, begun: Instant) {
    println!("\n==== {name} ({:.0} s) ====", begun.elapsed().as_secs_f64());
}

fn nothing_yet(depth: Depth, databases: &Databases) -> Results {
    Results {
        full: depth == Depth::Full,
        machine: Machine::here(),
        pinned: serve::can_pin(),
        rounds: depth.rounds(),
        round_ms: u64::try_from(depth.round().as_millis()).unwrap_or_default(),
        connections: CLIENTS,
        versions: BTreeMap::new(),
        postgres: databases.postgres_version().map(str::to_owned),
        counted: Vec::new(),
        asked: Vec::new(),
        loads: Vec::new(),
        weights: Vec::new(),
        scale: Vec::new(),
        pure: Vec::new(),
        not_run: Vec::new(),
    }
}
