//! Chromium and the driver that steers it: found on this machine, started, and gone with the test.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::demo::{TOO_LONG, lines};

/// What steers the browser. `cargo xtask test` says here what it found: a path, or nothing.
const DRIVER: &str = "SESSION_TEST_CHROMEDRIVER";
const BROWSER: &str = "SESSION_TEST_CHROMIUM";

/// One browser with a profile of its own.
pub(crate) struct Chromium {
    /// The first that is dropped: its end closes the browser, and needs the process for it.
    pub(super) driver: WebDriver,
    _process: Child,
    _profile: TempDir,
}

/// How a browser differs from the usual one.
#[derive(Default)]
pub(crate) struct Options {
    /// The User-Agent that it sends.
    pub(crate) agent: Option<&'static str>,
    pub(crate) without_scripts: bool,
}

/// Whether there is a browser. Says so if there is none, and accepts that nowhere but on a
/// developer's machine.
pub(crate) fn at_hand() -> bool {
    if programs().is_some() {
        return true;
    }
    let message = format!(
        "NOT RUN: no Chromium with its chromedriver; install both, or set {BROWSER} and {DRIVER}"
    );
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
    // Past the capture of the test harness: nobody shall believe that this was seen.
    let line = format!("{message}\n");
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    false
}

/// The driver and the browser.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let driver = program(DRIVER, &["chromedriver"])?;
    Some((driver, program(BROWSER, &["chromium", "chromium-browser", "google-chrome"])?))
}

fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(given) = std::env::var_os(variable) {
        return (!given.is_empty()).then(|| given.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
    let mut files = folders.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    files.find(|file| file.is_file())
}

impl Chromium {
    pub(crate) async fn start(options: &Options) -> Self {
        let (driver, browser) = programs().expect("at_hand was asked before");
        let profile = tempfile::tempdir().unwrap();
        let (process, port) = start_driver(&driver).await;

        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary(browser.to_str().unwrap()).unwrap();
        for argument in [
            "--headless=new",
            // Its sandbox needs more than a container allows; it opens nothing but the demo.
            "--no-sandbox",
            // A container's /dev/shm is small.
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-quic",
            "--no-proxy-server",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            // Names of sites that are there for the tests only, and have no TLS.
            "--host-resolver-rules=MAP *.example 127.0.0.1",
            &format!("--user-data-dir={}", profile.path().display()),
        ] {
            wanted.add_arg(argument).unwrap();
        }
        if let Some(agent) = options.agent {
            wanted.add_arg(&format!("--user-agent={agent}")).unwrap();
        }
        if options.without_scripts {
            const BLOCK: u8 = 2;
            let preferences = json!({ "profile.default_content_setting_values.javascript": BLOCK });
            wanted.add_experimental_option("prefs", preferences).unwrap();
        }
        // The driver is on this machine, whatever proxy the environment names.
        let client = reqwest::Client::builder().no_proxy().timeout(TOO_LONG).build().unwrap();
        let driver = WebDriver::builder(format!("http://127.0.0.1:{port}"), wanted).client(client);
        Self { driver: driver.await.unwrap(), _process: process, _profile: profile }
    }

    /// Runs a script in the page, even if the page itself may run none.
    pub(crate) async fn script(&self, text: &str) -> Value {
        self.driver.execute(text, Vec::new()).await.unwrap().json().clone()
    }

    /// A command of the browser's own protocol.
    pub(crate) async fn command(&self, name: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(name, parameters).await.unwrap()
    }
}

/// The driver chooses a free port, and says which.
async fn start_driver(program: &std::path::Path) -> (Child, u16) {
    let mut command = Command::new(program);
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.kill_on_drop(true).spawn().unwrap();
    let mut said = lines(process.stdout.take().unwrap());
    let listens = async {
        while let Some(line) = said.recv().await {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return port.trim_end_matches('.').parse().unwrap();
            }
        }
        panic!("the driver ended before it listened");
    };
    let port = timeout(TOO_LONG, listens).await.expect("the driver does not listen");
    (process, port)
}

/// How often a condition is looked at that has yet to come true.
pub(super) const OFTEN: Duration = Duration::from_millis(50);
