//! What the programs under test have in common: their command line, their routes, and the loop
//! whose instructions are counted.
//!
//! A program holds several applications, each a subject: the same routes with one library for sessions.
//! `serve` listens on a free port of the loopback interface and prints `listening on 127.0.0.1:PORT`;
//! `count` calls the application in this process, with no socket between, to be run under callgrind.

#[cfg(feature = "axum")]
mod axum;
mod count;
mod routes;
#[cfg(any(feature = "axum", feature = "salvo"))]
mod run;
#[cfg(feature = "salvo")]
mod salvo;

pub use count::{Answer, Call, count};
pub use routes::{AGENT, Route, Set, SignIn};
#[cfg(any(feature = "axum", feature = "salvo"))]
pub use run::{Application, run};

/// Whatever went wrong.
pub type Failure = Box<dyn std::error::Error>;

/// The command line of a program under test.
#[derive(clap::Parser, Debug)]
pub struct Arguments {
    /// Which of the program's applications.
    pub subject: String,
    /// What it does.
    #[command(subcommand)]
    pub command: Command,
}

/// What a program under test does.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Listens on a free port, until it is killed.
    Serve {
        #[command(flatten)]
        database: Database,
    },
    /// Calls one route in this process.
    Count {
        #[command(flatten)]
        database: Database,
        /// What to call.
        #[arg(long)]
        route: Route,
        /// How many times, after signing in once.
        #[arg(long)]
        requests: u32,
    },
}

/// Where sessions are kept.
#[derive(clap::Args, Debug, Clone)]
pub struct Database {
    /// `memory:`, `sqlite:PATH` of a file that is made, or `postgres://…` of a database that is
    /// empty.
    #[arg(long = "database", default_value = "memory:")]
    pub url: String,
    /// Connections in the pool, the same for all.
    #[arg(long, default_value_t = 10)]
    pub connections: u32,
}

impl Database {
    /// The URL's scheme, as programs tell databases apart.
    pub fn scheme(&self) -> &str {
        self.url.split(':').next().unwrap_or_default()
    }
}

/// How many workers `serve` has: one, unless `SESSION_BENCH_WORKERS` says more. An error is what is no
/// number.
pub fn workers() -> Result<usize, Failure> {
    Ok(std::env::var("SESSION_BENCH_WORKERS").map_or(Ok(1), |workers| workers.parse())?)
}

/// What the harness waits for before it sends requests.
pub fn print_ready(port: u16) {
    println!("listening on 127.0.0.1:{port}");
}

/// What the races wait for before they send what is to overtake a slow request: its handler has the
/// session read, and begins to wait.
pub fn print_waiting() {
    println!("waiting");
}

/// The wait of a handler that has read its session, after which it writes.
#[cfg(any(feature = "axum", feature = "salvo"))]
pub async fn linger(ms: u64) {
    print_waiting();
    tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
}

/// The keys that `/data` asks a session for which cannot list its own.
pub fn known_keys() -> impl Iterator<Item = String> {
    (0..64).map(|nth| format!("k{nth}")).chain(["color".to_owned()])
}
