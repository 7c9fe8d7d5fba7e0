//! Database servers for the tests of this workspace: found, started, made to fail, and stopped.
//!
//! - [`given`]: what the environment says, as `cargo xtask test` sets it, and what a test does if
//!   it says nothing.
//! - [`Programs`]: PostgreSQL's programs, if the system has them.
//! - [`PgBouncer`]: a pooler in front of a server.
//! - [`Postgres`]: a server of one's own, which can be killed, made to hang, and started again.

pub mod given;
pub mod pgbouncer;
mod postgres;
mod processes;
mod programs;
mod watcher;

pub use pgbouncer::{PgBouncer, Pooled, Pooling};
pub use postgres::{Lifetime, Postgres, stop};
pub use processes::until;
pub use programs::{Programs, quietly};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
