//! What the library costs before the first request: the time of a cold build, and the size of the
//! binary, of one small application on axum and SQLite with each library.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::programs::bench;

/// The applications, in folders under `weigh/`. The first is this project's.
pub(crate) const APPLICATIONS: [&str; 2] = ["ours", "tower-sessions"];

/// One cold build.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Weight {
    pub(crate) application: String,
    /// `release` or `dev`.
    pub(crate) profile: String,
    pub(crate) seconds: f64,
    pub(crate) bytes: u64,
    /// Packages in the lock file, the application itself among them.
    pub(crate) packages: usize,
}

/// Builds all of them, nothing of one kept for another.
pub(crate) fn all() -> Result<Vec<Weight>> {
    let mut weights = Vec::new();
    for profile in ["release", "dev"] {
        for application in APPLICATIONS {
            println!("  {application}, {profile}");
            weights.push(build(application, profile).context(application)?);
        }
    }
    Ok(weights)
}

fn build(application: &str, profile: &str) -> Result<Weight> {
    let folder = bench().join("weigh").join(application);
    // What has to be downloaded is not a part of the build.
    cargo(&folder, &["fetch", "--locked"], None)?;
    let target = tempfile::tempdir_in(bench().join("target"))?;
    let arguments = ["build", "--locked", "--offline", "--jobs", "2", "--profile", profile];
    let begun = Instant::now();
    cargo(&folder, &arguments, Some(target.path()))?;
    let seconds = begun.elapsed().as_secs_f64();
    let sub = if profile == "dev" { "debug" } else { profile };
    let binary = target.path().join(sub).join(format!("weigh-{application}"));
    let bytes = fs::metadata(&binary).context("the binary")?.len();
    let lock = fs::read_to_string(folder.join("Cargo.lock"))?;
    let packages = lock.matches("[[package]]").count();
    Ok(Weight {
        application: application.to_owned(),
        profile: profile.to_owned(),
        seconds,
        bytes,
        packages,
    })
}

fn cargo(folder: &Path, arguments: &[&str], target: Option<&Path>) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(folder).stderr(Stdio::null());
    command.env("CARGO_INCREMENTAL", "0").env_remove("RUSTFLAGS");
    for set in ["CARGO_PROFILE_DEV_DEBUG", "CARGO_BUILD_JOBS", "CARGO_TARGET_DIR"] {
        command.env_remove(set);
    }
    if let Some(target) = target {
        command.env("CARGO_TARGET_DIR", target);
    }
    let status = command.status().context("cargo")?;
    if !status.success() {
        bail!("cargo {}: {status}", arguments.join(" "));
    }
    Ok(())
}
