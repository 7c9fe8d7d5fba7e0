//! The programs under test: which applications they hold, and how they are built.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A binary with several applications in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// Ours, by hand, and the libraries on sqlx 0.9.
    Current,
    /// The libraries on sqlx 0.8: both versions want SQLite's native library to themselves.
    OldDrivers,
}

impl Program {
    const fn folder(self) -> &'static str {
        match self {
            Self::Current => "programs",
            Self::OldDrivers => "old-drivers",
        }
    }

    pub(crate) fn binary(self) -> PathBuf {
        bench().join("target/release").join(format!("bench-{}", self.folder()))
    }

    /// `cargo build --release --locked` into the benchmarks' one target folder.
    pub(crate) fn build(self, options: &[&str]) -> Result<()> {
        let name = self.folder();
        println!("building {name}");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--release", "--locked", "--quiet"])
            .args(options)
            .current_dir(bench().join(name))
            .env("CARGO_TARGET_DIR", bench().join("target"))
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("RUSTFLAGS")
            .status()
            .context("cargo")?;
        ensure!(status.success(), "xtask/bench/{name} does not build ({status})");
        Ok(())
    }

    /// The version of a package in the lock file that it is built from.
    pub(crate) fn version_of(self, package: &str) -> Option<String> {
        let folder = match self {
            Self::Current => bench(),
            Self::OldDrivers => bench().join(self.folder()),
        };
        let lock = std::fs::read_to_string(folder.join("Cargo.lock")).ok()?;
        let rest = lock.split(&format!("name = \"{package}\"\nversion = \"")).nth(1)?;
        rest.split('"').next().map(str::to_owned)
    }
}

/// The folder `xtask/bench`.
pub(crate) fn bench() -> PathBuf {
    // At run time first: a folder that was moved after the build still finds itself.
    let harness = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    harness.parent().map_or(harness.clone(), Path::to_path_buf)
}

/// The folder of the whole repository.
pub(crate) fn root() -> PathBuf {
    let bench = bench();
    bench.ancestors().nth(2).map_or(bench.clone(), Path::to_path_buf)
}
