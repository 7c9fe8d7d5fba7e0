//! HTTP sessions in SQLite: one file, no server. The backend for one machine, and for as many
//! processes on it as share the file.
//!
//! ```
//! use session_core::{SessionConfig, SessionStore};
//! use session_sqlite::SqliteBackend;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! let backend = SqliteBackend::connect("sqlite:sessions.db").await?;
//! backend.migrate().await?;
//! let store = SessionStore::new(backend.clone(), SessionConfig::default())?;
//! // … serve, then:
//! backend.close().await;
//! # drop(store);
//! # Ok(())
//! # }
//! ```
//!
//! The driver is sqlx with SQLite built in, on tokio.
//!
//! # What is stored
//!
//! Two tables, made by [`migrate`](SqliteBackend::migrate), beside a third that remembers the
//! migrations. They may lie in the application's own database; nothing else in it is touched.
//! - `web_sessions`: a row per session. Data is JSON, ids and addresses are text, times are
//!   microseconds since 1970.
//! - `web_session_tombstones`: a row per token that ended within the last minutes. Of a session that a
//!   sign-in replaced it keeps the data too, until the row is purged.
//!
//! Of a token there is its SHA-256 and nothing else. To look at them:
//!
//! ```sql
//! SELECT id, user_id, device_name, datetime(last_active_at / 1000000, 'unixepoch')
//! FROM web_sessions WHERE expires_at > unixepoch() * 1000000;
//! ```
//!
//! Beside the file `sessions.db` lie `sessions.db-wal` and `sessions.db-shm` while it is in use. A
//! copy of the first alone is no backup: use `VACUUM INTO` or the `.backup` command of `sqlite3`.
//! Put the file on a local disk; a network file system cannot hold a WAL. `connect` makes the three for
//! their owner alone (mode 0600). Nothing in the process may open the file but SQLite: to close it again
//! would drop SQLite's locks.
//!
//! # How it behaves
//!
//! - Reading is one prepared statement on a connection for readers. Readers wait neither for
//!   writers nor for each other.
//! - A patch, a touch, or both at once are one statement. SQLite merges the data key by key, so
//!   parallel requests lose nothing. The first request that sends a new token is a transaction, which
//!   marks what came before that token; and so is every patch [before SQLite 3.50](#versions).
//! - A sign-in, a new token and a sign-out are one `BEGIN IMMEDIATE` transaction each, on a task of
//!   its own: a caller that goes away in the middle changes nothing about it.
//! - A call whose future is dropped while it waits, for its turn or for the lock of another process,
//!   changes nothing later: it may have been answered 503. One that has the lock is done wholly. On a
//!   [pool of your own](#a-pool-of-your-own) that does not go for what is one statement (data, a touch,
//!   a visitor's session): if the driver has sent it, it is done when it gets the lock.
//! - SQLite has one writer at a time. So has this backend: its writes queue for one connection
//!   instead of failing with "database is locked". Other processes are waited for up to the
//!   [busy timeout](SqliteConfig::busy_timeout).
//! - `synchronous` is `NORMAL`: a crash of the process loses nothing, a loss of power may take back
//!   the last moments. A sign-out that was taken back this way is the price; an application that
//!   cannot pay it brings a pool with `synchronous = FULL`.
//!
//! # Sizing
//!
//! A session without data takes about half a kilobyte, its indexes included. A write costs about a
//! tenth of a millisecond, so one file carries thousands a second, and most requests only
//! read; `docs/operating.md` has the figures and what made them.
//! [`SqliteConfig`] says how many connections read and how long a call may wait. Expired sessions
//! are deleted by the core's cleanup job or by `purge_expired`; the file keeps the space for later.
//! What has more than one machine wants `session-postgres`.
//!
//! # Errors
//!
//! Every error has a [kind](session_core::BackendErrorKind) and one sentence for the operator:
//! - `Unavailable`: locked for longer than the busy timeout, no connection free in time, closed, or
//!   the disk does not answer. Trying again may help.
//! - `Corrupt`: the file or a row is damaged.
//! - `Other`: the tables are missing, or the file is read-only, on a full disk, or no database.
//!   Nothing was changed, and somebody has to look.
//!
//! # Versions
//!
//! | sqlx | `libsqlite3-sys` | SQLite | Data is merged |
//! | --- | --- | --- | --- |
//! | 0.9 | 0.37 | 3.51 | by SQLite, in one statement, as from 3.50 on |
//! | 0.9, with 0.8 beside it | 0.30.1 | 3.46 | by the core, in a transaction of some statements |
//!
//! Cargo builds one `libsqlite3-sys` into a program, so the crate that asks for the oldest decides for
//! all: `cargo update -p libsqlite3-sys` takes the newest that all allow, and
//! `cargo tree -i libsqlite3-sys` tells who holds it back. SQLite before 3.46 is refused by `connect` and
//! by `migrate`.
//!
//! # A pool of your own
//!
//! [`SqliteBackend::from_pool`] shares the application's pool. What it must be:
//! - **In WAL mode**, or readers and writers lock each other out:
//!   `.journal_mode(SqliteJournalMode::Wal)`.
//! - **With a busy timeout** of more than a moment and of less than the core's
//!   `backend_timeout_ms`: sqlx's 5 seconds are too long by a hair. The same goes for the pool's
//!   `acquire_timeout`, of 30 seconds.
//! - **Looked at by [`migrate`](SqliteBackend::migrate)** at the start of each process, which asks for
//!   SQLite's version: a backend that was not asked merges data in transactions, as on an
//!   [older library](#versions).
//! - **One connection only** if the database is in memory, with `idle_timeout` and
//!   `max_lifetime` off: the database ends with its connection.
//!
//! It is worth having `synchronous(SqliteSynchronous::Normal)` and `test_before_acquire(false)`.
//! All writes of the application and of the sessions wait for each other; a transaction of the
//! application that stays open keeps every session from being written.

mod admin;
mod backend;
mod config;
mod connect;
mod connections;
mod create;
mod diagnose;
mod end;
mod error;
mod library;
mod location;
mod log;
mod migrate;
mod patch;
mod row;
mod sign_in;
mod sql;
mod transaction;
mod update;
mod wal;

pub use backend::SqliteBackend;
pub use config::SqliteConfig;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
