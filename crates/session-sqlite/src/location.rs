//! Where a database lies: [`Location`].

use std::path::{Path, PathBuf};
use std::str::FromStr;

use session_core::BackendError;
use sqlx::sqlite::SqliteConnectOptions;

use crate::error::{driver, other};

/// What a URL names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A database that lives as long as its one connection.
    Memory,
    /// A file.
    File(PathBuf),
}

impl Location {
    pub(crate) fn parse(url: &str) -> Result<Self, BackendError> {
        let Some(rest) = url.strip_prefix("sqlite:") else {
            return Self::path(Path::new(url));
        };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter {
                "mode=memory" => return Ok(Self::Memory),
                // What `connect` does anyway.
                "mode=rwc" => {}
                // Its name only: a value might be a secret.
                _ => {
                    let name = parameter.split('=').next().unwrap_or_default();
                    return Err(other(format!(
                        "the URL's parameter {name:?} is not for sessions: use SqliteConfig, or \
                         SqliteBackend::from_pool with a pool of your own"
                    )));
                }
            }
        }
        // The driver reads the path as its own URLs do.
        let options = SqliteConnectOptions::from_str(&format!("sqlite:{path}")).map_err(driver)?;
        if path == ":memory:" { Ok(Self::Memory) } else { Self::path(options.get_filename()) }
    }

    fn path(path: &Path) -> Result<Self, BackendError> {
        match path.to_str() {
            Some(":memory:") => Ok(Self::Memory),
            // SQLite would open another temporary database for each connection.
            Some("") => Err(other("the URL names no file: write sqlite:path/to/sessions.db")),
            Some(text) if text.starts_with("file:") => {
                Err(other("write sqlite:path/to/sessions.db instead of a file: URI"))
            }
            _ => Ok(Self::File(path.to_owned())),
        }
    }

    /// Makes the file, empty and for its owner alone, if there is none. SQLite would leave it to the
    /// umask, and gives its log the mode that the file has.
    ///
    /// It is made under another name, closed, and put in its place only if nobody else made one
    /// meanwhile: under its own name SQLite could have locks on it already when it is closed, see
    /// [`check`](Self::check). If it cannot be made, SQLite says why.
    #[cfg(unix)]
    pub(crate) fn make(&self) {
        let Self::File(path) = self else { return };
        let mut path = path.clone();
        // `Ok(false)` says that there is nothing, even behind a link; SQLite makes what that leads to.
        while matches!(path.try_exists(), Ok(false)) {
            if let Ok(target) = std::fs::read_link(&path) {
                path = folder(&path).join(target);
                continue;
            }
            if let Ok(made) = tempfile::NamedTempFile::new_in(folder(&path)) {
                let _ = made.into_temp_path().persist_noclobber(path);
            }
            return;
        }
    }

    /// Elsewhere a file has the rights of its folder.
    #[cfg(not(unix))]
    pub(crate) fn make(&self) {}

    /// Says what SQLite would only call "unable to open database file".
    ///
    /// It asks for what the folder knows and opens nothing: with any descriptor of the database that
    /// this process closes, the kernel drops all locks that SQLite has on it here, and another process
    /// may then take the log away under the sessions in it;
    /// <https://www.sqlite.org/howtocorrupt.html#posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>.
    pub(crate) fn check(&self) -> Result<(), BackendError> {
        let Self::File(path) = self else { return Ok(()) };
        match std::fs::metadata(path) {
            Ok(file) if file.is_dir() => {
                Err(other(format!("{} is a folder, not a SQLite database", path.display())))
            }
            Ok(_) => Ok(()),
            Err(_) => match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
                    Err(other(format!(
                        "the folder {} of the SQLite database does not exist: create it first",
                        folder.display()
                    )))
                }
                _ => Ok(()),
            },
        }
    }
}

impl Location {
    /// That there is a file, whatever is in it.
    pub(crate) fn check_exists(&self) -> Result<(), BackendError> {
        match self {
            Self::File(path) if !path.exists() => {
                Err(other(format!("there is no SQLite database {}", path.display())))
            }
            _ => Ok(()),
        }
    }
}

/// Where a file is, whatever becomes of the folder that this process is in and of the links on the way. What is
/// not there is SQLite's to make or to refuse.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    // Elsewhere the answer is of a form that other programs do not read.
    let found = if cfg!(unix) { std::fs::canonicalize(path) } else { std::path::absolute(path) };
    found.or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// The folder that a file is in.
#[cfg(unix)]
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let file = |path: &str| Some(Location::File(path.into()));
        for (url, expected) in [
            ("sqlite:sessions.db", file("sessions.db")),
            ("sqlite://sessions.db", file("sessions.db")),
            ("sqlite:///var/lib/sessions.db", file("/var/lib/sessions.db")),
            ("sqlite:sessions.db?mode=rwc", file("sessions.db")),
            ("sqlite:a%20b%3F.db", file("a b?.db")),
            ("var/50%20off?.db", file("var/50%20off?.db")),
            ("sqlite::memory:", Some(Location::Memory)),
            ("sqlite://:memory:", Some(Location::Memory)),
            (":memory:", Some(Location::Memory)),
            ("sqlite:x?mode=memory", Some(Location::Memory)),
            ("", None),
            ("sqlite:", None),
            ("sqlite://", None),
            ("sqlite:x?mode=ro", None),
            ("sqlite:x?key=hunter2", None),
            ("file:x.db", None),
            ("sqlite:file:x.db?mode=rwc", None),
        ] {
            match (Location::parse(url), expected) {
                (Ok(location), Some(expected)) => assert_eq!(location, expected, "{url}"),
                (Err(error), None) => assert!(!error.to_string().contains("hunter2"), "{error}"),
                (outcome, _) => panic!("{url}: {outcome:?}"),
            }
        }
    }
}
