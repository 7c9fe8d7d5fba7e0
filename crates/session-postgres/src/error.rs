//! What a driver's error means for the caller: [`driver`].

use std::fmt;

use session_core::{BackendError, BackendErrorKind, SessionId};
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Turns a driver's error into a [`BackendError`] that says what to do.
///
/// The server's own details are left out: they quote rows and keys, and so the hash of a token or a
/// session's data. So is whatever the driver says of a URL.
pub(crate) fn driver(error: sqlx::Error) -> BackendError {
    use BackendErrorKind::{Conflict, Corrupt, Other, Unavailable};
    if let Some(server) = server(&error) {
        let (kind, context) = of_state(server.code());
        let mapped = match kind {
            Conflict => BackendError::from_kind(Conflict),
            _ => BackendError::new(kind, Reason::of(server)),
        };
        return mapped.with_context(context);
    }
    let (kind, context) = match &error {
        sqlx::Error::PoolTimedOut => (
            Unavailable,
            "no PostgreSQL connection was free, or could be opened, within the acquire timeout",
        ),
        sqlx::Error::PoolClosed => (Unavailable, "the PostgreSQL backend was closed"),
        // Bytes that make no sense come from an encrypted connection that is not what it should be.
        sqlx::Error::Io(reason) if reason.kind() == std::io::ErrorKind::InvalidData => (
            Other,
            "the TLS connection to PostgreSQL was refused on this side: see sslmode and sslrootcert in \
             the URL, and the certificate there",
        ),
        sqlx::Error::Io(_) => (Unavailable, "the connection to PostgreSQL failed"),
        sqlx::Error::WorkerCrashed => (Unavailable, "the PostgreSQL driver stopped"),
        sqlx::Error::Protocol(_) => (Unavailable, "PostgreSQL answered what nobody asked"),
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
            (Corrupt, "a stored session cannot be read: a column is not of its type")
        }
        sqlx::Error::Tls(_) => (
            Other,
            "PostgreSQL cannot be reached under TLS as the URL demands: see sslmode, and \
                     the features of session-postgres",
        ),
        sqlx::Error::Configuration(_) => {
            return other("the URL is none of PostgreSQL: write postgres://user@host/database");
        }
        _ => (Other, "the PostgreSQL driver failed"),
    };
    BackendError::new(kind, error).with_context(context)
}

/// What is known of a statement that ended in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It has changed nothing, and may be sent again.
    NotApplied,
    /// Its connection broke, and nobody knows whether it happened.
    Unknown,
    /// The server's answer: it has changed nothing, and would not again.
    Answered,
}

/// What an error says of its statement, and whether the connection is worth something still.
pub(crate) fn fate(error: &sqlx::Error) -> (Fate, bool) {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => {
            return (Fate::Unknown, false);
        }
        _ => {}
    }
    let Some(server) = server(error) else { return (Fate::Answered, true) };
    // The server, or a pooler, ends the connection. It says so whatever it had done.
    if matches!(server.severity(), PgSeverity::Fatal | PgSeverity::Panic) {
        return (Fate::Unknown, false);
    }
    match server.code() {
        // Taken back because of others.
        SERIALIZATION_FAILURE | DEADLOCK_DETECTED => (Fate::NotApplied, true),
        // Refused before anything was done: this connection leads to a server that is not the one to ask,
        // or somebody else has left something on it.
        READ_ONLY | NO_PREPARED_STATEMENT | DUPLICATE_PREPARED_STATEMENT | ABORTED_TRANSACTION => {
            (Fate::NotApplied, false)
        }
        state if state.starts_with("08") => (Fate::Unknown, false),
        _ => (Fate::Answered, true),
    }
}

/// Whether a server says that it takes no writes: one that was the primary, or never was.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    is_state(error, READ_ONLY)
}

/// Whether a pooler has mixed up whose prepared statement is whose.
pub(crate) fn is_of_prepared_statement(error: &sqlx::Error) -> bool {
    is_state(error, NO_PREPARED_STATEMENT) || is_state(error, DUPLICATE_PREPARED_STATEMENT)
}

