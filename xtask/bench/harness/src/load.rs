//! The client that loads a server: [wrk](https://github.com/wg/wrk), on another core than the server's.
//!
//! Each connection has a thread of its own, and so its own cookie and its own requests, which a few
//! lines of Lua say.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::browser::AGENT;
use crate::server::{Side, pinned};

/// What to do where it is missing.
const HELP: &str = "wrk is not installed: `apt-get install wrk` (Debian, Ubuntu)";

/// What is sent.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    pub(crate) method: &'a str,
    /// What follows the origin, as an expression of Lua in which `nth` is the number of the request in
    /// its thread.
    pub(crate) path: &'a str,
    /// A Cookie header for each session; where there is none, requests come without.
    pub(crate) cookies: &'a [String],
    pub(crate) connections: usize,
    pub(crate) time: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Loaded {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
}

/// Such as `wrk 4.1.0`.
pub(crate) async fn version() -> Result<String> {
    let said = Command::new("wrk").arg("-v").output().await.context(HELP)?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let number = said.split_whitespace().nth(1).unwrap_or_default();
    Ok(format!("wrk {}", number.trim_start_matches("debian/").split('-').next().unwrap_or(number)))
}

/// Loads a server once. An answer that is no success is an error.
pub(crate) async fn run(origin: &str, load: &Load<'_>) -> Result<Loaded> {
    let script = tempfile::Builder::new().suffix(".lua").tempfile()?;
    std::fs::write(script.path(), lua(load))?;
    let threads = load.connections.to_string();
    let said = pinned("wrk".as_ref(), Side::Client)
        .args(["-t", &threads, "-c", &threads, "-d", &format!("{}s", load.time.as_secs().max(1))])
        .arg("-s")
        .arg(script.path())
        .arg(origin)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context(HELP)?;
    ensure!(said.status.success(), "wrk: {}", String::from_utf8_lossy(&said.stderr).trim());
    read(&String::from_utf8_lossy(&said.stdout))
}

/// Users and values are others in each thread and each round.
fn lua(Load { method, path, cookies, .. }: &Load<'_>) -> String {
    let cookies = cookies.iter().map(|cookie| format!("{cookie:?}")).collect::<Vec<_>>().join(", ");
    format!(
        "local cookies, threads = {{ {cookies} }}, 0\n\
         function setup(thread)\n\
           threads = threads + 1\n\
           thread:set('number', threads)\n\
           thread:set('cookie', cookies[threads])\n\
         end\n\
         function init()\n\
           nth, round = 0, os.time()\n\
           math.randomseed(round * 64 + number)\n\
           headers = {{ ['user-agent'] = {AGENT:?}, ['accept'] = '*/*', ['cookie'] = cookie }}\n\
         end\n\
         function request()\n\
           nth = nth + 1\n\
           return wrk.format({method:?}, {path}, headers)\n\
         end\n\
         function done(summary)\n\
           local e = summary.errors\n\
           local broken = e.connect + e.read + e.write + e.timeout\n\
           io.write(string.format('\\nloaded %d %d %d %d\\n', summary.requests, summary.duration, broken, e.status))\n\
         end\n"
    )
}

/// Requests, microseconds, connections that broke, and answers that were no success.
fn read(said: &str) -> Result<Loaded> {
    let line = said.lines().find_map(|line| line.strip_prefix("loaded "));
    let numbers = line.context("wrk said nothing that is known")?.split(' ').map(str::parse);
    let numbers: Vec<u64> = numbers.collect::<Result<_, _>>()?;
    let [requests, micros, broken, refused] = numbers[..] else {
        anyhow::bail!("wrk said {numbers:?}");
    };
    ensure!(refused == 0, "{refused} of {requests} answers were no success");
    ensure!(broken == 0, "{broken} connections broke");
    ensure!(requests > 0, "nothing was answered");
    Ok(Loaded { requests, per_second: requests as f64 * 1e6 / micros as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_successes_are_counted() {
        let good = read("Requests/sec: 12\n\nloaded 25 2000000 0 0\n").unwrap();
        assert_eq!(good, Loaded { requests: 25, per_second: 12.5 });
        for said in ["loaded 25 1 0 1", "loaded 25 1 1 0", "loaded 0 1 0 0", "loaded 1", ""] {
            assert!(read(said).is_err(), "{said}");
        }
    }
}
