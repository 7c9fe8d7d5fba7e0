//! HTTP sessions in PostgreSQL: one database for as many servers as share it.
//!
//! ```no_run
//! use session_core::{SessionConfig, SessionStore};
//! use session_postgres::PostgresBackend;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = PostgresBackend::connect("postgres://app@localhost/app").await?;
//! backend.migrate().await?;
//! let store = SessionStore::new(backend.clone(), SessionConfig::default())?;
//! // … serve, then:
//! backend.close().await;
//! # drop(store);
//! # Ok(())
//! # }
//! ```
//!
//! The driver is sqlx, on tokio; the server is PostgreSQL 15 or later, the database in UTF8.
//!
//! # What is stored
//!
//! Two tables and a few functions, made by [`migrate`](PostgresBackend::migrate), beside a third table
//! that remembers the migrations. They may lie in the application's own database, in a
//! [schema](PostgresConfig::schema) of their own or not; nothing else in it is touched.
//! - `web_sessions`: a row per session. Data is `jsonb`, addresses are `inet`, times `timestamptz`.
//! - `web_session_tombstones`: a row per token that ended within the last minutes.
//!
//! Of a token there is its SHA-256 and nothing else. To look at them:
//!
//! ```sql
//! SELECT id, user_id, device_name, last_ip_address, last_active_at, data
//! FROM web_sessions WHERE expires_at > now() ORDER BY last_active_at DESC LIMIT 20;
//! ```
//!
//! # How it behaves
//!
//! - Every call is one statement. What takes several (a sign-in, a change, the end of all of a user's
//!   sessions, a purge) is a function in the database. So there is no transaction that a caller who
//!   goes away could leave open.
//! - A patch is merged by PostgreSQL, key by key, with what is stored at that moment, so parallel
//!   requests lose nothing. Numbers are exact; the ceiling counts the bytes of `data::text`.
//! - A sign-in takes an advisory lock on its user, so that the cap is exact, and then the rows, in
//!   the order of their ids. So does whatever else is about several sessions of a user. Other users
//!   do not wait.
//! - A touch writes no index: `expires_at` has none, and each page keeps room for newer versions of
//!   its rows. The purge goes by `purge_after`, takes what no other server is at, and files the
//!   renewed anew.
//! - What PostgreSQL takes back because of others (SQLSTATE 40001, 40P01) is sent again, a few times.
//! - A read whose connection turns out to be broken, as after a restart of the server, is sent again
//!   on another. A change is not: it may have happened. So a change asks a connection first that has
//!   been silent for a hundredth of a second, and nobody sees a restart that is over.
//! - What a server refuses because it is read-only has surely not happened: it is sent again on a new
//!   connection, and no other connection to that server is kept. So a failover is over when the address
//!   leads to the new primary.
//! - A connection whose caller went away in the middle is asked whether it is ready before anybody
//!   gets it; one that does not answer within a second is closed.
//!
//! Functions have a version in their names, and a later release only adds to them: servers of two
//! releases run side by side while one is replaced by the other.
//!
//! # Sizing
//!
//! A session without data takes some six hundred bytes, its indexes included; tens of millions are
//! no burden, because each call looks up a few rows by an index. [`PostgresConfig`] says how many
//! connections there are and how long a call may wait. Expired sessions are deleted by the core's
//! cleanup job or by `purge_expired`. `docs/operating.md` has the rest.
//!
//! # Errors
//!
//! Every error has a [kind](session_core::BackendErrorKind) and one sentence for the operator. None
//! repeats the URL, a hash or a session's data.
//! - `Unavailable`: nobody answers in time, the server is starting, stopping or full, rows stayed
//!   locked, no connection was free, `PgBouncer` refuses (whatever its reason is). Trying again may help.
//! - `Corrupt`: a row or a file is damaged.
//! - `Other`: the tables are missing, the role may not use them, the password is wrong, the server is
//!   a read-only replica. Somebody has to look.
//!
//! # A pool of your own
//!
//! [`PostgresBackend::from_pool`] shares the application's pool. What it must be:
//! - **At READ COMMITTED**, PostgreSQL's default. Under another level the cap would not be exact, so
//!   sign-ins, and what a user's session does to others of that user, are refused with an error that
//!   says so.
//! - **With a `statement_timeout` and a `lock_timeout`** of less than the core's `backend_timeout_ms`
//!   (5 seconds by default), for instance
//!   `options.options([("statement_timeout", "2500"), ("lock_timeout", "2000")])`. A call ends in
//!   about 4.5 seconds without them too, but the server goes on with what nobody waits for.
//! - **With the tables' schema in its `search_path`**, if they are not in `public`.
//! - **Behind a pooler only if that keeps prepared statements**: `PgBouncer` by session, or by transaction from
//!   1.21 on with `max_prepared_statements`. `docs/operating.md` says what to set there.
//!
//! It is worth having `test_before_acquire(false)`, which saves a round trip before every look-up.
//!
//! # Features
//!
//! - `tls-rustls-ring-webpki`: encrypted connections. None by default: a URL that demands one
//!   (`?sslmode=verify-full`) is then refused. `sslrootcert=FILE` names an authority of your own.
//!
//! Another provider, or the system's authorities, are features of sqlx: depend on sqlx 0.9 beside this
//! crate and switch on one of its `tls-…` features.

mod admin;
mod backend;
mod call;
mod config;
mod connect;
mod connections;
mod diagnose;
mod error;
mod migrate;
mod moment;
mod pooler;
mod row;
mod sql;
mod statement;

pub use backend::PostgresBackend;
pub use config::PostgresConfig;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
