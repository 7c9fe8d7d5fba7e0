//! What both frameworks' `run` share: the runtime that a command gets.

use std::error::Error;

use clap::Parser;

use crate::Command;

/// Whatever went wrong.
pub type Failure = Box<dyn Error>;

/// Reads the command line, and the runtime for it: one worker for `serve` unless
/// `SESSION_BENCH_WORKERS` says more, and this very thread for `count`.
pub(crate) fn command() -> Result<(Command, tokio::runtime::Runtime), Failure> {
    let command = Command::parse();
    let mut builder = match command {
        Command::Serve { .. } => tokio::runtime::Builder::new_multi_thread(),
        Command::Count { .. } => tokio::runtime::Builder::new_current_thread(),
    };
    if let Command::Serve { .. } = command {
        let workers = std::env::var("SESSION_BENCH_WORKERS");
        builder.worker_threads(workers.map_or(Ok(1), |workers| workers.parse())?);
    }
    let runtime = builder.enable_all().build()?;
    Ok((command, runtime))
}
