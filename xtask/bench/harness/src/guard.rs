//! The guard: instructions of the request path against a committed baseline.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::programs::{Program, bench};
use crate::{callgrind, machine};

/// Per cent; a rise above this fails.
const TOLERANCE: u64 = 3;

/// Runs of each length where threads are at work: the least is the same to a percent.
const REPEATS: u32 = 3;

/// What is counted: the request path, on both frameworks.
const COUNTED: [(&str, &str, &str); 8] = [
    ("ours-axum", "memory", "untouched"),
    ("ours-axum", "memory", "me"),
    ("ours-axum", "memory", "set"),
    ("ours-axum", "sqlite", "me"),
    ("ours-axum", "sqlite", "set"),
    ("ours-salvo", "memory", "untouched"),
    ("ours-salvo", "memory", "me"),
    ("ours-salvo", "memory", "set"),
];

/// The committed numbers, and what they were counted with: another compiler makes other code.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Baseline {
    rustc: String,
    valgrind: String,
    instructions: BTreeMap<String, u64>,
}

pub(crate) fn run(renew: bool) -> Result<()> {
    ensure!(callgrind::version().is_some(), "{}", callgrind::HELP);
    Program::Current.build(&["--no-default-features"])?;
    let counted = count_all()?;
    let now = Baseline {
        rustc: machine::rustc(),
        valgrind: callgrind::version().unwrap_or_default(),
        instructions: counted,
    };
    if renew {
        std::fs::write(path(), serde_json::to_string_pretty(&now)? + "\n")?;
        println!("{} is renewed", path().display());
        return Ok(());
    }
    let text = std::fs::read_to_string(path()).with_context(|| path().display().to_string())?;
    let baseline: Baseline = serde_json::from_str(&text)?;
    for (name, was, is) in
        [("rustc", &baseline.rustc, &now.rustc), ("valgrind", &baseline.valgrind, &now.valgrind)]
    {
        if was != is {
            println!("note: the baseline was counted with {name} {was}, and this is {is}");
        }
    }
    let problems = compare(&baseline.instructions, &now.instructions);
    for problem in &problems {
        println!("{problem}");
    }
    if !problems.is_empty() {
        bail!(
            "{} counts are not what the baseline allows. Where that is meant, renew it: \
             `cargo xtask bench --guard --renew`, and say why in the commit",
            problems.len()
        );
    }
    println!("guard: {} counts within {TOLERANCE} % of the baseline", COUNTED.len());
    Ok(())
}

fn path() -> PathBuf {
    bench().join("baseline.json")
}

/// Two at a time: in memory a count is the same however busy the machine is. Over a file other work beside
/// it adds up to 8 %, because threads then wait for each other.
fn count_all() -> Result<BTreeMap<String, u64>> {
    let folder = tempfile::tempdir()?;
    let count = |(nth, (subject, store, route)): (usize, &(&str, &str, &str))| {
        let mut run = 0;
        let database = || {
            run += 1;
            Ok(match *store {
                "sqlite" => format!("sqlite:{}/{nth}-{run}.db", folder.path().display()),
                other => format!("{other}:"),
            })
        };
        let counted = callgrind::count(Program::Current, subject, route, REPEATS, database)
            .with_context(|| format!("{subject}, {store}, {route}"))?;
        Ok((format!("{subject} {store} {route}"), counted.round() as u64))
    };
    COUNTED.par_iter().enumerate().map(count).collect()
}

/// What rose too far, and what nobody has counted before; each with a line that says so. Prints all.
fn compare(baseline: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Vec<String> {
    let mut problems = Vec::new();
    println!("  {:32}{:>12}{:>12}{:>9}", "", "baseline", "now", "change");
    for (name, is) in now {
        let Some(was) = baseline.get(name) else {
            problems.push(format!("{name}: {is}, and the baseline has no such count"));
            continue;
        };
        let change = *is as f64 / *was as f64 - 1.0;
        println!("  {name:32}{was:>12}{is:>12}{:>+8.2} %", change * 100.0);
        if is * 100 > was * (100 + TOLERANCE) {
            problems.push(format!("{name}: {is} instructions instead of {was}"));
        } else if is * 100 < was * (100 - TOLERANCE) {
            println!("    better than the baseline: renew it, so that this stays");
        }
    }
    let gone = baseline.keys().filter(|name| !now.contains_key(*name));
    problems.extend(gone.map(|name| format!("{name}: in the baseline, and counted no more")));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn a_rise_over_three_percent_fails() {
        let baseline = counts(&[("a", 100_000), ("b", 100_000)]);
        for (a, problems) in [(103_100, 1), (102_900, 0), (103_000, 0), (50_000, 0)] {
            let now = counts(&[("a", a), ("b", 100_000)]);
            assert_eq!(compare(&baseline, &now).len(), problems, "{a}");
        }
    }

    #[test]
    fn what_is_counted_is_what_the_baseline_holds() {
        let baseline = counts(&[("a", 1)]);
        assert_eq!(compare(&baseline, &counts(&[("a", 1), ("b", 1)])).len(), 1);
        assert_eq!(compare(&baseline, &counts(&[])).len(), 1);
    }
}
