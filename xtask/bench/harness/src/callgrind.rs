//! Instructions of one request, counted under callgrind in two runs of different length: starting,
//! signing in and ending fall out of the difference.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::programs::Program;

/// The two runs. At the end of the longer one each request has happened often enough that growing
/// tables and once-only work vanish.
const SHORT: u32 = 200;
const LONG: u32 = 1_200;

/// What to do where it is missing.
pub(crate) const HELP: &str = "valgrind is not installed: `apt-get install valgrind` (Debian, Ubuntu), `dnf install valgrind`";

/// Such as `valgrind-3.19.0`.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Counts one route of an application; `database` makes the URL of a fresh database for each run.
///
/// Where several threads or sockets are at work each run is repeated: how they meet is not the same each
/// time, and only ever adds to the count, so the least is taken.
pub(crate) fn count(
    program: Program,
    subject: &str,
    route: &str,
    repeats: u32,
    mut database: impl FnMut() -> Result<String>,
) -> Result<f64> {
    let mut least = |requests| {
        let first = database()?;
        let mut least = run(program, subject, route, &first, requests)?;
        if first != "memory:" {
            for _ in 1..repeats {
                let again = run(program, subject, route, &database()?, requests)?;
                least = least.min(again);
            }
        }
        anyhow::Ok(least)
    };
    let (short, long) = (least(SHORT)?, least(LONG)?);
    Ok((long as f64 - short as f64) / f64::from(LONG - SHORT))
}

/// All instructions of all threads of one run.
fn run(program: Program, subject: &str, route: &str, database: &str, requests: u32) -> Result<u64> {
    let profile = tempfile::NamedTempFile::new()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--fair-sched=yes"])
        .arg(format!("--callgrind-out-file={}", profile.path().display()))
        .arg(program.binary())
        .args([subject, "count", "--route", route, "--requests", &requests.to_string()])
        // One connection at work: the others would only be threads that wait.
        .args(["--connections", "2", "--database", database])
        .stdin(Stdio::null())
        .output()
        .context(HELP)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let own = said.lines().rfind(|line| !line.starts_with("==") && !line.trim().is_empty());
        bail!("{}: {}", output.status, own.unwrap_or("it said nothing"));
    }
    let profile = std::fs::read_to_string(profile.path())?;
    let summary = profile.lines().find_map(|line| line.strip_prefix("summary: "));
    Ok(summary.context("callgrind counted nothing")?.trim().parse()?)
}
