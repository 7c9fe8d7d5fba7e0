//! A fresh database for each row.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_postgres::{Config, NoTls};

use crate::subjects::Kind;

/// What there is to make databases with.
#[derive(Debug)]
pub(crate) struct Databases {
    folder: TempDir,
    postgres: Option<Postgres>,
    redis_server: Option<PathBuf>,
    made: u32,
}

#[derive(Debug)]
struct Postgres {
    config: Config,
    address: SocketAddr,
    version: String,
}

/// One database, which ends when it is dropped; a database in PostgreSQL stays behind, in a server
/// that is for tests.
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
    pub(crate) async fn find(postgres: Option<&str>, redis_server: Option<&Path>) -> Result<Self> {
        let postgres = match postgres {
            Some(url) => Some(Postgres::find(url).await?),
            None => None,
        };
        let redis_server = redis_server.map(Path::to_owned).or_else(|| {
            let path = std::env::var_os("PATH")?;
            let folders: Vec<_> = std::env::split_paths(&path).collect();
            ["valkey-server", "redis-server"].iter().find_map(|name| {
                folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file())
            })
        });
        Ok(Self { folder: tempfile::tempdir()?, postgres, redis_server, made: 0 })
    }

    /// A new one of this kind; nothing where this machine has no server for it.
    pub(crate) async fn make(&mut self, kind: Kind) -> Result<Option<Database>> {
        self.made += 1;
        let plain = |url: String| Database { url, address: None, _server: None };
        Ok(match kind {
            Kind::Memory => Some(plain("memory:".into())),
            Kind::Cookie => Some(plain("cookie:".into())),
            Kind::Sqlite => {
                let file = self.folder.path().join(format!("{}.db", self.made));
                Some(plain(format!("sqlite:{}", file.display())))
            }
            Kind::Postgres | Kind::MokaPostgres => match &self.postgres {
                Some(server) => {
                    let cache = if kind == Kind::MokaPostgres { "moka+" } else { "" };
                    Some(server.database(cache).await?)
                }
                None => None,
            },
            Kind::Redis => match &self.redis_server {
                Some(program) => Some(self.redis(program).await?),
                None => None,
            },
        })
    }

    /// The servers, as a report names them.
    pub(crate) async fn versions(&self) -> Result<Vec<String>> {
        let mut versions = Vec::new();
        if let Some(server) = &self.postgres {
            versions.push(format!("PostgreSQL {}", server.version));
        }
        if let Some(program) = &self.redis_server {
            let said = Command::new(program).arg("--version").output().await?.stdout;
            let said = String::from_utf8_lossy(&said).into_owned();
            let version = said.split_whitespace().find_map(|word| word.strip_prefix("v="));
            let name = said.split_whitespace().next().unwrap_or("Redis");
            versions.push(format!("{name} {}", version.unwrap_or("of unknown version")));
        }
        Ok(versions)
    }

    async fn redis(&self, program: &Path) -> Result<Database> {
        let address = free_port().await?;
        let server = Command::new(program)
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let begun = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                bail!("{} does not listen", program.display());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Database {
            url: format!("redis://{address}"),
            address: Some(address),
            _server: Some(server),
        })
    }
}

impl Postgres {
    async fn find(url: &str) -> Result<Self> {
        let config: Config = url.parse().context("the address of PostgreSQL")?;
        let host = config.get_hosts().first().context("the address of PostgreSQL has no host")?;
        let tokio_postgres::config::Host::Tcp(host) = host else {
            bail!("PostgreSQL is to be reached over TCP");
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let address = tokio::net::lookup_host((host.as_str(), port))
            .await?
            .find(SocketAddr::is_ipv4)
            .context("PostgreSQL has no IPv4 address")?;
        let mut server = Self { config, address, version: String::new() };
        server.version = server.ask("SHOW server_version").await?.unwrap_or_default();
        Ok(server)
    }

    async fn database(&self, cache: &str) -> Result<Database> {
        let mut letters = [0; 8];
        getrandom::fill(&mut letters)?;
        let name: String = letters.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
        let name = format!("session_races_{name}");
        let statement = format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0");
        self.ask(&statement).await?;
        let user = self.config.get_user().unwrap_or("postgres");
        let password = match self.config.get_password() {
            Some(password) => format!(":{}", String::from_utf8_lossy(password)),
            None => String::new(),
        };
        let address = self.address;
        Ok(Database {
            url: format!("{cache}postgres://{user}{password}@{address}/{name}"),
            address: Some(address),
            _server: None,
        })
    }

    /// Runs one statement; returns what stands in its first row's first column.
    async fn ask(&self, statement: &str) -> Result<Option<String>> {
        let (client, connection) = self.config.connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        let rows = client.simple_query(statement).await;
        connection.abort();
        Ok(rows?.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }
}

async fn free_port() -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok(listener.local_addr()?)
}
