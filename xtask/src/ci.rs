//! `cargo xtask ci`: every check that a change must pass, each to its end, then one table.

use std::fmt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::{bench, laws, minimal, outside, package, rust, shell, test, tidy};

/// How a step ended.
#[derive(Debug)]
enum Ending {
    Passed,
    Failed,
    /// Not the same as passed: nobody knows. A failure where `CI=true`.
    NotRun(&'static str),
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    ending: Ending,
    took: Duration,
}

pub(crate) fn run() -> Result<ExitCode> {
    let mut steps = vec![
        step("fmt", || {
            shell::succeed(&mut shell::cargo(["fmt", "--all", "--check"])).map(|()| Ending::Passed)
        }),
        step("clippy", clippy),
        step("docs", docs),
        step("tidy", || tidy::run().map(|()| Ending::Passed)),
        step("laws", || laws::check().map(|()| Ending::Passed)),
        step("package", || package::run().map(|()| Ending::Passed)),
        step("outside", || Ok(outside::run()?.map_or(Ending::Passed, Ending::NotRun))),
        step("deny", deny),
        step("minimal", || minimal::run().map(|()| Ending::Passed)),
        step("rust", || rust::run().map(|()| Ending::Passed)),
        step("bench", || bench::check().map(|()| Ending::Passed)),
        step("guard", guard),
    ];
    let mut report = None;
    steps.push(step("test", || {
        let finished = test::report(test::Arguments::default())?;
        finished.print();
        let good = finished.is_good();
        report = Some(finished);
        if good { Ok(Ending::Passed) } else { Err(anyhow!("see above")) }
    }));
    println!("\n{}", Table(&steps));
    let report = report.unwrap_or_default();
    // The tests' failures are in their own totals already, unless they never came so far.
    let elsewhere = failures(&steps) - usize::from(!report.is_good());
    println!("{}", report.totals(elsewhere));
    Ok(if failures(&steps) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn clippy() -> Result<Ending> {
    let mut command = shell::cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]);
    shell::succeed(&mut command).map(|()| Ending::Passed)
}

fn docs() -> Result<Ending> {
    let mut command = shell::cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
    shell::succeed(command.env("RUSTDOCFLAGS", "-D warnings")).map(|()| Ending::Passed)
}

/// Licences, sources and bans need no network; advisories do, and are looked up elsewhere.
fn deny() -> Result<Ending> {
    if !shell::has_cargo_command("deny") {
        return Ok(Ending::NotRun(
            "cargo-deny is not installed: cargo install cargo-deny --locked",
        ));
    }
    let mut command = shell::cargo(["deny", "--offline", "check", "bans", "licenses", "sources"]);
    shell::succeed(&mut command).map(|()| Ending::Passed)
}

/// The request path's instructions.
fn guard() -> Result<Ending> {
    if !bench::has_valgrind() {
        return Ok(Ending::NotRun(bench::VALGRIND_HELP));
    }
    bench::guard(false).map(|()| Ending::Passed)
}

fn step(name: &'static str, check: impl FnOnce() -> Result<Ending>) -> Step {
    println!("\n==== {name} ====");
    let begun = Instant::now();
    let ending = check().unwrap_or_else(|error| {
        println!("{name} FAILED: {error:#}");
        Ending::Failed
    });
    if let Ending::NotRun(why) = ending {
        println!("*** {name} not run: {why} ***");
    }
    Step { name, ending: ending.judged(is_ci()), took: begun.elapsed() }
}

fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}

impl Ending {
    /// Where everything is installed, what did not run has failed.
    fn judged(self, is_ci: bool) -> Self {
        match self {
            Self::NotRun(_) if is_ci => Self::Failed,
            ending => ending,
        }
    }
}

fn failures(steps: &[Step]) -> usize {
    steps.iter().filter(|step| matches!(step.ending, Ending::Failed)).count()
}

struct Table<'a>(&'a [Step]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Step { name, ending, took } in self.0 {
            write!(formatter, "  {name:10}{:>8.1} s  ", took.as_secs_f64())?;
            match ending {
                Ending::Passed => writeln!(formatter, "ok")?,
                Ending::Failed => writeln!(formatter, "FAILED")?,
                Ending::NotRun(why) => writeln!(formatter, "*** not run: {why} ***")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absent(is_ci: bool) -> Ending {
        Ending::NotRun("nothing is installed").judged(is_ci)
    }

    #[test]
    fn what_did_not_run_has_failed_in_continuous_integration() {
        assert!(matches!(absent(true), Ending::Failed));
        assert!(matches!(absent(false), Ending::NotRun(_)));
    }

    #[test]
    fn an_error_is_a_failed_step() {
        let steps = [
            step("good", || Ok(Ending::Passed)),
            step("bad", || Err(anyhow!("broken"))),
            Step { name: "absent", ending: absent(false), took: Duration::ZERO },
        ];
        assert_eq!(failures(&steps), 1);
        let table = Table(&steps).to_string();
        let endings = ["ok", "FAILED", "*** not run: nothing is installed ***"];
        for (line, ending) in table.lines().zip(endings) {
            assert!(line.ends_with(ending), "{line}");
        }
    }
}
