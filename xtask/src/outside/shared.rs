//! Two applications outside of this workspace, on two frameworks over one PostgreSQL: who is signed in
//! on one is signed in on the other.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context, Result, bail, ensure};
use session_test_servers::until;

use super::Application;
use super::visitor::Visitor;
use crate::services;

const PAGE: &str = "docs/two-applications.md";
const ON_AXUM: Application =
    Application { name: "outside-axum", page: PAGE, heading: "## The one on axum" };
const ON_SALVO: Application =
    Application { name: "outside-salvo", page: PAGE, heading: "## The one on salvo" };

pub(super) fn run() -> Result<Option<&'static str>> {
    let (axum, salvo) = (ON_AXUM.build()?, ON_SALVO.build()?);
    let Some(server) = services::any()? else {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        ensure!(!is_ci, "CI needs PostgreSQL: {}", services::HELP);
        return Ok(Some("there is no PostgreSQL for the two applications to share"));
    };
    refuses_what_it_cannot_have(&axum, &server.url)?;
    let axum = Running::start(&axum, &server.url)?;
    let salvo = Running::start(&salvo, &server.url)?;
    for (first, second) in [(&axum, &salvo), (&salvo, &axum)] {
        share(first, second)?;
    }
    Ok(None)
}

/// Signs in on one application, and out on the other.
fn share(first: &Running, second: &Running) -> Result<()> {
    println!("signing in on {} and out on {}", first.name, second.name);
    let mut visitor = Visitor::default();
    for application in [first, second] {
        visitor.get(application.address, "/me")?.is(401)?;
    }
    visitor.post(first.address, "/sign-in")?.is(200)?;
    ensure!(visitor.cookie.is_some(), "{} signed somebody in without a cookie", first.name);
    for application in [first, second] {
        let knows = visitor.get(application.address, "/me")?.is(200)?;
        ensure!(knows.body.contains("knows you as alice"), "{}: {}", application.name, knows.body);
    }
    let stolen = visitor.cookie.clone();
    visitor.post(second.address, "/sign-out")?.is(200)?;
    ensure!(visitor.cookie.is_none(), "{} left the cookie", second.name);
    // Not for want of the cookie: the session is gone.
    for application in [first, second] {
        let mut thief = Visitor { cookie: stolen.clone() };
        thief.get(application.address, "/me")?.is(401)?;
    }
    Ok(())
}

/// No application here has asked for TLS, so a URL that demands it keeps it from starting.
fn refuses_what_it_cannot_have(program: &Path, url: &str) -> Result<()> {
    let separator = if url.contains('?') { '&' } else { '?' };
    let output = Command::new(program)
        .arg("127.0.0.1:0")
        .env("DATABASE_URL", format!("{url}{separator}sslmode=require"))
        .output()
        .with_context(|| program.display().to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "it went on without the TLS that the URL demands");
    ensure!(said.contains("cannot be reached under TLS"), "it does not say what it lacks: {said}");
    Ok(())
}

/// One application that listens; ended when this is dropped.
struct Running {
    name: String,
    address: SocketAddr,
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(program: &Path, database: &str) -> Result<Self> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(program);
        command.arg(address.to_string()).env("DATABASE_URL", database);
        let child = command.spawn().with_context(|| name.clone())?;
        let mut running = Self { name, address, child };
        until("an application that listens", || {
            if let Some(status) = running.child.try_wait()? {
                bail!("{}: {status}", running.name);
            }
            Ok(TcpStream::connect(address).is_ok())
        })?;
        Ok(running)
    }
}
