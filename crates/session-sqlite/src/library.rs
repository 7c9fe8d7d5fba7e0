//! Which SQLite the program is linked to, and what that can do: [`Library`].
//!
//! sqlx takes libraries from SQLite 3.46 on, and cargo builds one of them into a program: a dependency that
//! asks for an older one decides for all.

use std::sync::{Arc, OnceLock};

use session_core::BackendError;
use sqlx::SqliteConnection;

use crate::error::{driver, other};

/// The oldest that all tests were run on.
const OLDEST: (u32, u32) = (3, 46);
/// The oldest that merges every key as the core would. Before it a path finds no key with a quote or an
/// escape in it.
const MERGES: (u32, u32) = (3, 50);

/// What is known of the library. It is one for the whole program; clones ask once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Library(Arc<OnceLock<Merging>>);

/// Where a patch is merged into what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merging {
    /// By SQLite, in the one statement that stores it.
    InSql,
    /// By the core, inside a transaction.
    InTransaction,
}

impl Library {
    /// Refuses a library that is too old.
    pub(crate) async fn check(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), BackendError> {
        let version: String = sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(connection)
            .await
            .map_err(driver)?;
        let Some(merging) = merging(&version) else {
            return Err(other(format!(
                "SQLite {version} is too old for sessions: {}.{} or later is needed. It comes with \
                 the package libsqlite3-sys: cargo update -p libsqlite3-sys, and \
                 cargo tree -i libsqlite3-sys tells who holds it back",
                OLDEST.0, OLDEST.1
            )));
        };
        // Every answer of one library is the same.
        let _ = self.0.set(merging);
        Ok(())
    }

    /// In a transaction for as long as nobody has asked: that is right with every library.
    pub(crate) fn merging(&self) -> Merging {
        self.0.get().copied().unwrap_or(Merging::InTransaction)
    }
}

/// `None` if the version is too old, or none.
fn merging(version: &str) -> Option<Merging> {
    let mut numbers = version.split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return None };
    match (major, minor) {
        version if version >= MERGES => Some(Merging::InSql),
        version if version >= OLDEST => Some(Merging::InTransaction),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_can_do() {
        for (version, expected) in [
            ("3.40.1", None),
            ("3.45.3", None),
            ("3.46.0", Some(Merging::InTransaction)),
            ("3.49.2", Some(Merging::InTransaction)),
            ("3.50.0", Some(Merging::InSql)),
            ("3.51.3", Some(Merging::InSql)),
            ("4.0.0", Some(Merging::InSql)),
            ("", None),
            ("new", None),
        ] {
            assert_eq!(merging(version), expected, "{version}");
        }
        assert_eq!(Library::default().merging(), Merging::InTransaction, "nobody has asked");
    }
}
