//! Points 6 to 10, which a program of their own measures on databases with many sessions.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::database::Databases;
use crate::measure::Depth;
use crate::programs::{Store, bench, cargo_build};
use crate::results::{Point, Results};

/// Its commands, the points that they measure, and the databases that they know.
const COMMANDS: [(&str, &str, &[Store]); 5] = [
    ("sign-in", "6", &[Store::Postgres]),
    ("touch", "7", &[Store::Postgres]),
    ("purge", "8", &[Store::Sqlite, Store::Postgres]),
    ("size", "9", &[Store::Sqlite, Store::Postgres, Store::Memory]),
    ("growth", "10", &[Store::Sqlite, Store::Postgres, Store::Memory]),
];

pub(crate) fn run(databases: &Databases, depth: Depth, results: &mut Results) {
    let folder = bench().join("scale");
    if !folder.exists() {
        results.miss("points 6 to 10: there is no program for them".to_owned());
        return;
    }
    if let Err(error) = cargo_build(&folder, &[]) {
        results.miss(format!("points 6 to 10: {error:#}"));
        return;
    }
    for (command, point, stores) in COMMANDS {
        for store in stores.iter().filter(|store| databases.has(**store)) {
            println!("  point {point}, {}", store.name());
            match measure(command, *store, databases, depth) {
                Ok(points) => results.scale.extend(points),
                Err(error) => {
                    results.miss(format!("point {point} on {}: {error:#}", store.name()));
                }
            }
        }
    }
}

fn measure(command: &str, store: Store, databases: &Databases, depth: Depth) -> Result<Vec<Point>> {
    let mut child = Command::new(bench().join("target/release/session-bench-scale"))
        .args([command, "--database", &databases.fresh(store)?])
        .args((depth == Depth::Quick).then_some("--quick"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("session-bench-scale")?;
    let mut points = Vec::new();
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let line = line?;
        let point: Point = serde_json::from_str(&line).with_context(|| line.clone())?;
        points.push(point);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{command}: {status}");
    }
    if points.is_empty() {
        bail!("{command} measured nothing");
    }
    Ok(points)
}
