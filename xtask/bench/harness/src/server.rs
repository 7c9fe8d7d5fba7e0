//! An application under test as a server: started, asked for its processor time, killed; and which
//! processor each process has.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::programs::Program;

/// How long a program may take to listen, and a slow handler to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which application, and how it is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) program: Program,
    pub(crate) subject: &'a str,
    /// `SESSION_BENCH_VARIANT`.
    pub(crate) variant: &'a str,
    pub(crate) workers: u32,
}

impl<'a> Setup<'a> {
    /// As it is measured, with one worker on a core of its own.
    pub(crate) const fn new(program: Program, subject: &'a str) -> Self {
        Self { program, subject, variant: "", workers: 1 }
    }
}

/// Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) origin: String,
    pub(crate) waiting: Waiting,
    child: Child,
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
    /// Starts an application, and waits until it listens.
    pub(crate) async fn start(setup: Setup<'_>, database: &str) -> Result<Self> {
        let Setup { program, subject, variant, workers } = setup;
        let mut command = match workers {
            1 => pinned(&program.binary(), Side::Server),
            _ => Command::new(program.binary()),
        };
        let mut child = command
            .args([subject, "serve", "--database", database])
            .env("SESSION_BENCH_WORKERS", workers.to_string())
            .env("SESSION_BENCH_VARIANT", variant)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {subject}"))?;
        let output = child.stdout.take().context("no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = line.strip_prefix("listening on ") {
                    return Ok(address.to_owned());
                }
            }
            bail!("{subject} ended before it listened")
        };
        let listening = timeout(PATIENCE, listening).await;
        let address = listening.with_context(|| format!("{subject} does not listen"))??;
        let (count, waiting) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if line == "waiting" {
                    count.send_modify(|count| *count += 1);
                }
            }
        });
        Ok(Self { origin: format!("http://{address}"), waiting: Waiting(waiting), child })
    }

    pub(crate) fn processor_time(&self) -> Result<f64> {
        processor_time(self.child.id().context("it has ended")?)
    }
}

/// Which of the two sides a process is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The program under test.
    Server,
    /// The client, and the database's server.
    Client,
}

impl Side {
    /// The cores, as `taskset` wants them; `None` where there is only one.
    fn cores(self) -> Option<String> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        match (self, cores) {
            (_, 1) => None,
            (Self::Server, _) => Some("0".to_owned()),
            (Self::Client, cores) => Some(format!("1-{}", cores - 1)),
        }
    }
}

pub(crate) fn can_pin() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| Side::Server.cores().is_some() && taskset(&["-c", "0", "true"]))
}

fn taskset(arguments: &[&str]) -> bool {
    let mut command = std::process::Command::new("taskset");
    let silent = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}

pub(crate) fn pinned(program: &Path, side: Side) -> Command {
    match side.cores().filter(|_| can_pin()) {
        Some(cores) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &cores]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Moves a process that runs already, and what it starts from now on.
pub(crate) fn pin(process: u32, side: Side) {
    if let Some(cores) = side.cores().filter(|_| can_pin()) {
        taskset(&["-cp", &cores, &process.to_string()]);
    }
}

/// Seconds that all threads of a process have run. Nanoseconds exactly where the kernel counts them
/// for each thread, hundredths of a second elsewhere.
pub(crate) fn processor_time(process: u32) -> Result<f64> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).context("a process that is gone")?;
    let mut nanoseconds = 0;
    for task in tasks.flatten() {
        let Ok(stat) = fs::read_to_string(task.path().join("schedstat")) else {
            return ticks(process);
        };
        let first = stat.split(' ').next().and_then(|first| first.parse::<u64>().ok());
        nanoseconds += first.context("schedstat has no number")?;
    }
    Ok(nanoseconds as f64 / 1e9)
}

/// utime and stime of /proc/PID/stat, in ticks of which Linux tells programs a hundred a second.
fn ticks(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may hold spaces; behind its parenthesis the fields begin with the third.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let times = fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or_default());
    Ok(times.sum::<u64>() as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_run() {
        let process = std::process::id();
        let before = processor_time(process).unwrap();
        let mut sum = 0_u64;
        while processor_time(process).unwrap() < before + 0.02 {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(ticks(process).unwrap() > 0.0);
    }
}
