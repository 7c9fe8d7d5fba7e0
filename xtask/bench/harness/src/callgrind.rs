//! Instructions of one request, counted under callgrind in two runs of different length: starting,
//! signing in and ending fall out of the difference.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// The two runs. At the end of the longer one each request has happened often enough that growing
/// tables and once-only work vanish.
const SHORT: u32 = 200;
const LONG: u32 = 1_200;

/// What to do where it is missing.
pub(crate) const HELP: &str = "valgrind is not installed: `apt-get install valgrind` (Debian, Ubuntu), `dnf install valgrind`";

/// The compression function of SHA-256 in the crate sha2, and what ends a statement in SQLite: once
/// for each, whether it ran to its end or was reset in the middle.
const HASH: &str = "sha2::sha256::compress256";
const STATEMENT: &str = "sqlite3VdbeHalt";

/// What one request costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Instructions of all threads.
    pub(crate) instructions: f64,
    /// Those of them that hash the token.
    pub(crate) hash: f64,
    /// Statements that SQLite came to the end of.
    pub(crate) statements: f64,
}

/// Totals of one run.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    instructions: u64,
    hash: u64,
    statements: u64,
}

pub(crate) fn is_installed() -> bool {
    version().is_some()
}

/// Such as `valgrind-3.19.0`.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Counts one route of a program; `database` makes the URL of a fresh database for each run.
///
/// Where several threads or sockets are at work each run is repeated: how they meet is not the same each
/// time, and only ever adds to the count, so the least is taken.
pub(crate) fn count(
    binary: &Path,
    route: &str,
    repeats: u32,
    mut database: impl FnMut() -> Result<String>,
) -> Result<Cost> {
    let mut least = |requests| {
        let first = database()?;
        let mut totals = run(binary, route, &first, requests)?;
        if first != "memory:" {
            for _ in 1..repeats {
                let again = run(binary, route, &database()?, requests)?;
                if again.instructions < totals.instructions {
                    totals = again;
                }
            }
        }
        anyhow::Ok(totals)
    };
    let (short, long) = (least(SHORT)?, least(LONG)?);
    let requests = f64::from(LONG - SHORT);
    let per_request = |of: fn(&Totals) -> u64| (of(&long) as f64 - of(&short) as f64) / requests;
    Ok(Cost {
        instructions: per_request(|totals| totals.instructions),
        hash: per_request(|totals| totals.hash),
        statements: per_request(|totals| totals.statements),
    })
}

fn run(binary: &Path, route: &str, database: &str, requests: u32) -> Result<Totals> {
    let profile = tempfile::NamedTempFile::new()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--fair-sched=yes"])
        .arg(format!("--callgrind-out-file={}", profile.path().display()))
        .arg(binary)
        .args(["count", "--route", route, "--requests", &requests.to_string()])
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
    Ok(read(&std::fs::read_to_string(profile.path())?))
}

/// Reads a profile. A function is named where its number appears first; `calls=` says how often, and
/// the line below it what the calls cost altogether.
fn read(profile: &str) -> Totals {
    let mut totals = Totals::default();
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut callee = "";
    let mut lines = profile.lines();
    while let Some(line) = lines.next() {
        if let Some(function) = line.strip_prefix("fn=") {
            name(&mut names, function);
        } else if let Some(function) = line.strip_prefix("cfn=") {
            callee = name(&mut names, function);
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let count = number(calls.split(' ').next());
            let cost = number(lines.next().and_then(|cost| cost.split(' ').nth(1)));
            // Where it calls itself, a function has further names: `f'2`.
            match callee.split('\'').next() {
                Some(HASH) => totals.hash += cost,
                Some(STATEMENT) => totals.statements += count,
                _ => {}
            }
        } else if let Some(summary) = line.strip_prefix("summary: ") {
            totals.instructions = number(Some(summary));
        }
    }
    totals
}

fn name<'a>(names: &mut HashMap<&'a str, &'a str>, text: &'a str) -> &'a str {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(text).copied().unwrap_or_default(),
    }
}

fn number(text: Option<&str>) -> u64 {
    text.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_their_costs_are_read() {
        let profile = "version: 1\nevents: Ir\nsummary: 1000\n\nfn=(1) main\n5 10\n\
            cfn=(2) sha2::sha256::compress256\ncalls=2 7\n+1 300\n\
            cfn=(3) sqlite3VdbeHalt\ncalls=4 9\n* 50\n\
            fn=(4) other\ncfn=(2)\ncalls=1 7\n9 150\n\
            cfn=(5) sqlite3VdbeHalt'2\ncalls=1 7\n9 1\n\
            cfn=(6) sqlite3VdbeHaltNot\ncalls=8 7\n9 1\n";
        let expected = Totals { instructions: 1000, hash: 450, statements: 5 };
        assert_eq!(read(profile), expected);
    }
}
