//! A program under test, listening.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) origin: String,
    _child: Child,
}

impl Server {
    /// Starts a program with four workers, and waits until it listens.
    pub(crate) async fn start(program: &Path, database: &str, variant: &str) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["serve", "--database", database])
            .env("SESSION_BENCH_WORKERS", "4")
            .env("SESSION_BENCH_VARIANT", variant)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let output = child.stdout.take().context("no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = line.strip_prefix("listening on ") {
                    return Ok(address.to_owned());
                }
            }
            anyhow::bail!("{} ended before it listened", program.display())
        };
        let address = tokio::time::timeout(Duration::from_secs(30), listening)
            .await
            .with_context(|| format!("{} does not listen", program.display()))??;
        Ok(Self { origin: format!("http://{address}"), _child: child })
    }
}
