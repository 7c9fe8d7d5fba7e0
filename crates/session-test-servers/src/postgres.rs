//! One PostgreSQL server that is worth nothing: its data lies under `/var/tmp`, and goes with it.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::processes::{await_end, family, signal, until};
use crate::watcher::WATCH;
use crate::{Programs, quietly};

/// PostgreSQL refuses to run as root, so root starts it as nobody.
pub(crate) const NOBODY: u32 = 65534;
const ROOT: u32 = 0;

/// Until when a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as this process, and what it is started for.
    Ours,
    /// Until [`stop`] is called for its folder.
    UntilDown,
}

/// A server at work. One of [`Lifetime::Ours`] ends when this is dropped, or when this process ends,
/// however it does.
#[derive(Debug)]
pub struct Postgres {
    /// How to reach it.
    pub url: String,
    /// Where everything of it lies.
    pub folder: PathBuf,
    /// The programs, where whoever runs the server finds them.
    pub bin: PathBuf,
    /// The shell that watches over the server. `None` if it is not ours to end.
    watcher: Option<Child>,
    has_ended: bool,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(watcher) = &mut self.watcher {
            // The end of its input is its sign.
            drop(watcher.stdin.take());
            let _ = watcher.wait();
        }
    }
}

impl Postgres {
    /// Makes an empty database cluster, and serves it. Returns when it is ready.
    ///
    /// # Errors
    /// If the programs do not run, or say no; if no folder can be made under `/var/tmp`.
    pub fn start(programs: &Programs, lifetime: Lifetime) -> Result<Self> {
        let folder = make_folder("postgres")?;
        Self::begin(programs, lifetime, &folder).inspect_err(|_| {
            let _ = fs::remove_dir_all(&folder);
        })
    }

    /// A copy of this server that follows it, and serves those who read, until it is promoted. Returns when it
    /// is ready.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn standby(&self) -> Result<Self> {
        let folder = make_folder("postgres")?;
        let copied = (|| {
            let mut copy = unprivileged(self.bin.join("pg_basebackup"), &folder)?;
            copy.args(["--no-sync", "--write-recovery-conf", "--checkpoint=fast", "--dbname"]);
            quietly(copy.arg(&self.url).arg("--pgdata").arg(folder.join("data")))?;
            Self::serve(self.bin.clone(), Lifetime::Ours, &folder)
        })();
        copied.inspect_err(|_| {
            let _ = fs::remove_dir_all(&folder);
        })
    }

    fn begin(programs: &Programs, lifetime: Lifetime, folder: &Path) -> Result<Self> {
        let bin = reachable(programs, folder)?;
        let mut initdb = unprivileged(bin.join("initdb"), folder)?;
        initdb.args(["-A", "trust", "-U", "postgres"]);
        initdb.args(["--locale=C", "--encoding=UTF8", "--no-sync"]);
        quietly(initdb.arg("-D").arg(folder.join("data")))?;
        Self::serve(bin, lifetime, folder)
    }

    /// Serves what lies in the folder.
    fn serve(bin: PathBuf, lifetime: Lifetime, folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut watcher = unprivileged("/bin/sh", folder)?;
        watcher.args(["-c", WATCH, "watch"]).arg(&bin).arg(folder).arg(port.to_string());
        watcher.stdout(Stdio::null()).stderr(Stdio::null());
        match lifetime {
            Lifetime::Ours => watcher.arg("ours").stdin(Stdio::piped()),
            // A group of its own, so that an interrupt in this terminal does not reach it.
            Lifetime::UntilDown => {
                fs::write(folder.join("keep"), "")?;
                watcher.arg("down").stdin(Stdio::null()).process_group(0)
            }
        };
        let watcher = watcher.spawn().context("/bin/sh")?;
        let mut running = Self {
            url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            folder: folder.to_path_buf(),
            bin,
            watcher: Some(watcher),
            has_ended: false,
        };
        running.wait_until_ready()?;
        if lifetime == Lifetime::UntilDown {
            running.watcher = None;
        }
        Ok(running)
    }

    /// Kills every process of it at one blow, as a machine that runs out of memory would.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&mut self) -> Result<()> {
        // First the one that would start others.
        signal("STOP", &[self.process()?])?;
        let processes = self.signal("KILL")?;
        self.has_ended = true;
        await_end(&processes)
    }

    /// Shuts it down as an upgrade does: it takes leave of each of its connections.
    ///
    /// # Errors
    /// If it does not run.
    pub fn shut_down(&mut self) -> Result<()> {
        let server = self.process()?;
        let processes = family(server)?;
        // "Fast", as PostgreSQL calls it.
        signal("INT", &[server])?;
        self.has_ended = true;
        await_end(&processes)
    }

    /// Stops every process of it where it is: connections stay, and nobody answers.
    ///
    /// # Errors
    /// If it does not run.
    pub fn freeze(&self) -> Result<()> {
        signal("STOP", &[self.process()?])?;
        self.signal("STOP").map(drop)
    }

    /// Lets a frozen one go on.
    ///
    /// # Errors
    /// If it does not run.
    pub fn thaw(&self) -> Result<()> {
        self.signal("CONT").map(drop)
    }

    /// Starts one that has ended, on the same port with the same data. Returns when it is ready.
    ///
    /// # Errors
    /// If it runs, or does not start.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.has_ended, "it runs");
        // What a killed one leaves says that it is ready.
        if self.status_file().exists() {
            fs::remove_file(self.status_file())?;
        }
        let input = self.watcher.as_mut().and_then(|watcher| watcher.stdin.as_mut());
        input.context("it is not ours to start")?.write_all(b"again\n")?;
        self.has_ended = false;
        self.wait_until_ready()
    }

    /// Writes a file into its folder of data, for nobody but the server to read.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, name: &str, contents: &str) -> Result<()> {
        let file = self.folder.join("data").join(name);
        fs::write(&file, contents)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        give(&file)
    }

    /// To all processes; returns which those are.
    fn signal(&self, name: &str) -> Result<Vec<u32>> {
        let processes = family(self.process()?)?;
        signal(name, &processes)?;
        Ok(processes)
    }

    /// The one that all others are children of.
    fn process(&self) -> Result<u32> {
        let status = fs::read_to_string(self.status_file()).context("it does not run")?;
        let server = status.lines().next().and_then(|line| line.trim().parse().ok());
        server.context("nobody knows its process")
    }

    fn status_file(&self) -> PathBuf {
        self.folder.join("data/postmaster.pid")
    }

    /// The last line of the status file says how far the server is.
    fn wait_until_ready(&self) -> Result<()> {
        until("a server that is ready", || {
            let status = fs::read_to_string(self.status_file()).unwrap_or_default();
            Ok(status.lines().nth(7).is_some_and(|line| matches!(line.trim(), "ready" | "standby")))
        })
        .with_context(|| {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            log.lines().last().unwrap_or("its log is empty").to_owned()
        })
    }
}

