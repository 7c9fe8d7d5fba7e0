//! Tests of the core from outside: what an application can do with it, and what the compiler says
//! to what it cannot. What adapters and backends must do is in `session-conformance`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[cfg(feature = "cleanup-job")]
#[path = "it/cleanup.rs"]
mod cleanup;
#[path = "it/compile.rs"]
mod compile;
#[path = "it/config.rs"]
mod config;
#[path = "it/config_docs.rs"]
mod config_docs;
#[cfg(feature = "tokio")]
#[path = "it/flash.rs"]
mod flash;
#[cfg(feature = "tokio")]
#[path = "it/handle.rs"]
mod handle;
#[cfg(feature = "tokio")]
#[path = "it/impersonation.rs"]
mod impersonation;
#[path = "it/memory.rs"]
mod memory;
#[cfg(all(feature = "metrics", feature = "tokio"))]
#[path = "it/metrics.rs"]
mod metrics;
#[cfg(feature = "tokio")]
#[path = "it/signing.rs"]
mod signing;
#[cfg(feature = "tokio")]
#[path = "it/stranger.rs"]
mod stranger;
#[cfg(feature = "tokio")]
#[path = "it/support.rs"]
mod support;
#[cfg(feature = "tokio")]
#[path = "it/visitors.rs"]
mod visitors;
#[cfg(feature = "tokio")]
#[path = "it/wrong_type.rs"]
mod wrong_type;
