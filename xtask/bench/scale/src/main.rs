//! What sessions cost at scale: each sub-command measures one subject on one database, prints a
//! line of JSON for each point on stdout, and tells of its progress on stderr.
//!
//! `cargo run --release --manifest-path xtask/bench/scale/Cargo.toml -- purge --database sqlite:/var/tmp/bench.db --quick`

mod fill;
mod growth;
mod load;
mod peers;
mod place;
mod purge;
mod report;
mod samples;
mod sign_in;
mod size;
mod touch;
mod watched;
mod wire;

use std::alloc::System;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::place::Place;

/// Counts what is on the heap, for the memory backend.
#[global_allocator]
static HEAP: &stats_alloc::StatsAlloc<System> = &stats_alloc::INSTRUMENTED_SYSTEM;

#[derive(Parser, Debug)]
#[command(about = "What sessions cost at scale")]
struct Arguments {
    /// What to measure.
    subject: Subject,
    /// `sqlite:PATH` (files are made beside it, and deleted), `postgres://…` (a schema is made, and
    /// dropped), or `memory:`.
    #[arg(long)]
    database: Place,
    /// About 50,000 rows instead of a million and more: minutes instead of an hour.
    #[arg(long)]
    quick: bool,
    /// How many sessions, where neither size fits.
    #[arg(long)]
    rows: Option<u64>,
    /// How often a comparison is repeated; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Subject {
    /// Point 8: purging half of the table, against one DELETE, while requests go on.
    Purge,
    /// Point 9: bytes per session, and what peers' tables take for the same.
    Size,
    /// Point 10: whether calls stay as fast when the table grows.
    Growth,
    /// Point 7: what a touch writes, and how many there are.
    Touch,
    /// Point 6: how many round trips a sign-in takes.
    SignIn,
}

impl Arguments {
    fn rows(&self) -> u64 {
        self.rows.unwrap_or(if self.quick { 50_000 } else { 1_000_000 })
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match arguments.subject {
            Subject::Purge => purge::run(&arguments).await,
            Subject::Size => size::run(&arguments).await,
            Subject::Growth => growth::run(&arguments).await,
            Subject::Touch => touch::run(&arguments).await,
            Subject::SignIn => sign_in::run(&arguments).await,
        }
    })
}
