//! A program under test as a server: started on its core, asked for its processor time, killed.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::load::Loaded;
use crate::programs::Program;

/// A server that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    pub(crate) port: u16,
}

impl Served {
    pub(crate) fn start(program: &Program, database: &str, connections: u32) -> Result<Self> {
        let mut command = pinned(&program.binary(), Side::Server);
        command.args(["serve", "--connections", &connections.to_string(), "--database", database]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("the program under test")?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        let mut served = Self { child, port: 0 };
        match port {
            Some(port) => served.port = port,
            None => bail!("{} does not listen: it says {line:?}", program.package),
        }
        Ok(served)
    }

    pub(crate) fn processor_time(&self) -> Result<f64> {
        processor_time(self.child.id())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a client did, and what the server and the database's processes spent meanwhile, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) loaded: Loaded,
    pub(crate) server: f64,
    pub(crate) database: f64,
}

/// Loads a server once; `database` says what the database's processes have spent so far.
pub(crate) fn load(
    served: &Served,
    request: &str,
    connections: u32,
    milliseconds: u64,
    mut database: impl FnMut() -> Result<f64>,
) -> Result<Spent> {
    // This very program, also where another build has taken its place meanwhile.
    let harness = format!("/proc/{}/exe", std::process::id());
    let mut client = pinned(Path::new(&harness), Side::Client)
        .args(["load", "--request", request, "--warm-up-ms", "150"])
        .args(["--port", &served.port.to_string()])
        .args(["--connections", &connections.to_string()])
        .args(["--measure-ms", &milliseconds.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the client")?;
    let mut lines = BufReader::new(client.stdout.take().context("no output")?).lines();
    let mut next = || lines.next().transpose().map(Option::unwrap_or_default);
    if next()? != "ready" {
        client.wait()?;
        bail!("the client was never ready");
    }
    let before = (served.processor_time()?, database()?);
    writeln!(client.stdin.take().context("no input")?, "go")?;
    let said = next()?;
    let after = (served.processor_time()?, database()?);
    client.wait()?;
    let loaded = serde_json::from_str(&said).context("the client stopped in the middle")?;
    Ok(Spent { loaded, server: after.0 - before.0, database: after.1 - before.1 })
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
    *CAN.get_or_init(|| {
        let mut trial = Command::new("taskset");
        Side::Server.cores().is_some() && ends_well(trial.args(["-c", "0", "true"]))
    })
}

fn ends_well(command: &mut Command) -> bool {
    let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}

fn pinned(program: &Path, side: Side) -> Command {
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
        let _ = ends_well(Command::new("taskset").args(["-cp", &cores, &process.to_string()]));
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
