//! What a driver's error means for the caller: [`driver`].

use session_core::{BackendError, BackendErrorKind, SessionId};

/// Turns a driver's error into a [`BackendError`] that says what to do.
///
/// No message of SQLite's or sqlx's repeats a bound value, so the source holds no secret.
pub(crate) fn driver(error: sqlx::Error) -> BackendError {
    use BackendErrorKind::{Corrupt, Other, Unavailable};
    let (kind, context) = match &error {
        sqlx::Error::Database(cause) => of_code(code(cause.as_ref())),
        sqlx::Error::PoolTimedOut => {
            (Unavailable, "no SQLite connection was free within the acquire timeout")
        }
        sqlx::Error::PoolClosed => (Unavailable, "the SQLite backend was closed"),
        sqlx::Error::WorkerCrashed => (Unavailable, "the thread of the SQLite connection is gone"),
        sqlx::Error::Io(_) => (Unavailable, "the SQLite database cannot be read or written"),
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
            (Corrupt, "a stored session cannot be read: a column is not of its type")
        }
        _ => (Other, "the SQLite driver failed"),
    };
    BackendError::new(kind, error).with_context(context)
}

/// The primary result code of SQLite; <https://www.sqlite.org/rescode.html>.
pub(crate) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    match error {
        sqlx::Error::Database(cause) => Some(code(cause.as_ref()) & 0xff),
        _ => None,
    }
}

/// A statement does not fit the schema, or was given malformed JSON.
pub(crate) const SQLITE_ERROR: i32 = 1;
/// Another connection holds the lock.
pub(crate) const SQLITE_BUSY: i32 = 5;
/// As above, within one process.
pub(crate) const SQLITE_LOCKED: i32 = 6;
/// The file cannot be opened.
pub(crate) const SQLITE_CANTOPEN: i32 = 14;

const CONSTRAINT_PRIMARYKEY: i32 = 1555;
const CONSTRAINT_UNIQUE: i32 = 2067;
/// What a trigger raises where a token is one that ended lately.
const CONSTRAINT_TRIGGER: i32 = 1811;

/// The extended result code, which the driver hands out as text. 0 is no error, and stands for
/// "not said" here.
fn code(error: &dyn sqlx::error::DatabaseError) -> i32 {
    error.code().and_then(|code| code.parse().ok()).unwrap_or(0)
}

const fn of_code(code: i32) -> (BackendErrorKind, &'static str) {
    use BackendErrorKind::{Conflict, Corrupt, Other, Unavailable};
    match (code & 0xff, code) {
        // Every statement of this crate is a constant and fits the schema of its release.
        (SQLITE_ERROR, _) => (
            Other,
            "the session tables are missing or not those of this release: run migrate() first",
        ),
        (SQLITE_BUSY | SQLITE_LOCKED, _) => (
            Unavailable,
            "the SQLite database stayed locked by another connection for the whole busy timeout",
        ),
        // Out of memory, interrupted, input and output, the locking protocol of the WAL.
        (7 | 9 | 10 | 15, _) => (Unavailable, "the SQLite database cannot be read or written"),
        (8, _) => (
            Other,
            "the SQLite database is read-only: let this process write the file and its folder",
        ),
        (11, _) => (
            Corrupt,
            "the SQLite database is damaged: see PRAGMA integrity_check, and restore a backup",
        ),
        // Nothing was changed, but waiting alone frees no space.
        (13, _) => (Other, "the disk of the SQLite database is full: free some space"),
        (SQLITE_CANTOPEN, _) => (
            Other,
            "the SQLite database cannot be opened: see that it is a file, not a folder, and that \
             this process may write to it and to its folder",
        ),
        (19, CONSTRAINT_PRIMARYKEY | CONSTRAINT_UNIQUE | CONSTRAINT_TRIGGER) => {
            (Conflict, "the session's id or token is already in use")
        }
        (26, _) => (Other, "the file is not a SQLite database"),
        _ => (Other, "the SQLite database failed"),
    }
}

/// A session whose row makes no sense. Names the session and the column, never what is in it.
pub(crate) fn corrupt(id: Option<SessionId>, column: &str) -> BackendError {
    let context = match id {
        Some(id) => format!("the stored session {id} cannot be read: see its column {column}"),
        None => format!("a stored session cannot be read: see its column {column}"),
    };
    BackendError::from_kind(BackendErrorKind::Corrupt).with_context(context)
}

/// An error of this crate's own.
pub(crate) fn other(context: impl Into<String>) -> BackendError {
    BackendError::from_kind(BackendErrorKind::Other).with_context(context)
}
