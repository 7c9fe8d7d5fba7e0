//! `cargo xtask test`: every test there is, how many passed, and which laws held where.

mod matrix;
mod report;
mod results;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::axe;
use crate::chromium::{self, Chromium};
use crate::laws;
use crate::mutants;
use crate::services::{self, Server};
use crate::shell;
use crate::workspace::{self, Crate, Role};
use matrix::Matrix;
use results::{Needs, Results};

#[derive(clap::Args, Debug, Clone, Copy, Default)]
pub(crate) struct Arguments {
    /// Use `cargo test` even if cargo-nextest is installed.
    #[arg(long)]
    without_nextest: bool,
}

/// What a whole run came to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    results: Results,
    matrix: Matrix,
    /// The commands, in order, each with how it ended.
    ran: Vec<(String, bool)>,
    /// How many interleavings of two operations on one handle were explored.
    explored: usize,
    /// How many mutants the exploration caught.
    mutants: usize,
    /// What went wrong beside tests that failed.
    problems: Vec<String>,
    /// Whether there was a PostgreSQL. Without one its tests pass and hold nothing.
    has_server: bool,
    /// The browser of the demo's tests, likewise.
    browser: Option<Chromium>,
    /// The rules that the pages are held to in it, likewise.
    axe: Option<PathBuf>,
}

/// Whose tests all run on every generation of the server that is at hand.
const NEEDS_SERVER: &str = "session-postgres";

/// Whose tests are built apart: what drives the browser switches on the feature
/// `preserve_order` of `serde_json`, and all others are tested as their users have them.
const APART: &str = "session-demo";

/// A workspace of its own, for the lock file that holds an old SQLite.
const OLD_SQLITE: &str = "crates/session-sqlite/tests/old-sqlite/Cargo.toml";

/// How the tests of other crates are named that run on every generation too: the request laws.
const OVER_SERVER: &str = "_over_postgres";

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let report = report(arguments)?;
    report.print();
    println!("{}", report.totals(0));
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs everything to its end, whatever fails on the way.
pub(crate) fn report(arguments: Arguments) -> Result<Report> {
    let mut crates = workspace::crates()?;
    let mut report = Report { browser: chromium::find(), axe: axe::find(), ..Report::default() };
    report.check_features(&crates)?;
    let (servers, problems) = services::servers();
    report.problems.extend(problems);
    report.run_tests(arguments, servers.first())?;
    for server in servers.iter().skip(1) {
        report.run_some(&["--package", NEEDS_SERVER], None, arguments, Some(server))?;
        let adapters: Vec<&str> = adapters(&crates).collect();
        report.run_some(&adapters, Some(OVER_SERVER), arguments, Some(server))?;
    }
    drop(servers);
    report.run_on_old_sqlite()?;
    report.run_doc_tests()?;
    report.put_defects_back();
    if !report.has_server {
        crates.retain(|member| member.name != NEEDS_SERVER);
    }
    report.weigh_laws(&crates);
    report.weigh_totals(std::env::var("CI").is_ok_and(|ci| ci == "true"));
    Ok(report)
}

impl Report {
    /// Every library alone: without its default features, and with each single one.
    /// Whoever uses one crate has no neighbour that switches a forgotten feature on.
    fn check_features(&mut self, crates: &[Crate]) -> Result<()> {
        for (name, feature) in feature_sets(crates) {
            let mut command =
                shell::cargo(["check", "--quiet", "--lib", "--no-default-features", "--package"]);
            command.arg(name);
            if let Some(feature) = feature {
                command.args(["--features", feature]);
            }
            let transcript = shell::stream(&mut command)?;
            self.finish(&command, transcript.success, !transcript.success);
        }
        Ok(())
    }

    fn run_tests(&mut self, arguments: Arguments, server: Option<&Server>) -> Result<()> {
        self.has_server = server.is_some();
        if server.is_none() {
            println!("\n*** NOT RUN: the tests on PostgreSQL. {} ***\n", services::HELP);
        }
        if self.browser.is_none() {
            println!("\n*** NOT RUN: the tests in a browser. {} ***\n", chromium::HELP);
        }
        if self.axe.is_none() {
            println!("\n*** NOT RUN: axe-core's rules in the browser. {} ***\n", axe::HELP);
        }
        self.run_some(&["--workspace", "--exclude", APART], None, arguments, server)?;
        self.run_some(&["--package", APART], None, arguments, server)
    }

    /// The tests of some packages: all, or those whose names hold `only`.
    fn run_some(
        &mut self,
        packages: &[&str],
        only: Option<&str>,
        arguments: Arguments,
        server: Option<&Server>,
    ) -> Result<()> {
        let with_nextest = !arguments.without_nextest && shell::has_cargo_command("nextest");
        let mut command = if with_nextest {
            let limits = format!("session:{}", shell::root().join("xtask/nextest.toml").display());
            let mut command = shell::cargo(["nextest", "run", "--all-features", "--no-fail-fast"]);
            // What was not asked for counts as skipped to nextest, and is none of ours.
            let level = if only.is_some() { "pass" } else { "all" };
            command.args([
                "--status-level",
                level,
                "--final-status-level",
                "fail",
                "--tool-config-file",
                &limits,
            ]);
            command
        } else {
            println!(
                "cargo-nextest is not used: `cargo test` runs the same tests, one binary after the other"
            );
            let mut command = shell::cargo(["test", "--all-features", "--no-fail-fast"]);
            command.args(["--lib", "--bins", "--tests"]);
            command
        };
        command.args(packages).args(only);
        if !with_nextest {
            // For what tests say of how much they covered.
            command.args(["--", "--show-output"]);
        }
        match server {
            Some(server) => server.give_to(&mut command),
            None => services::give_none_to(&mut command),
        }
        chromium::tell(self.browser.as_ref(), &mut command);
        axe::tell(self.axe.as_ref(), &mut command);
        let transcript = shell::stream(&mut command)?;
        self.explored += explored(&transcript.lines);
        let mut results = if with_nextest {
            results::of_nextest(&transcript.lines)
        } else {
            results::of_libtest(&transcript.lines)
        };
        if self.browser.is_none() {
            results.did_not_run(Needs::Chromium);
        }
        match server {
            Some(server) => results.ran_on(server.generation.as_deref()),
            None => results.did_not_run(Needs::Postgres),
        }
        self.take(&command, transcript.success, results);
        Ok(())
    }

