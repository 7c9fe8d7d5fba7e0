//! The processes of a server, and signals to all of them.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::quietly;

/// How long to wait for what a server does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Every process that lives: its number, its parent's, and its state.
fn all() -> Result<Vec<(u32, u32, String)>> {
    let mut ps = Command::new("ps");
    let output = ps.args(["-A", "-o", "pid=,ppid=,stat="]).output().context("`ps`")?;
    let text = String::from_utf8(output.stdout).context("`ps`")?;
    let process = |line: &str| {
        let mut words = line.split_whitespace();
        let (process, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some((process, parent, words.next()?.to_owned()))
    };
    Ok(text.lines().filter_map(process).collect())
}

/// A process and its children, the parent first.
pub(crate) fn family(parent: u32) -> Result<Vec<u32>> {
    let children = all()?.into_iter().filter(|(_, of, _)| *of == parent).map(|(child, ..)| child);
    Ok(std::iter::once(parent).chain(children).collect())
}

/// Sends a signal to processes; one that is gone already is none to signal.
pub(crate) fn signal(name: &str, processes: &[u32]) -> Result<()> {
    for process in processes {
        let sent = quietly(Command::new("kill").args(["-s", name, &process.to_string()]));
        if let Err(error) = sent
            && is_alive(&all()?, *process)
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Returns when none of them does anything any more.
pub(crate) fn await_end(processes: &[u32]) -> Result<()> {
    until("the end of its processes", || {
        let living = all()?;
        Ok(!processes.iter().any(|process| is_alive(&living, *process)))
    })
}

fn is_alive(living: &[(u32, u32, String)], process: u32) -> bool {
    // What has ended, and nobody has asked how, has the state Z.
    living.iter().any(|(found, _, state)| *found == process && !state.starts_with('Z'))
}

/// Asks again and again, for as long as a server may take.
///
/// # Errors
/// If it did not come in half a minute, or asking failed.
pub fn until(what: &str, mut ask: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !ask()? {
        if begun.elapsed() > PATIENCE {
            bail!("{what} did not come in {PATIENCE:?}");
        }
        pause();
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for, and says nothing")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
