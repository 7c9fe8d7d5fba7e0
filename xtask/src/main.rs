//! The automation of this workspace: one file per command, run as `cargo xtask <command>`.

mod axe;
mod bench;
mod chromium;
mod ci;
mod laws;
mod minimal;
mod mutants;
mod outside;
mod package;
mod packed;
mod rust;
mod semver;
mod services;
mod shell;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The automation of this workspace.
#[derive(Parser, Debug)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug, Clone)]
enum Command {
    /// Run every test, doc tests too, and say which laws held where.
    Test(test::Arguments),
    /// Start and stop the servers that tests need.
    Services(services::Arguments),
    /// Run every check that a change must pass: formatting, lints, docs, tidy, packages, licences, tests.
    Ci,
    /// Check the rules of this workspace that no compiler knows.
    Tidy,
    /// Write docs/laws.md from the conformance suite.
    Laws(laws::Arguments),
    /// Put old defects back, one by one: the exploration of interleavings must catch each.
    Mutants,
    /// Build the documentation's applications outside of this workspace, and let two share sessions.
    Outside,
    /// Build each published crate with the lowest versions that its manifest accepts.
    Minimal,
    /// Build with the lowest Rust that the manifests promise.
    Rust,
    /// Compare the published crates' public interfaces with those of a release.
    Semver(semver::Arguments),
    /// Check what each published crate would carry to its users.
    Package,
    /// Measure the request path beside what others need for it, or guard it.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Test(arguments) => test::run(arguments),
        Command::Services(arguments) => services::run(arguments),
        Command::Ci => ci::run(),
        Command::Tidy => tidy::run().map(|()| ExitCode::SUCCESS),
        Command::Laws(arguments) => laws::run(arguments).map(|()| ExitCode::SUCCESS),
        Command::Mutants => mutants::run(),
        Command::Outside => outside::run().map(|not_run| {
            if let Some(why) = not_run {
                println!("*** NOT RUN: {why} ***");
            }
            ExitCode::SUCCESS
        }),
        Command::Minimal => minimal::run().map(|()| ExitCode::SUCCESS),
        Command::Rust => rust::run().map(|()| ExitCode::SUCCESS),
        Command::Semver(arguments) => semver::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Package => package::run().map(|()| ExitCode::SUCCESS),
        Command::Bench(arguments) => bench::run(&arguments),
    }
}