    /// The tests of the SQLite backend on the oldest library that it takes: cargo builds one into a program.
    fn run_on_old_sqlite(&mut self) -> Result<()> {
        let mut command =
            shell::cargo(["test", "--locked", "--no-fail-fast", "--manifest-path", OLD_SQLITE]);
        command.env("CARGO_TARGET_DIR", shell::root().join("target/old-sqlite"));
        let transcript = shell::stream(&mut command)?;
        let mut results = results::of_libtest(&transcript.lines);
        results.ran_with_sqlite("3.46");
        self.take(&command, transcript.success, results);
        Ok(())
    }

    fn run_doc_tests(&mut self) -> Result<()> {
        let mut command =
            shell::cargo(["test", "--doc", "--workspace", "--all-features", "--no-fail-fast"]);
        let transcript = shell::stream(&mut command)?;
        self.take(&command, transcript.success, results::of_libtest(&transcript.lines));
        Ok(())
    }

    /// Old defects, which the exploration of interleavings must catch.
    fn put_defects_back(&mut self) {
        let problems = match mutants::report() {
            Ok(mutants) => {
                self.mutants = mutants.caught;
                let unnoticed = mutants.unnoticed.into_iter();
                unnoticed.map(|name| format!("the mutant was not caught: {name}")).collect()
            }
            Err(error) => vec![format!("the mutants could not be tried: {error:#}")],
        };
        self.ran.push(("cargo xtask mutants".to_owned(), problems.is_empty()));
        self.problems.extend(problems);
    }

    /// Adds what one command's tests came to.
    fn take(&mut self, command: &std::process::Command, success: bool, results: Results) {
        // If a test failed, the test says so; a failure that no test explains is one of its own.
        let unexplained = !success && results.failed() == 0;
        self.finish(command, success, unexplained);
        if let Some(problem) = results.inconsistency().filter(|_| !unexplained) {
            self.problems.push(format!("`{}`: {problem}", shell::spelled(command)));
        }
        self.results.add(results);
    }

    fn finish(&mut self, command: &std::process::Command, success: bool, unexplained: bool) {
        let spelled = shell::spelled(command);
        if unexplained {
            self.problems.push(format!("`{spelled}` failed"));
        }
        self.ran.push((spelled, success));
    }

    fn weigh_laws(&mut self, crates: &[Crate]) {
        self.matrix = Matrix::of(self.results.tests());
        match laws::list() {
            Ok(laws) => {
                self.problems.extend(self.matrix.gaps(&laws, crates));
                self.matrix.expect(&laws);
            }
            Err(error) => {
                self.problems.push(format!("nobody knows which laws there are: {error:#}"));
            }
        }
    }
}

/// How many interleavings the exploration says it covered, all its tests together.
fn explored(lines: &[String]) -> usize {
    let counts = lines.iter().filter_map(|line| {
        let (_, said) = line.split_once("explored from ")?.1.split_once(": ")?;
        said.split_once(" interleavings")?.0.parse::<usize>().ok()
    });
    counts.sum()
}

/// Every adapter, as arguments for cargo.
fn adapters(crates: &[Crate]) -> impl Iterator<Item = &str> {
    let adapters = crates.iter().filter(|member| member.role() == Some(Role::Adapter));
    adapters.flat_map(|member| ["--package", member.name.as_str()])
}

fn feature_sets(crates: &[Crate]) -> Vec<(&str, Option<&str>)> {
    crates
        .iter()
        .filter(|member| member.has_library && !member.features.is_empty())
        .flat_map(|member| {
            let single = member.features.iter().filter(|feature| *feature != "default");
            std::iter::once(None)
                .chain(single.map(|feature| Some(feature.as_str())))
                .map(|feature| (member.name.as_str(), feature))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleavings_are_added_up() {
        let lines = [
            "explored from Visitor: 40 interleavings of 2 pairs (1 whole, 2 with one dropped)",
            "test from_a_visitor ... ok",
            "    explored from Ended: 2 interleavings of 1 pairs (1 whole, 1 with one held)",
        ];
        assert_eq!(explored(&lines.map(str::to_owned)), 42);
    }

    #[test]
    fn the_adapters_by_name() {
        let member = |name: &str| Crate { name: name.to_owned(), ..Crate::default() };
        let crates = ["session-axum", "session-core", "session-salvo"].map(member);
        let expected = ["--package", "session-axum", "--package", "session-salvo"];
        assert!(adapters(&crates).eq(expected));
    }

    #[test]
    fn each_feature_is_checked_alone() {
        let features = ["cleanup-job", "default", "tokio"].map(str::to_owned).to_vec();
        let core = Crate {
            name: "session-core".to_owned(),
            has_library: true,
            features,
            ..Crate::default()
        };
        let plain =
            Crate { name: "session-axum".to_owned(), has_library: true, ..Crate::default() };
        let expected =
            [None, Some("cleanup-job"), Some("tokio")].map(|feature| ("session-core", feature));
        assert_eq!(feature_sets(&[core, plain]), expected);
    }
}
