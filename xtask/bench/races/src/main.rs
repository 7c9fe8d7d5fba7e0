//! Races requests against every program under test over real HTTP, and writes down what a browser
//! sees afterwards.
//!
//! Every verdict comes from answers: what a browser's cookie jar holds after the answers arrived in
//! their order, and who is signed in with it. One program's answers are judged by the same code as
//! another's.

#![expect(
    clippy::disallowed_methods,
    reason = "those are forbidden to the libraries; this is a program, which reads the clock as a browser does \
              and may start tasks"
)]

mod browser;
mod databases;
mod forge;
mod programs;
mod proxy;
mod race;
mod report;
mod run;
mod server;
mod subjects;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::databases::Databases;
use crate::programs::Programs;
use crate::subjects::SUBJECTS;

#[derive(Parser, Debug)]
#[command(about)]
struct Arguments {
    /// Builds the programs first.
    #[arg(long)]
    build: bool,
    /// Where the programs are, each named `bench-…`; by default where `--build` puts them.
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Only programs whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// A PostgreSQL server on which databases may be made.
    #[arg(long, env = "SESSION_TEST_POSTGRES_URL")]
    postgres: Option<String>,
    /// A Redis or Valkey program to start; by default one that the PATH knows.
    #[arg(long, env = "SESSION_BENCH_REDIS_SERVER")]
    redis_server: Option<PathBuf>,
    /// How often each race is run.
    #[arg(long, default_value_t = 5)]
    trials: u32,
    /// A document whose tables, between its two markers, are replaced.
    #[arg(long)]
    write: Option<PathBuf>,
    /// A file for everything that was seen, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let programs = Programs::new(arguments.programs)?;
    let wanted =
        |program: &str| arguments.only.as_deref().is_none_or(|part| program.contains(part));
    if arguments.build {
        programs.build(wanted)?;
    }
    let mut databases =
        Databases::find(arguments.postgres.as_deref(), arguments.redis_server.as_deref()).await?;
    let mut rows = Vec::new();
    for subject in SUBJECTS.iter().filter(|subject| wanted(subject.program)) {
        eprint!("{} over {} … ", subject.label, subject.kind.name());
        let row = run::row(subject, &programs, &mut databases, arguments.trials).await?;
        match &row.not_run {
            Some(reason) => eprintln!("NOT RUN: {reason}"),
            None => eprintln!("done"),
        }
        rows.push(row);
    }
    let versions = report::Versions {
        packages: programs.versions(SUBJECTS.iter().filter(|subject| wanted(subject.program)))?,
        servers: databases.versions().await?,
    };
    let text = report::markdown(&versions, &rows);
    if let Some(path) = &arguments.json {
        let json = serde_json::json!({ "versions": versions, "rows": rows });
        std::fs::write(path, serde_json::to_string_pretty(&json)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    match &arguments.write {
        Some(path) => report::write(path, &text)?,
        None => println!("{text}"),
    }
    // A run that leaves something out is no success where nobody reads what it prints.
    let incomplete = rows.iter().any(|row| row.not_run.is_some());
    let unattended = std::env::var_os("CI").is_some_and(|value| value == "true");
    Ok(if incomplete && unattended { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
