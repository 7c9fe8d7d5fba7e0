//! What is particular to SQLite, and that the backend holds the laws.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "it/backend_laws.rs"]
mod backend_laws;
#[path = "it/behaviour.rs"]
mod behaviour;
#[path = "it/cancel.rs"]
mod cancel;
#[path = "it/diagnose.rs"]
mod diagnose;
#[path = "it/disk.rs"]
mod disk;
#[path = "it/errors.rs"]
mod errors;
#[path = "it/given_up.rs"]
mod given_up;
#[path = "it/histories.rs"]
mod histories;
#[path = "it/log.rs"]
mod log;
#[path = "it/log_wait.rs"]
mod log_wait;
#[path = "it/migrate.rs"]
mod migrate;
#[path = "it/model.rs"]
mod model;
#[path = "it/patch.rs"]
mod patch;
#[path = "it/processes.rs"]
mod processes;
#[path = "it/restart.rs"]
mod restart;
#[path = "it/rights.rs"]
mod rights;
#[path = "it/support.rs"]
mod support;
#[path = "it/tokens.rs"]
mod tokens;
#[path = "it/writers.rs"]
mod writers;
