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
    /// Fewer and shorter rounds and smaller tables: minutes. The page is printed, and not written.
    #[arg(long)]
    quick: bool,
    /// Only count the request path's instructions, and compare them with xtask/bench/baseline.json.
    #[arg(long, conflicts_with = "quick")]
    guard: bool,
    /// Write the baseline instead of comparing with it.
    #[arg(long, requires = "guard")]
    renew: bool,
    /// Only the races: what each library does where requests cross, written into docs/comparison.md.
    #[arg(long, conflicts_with_all = ["guard", "quick"])]
    races: bool,
    /// Arguments of the harness itself, after `--`: `--only ours-axum,tower`, `--parts counts,loads`, of
    /// the races `--only tower`, `--trials 1`. What is not whole is printed, and not written.
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
    let mut harness = shell::cargo(["run", "--quiet", "--release", "--locked"]);
    harness.current_dir(folder()).args(["--package", "session-bench-harness", "--"]);
    harness.arg(if arguments.races { "races" } else { "run" });
    harness.args(arguments.quick.then_some("--quick"));
    harness.args(&arguments.more);
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

/// What measures is formatted, builds from its own lock file, and passes its own tests: else nobody
/// would notice what a change of the library does to it. What is in `old-drivers` is only formatted: no
/// change of the library can break it, and it takes longer to compile than all of the others.
pub(crate) fn check() -> Result<()> {
    for part in [folder(), folder().join("old-drivers")] {
        shell::succeed(shell::cargo(["fmt", "--all", "--check"]).current_dir(part))?;
    }
    let mut test = shell::cargo(["test", "--quiet", "--workspace", "--locked"]);
    // The folder that the guard builds into as well.
    test.current_dir(folder()).env("CARGO_TARGET_DIR", folder().join("target"));
    shell::succeed(&mut test)
}

pub(crate) fn has_valgrind() -> bool {
    let mut asked = Command::new("valgrind");
    asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

fn folder() -> std::path::PathBuf {
    shell::root().join("xtask/bench")
}
