//! Databases for runs: an empty one for each, gone with the run; and what the server's processes spend.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::server::{self, Side};

/// Where sessions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    Cookie,
    Sqlite,
    Postgres,
    /// A cache in memory in front of the database.
    MokaSqlite,
    MokaPostgres,
    Redis,
}

impl Store {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cookie => "in the cookie",
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MokaSqlite => "moka before SQLite",
            Self::MokaPostgres => "moka before PostgreSQL",
            Self::Redis => "Redis",
        }
    }

    /// What it is, or is in front of.
    pub(crate) const fn database(self) -> Self {
        match self {
            Self::MokaSqlite => Self::Sqlite,
            Self::MokaPostgres => Self::Postgres,
            other => other,
        }
    }

    /// Whether two servers can share it.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self, Self::Postgres | Self::Redis | Self::MokaPostgres)
    }
}

/// What there is to make databases with.
#[derive(Debug)]
pub(crate) struct Databases {
    folder: TempDir,
    postgres: Option<Postgres>,
    /// `valkey-server` or `redis-server`, and what it says of its version.
    redis: Option<(String, String)>,
    made: AtomicU32,
}

#[derive(Debug)]
struct Postgres {
    options: PgConnectOptions,
    url: String,
    address: SocketAddr,
    process: u32,
    version: String,
}

/// One database. Its server, where it has one of its own, ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) url: String,
    /// Where its server listens, where it has one.
    pub(crate) address: Option<SocketAddr>,
    _server: Option<Child>,
}

impl Database {
    /// Its URL where its server is reached at another port.
    pub(crate) fn through(&self, port: u16) -> Option<String> {
        let address = self.address?.to_string();
        Some(self.url.replace(&address, &format!("127.0.0.1:{port}")))
    }
}

impl Databases {
    /// The servers that the environment names, and a Redis or Valkey on the PATH.
    pub(crate) async fn find() -> Result<Self> {
        let named = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let postgres = match named("SESSION_TEST_POSTGRES_URL") {
            Some(url) => Some(Postgres::find(url).await?),
            None => None,
        };
        let programs = named("SESSION_BENCH_REDIS_SERVER").map(|program| vec![program]);
        let programs =
            programs.unwrap_or_else(|| vec!["valkey-server".into(), "redis-server".into()]);
        let mut redis = None;
        for program in programs {
            if let Ok(said) = Command::new(&program).arg("--version").output().await {
                redis.get_or_insert((
                    program,
                    redis_version(&String::from_utf8_lossy(&said.stdout)),
                ));
            }
        }
        Ok(Self { folder: tempfile::tempdir()?, postgres, redis, made: AtomicU32::new(0) })
    }

    pub(crate) fn has(&self, store: Store) -> bool {
        match store {
            Store::Postgres | Store::MokaPostgres => self.postgres.is_some(),
            Store::Redis => self.redis.is_some(),
            _ => true,
        }
    }

    /// The servers, as a report names them.
    pub(crate) fn versions(&self) -> impl Iterator<Item = String> {
        let postgres = self.postgres.iter().map(|server| format!("PostgreSQL {}", server.version));
        postgres.chain(self.redis.iter().map(|(_, version)| version.clone()))
    }

