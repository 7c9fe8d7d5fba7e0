//! `PgBouncer`'s program, if the system's is too old to keep account of prepared statements: the next
//! Debian's, with the libraries that it was built for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use session_test_servers::pgbouncer::{knows_prepared_statements, of_system};
use session_test_servers::quietly;

use crate::shell;

/// Whose package is new enough.
const RELEASE: &str = "trixie";

/// It, and what it is linked with.
const PACKAGES: [&str; 14] = [
    "pgbouncer",
    "libaudit1",
    "libc6",
    "libcap-ng0",
    "libcap2",
    "libcares2",
    "libevent-2.1-7t64",
    "liblz4-1",
    "liblzma5",
    "libpam0g",
    "libssl3t64",
    "libsystemd0",
    "libzstd1",
    "zlib1g",
];

/// Starts it with its own libraries.
const RUN: &str = r#"#!/bin/sh
usr=$(dirname "$0")/usr
lib=$(dirname "$(find "$usr/lib" -name libc.so.6 | head -n 1)")
exec "$(find "$lib" -maxdepth 1 -name 'ld-linux*' | head -n 1)" --library-path "$lib" "$usr/sbin/pgbouncer" "$@"
"#;

/// `None`, and a line that says why, if it cannot be had.
pub(crate) fn program() -> Option<PathBuf> {
    if let Some(program) = of_system().filter(|program| knows_prepared_statements(program)) {
        return Some(program);
    }
    let folder = shell::root().join("target/services").join(format!("pgbouncer-{RELEASE}"));
    if !folder.exists()
        && let Err(error) = fetch(&folder)
    {
        println!("PgBouncer: that of Debian {RELEASE} cannot be had: {error:#}");
        return None;
    }
    Some(folder.join("run"))
}

fn fetch(folder: &Path) -> Result<()> {
    let unpacked = folder.with_extension(format!("{}", std::process::id()));
    let state = unpacked.join("apt");
    for inside in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(state.join(inside))?;
    }
    let sources = state.join("sources.list");
    let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    fs::write(&sources, format!("deb [signed-by={keys}] {} {RELEASE} main\n", mirror()?))?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        for option in [
            format!("Dir::Etc::sourcelist={}", sources.display()),
            "Dir::Etc::sourceparts=-".to_owned(),
            format!("Dir::State::lists={}", state.join("lists").display()),
            "Dir::State::status=/dev/null".to_owned(),
            format!("Dir::Cache={}", state.join("cache").display()),
            // What is downloaded goes into a folder that is root's.
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        quietly(command.args(arguments).current_dir(&state))
    };
    apt(&["update"])?;
    apt(&[&["download"][..], &PACKAGES[..]].concat())?;
    for package in fs::read_dir(&state)?.flatten().map(|entry| entry.path()) {
        if package.extension().is_some_and(|extension| extension == "deb") {
            quietly(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&unpacked))?;
        }
    }
    fs::remove_dir_all(&state)?;
    let run = unpacked.join("run");
    fs::write(&run, RUN)?;
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755))?;
    ensure!(knows_prepared_statements(&run), "it does not run here");
    fs::rename(&unpacked, folder).with_context(|| folder.display().to_string())
}

/// Where this machine has its packages from.
fn mirror() -> Result<String> {
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
    targets.args(["Origin: Debian", "Label: Debian"]);
    let output = targets.output().context("`apt-get`")?;
    let text = String::from_utf8(output.stdout)?;
    text.lines().next().map(str::to_owned).context("apt knows no mirror of Debian")
}
