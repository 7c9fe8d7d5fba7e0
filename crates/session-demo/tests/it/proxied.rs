//! Two servers behind a real proxy, configured as `docs/deploy` says, that restart one after the other.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::browser::Browser;
use crate::demo::{Demo, Framework, TOO_LONG};

/// What a client may write itself, and no server behind a proxy may believe.
const CLAIMS_ANOTHER_ADDRESS: [(&str, &str); 3] = [
    ("content-type", "application/json"),
    ("x-forwarded-for", "203.0.113.7"),
    ("forwarded", "for=203.0.113.7"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_restart_is_seen_through_nginx() {
    let Some(nginx) = found("nginx") else { return };
    let site = Site::start(&nginx, |folder, config| {
        let log = folder.join("log");
        let whole = format!(
            "daemon off; pid {0}/pid; error_log {1} warn; worker_processes 1;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;\n\
             fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;\n{config}\n}}\n",
            folder.display(),
            log.display()
        );
        std::fs::write(folder.join("nginx.conf"), whole).unwrap();
        vec!["-c".into(), folder.join("nginx.conf").into(), "-e".into(), log.into()]
    });
    site.await.restarts_unseen().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_restart_is_seen_through_haproxy() {
    let Some(haproxy) = found("haproxy") else { return };
    let site = Site::start(&haproxy, |folder, config| {
        std::fs::write(folder.join("haproxy.cfg"), config).unwrap();
        vec!["-db".into(), "-f".into(), folder.join("haproxy.cfg").into()]
    });
    site.await.restarts_unseen().await;
}

/// A proxy's program; without it the test says that it did not run.
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH");
    let folders = path.iter().flat_map(std::env::split_paths);
    let folders = folders.chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let program = folders.map(|folder| folder.join(name)).find(|program| program.is_file());
    if program.is_none() {
        session_test_servers::given::not_run(&format!("{name} is not installed"));
    }
    program
}

struct Site {
    folder: TempDir,
    servers: Vec<Demo>,
    ports: [u16; 2],
    address: SocketAddr,
    _proxy: Child,
}

/// Each of the two on a framework of its own.
const FRAMEWORKS: [Framework; 2] = [Framework::Axum, Framework::Salvo];

impl Site {
    async fn start(
        program: &std::path::Path,
        configure: impl FnOnce(&std::path::Path, &str) -> Vec<std::ffi::OsString>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [one, two, front] = std::array::from_fn(|_| free_port());
        let name = program.file_name().unwrap().to_str().unwrap();
        let file = match name {
            "nginx" => include_str!("../../../../docs/deploy/nginx.conf"),
            _ => include_str!("../../../../docs/deploy/haproxy.cfg"),
        };
        let mut config = file.to_owned();
        for (port, own) in [(":3001", one), (":3002", two), (":8080", front)] {
            assert!(config.contains(port), "{name}: {port}");
            config = config.replace(port, &format!(":{own}"));
        }
        let arguments = configure(folder.path(), &config);
        let mut servers = Vec::new();
        for (framework, port) in FRAMEWORKS.into_iter().zip([one, two]) {
            servers.push(serve(&folder, framework, port).await);
        }
        let mut proxy = Command::new(program);
        proxy.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let proxy = proxy.kill_on_drop(true).spawn().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], front));
        until("a proxy that listens", async || {
            tokio::net::TcpStream::connect(address).await.is_ok()
        })
        .await;
        Self { folder, servers, ports: [one, two], address, _proxy: proxy }
    }

    /// Eight browsers read and write without a pause, while each server is stopped and started anew, twice.
    async fn restarts_unseen(mut self) {
        let (stop, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut browsers = JoinSet::new();
        for nth in 0..8 {
            let (stop, done) = (stop.clone(), done.clone());
            let mut browser = Browser::new(self.address);
            browsers.spawn(async move {
                let user = json!({ "user": format!("user {nth}") }).to_string();
                let signed_in =
                    browser.send_with(Method::POST, "/api/login", user, &CLAIMS_ANOTHER_ADDRESS);
                signed_in.await.check(200);
                let mut written = 0;
                while !stop.load(Ordering::Relaxed) {
                    browser.get("/api/me").await.check(200);
                    browser.put("/api/data/n", &json!(written)).await.check(200);
                    let slow = browser.put("/api/slow/slow?ms=50", &json!(written)).await;
                    slow.check(200);
                    browser.get("/api/data/n").await.check(200);
                    written += 1;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                let session = browser.session().await;
                assert_eq!(session["data"]["n"], json!(written - 1), "the last that was answered");
                // Not what the client said when it signed in.
                assert_eq!(session["ip_address"], "127.0.0.1");
                assert_eq!(session["last_ip_address"], "127.0.0.1");
                written
            });
        }
        for round in 0..4 {
            let before = done.load(Ordering::Relaxed);
            until("requests", async || done.load(Ordering::Relaxed) > before + 20).await;
            let (framework, port) = (FRAMEWORKS[round % 2], self.ports[round % 2]);
            let old = self.servers.remove(0);
            drop(old.stopped().await);
            // For a while there is only the other one.
            let before = done.load(Ordering::Relaxed);
            until("requests", async || done.load(Ordering::Relaxed) > before + 20).await;
            self.servers.push(serve(&self.folder, framework, port).await);
        }
        stop.store(true, Ordering::Relaxed);
        let written: u32 = browsers.join_all().await.into_iter().sum();
        assert!(written > 100, "{written}");
    }
}

async fn serve(folder: &TempDir, framework: Framework, port: u16) -> Demo {
    let backend = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let options = ["--framework", framework.name(), "--backend", &backend];
    Demo::launch_at(port, tempfile::tempdir().unwrap(), &options).await
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let mut clock = tokio::time::interval(Duration::from_millis(20));
    let asking = async {
        while !ask().await {
            clock.tick().await;
        }
    };
    let came = tokio::time::timeout(TOO_LONG, asking).await;
    assert!(came.is_ok(), "{what} did not come");
}
