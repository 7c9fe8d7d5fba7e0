//! The program itself, on real databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "it/arguments.rs"]
mod arguments;
#[path = "it/bad_input.rs"]
mod bad_input;
#[path = "it/doctor.rs"]
mod doctor;
#[path = "it/files.rs"]
mod files;
#[path = "it/output.rs"]
mod output;
#[path = "it/pooler.rs"]
mod pooler;
#[path = "it/roles.rs"]
mod roles;
#[path = "it/sessions.rs"]
mod sessions;
#[path = "it/support.rs"]
mod support;
#[path = "it/untouched.rs"]
mod untouched;