/// Whether the error is the server's, under this code; <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(crate) fn is_state(error: &sqlx::Error, state: &str) -> bool {
    server(error).is_some_and(|server| server.code() == state)
}

fn server(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

pub(crate) const DUPLICATE_TABLE: &str = "42P07";
pub(crate) const DUPLICATE_FUNCTION: &str = "42723";
pub(crate) const INSUFFICIENT_PRIVILEGE: &str = "42501";
const READ_ONLY: &str = "25006";
const ABORTED_TRANSACTION: &str = "25P02";
const NO_PREPARED_STATEMENT: &str = "26000";
const DUPLICATE_PREPARED_STATEMENT: &str = "42P05";
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";

fn of_state(state: &str) -> (BackendErrorKind, &'static str) {
    use BackendErrorKind::{Conflict, Corrupt, Other, Unavailable};
    match state {
        "23505" => (Conflict, "the session's id or token is already in use"),
        "57014" => (Unavailable, "PostgreSQL gave the statement up: statement_timeout passed"),
        "55P03" => (
            Unavailable,
            "the session's rows stayed locked by another connection for the whole lock_timeout",
        ),
        SERIALIZATION_FAILURE | DEADLOCK_DETECTED => {
            (Unavailable, "too many others changed the same sessions at once")
        }
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => {
            (Unavailable, "PostgreSQL is shutting down, starting, or ended the connection")
        }
        "53300" => (
            Unavailable,
            "PostgreSQL has no connection left: raise max_connections there, or lower it here",
        ),
        "53100" => (Other, "the disk of PostgreSQL is full: free some space"),
        // Undefined table, function, column, schema.
        "42P01" | "42883" | "42703" | "3F000" => (
            Other,
            "the session tables are missing or not those of this release: run migrate() first, and \
             see that the schema (search_path) is the one it ran in",
        ),
        "28000" | "28P01" => (
            Other,
            "PostgreSQL refused the user or the password: see the URL, and pg_hba.conf there",
        ),
        "3D000" => (Other, "there is no such PostgreSQL database: create it first"),
        INSUFFICIENT_PRIVILEGE => (
            Other,
            "the PostgreSQL role may not do this: grant it the session tables, and for migrate() \
             the right to create in their schema",
        ),
        // After a failover too, until connections lead to the new primary.
        READ_ONLY => (Unavailable, "this PostgreSQL server is read-only: connect to the primary"),
        ABORTED_TRANSACTION => {
            (Other, "the pool handed out a connection inside a failed transaction")
        }
        NO_PREPARED_STATEMENT | DUPLICATE_PREPARED_STATEMENT => (
            Other,
            "another connection's prepared statements were met: is there a pooler that hands connections \
             on after each transaction? let it keep prepared statements (PgBouncer from 1.21 on, \
             max_prepared_statements), or pool by session",
        ),
        WRONG_ISOLATION => (
            Other,
            "the pool's isolation level is not READ COMMITTED: set default_transaction_isolation \
             for its connections",
        ),
        // Data and index corrupted; damaged files.
        "XX001" | "XX002" => (Corrupt, "what PostgreSQL has stored is damaged: see its log"),
        _ => match state.get(..2) {
            // Connection exceptions, lack of resources, input and output.
            Some("08" | "53" | "58") => (Unavailable, "PostgreSQL cannot serve this now"),
            _ => (Other, "PostgreSQL refused the statement"),
        },
    }
}

/// Raised by our own functions.
const WRONG_ISOLATION: &str = "WS001";

/// What the server said, without the details.
#[derive(Debug)]
struct Reason {
    message: String,
    state: String,
}

impl Reason {
    fn of(server: &PgDatabaseError) -> Self {
        Self { message: server.message().to_owned(), state: server.code().to_owned() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.state)
    }
}

impl std::error::Error for Reason {}

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

/// The server did not answer in time, as seen from here.
pub(crate) fn too_slow(context: &'static str) -> BackendError {
    BackendError::from_kind(BackendErrorKind::Unavailable).with_context(context)
}
