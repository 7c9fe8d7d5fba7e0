//! What is particular to PostgreSQL, and that the backend holds the laws.
//!
//! They need a server: `cargo xtask test` finds or starts one, and so does
//! `cargo xtask services run -- cargo test -p session-postgres`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "it/backend_laws.rs"]
mod backend_laws;
#[path = "it/cancel.rs"]
mod cancel;
#[path = "it/circles.rs"]
mod circles;
#[path = "it/deployment.rs"]
mod deployment;
#[path = "it/diagnose.rs"]
mod diagnose;
#[path = "it/ended_runtime.rs"]
mod ended_runtime;
#[path = "it/errors.rs"]
mod errors;
#[path = "it/failover.rs"]
mod failover;
#[path = "it/histories.rs"]
mod histories;
#[path = "it/migrate.rs"]
mod migrate;
#[path = "it/model.rs"]
mod model;
#[path = "it/outage.rs"]
mod outage;
#[path = "it/pgbouncer.rs"]
mod pgbouncer;
#[path = "it/pool.rs"]
mod pool;
#[path = "it/proxy.rs"]
mod proxy;
#[path = "it/races.rs"]
mod races;
#[path = "it/restart.rs"]
mod restart;
#[path = "it/states.rs"]
mod states;
#[path = "it/stranger.rs"]
mod stranger;
#[path = "it/support.rs"]
mod support;
#[path = "it/tables.rs"]
mod tables;
#[cfg(feature = "tls-rustls-ring-webpki")]
#[path = "it/tls.rs"]
mod tls;
#[path = "it/versions.rs"]
mod versions;
