//! The pure parts, which `xtask/bench/pure` measures with criterion.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::measure::Depth;
use crate::programs::bench;

/// What one decision takes, in nanoseconds: the median, and the bounds of its confidence.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pure {
    pub(crate) what: String,
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// All of them, by name.
pub(crate) fn all(depth: Depth) -> Result<Vec<Pure>> {
    // Those of a run before are not taken for this one's.
    let home = tempfile::tempdir_in(bench().join("target"))?;
    let measuring: &[&str] = match depth {
        Depth::Quick => &["--quick"],
        Depth::Full => &["--warm-up-time", "1", "--measurement-time", "3"],
    };
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["bench", "--locked", "--quiet", "--bench", "pure", "--", "--noplot"])
        .args(measuring)
        .current_dir(bench().join("pure"))
        .env("CARGO_TARGET_DIR", bench().join("target"))
        .env("CRITERION_HOME", home.path())
        .env_remove("RUSTFLAGS")
        .stdout(Stdio::null())
        .status()
        .context("cargo bench")?;
    if !status.success() {
        bail!("cargo bench: {status}");
    }
    let mut all = Vec::new();
    for folder in fs::read_dir(home.path())? {
        let newest = folder?.path().join("new");
        if newest.exists() {
            all.push(of(&newest).with_context(|| newest.display().to_string())?);
        }
    }
    if all.is_empty() {
        bail!("criterion measured nothing");
    }
    all.sort_by(|left, right| left.what.cmp(&right.what));
    Ok(all)
}

fn of(folder: &Path) -> Result<Pure> {
    let read = |name: &str| -> Result<Value> {
        Ok(serde_json::from_str(&fs::read_to_string(folder.join(name))?)?)
    };
    let (benchmark, estimates) = (read("benchmark.json")?, read("estimates.json")?);
    let number = |path: &str| {
        estimates.pointer(path).and_then(Value::as_f64).with_context(|| path.to_owned())
    };
    Ok(Pure {
        what: benchmark["full_id"].as_str().context("no name")?.to_owned(),
        median: number("/median/point_estimate")?,
        least: number("/median/confidence_interval/lower_bound")?,
        most: number("/median/confidence_interval/upper_bound")?,
    })
}
