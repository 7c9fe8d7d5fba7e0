//! What the environment gives to the tests, and what they do if it gives nothing.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::path::PathBuf;

use crate::{Lifetime, Postgres, Programs, pgbouncer};

/// The variable with the URL of a PostgreSQL that may be written to.
pub const POSTGRES_URL: &str = "SESSION_TEST_POSTGRES_URL";

/// The variable with the folder of PostgreSQL's programs, for tests that start a server of their own.
pub const POSTGRES_BIN: &str = "SESSION_TEST_POSTGRES_BIN";

/// The variable with the program of a `PgBouncer` that keeps account of prepared statements.
pub const PGBOUNCER: &str = "SESSION_TEST_PGBOUNCER";

/// The PostgreSQL that all tests share, each in a schema of its own. If there is none this says
/// so, and accepts that nowhere but on a developer's machine.
///
/// # Panics
/// If there is none and `CI` is `true`.
#[must_use]
pub fn postgres() -> Option<String> {
    let url = variable(POSTGRES_URL);
    if url.is_none() {
        not_run(&format!(
            "no PostgreSQL. Use `cargo xtask test`, which finds or starts one, or set {POSTGRES_URL}"
        ));
    }
    url
}

/// [`postgres`], for callers that only ask whether there is one.
///
/// # Panics
/// As [`postgres`].
#[must_use]
pub fn has_postgres() -> bool {
    postgres().is_some()
}

/// A PostgreSQL of the test's own, for what others must not be part of. Gone when it is dropped.
///
/// # Panics
/// If there are no programs to start and `CI` is `true`, or if they do not start.
#[must_use]
pub fn own_postgres() -> Option<Postgres> {
    let Some(programs) = programs() else {
        not_run(&format!(
            "no programs of PostgreSQL. Use `cargo xtask test`, which finds or fetches them, or set \
             {POSTGRES_BIN} to the folder that holds `initdb`"
        ));
        return None;
    };
    start(&programs)
}

/// The same if the test needs one that can encrypt connections. The fetched programs cannot, so
/// it may be of another generation.
///
/// # Panics
/// As [`own_postgres`].
#[must_use]
pub fn own_postgres_with_tls() -> Option<Postgres> {
    let able = [programs(), Programs::of_system()];
    let Some(programs) = able.into_iter().flatten().find(Programs::know_tls) else {
        not_run("no PostgreSQL that knows TLS is installed (Debian, Ubuntu: `postgresql`)");
        return None;
    };
    start(&programs)
}

fn start(programs: &Programs) -> Option<Postgres> {
    match Postgres::start(programs, Lifetime::Ours) {
        Ok(server) => Some(server),
        #[expect(clippy::panic, reason = "a test cannot go on, and must not pass")]
        Err(error) => panic!("{programs} does not start: {error:#}"),
    }
}

/// The programs that [`own_postgres`] starts.
#[must_use]
pub fn programs() -> Option<Programs> {
    match variable(POSTGRES_BIN) {
        Some(bin) => Programs::at(&PathBuf::from(bin), "the given"),
        None => Programs::of_system(),
    }
}

/// The system's `PgBouncer`, whichever it is, for a test with a server.
///
/// # Panics
/// If there is none and `CI` is `true`.
#[must_use]
pub fn pgbouncer() -> Option<PathBuf> {
    let program = pgbouncer::of_system();
    if program.is_none() {
        not_run("no PgBouncer is installed (Debian, Ubuntu: `pgbouncer`)");
    }
    program.filter(|_| has_postgres())
}

/// One of 1.21 or later, which keeps account of prepared statements.
///
/// # Panics
/// As [`pgbouncer()`].
#[must_use]
pub fn new_pgbouncer() -> Option<PathBuf> {
    let given = variable(PGBOUNCER).map(PathBuf::from).or_else(pgbouncer::of_system);
    let program = given.filter(|program| pgbouncer::knows_prepared_statements(program));
    if program.is_none() {
        not_run(&format!(
            "no PgBouncer of 1.21 or later. Use `cargo xtask test`, which fetches one if it can, or \
             set {PGBOUNCER} to its program"
        ));
    }
    program.filter(|_| has_postgres())
}

/// Says that a test does not run.
///
/// # Panics
/// If `CI` is `true`: nobody would read it there.
pub fn not_run(why: &str) {
    let message = format!("NOT RUN: {why}");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
    // Past the capture of the test harness: nobody shall believe that this was seen.
    let _ = std::io::stderr().write_all(format!("{message}\n").as_bytes());
}

/// A name that nobody has used before, for a schema or a database of one test's own.
#[must_use]
pub fn fresh_name() -> String {
    // Its keys come from the system's randomness.
    let random = || RandomState::new().build_hasher().finish();
    format!("session_test_{:016x}{:016x}", random(), random())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
