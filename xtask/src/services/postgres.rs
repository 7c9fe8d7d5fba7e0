//! One PostgreSQL server that is worth nothing: its data lies under `/var/tmp`, and goes with it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::binaries::{Binaries, quietly};

/// PostgreSQL refuses to run as root, so root starts it as nobody.
const NOBODY: u32 = 65534;
const ROOT: u32 = 0;

/// How long to wait for a server to be ready, or to be gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Until when a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// As long as this process.
    Ours,
    /// Until its folder's file `keep` is taken away.
    UntilDown,
}

/// A server at work.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) folder: PathBuf,
    /// The shell that watches over the server. `None` where it is not ours to end.
    watcher: Option<Child>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(watcher) = &mut self.watcher {
            // The end of its input is its sign.
            drop(watcher.stdin.take());
            let _ = watcher.wait();
        }
    }
}

/// $1 the programs, $2 the folder, $3 the port, $4 the lifetime.
///
/// The shell outlives an interrupt and whatever becomes of the process that started it: that one's end
/// closes the pipe. Then the server goes, at once and without writing anything, and its folder too.
const WATCH: &str = r#"
trap '' INT TERM HUP
"$1/postgres" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c fsync=off -c full_page_writes=off -c max_connections=200 -c deadlock_timeout=200ms \
    </dev/null >"$2/log" 2>&1 &
server=$!
if [ "$4" = down ]; then
    while [ -e "$2/keep" ] && kill -0 "$server" 2>/dev/null; do sleep 1; done
else
    read -r _
fi
kill -QUIT "$server" 2>/dev/null
wait "$server"
rm -rf "$2"
"#;

pub(crate) fn start(binaries: &Binaries, lifetime: Lifetime) -> Result<Running> {
    let folder = make_folder()?;
    begin(binaries, lifetime, &folder).inspect_err(|_| {
        let _ = fs::remove_dir_all(&folder);
    })
}

fn begin(binaries: &Binaries, lifetime: Lifetime, folder: &Path) -> Result<Running> {
    let bin = reachable(binaries, folder)?;
    let data = folder.join("data");
    let mut initdb = unprivileged(bin.join("initdb"), folder)?;
    initdb.args(["-A", "trust", "-U", "postgres", "--locale=C", "--encoding=UTF8", "--no-sync"]);
    quietly(initdb.arg("-D").arg(&data))?;

    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut watcher = unprivileged("/bin/sh", folder)?;
    watcher.args(["-c", WATCH, "watch"]).arg(&bin).arg(folder).arg(port.to_string());
    watcher.stdout(Stdio::null()).stderr(Stdio::null());
    match lifetime {
        Lifetime::Ours => watcher.stdin(Stdio::piped()),
        // A group of its own, so that an interrupt in this terminal does not reach it.
        Lifetime::UntilDown => {
            fs::write(folder.join("keep"), "")?;
            watcher.arg("down").stdin(Stdio::null()).process_group(0)
        }
    };
    let watcher = watcher.spawn().context("/bin/sh")?;
    let mut running = Running {
        url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
        folder: folder.to_path_buf(),
        watcher: Some(watcher),
    };
    wait_until_ready(&data, folder)?;
    if lifetime == Lifetime::UntilDown {
        running.watcher = None;
    }
    Ok(running)
}

/// A folder that nobody else could have made, for whoever runs the server.
fn make_folder() -> Result<PathBuf> {
    for number in 0..100 {
        let folder =
            PathBuf::from(format!("/var/tmp/session-postgres-{}-{number}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => {
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
                if fs::metadata(&folder)?.uid() == ROOT {
                    chown(&folder, Some(NOBODY), Some(NOBODY))?;
                }
                return Ok(folder);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).context(folder.display().to_string()),
        }
    }
    bail!("/var/tmp is full of folders of former runs")
}

/// A command as whoever owns the server's folder, and in it.
fn unprivileged(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C").env_remove("PGDATA").env_remove("PGPORT");
    if fs::metadata(folder)?.uid() == NOBODY {
        command.uid(NOBODY).gid(NOBODY);
    }
    Ok(command)
}

/// Where the programs are for the server's user: below a private folder he sees nothing, and gets a
/// copy.
fn reachable(binaries: &Binaries, folder: &Path) -> Result<PathBuf> {
    let is_open = |path: &Path| fs::metadata(path).is_ok_and(|found| found.mode() & 0o001 != 0);
    let owner = fs::metadata(folder)?.uid();
    if owner != NOBODY || binaries.bin.ancestors().all(is_open) {
        return Ok(binaries.bin.clone());
    }
    let copy = folder.join("programs");
    quietly(Command::new("cp").arg("-R").arg(&binaries.whole).arg(&copy))?;
    quietly(Command::new("chmod").args(["-R", "a+rX"]).arg(&copy))?;
    let inside = binaries.bin.strip_prefix(&binaries.whole)?;
    Ok(copy.join(inside))
}

/// The last line of `postmaster.pid` says how far the server is.
fn wait_until_ready(data: &Path, folder: &Path) -> Result<()> {
    let asked = Instant::now();
    loop {
        let state = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
            return Ok(());
        }
        if asked.elapsed() > PATIENCE {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            bail!("it was not ready in {PATIENCE:?}: {}", log.lines().last().unwrap_or("no log"));
        }
        pause();
    }
}

/// Ends a server of [`Lifetime::UntilDown`].
pub(crate) fn stop(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_file(folder.join("keep")).context("it is being stopped already")?;
    let asked = Instant::now();
    while folder.exists() {
        if asked.elapsed() > PATIENCE {
            bail!("{} is still there after {PATIENCE:?}", folder.display());
        }
        pause();
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for, and says nothing")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
