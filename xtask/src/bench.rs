//! `cargo xtask bench`: how fast the request path is, beside what others need for it.
//!
//! What measures is a workspace of its own (`xtask/bench`), so that no dependency of a peer comes near
//! this one's. Here is only how it is started.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Result, bail};

use crate::services;
use crate::shell;

#[derive(clap::Args, Debug, Clone, Default)]
pub(crate) struct Arguments {
    /// Everything, with more rounds, and docs/benchmarks.md written at the end.
    #[arg(long, conflicts_with = "guard")]
    full: bool,
    /// Only count the request path's instructions, and compare them with xtask/bench/baseline.json.
    #[arg(long)]
    guard: bool,
    /// Write the baseline instead of comparing with it.
    #[arg(long, requires = "guard")]
    renew: bool,
    /// Only the races: what each library does where requests cross, written into docs/comparison.md.
    #[arg(long, conflicts_with_all = ["guard", "full"])]
    races: bool,
    /// Arguments of the harness (or of the races) itself, after `--`: `--only ours-axum,floor-axum`, `--parts counts,loads`.
    #[arg(last = true, conflicts_with = "guard")]
    more: Vec<String>,
}

/// What to do on a machine without it. Nothing is installed here.
pub(crate) const VALGRIND_HELP: &str = "valgrind is not installed: instructions are counted with it \
     (Debian, Ubuntu: `apt-get install valgrind`; Fedora: `dnf install valgrind`)";

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if !arguments.races && !has_valgrind() {
        bail!("{VALGRIND_HELP}");
    }
    if arguments.guard {
        return guard(arguments.renew).map(|()| ExitCode::SUCCESS);
    }
    let mut harness = shell::cargo(["run", "--quiet", "--release"]);
    if arguments.races {
        harness.args(["--manifest-path", "races/Cargo.toml", "--", "--build"]);
        harness.arg("--write").arg(shell::root().join("docs/comparison.md"));
    } else {
        harness.args(["--package", "session-bench-harness", "--", "run"]);
        harness.args(arguments.full.then_some("--full"));
    }
    harness.current_dir(folder()).args(&arguments.more);
    // Held until the harness is done: the servers go with it.
    let server = services::any()?;
    match &server {
        Some(server) => server.give_to(&mut harness),
        None => println!("*** NOT RUN on PostgreSQL. {} ***", services::HELP),
    }
    shell::succeed(&mut harness).map(|()| ExitCode::SUCCESS)
}

/// The counts: without servers, and without what needs them.
pub(crate) fn guard(renew: bool) -> Result<()> {
    let mut harness = shell::cargo(["run", "--quiet", "--locked"]);
    harness.current_dir(folder());
    harness.args(["--package", "session-bench-harness", "--no-default-features"]);
    harness.args(["--", "guard"]).args(renew.then_some("--renew"));
    shell::succeed(&mut harness)
}

/// What measures is formatted, builds from its own lock files, and passes its own tests: else nobody
/// would notice what a change of the library does to it.
pub(crate) fn check() -> Result<()> {
    let mut peers = Vec::new();
    for peer in std::fs::read_dir(folder().join("peers"))? {
        peers.push(peer?.path());
    }
    let measures = [".", "scale", "races", "pure"].map(|part| folder().join(part));
    for part in measures.iter().chain(&peers) {
        shell::succeed(shell::cargo(["fmt", "--all", "--check"]).current_dir(part))?;
    }
    for part in &measures {
        let mut test = shell::cargo(["test", "--quiet", "--workspace", "--locked"]);
        // A benchmark's test is that each of its measurements runs once.
        test.args(part.join("benches").exists().then_some("--benches"));
        // One folder, so that what they share is built once.
        test.current_dir(part).env("CARGO_TARGET_DIR", folder().join("target"));
        shell::succeed(&mut test)?;
    }
    Ok(())
}

pub(crate) fn has_valgrind() -> bool {
    let mut asked = Command::new("valgrind");
    asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

fn folder() -> std::path::PathBuf {
    shell::root().join("xtask/bench")
}
