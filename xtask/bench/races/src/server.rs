//! A program under test, listening.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a program may take to listen, and a slow handler to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) origin: String,
    pub(crate) waiting: Waiting,
    _child: Child,
}

/// How many of its slow handlers have read their session and begun to wait, as the program says.
#[derive(Debug, Clone)]
pub(crate) struct Waiting(watch::Receiver<u64>);

impl Waiting {
    pub(crate) fn count(&self) -> u64 {
        *self.0.borrow()
    }

    /// Until there was one more than `before`.
    pub(crate) async fn more_than(&mut self, before: u64) -> Result<()> {
        let more = self.0.wait_for(|count| *count > before);
        let _ = timeout(PATIENCE, more).await.context("no slow handler began to wait")??;
        Ok(())
    }
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
        let address = timeout(PATIENCE, listening)
            .await
            .with_context(|| format!("{} does not listen", program.display()))??;
        let (count, waiting) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if line == "waiting" {
                    count.send_modify(|count| *count += 1);
                }
            }
        });
        Ok(Self { origin: format!("http://{address}"), waiting: Waiting(waiting), _child: child })
    }
}
