//! One `PgBouncer` in front of a `PostgreSQL`, for one test.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::postgres::{NOBODY, free_port, give, make_folder, unprivileged};
use crate::processes::until;
use crate::quietly;

/// When a server's connection goes on to another client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// When the client goes.
    BySession,
    /// After each transaction, with what `PgBouncer` needs to know of prepared statements.
    ByTransaction,
}

/// What a pooler is to be.
#[derive(Debug, Clone, Copy)]
pub struct Pooled<'a> {
    /// The program.
    pub program: &'a Path,
    /// How it pools.
    pub pooling: Pooling,
    /// Whether it drops the settings that a connection begins with. Else it refuses the connection.
    pub drops_settings: bool,
    /// How many connections to the server there are at most.
    pub pool_size: u32,
    /// The role that clients come as.
    pub role: &'a str,
    /// `host:port` of the server.
    pub server: &'a str,
}

/// A pooler at work. It ends when this is dropped, or when this process ends, however it does.
#[derive(Debug)]
pub struct PgBouncer {
    /// Where it listens: `host:port`.
    pub address: String,
    watcher: Child,
}

/// $1 the folder, then the program and its arguments. The end of the pipe is its sign.
const WATCH: &str = r#"
trap '' INT TERM HUP
folder=$1
shift
"$@" </dev/null >>"$folder/log" 2>&1 &
pooler=$!
while read -r _; do :; done
kill -KILL "$pooler" 2>/dev/null
wait "$pooler"
rm -rf "$folder"
"#;

impl PgBouncer {
    /// Starts it. Returns when it listens.
    ///
    /// # Errors
    /// If the program does not run, or no folder can be made under `/var/tmp`.
    pub fn start(pooled: Pooled<'_>) -> Result<Self> {
        let users = format!("\"{}\" \"\"\n", pooled.role);
        Self::start_with(pooled.program, users, |users, port| configuration(&pooled, users, port))
    }

    /// Starts it with a whole configuration, which is told where the file with `users` is, and the port to
    /// listen on. Returns when it listens.
    ///
    /// # Errors
    /// As [`start`](Self::start), and if `configure` says no.
    pub fn start_with(
        program: &Path,
        users: String,
        configure: impl FnOnce(&Path, u16) -> Result<String>,
    ) -> Result<Self> {
        let folder = make_folder("pgbouncer")?;
        let port = free_port()?;
        let configuration = configure(&folder.join("users"), port)?;
        let written = [("users", users), ("pgbouncer.ini", configuration)];
        for (name, text) in written {
            let file = folder.join(name);
            fs::write(&file, text)?;
            give(&file)?;
        }
        let mut watcher = unprivileged("/bin/sh", &folder)?;
        watcher.args(["-c", WATCH, "watch"]).arg(&folder);
        watcher.arg(reachable(program, &folder)?);
        watcher.arg(folder.join("pgbouncer.ini"));
        watcher.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let running = Self {
            address: format!("127.0.0.1:{port}"),
            watcher: watcher.spawn().context("/bin/sh")?,
        };
        until("a pooler that listens", || {
            Ok(std::net::TcpStream::connect(&running.address).is_ok())
        })
        .with_context(|| fs::read_to_string(folder.join("log")).unwrap_or_default())?;
        Ok(running)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// The program, or a copy if its own folder is closed to whoever runs it.
fn reachable(program: &Path, folder: &Path) -> Result<PathBuf> {
    let is_open = |path: &Path| fs::metadata(path).is_ok_and(|found| found.mode() & 0o001 != 0);
    let (Some(whole), Some(name)) = (program.parent(), program.file_name()) else {
        return Ok(program.to_path_buf());
    };
    if fs::metadata(folder)?.uid() != NOBODY || program.ancestors().all(is_open) {
        return Ok(program.to_path_buf());
    }
    let copy = folder.join("programs");
    quietly(Command::new("cp").arg("-R").arg(whole).arg(&copy))?;
    quietly(Command::new("chmod").args(["-R", "a+rX"]).arg(&copy))?;
    Ok(copy.join(name))
}

fn configuration(pooled: &Pooled<'_>, users: &Path, port: u16) -> Result<String> {
    let (host, server_port) = pooled.server.split_once(':').context("no host:port")?;
    let mode = match pooled.pooling {
        Pooling::BySession => "session",
        Pooling::ByTransaction => "transaction",
    };
    let mut text = format!(
        "[databases]\n* = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\n\
         pool_mode = {mode}\nmax_client_conn = 200\ndefault_pool_size = {}\nadmin_users = {}\n",
        users.display(),
        pooled.pool_size,
        pooled.role
    );
    if pooled.drops_settings {
        text.push_str("ignore_startup_parameters = options\n");
    }
    if knows_prepared_statements(pooled.program) {
        text.push_str("max_prepared_statements = 100\n");
    }
    Ok(text)
}

/// Whether it is of 1.21 or later, which keeps account of prepared statements.
#[must_use]
pub fn knows_prepared_statements(program: &Path) -> bool {
    version(program).is_some_and(|version| version >= (1, 21))
}

/// The number in what it says of itself, such as `PgBouncer 1.24.1`.
#[must_use]
pub fn version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.lines().next()?.strip_prefix("PgBouncer ")?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The system's program.
#[must_use]
pub fn of_system() -> Option<PathBuf> {
    let path = std::env::var_os("PATH");
    let folders = path.iter().flat_map(std::env::split_paths);
    let folders = folders.chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| version(program).is_some())
}
