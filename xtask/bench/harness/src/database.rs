//! Databases for runs: an empty one for each, gone with it; and what the server's processes spend.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use postgres::{Client, NoTls};
use tempfile::TempDir;

use crate::programs::Store;
use crate::redis::{self, Redis};
use crate::serve::{self, Side};

/// Where databases are made.
pub(crate) struct Databases {
    folder: TempDir,
    postgres: Option<Server>,
    redis: Option<Redis>,
    made: AtomicU32,
}

/// A PostgreSQL server.
struct Server {
    url: String,
    process: u32,
    version: String,
}

impl Databases {
    /// The servers that the environment names.
    pub(crate) fn find() -> Result<Self> {
        let named = |name| std::env::var(name).ok().filter(|url: &String| !url.is_empty());
        let postgres = named("SESSION_TEST_POSTGRES_URL").map(Server::find).transpose()?;
        let redis = Redis::find()?;
        Ok(Self { folder: tempfile::tempdir()?, postgres, redis, made: AtomicU32::new(0) })
    }

    pub(crate) fn has(&self, store: Store) -> bool {
        match store {
            Store::Memory | Store::Sqlite | Store::MokaSqlite => true,
            Store::Postgres | Store::MokaPostgres => self.postgres.is_some(),
            Store::Redis => self.redis.is_some(),
        }
    }

    /// The URL of a database that nobody has used.
    pub(crate) fn fresh(&self, store: Store) -> Result<String> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let file = || format!("sqlite:{}/{number}.db", self.folder.path().display());
        Ok(match store {
            Store::Memory => "memory:".to_owned(),
            Store::Sqlite => file(),
            Store::MokaSqlite => format!("moka+{}", file()),
            Store::Postgres => self.server()?.make(number)?,
            Store::MokaPostgres => format!("moka+{}", self.server()?.make(number)?),
            Store::Redis => self.redis.as_ref().context(redis::HELP)?.url.clone(),
        })
    }

    fn server(&self) -> Result<&Server> {
        self.postgres.as_ref().context("there is no PostgreSQL server")
    }

    /// Such as `PostgreSQL 15.18`.
    pub(crate) fn postgres_version(&self) -> Option<&str> {
        self.postgres.as_ref().map(|server| server.version.as_str())
    }

    /// Where the server listens.
    pub(crate) fn postgres_address(&self) -> Result<String> {
        let url = &self.server()?.url;
        let config: postgres::Config = url.parse()?;
        let host = match config.get_hosts().first() {
            Some(postgres::config::Host::Tcp(host)) => host.clone(),
            _ => "127.0.0.1".to_owned(),
        };
        Ok(format!("{host}:{}", config.get_ports().first().copied().unwrap_or(5432)))
    }

    /// Seconds that the database's own processes have run: PostgreSQL's, and nothing elsewhere.
    pub(crate) fn processor_time(&self, store: Store) -> Result<f64> {
        match &self.postgres {
            Some(server) if store.needs_postgres() => Ok(server.processor_time()),
            _ => Ok(0.0),
        }
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        let Some(mut client) =
            self.postgres.as_ref().and_then(|server| Client::connect(&server.url, NoTls).ok())
        else {
            return;
        };
        for number in 0..self.made.load(Ordering::Relaxed) {
            let name = Server::name(number);
            let _ = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

impl Server {
    fn name(number: u32) -> String {
        format!("bench_{}_{number}", std::process::id())
    }

    fn find(url: String) -> Result<Self> {
        let mut client = Client::connect(&url, NoTls).context("the PostgreSQL server")?;
        let row =
            client.query_one("SELECT pg_backend_pid(), current_setting('server_version')", &[])?;
        let version: &str = row.get(1);
        let number = version.split(' ').next().unwrap_or(version);
        let process = parent(u32::try_from(row.get::<_, i32>(0))?).unwrap_or(0);
        for own in children(process).into_iter().chain([process]) {
            serve::pin(own, Side::Client);
        }
        Ok(Self { process, version: format!("PostgreSQL {number}"), url })
    }

    fn make(&self, number: u32) -> Result<String> {
        let name = Self::name(number);
        let mut client = Client::connect(&self.url, NoTls)?;
        client.batch_execute(&format!("CREATE DATABASE {name}"))?;
        let (head, _) = self.url.rsplit_once('/').context("a URL without a database")?;
        Ok(format!("{head}/{name}?sslmode=disable"))
    }

    fn processor_time(&self) -> f64 {
        let own = children(self.process).into_iter();
        own.filter_map(|process| serve::processor_time(process).ok()).sum()
    }
}

/// The fourth field of /proc/PID/stat.
fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

/// The server's processes; none where the server is on another machine.
fn children(process: u32) -> Vec<u32> {
    if process == 0 {
        return Vec::new();
    }
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|child| parent(*child) == Some(process)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_a_child() {
        let process = std::process::id();
        let parent = parent(process).unwrap();
        assert!(children(parent).contains(&process));
    }
}
