//! The harness of the benchmarks: builds the programs under test, counts, loads and weighs them, and
//! writes what came out. `cargo xtask bench` runs it.

#![cfg_attr(not(feature = "load"), allow(dead_code, reason = "the guard needs a part of it"))]

mod callgrind;
mod guard;
mod jobs;
mod machine;
mod programs;

#[cfg(feature = "load")]
mod database;
#[cfg(feature = "load")]
mod load;
#[cfg(feature = "load")]
mod measure;
#[cfg(feature = "load")]
mod plot;
#[cfg(feature = "load")]
mod points;
#[cfg(feature = "load")]
mod pure;
#[cfg(feature = "load")]
mod redis;
#[cfg(feature = "load")]
mod report;
#[cfg(feature = "load")]
mod results;
#[cfg(feature = "load")]
mod run;
#[cfg(feature = "load")]
mod scale;
#[cfg(feature = "load")]
mod serve;
#[cfg(feature = "load")]
mod statements;
#[cfg(feature = "load")]
mod stats;
#[cfg(feature = "load")]
mod weigh;
#[cfg(feature = "load")]
mod wire;

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
    /// Measures, and prints the eleven points.
    #[cfg(feature = "load")]
    Run(run::Arguments),
    /// Writes docs/benchmarks.md from what the last run measured.
    #[cfg(feature = "load")]
    Report,
    /// Loads a server. The harness starts this itself, on a core of its own.
    #[cfg(feature = "load")]
    #[command(hide = true)]
    Load(load::Arguments),
}

fn main() -> ExitCode {
    match run_command() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_command() -> Result<()> {
    match Command::parse() {
        Command::Guard { renew: true } => guard::run(guard::Renew::Yes),
        Command::Guard { renew: false } => guard::run(guard::Renew::No),
        #[cfg(feature = "load")]
        Command::Run(arguments) => run::run(&arguments),
        #[cfg(feature = "load")]
        Command::Report => report::write(&results::Results::kept()?),
        #[cfg(feature = "load")]
        Command::Load(arguments) => load::run(&arguments),
    }
}
