//! `cargo xtask rust`: the workspace builds with the lowest Rust that its manifests promise.

use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;
use crate::workspace;

pub(crate) fn run() -> Result<()> {
    let crates = workspace::crates()?;
    let lowest = crates
        .iter()
        .filter(|member| member.published)
        .find_map(|member| member.rust_version.clone())
        .context("no published crate has a `rust-version`")?;
    let compiler = shell::stdout_of(shell::cargo(["--version"]).current_dir(shell::root()))?;
    if is_of(&compiler, &lowest) {
        println!(
            "{} is the lowest that is promised, {lowest}: every build is the check",
            compiler.trim()
        );
        return Ok(());
    }
    let toolchain = series(&lowest);
    let mut check = Command::new("rustup");
    check
        .args(["run", "--install", toolchain, "cargo", "check", "--workspace", "--all-features"])
        .current_dir(shell::root())
        .env("CARGO_TARGET_DIR", shell::root().join("target/lowest-rust"))
        // Set by the cargo that runs this: another one's compiler is another.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO");
    shell::succeed(&mut check)
}

/// Whether `cargo 1.95.2 (…)` is of the series of `1.95.0`: the later releases of a series only mend.
fn is_of(compiler: &str, version: &str) -> bool {
    compiler.split_whitespace().nth(1).is_some_and(|found| series(found) == series(version))
}

/// `1.95` of `1.95.2`.
fn series(version: &str) -> &str {
    let end = version.match_indices('.').nth(1).map_or(version.len(), |(at, _)| at);
    version.get(..end).unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_told_from_another() {
        for (compiler, version, expected) in [
            ("cargo 1.95.2 (f2d3ce0bd 2026-03-21)", "1.95.0", true),
            ("cargo 1.95.0", "1.95", true),
            ("cargo 1.96.0 (a)", "1.95.0", false),
            ("cargo 1.9.5", "1.95.0", false),
            ("", "1.95.0", false),
        ] {
            assert_eq!(is_of(compiler, version), expected, "{compiler:?} {version}");
        }
    }
}
