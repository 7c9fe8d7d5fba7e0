//! The harness of the benchmarks: builds the programs under test, counts, loads and races them, and
//! writes what came out. `cargo xtask bench` runs it.

#![cfg_attr(not(feature = "measure"), allow(dead_code, reason = "the guard needs a part of it"))]

mod callgrind;
mod guard;
mod machine;
mod programs;

#[cfg(feature = "measure")]
mod browser;
#[cfg(feature = "measure")]
mod database;
#[cfg(feature = "measure")]
mod load;
#[cfg(feature = "measure")]
mod measure;
#[cfg(feature = "measure")]
mod proxy;
#[cfg(feature = "measure")]
mod purge;
#[cfg(feature = "measure")]
mod races;
#[cfg(feature = "measure")]
mod report;
#[cfg(feature = "measure")]
mod results;
#[cfg(feature = "measure")]
mod server;
#[cfg(feature = "measure")]
mod stats;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// The benchmarks.
#[derive(Parser, Debug)]
enum Command {
    /// Counts the request path's instructions and compares them with the committed baseline.
    Guard {
        /// Writes the baseline instead.
        #[arg(long)]
        renew: bool,
    },
    /// Measures, and writes docs/benchmarks.md.
    #[cfg(feature = "measure")]
    Run(measure::Arguments),
    /// Races requests, and writes what was seen into docs/comparison.md.
    #[cfg(feature = "measure")]
    Races(races::Arguments),
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    match Command::parse() {
        Command::Guard { renew } => guard::run(renew).map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "measure")]
        Command::Run(arguments) => runtime()?.block_on(measure::run(arguments)),
        #[cfg(feature = "measure")]
        Command::Races(arguments) => runtime()?.block_on(races::run(&arguments)),
    }
}

#[cfg(feature = "measure")]
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
