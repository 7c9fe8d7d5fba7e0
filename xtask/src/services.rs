//! `cargo xtask services`: the servers that tests need, found or fetched, started and stopped.

mod binaries;
mod postgres;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::shell;
use binaries::Binaries;
use postgres::Running;

/// Where the tests look for their server.
pub(crate) const VARIABLE: &str = "SESSION_TEST_POSTGRES_URL";

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
    /// Its generation, such as `15`, where known.
    pub(crate) generation: Option<String>,
    pub(crate) url: String,
    _running: Option<Running>,
}

/// Every server at hand: the one that the environment names, and no other; or one of each generation,
/// the system's and the fetched. What could not be had is said.
pub(crate) fn servers() -> (Vec<Server>, Vec<String>) {
    if let Some(given) = given() {
        return (vec![given], Vec::new());
    }
    let (mut servers, mut problems) = (Vec::new(), Vec::new());
    for binaries in [binaries::of_system(), binaries::fetched()].into_iter().flatten() {
        let is_new = servers.iter().all(|server: &Server| {
            server.generation.as_deref() != Some(binaries.generation.as_str())
        });
        if is_new {
            match start(&binaries) {
                Ok(server) => servers.push(server),
                Err(error) => problems.push(format!("{binaries} does not start: {error:#}")),
            }
        }
    }
    (servers, problems)
}

/// One server, the preferred, for what measures. `None`, and a line that says why, where there is none.
pub(crate) fn for_benchmarks() -> Option<Server> {
    given().or_else(|| {
        preferred()
            .and_then(|binaries| start(&binaries))
            .inspect_err(|error| println!("NOT RUN on PostgreSQL: {error:#}"))
            .ok()
    })
}

fn given() -> Option<Server> {
    let url = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty())?;
    println!("PostgreSQL: the one that {VARIABLE} names");
    Some(Server { generation: None, url, _running: None })
}

fn start(binaries: &Binaries) -> Result<Server> {
    let running = postgres::start(binaries, postgres::Lifetime::Ours)?;
    println!("PostgreSQL: {binaries}, at {}", running.url);
    Ok(Server {
        generation: Some(binaries.generation.clone()),
        url: running.url.clone(),
        _running: Some(running),
    })
}

/// The first in the order of preference.
fn preferred() -> Result<Binaries> {
    binaries::of_system().or_else(binaries::fetched).context(HELP)
}

fn run_command(command: &[String]) -> Result<ExitCode> {
    let server = match given() {
        Some(server) => server,
        None => start(&preferred()?)?,
    };
    let (program, arguments) = command.split_first().context("no command was given")?;
    let mut child = Command::new(program);
    child.args(arguments).env(VARIABLE, &server.url);
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
            println!("export {VARIABLE}={url}");
            return Ok(ExitCode::SUCCESS);
        }
    }
    let binaries = preferred()?;
    let running = postgres::start(&binaries, postgres::Lifetime::UntilDown)?;
    let folder = note().parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&folder)?;
    std::fs::write(note(), format!("{}\n{}\n", running.folder.display(), running.url))?;
    eprintln!("{binaries} runs until `cargo xtask services down`");
    println!("export {VARIABLE}={}", running.url);
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
    postgres::stop(&folder)?;
    std::fs::remove_file(note())?;
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}