    /// A database that nobody has used.
    pub(crate) async fn make(&self, store: Store) -> Result<Database> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let file = || format!("sqlite:{}/{number}.db", self.folder.path().display());
        let plain = |url| Database { url, address: None, _server: None };
        Ok(match store {
            Store::Memory => plain("memory:".to_owned()),
            Store::Cookie => plain("cookie:".to_owned()),
            Store::Sqlite => plain(file()),
            Store::MokaSqlite => plain(format!("moka+{}", file())),
            Store::Postgres => self.server()?.make("", number, "").await?,
            Store::MokaPostgres => self.server()?.make("moka+", number, "").await?,
            Store::Redis => self.start_redis().await?,
        })
    }

    /// A copy of a database that nobody is connected to.
    pub(crate) async fn copy_of(&self, other: &Database, store: Store) -> Result<Database> {
        if store == Store::Postgres {
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            let (_, name) = other.url.rsplit_once('/').context("a URL without a database")?;
            let template = format!("TEMPLATE {}", name.split('?').next().unwrap_or(name));
            return self.server()?.make("", number, &template).await;
        }
        let copy = self.make(store).await?;
        let path = |database: &Database| database.url.trim_start_matches("sqlite:").to_owned();
        fs::copy(path(other), path(&copy))?;
        // As it is after a while: on the disk, so that no copying is in the way.
        fs::File::open(path(&copy))?.sync_all()?;
        Ok(copy)
    }

    fn server(&self) -> Result<&Postgres> {
        self.postgres.as_ref().context("there is no PostgreSQL server")
    }

    /// The program that was found, at a free port, with nothing written to disk.
    async fn start_redis(&self) -> Result<Database> {
        let (program, _) = self.redis.as_ref().context("there is no Redis server")?;
        let free = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?;
        let server = Command::new(program)
            .args(["--bind", "127.0.0.1", "--port", &free.port().to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let begun = Instant::now();
        while TcpStream::connect(free).await.is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                bail!("{program} does not listen");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Database { url: format!("redis://{free}"), address: Some(free), _server: Some(server) })
    }

    /// Seconds that PostgreSQL's own processes have run; nothing for other databases.
    pub(crate) fn processor_time(&self, store: Store) -> f64 {
        match &self.postgres {
            Some(server) if store.database() == Store::Postgres => children(server.process)
                .into_iter()
                .filter_map(|process| server::processor_time(process).ok())
                .sum(),
            _ => 0.0,
        }
    }

    /// Drops what was made in PostgreSQL.
    pub(crate) async fn clear(&self) -> Result<()> {
        let Some(server) = &self.postgres else { return Ok(()) };
        let mut client = server.options.connect().await?;
        for number in 0..self.made.load(Ordering::Relaxed) {
            let name = Postgres::name(number);
            let text = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut client).await?;
        }
        Ok(())
    }
}

impl Postgres {
    fn name(number: u32) -> String {
        format!("bench_{}_{number}", std::process::id())
    }

    async fn find(url: String) -> Result<Self> {
        let options = PgConnectOptions::from_str(&url)?.disable_statement_logging();
        let mut client: PgConnection = options.connect().await.context("the PostgreSQL server")?;
        let asked =
            "SELECT pg_backend_pid(), split_part(current_setting('server_version'), ' ', 1)";
        let (process, version): (i32, String) =
            sqlx::query_as(asked).fetch_one(&mut client).await?;
        let host = (options.get_host().to_owned(), options.get_port());
        let found: Vec<_> = tokio::net::lookup_host(host).await?.collect();
        let address = found
            .into_iter()
            .find(SocketAddr::is_ipv4)
            .context("PostgreSQL is to be reached over IPv4")?;
        let process = parent(u32::try_from(process)?).unwrap_or(0);
        Ok(Self { options, url, address, process, version })
    }

    async fn make(&self, cache: &str, number: u32, like: &str) -> Result<Database> {
        let name = Self::name(number);
        let mut client = self.options.connect().await?;
        let text = format!("CREATE DATABASE {name} {like}");
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut client).await?;
        let (head, _) = self.url.rsplit_once('/').context("a URL without a database")?;
        let end = head.rfind(['@', '/']).context("a URL without a server")?;
        let url = format!("{cache}{}{}/{name}?sslmode=disable", &head[..=end], self.address);
        Ok(Database { url, address: Some(self.address), _server: None })
    }
}

/// PostgreSQL's processes leave the core of the programs under test.
pub(crate) fn make_room(databases: &Databases) {
    if let Some(server) = databases.postgres.as_ref().filter(|server| server.process != 0) {
        for own in children(server.process).into_iter().chain([server.process]) {
            server::pin(own, Side::Client);
        }
    }
}

/// `Valkey 9.1.2` of `Valkey server v=9.1.2 sha=…`.
fn redis_version(said: &str) -> String {
    let number = said.split_whitespace().find_map(|word| word.strip_prefix("v="));
    let name = said.split_whitespace().next().unwrap_or("Redis");
    format!("{name} {}", number.unwrap_or("of unknown version"))
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

    #[test]
    fn a_redis_says_its_version() {
        assert_eq!(redis_version("Valkey server v=9.1.2 sha=0:1 bits=64"), "Valkey 9.1.2");
    }
}