/// A port that nobody uses, and that the system gives to nobody who asks for any: a server that comes
/// back finds it free. Linux gives those from 32768, others from 49152.
pub(crate) fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let random = RandomState::new().build_hasher().finish();
        let port = 15_000 + u16::try_from(random % 17_000)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free")
}

/// A folder that nobody else could have made, for whoever runs the server.
pub(crate) fn make_folder(what: &str) -> Result<PathBuf> {
    for number in 0..100 {
        let folder =
            PathBuf::from(format!("/var/tmp/session-{what}-{}-{number}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => {
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
                give(&folder)?;
                return Ok(folder);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).context(folder.display().to_string()),
        }
    }
    bail!("/var/tmp is full of folders of former runs")
}

/// Makes what root has made the server's own.
pub(crate) fn give(path: &Path) -> Result<()> {
    if fs::metadata(path)?.uid() == ROOT {
        chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}

/// A command as whoever owns the server's folder, and in it.
pub(crate) fn unprivileged(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C").env_remove("PGDATA").env_remove("PGPORT");
    if fs::metadata(folder)?.uid() == NOBODY {
        command.uid(NOBODY).gid(NOBODY);
    }
    Ok(command)
}

/// Where the programs are for the server's user: below a private folder they see nothing, and get a
/// copy.
fn reachable(programs: &Programs, folder: &Path) -> Result<PathBuf> {
    let is_open = |path: &Path| {
        fs::metadata(path).is_ok_and(|found| {
            found.mode() & 0o001 != 0 || (found.uid() == NOBODY && found.mode() & 0o100 != 0)
        })
    };
    let owner = fs::metadata(folder)?.uid();
    if owner != NOBODY || programs.bin.ancestors().all(is_open) {
        return Ok(programs.bin.clone());
    }
    let copy = folder.join("programs");
    quietly(Command::new("cp").arg("-R").arg(&programs.whole).arg(&copy))?;
    quietly(Command::new("chmod").args(["-R", "a+rX"]).arg(&copy))?;
    let inside = programs.bin.strip_prefix(&programs.whole)?;
    Ok(copy.join(inside))
}

/// Ends a server of [`Lifetime::UntilDown`].
///
/// # Errors
/// Where its folder stays.
pub fn stop(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_file(folder.join("keep")).context("it is being stopped already")?;
    until("the end of the server", || Ok(!folder.exists()))
}
