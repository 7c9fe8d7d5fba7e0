//! A demo that runs: the program itself, on a port and with a database of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::browser::Browser;

/// Longer than anything takes here: whatever reaches it hangs.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(60);

/// The program without anything of the environment that it would read.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_session-demo"));
    for name in [
        "DEMO_FRAMEWORK",
        "DATABASE_URL",
        "DEMO_HOST",
        "DEMO_PORT",
        "DEMO_CONFIG",
        "DEMO_METRICS",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

pub(crate) struct Demo {
    child: Child,
    stdout: BufReader<ChildStdout>,
    log: UnboundedReceiver<String>,
    /// The line that it said first.
    pub(crate) said: String,
    pub(crate) address: SocketAddr,
    folder: TempDir,
}

/// What serves the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framework {
    Axum,
    Salvo,
}

impl Framework {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Salvo => "salvo",
        }
    }
}

impl Demo {
    pub(crate) async fn memory(framework: Framework) -> Self {
        Self::start(framework, tempfile::tempdir().unwrap(), &["--backend", "memory:"]).await
    }

    pub(crate) async fn sqlite(framework: Framework) -> Self {
        let options = ["--backend", "sqlite:new/demo.db"];
        Self::start(framework, tempfile::tempdir().unwrap(), &options).await
    }

    /// In a schema of its own, if there is a server.
    pub(crate) async fn postgres(framework: Framework) -> Option<Self> {
        let url = crate::postgres::fresh().await?;
        Some(Self::start(framework, tempfile::tempdir().unwrap(), &["--backend", &url]).await)
    }

    /// In memory, with this configuration.
    pub(crate) async fn configured(framework: Framework, yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.yaml"), yaml).unwrap();
        let options = ["--backend", "memory:", "--config", "config.yaml"];
        Self::start(framework, folder, &options).await
    }

    /// Starts the program in `folder`, and waits until it listens.
    pub(crate) async fn start(framework: Framework, folder: TempDir, options: &[&str]) -> Self {
        Self::launch(folder, &[&["--framework", framework.name()], options].concat()).await
    }

    /// The same on the framework that it takes by itself.
    pub(crate) async fn launch(folder: TempDir, options: &[&str]) -> Self {
        Self::launch_at(0, folder, options).await
    }

    /// The same on this port.
    pub(crate) async fn launch_at(port: u16, folder: TempDir, options: &[&str]) -> Self {
        let mut command = program();
        command.args(["--port", &port.to_string()]).args(options).current_dir(folder.path());
        command.env("RUST_LOG", "warn,session_demo=debug");
        let mut child = command.spawn().unwrap();
        let log = lines(child.stderr.take().unwrap());
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        timeout(TOO_LONG, stdout.read_line(&mut said)).await.expect("it says nothing").unwrap();
        let address = said
            .strip_prefix("listening on http://")
            .and_then(|rest| rest.split(' ').next())
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("it says {said:?}"));
        Self { child, stdout, log, said, address, folder }
    }

    pub(crate) fn browser(&self) -> Browser {
        // What listens at every address is reached at this machine's own.
        let ip = if self.address.ip().is_unspecified() {
            [127, 0, 0, 1].into()
        } else {
            self.address.ip()
        };
        Browser::new((ip, self.address.port()).into())
    }

    /// One where `user` is signed in and has used it: a session's first request after a sign-in is told
    /// its cookie once more.
    pub(crate) async fn signed_in(&self, user: &str) -> Browser {
        let mut browser = self.browser();
        browser.login(user).await;
        browser.session().await;
        browser
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until it logs a line with this in it.
    pub(crate) async fn logged(&mut self, what: &str) {
        let found = async {
            while let Some(line) = self.log.recv().await {
                if line.contains(what) {
                    return;
                }
            }
            panic!("it ended without logging {what:?}");
        };
        timeout(TOO_LONG, found).await.unwrap_or_else(|_| panic!("it does not log {what:?}"));
    }

    /// Everything that it has logged and will log, after it ended.
    pub(crate) async fn rest_of_log(&mut self) -> String {
        let mut text = String::new();
        while let Some(line) = self.log.recv().await {
            text += &line;
            text.push('\n');
        }
        text
    }

    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it ended already").to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Waits until it ends; returns how, and what it said after its first line.
    pub(crate) async fn ended(&mut self) -> (ExitStatus, String) {
        let status = timeout(TOO_LONG, self.child.wait()).await.expect("it does not end").unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).await.unwrap();
        (status, rest)
    }

    /// Ends it, and gives its folder back.
    pub(crate) async fn stopped(mut self) -> TempDir {
        self.signal("TERM").await;
        let (status, _) = self.ended().await;
        assert!(status.success(), "{status}");
        self.folder
    }
}

/// What is written, line by line. It is read to its end, whoever waits for it.
pub(crate) fn lines(
    from: impl tokio::io::AsyncRead + Send + Unpin + 'static,
) -> UnboundedReceiver<String> {
    let (send, receive) = unbounded_channel();
    #[expect(
        clippy::disallowed_methods,
        reason = "a pipe that nobody reads would block the program"
    )]
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if send.send(line).is_err() {
                // Nobody waits for it any more, but it is still to be read.
            }
        }
    });
    receive
}

/// The path that a demo's SQLite file has in its folder.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join("new/demo.db")
}
