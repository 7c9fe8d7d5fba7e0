//! `cargo xtask semver`: whether the public interfaces still are what a release promised.

use anyhow::{Result, bail};

use crate::shell;
use crate::workspace;

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Arguments {
    /// The release to compare with, as git names it: by default its newest tag that begins with `v`.
    #[arg(long)]
    since: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let since = match &arguments.since {
        Some(since) => since.clone(),
        None => newest_release()?,
    };
    if !shell::has_cargo_command("semver-checks") {
        bail!("cargo-semver-checks is not installed: cargo install cargo-semver-checks --locked");
    }
    let mut check = shell::cargo(["semver-checks", "--all-features", "--baseline-rev", &since]);
    for member in workspace::crates()?.iter().filter(|member| member.published) {
        check.args(["--package", &member.name]);
    }
    shell::succeed(&mut check)
}

fn newest_release() -> Result<String> {
    let mut tags = std::process::Command::new("git");
    tags.args(["tag", "--list", "v*", "--sort=-version:refname"]).current_dir(shell::root());
    match shell::stdout_of(&mut tags)?.lines().next() {
        Some(tag) => Ok(tag.to_owned()),
        None => bail!("nothing is released yet: name a revision with `--since`"),
    }
}
