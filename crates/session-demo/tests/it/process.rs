//! The program: how it starts, what keeps it from starting, how it stops, and what a database that
//! fails means.

use std::path::Path;

use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::task::JoinSet;

use crate::demo::{Demo, Framework, database, program};

on_every_framework! {
    it_says_where_it_listens_and_nothing_else
    a_request_in_flight_is_finished
    sessions_outlive_the_process_and_the_framework
    a_database_that_fails_signs_nobody_out
    a_visitor_for_an_outage_stores_nothing
}

async fn it_says_where_it_listens_and_nothing_else(framework: Framework) {
    let (memory, sqlite) = (Demo::memory(framework).await, Demo::sqlite(framework).await);
    for (mut demo, backend) in [(memory, "memory"), (sqlite, "sqlite")] {
        let (port, name) = (demo.address.port(), framework.name());
        assert_eq!(
            demo.said,
            format!("listening on http://127.0.0.1:{port} ({name}, {backend})\n")
        );
        demo.browser().get("/healthz").await.check(200);
        demo.signal("INT").await;
        let (status, rest) = demo.ended().await;
        assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
    }
}

#[tokio::test]
async fn the_defaults() {
    // The usual port may be taken here; all else is as it comes.
    let demo = Demo::launch(tempfile::tempdir().unwrap(), &[]).await;
    assert!(demo.said.ends_with("(axum, sqlite)\n"), "{}", demo.said);
    assert!(demo.file("target/session-demo.db").is_file());
    let help = program().arg("--help").output().await.unwrap();
    assert!(help.status.success() && help.stderr.is_empty());
    let help = String::from_utf8(help.stdout).unwrap();
    for expected in [
        "--framework",
        "DEMO_FRAMEWORK",
        "[default: axum]",
        "--backend",
        "DATABASE_URL",
        "[default: sqlite:target/session-demo.db]",
        "--host",
        "DEMO_HOST",
        "[default: 127.0.0.1]",
        "--port",
        "DEMO_PORT",
        "[default: 3000]",
        "--config",
        "DEMO_CONFIG",
        "--metrics",
        "DEMO_METRICS",
    ] {
        assert!(help.contains(expected), "{expected}: {help}");
    }
}

#[tokio::test]
async fn the_environment_counts_where_no_option_does() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.yaml");
    std::fs::write(&config, "session_ttl_sec: 1").unwrap();
    for (name, value, told) in [
        ("DEMO_FRAMEWORK", "rocket", "rocket"),
        ("DATABASE_URL", "mysql://u:hunter2@h/d", "--backend"),
        ("DEMO_HOST", "host.invalid", "host.invalid"),
        ("DEMO_PORT", "70000", "70000"),
        ("DEMO_CONFIG", config.to_str().unwrap(), "session_ttl_sec"),
        ("DEMO_METRICS", "perhaps", "perhaps"),
    ] {
        let mut command = program();
        command.env("DATABASE_URL", "memory:").env("DEMO_PORT", "0").env(name, value);
        refused(command.output().await.unwrap(), told);
    }
    let mut command = program();
    command.env("DEMO_PORT", "70000").args(["--port", "0", "--backend", "nowhere:"]);
    refused(command.output().await.unwrap(), "--backend");
}

/// Exactly one line on standard error that says what is wrong, nothing on standard output, and no
/// success.
#[track_caller]
fn refused(output: std::process::Output, told: &str) {
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.status.code().is_some(), "{error}");
    assert!(output.stdout.is_empty(), "{error}");
    assert!(error.ends_with('\n') && error.lines().count() == 1 && error.len() > 10, "{error:?}");
    assert!(error.contains(told), "{error:?} does not speak of {told:?}");
    assert!(!error.contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
    };
    file("text.db", &"this is no database\n".repeat(100));
    file("file", "");
    file("unknown.yaml", "session_ttl_sec: 1");
    file("unknown.toml", "# one\n\n[cookie]\npth = '/'");
    file("bad.yaml", "a: [\n\nb");
    file("meant.yaml", "session_ttl_secs: 0");
    file("prefix.yaml", "cookie_name: __Host-x\ncookie: {secure: insecure_never}");
    file("bool.yaml", "cookie: {secure: false}");
    file("range.yaml", "trusted_proxies: ['10.0.0.0/99']");
    std::fs::create_dir(folder.path().join("folder.db")).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();

    for (options, told) in [
        (&["--port", "x"][..], "--port"),
        (&["--port", "65536"], "65536"),
        (&["--port", "a\nb"], "--port"),
        (&["--colour"], "--colour"),
        (&["extra"], "extra"),
        (&["--framework", "rocket"], "rocket"),
        (&["--backend", ""], "--backend"),
        (&["--backend", "nowhere"], "--backend"),
        (&["--backend", "mysql://u:hunter2@h/d"], "--backend"),
        (&["--backend", "postgres://u:hunter2@127.0.0.1:1/d"], "PostgreSQL"),
        (&["--backend", "redis://:hunter2@127.0.0.1:1"], "redis"),
        (&["--backend", "redis-cluster://127.0.0.1:1"], "redis-cluster"),
        (&["--backend", "memory:x"], "memory"),
        (&["--backend", "sqlite:"], "file"),
        (&["--backend", "sqlite:text.db"], "database"),
        (&["--backend", "sqlite:folder.db"], "folder.db"),
        (&["--backend", "sqlite:file/below.db"], "file"),
        (&["--backend", "memory:", "--host", "host.invalid"], "host.invalid"),
        (&["--backend", "memory:", "--port", &taken], &taken),
        (&["--backend", "memory:", "--config", "missing.yaml"], "missing.yaml"),
        (&["--backend", "memory:", "--config", "folder.db"], "folder.db"),
        (&["--backend", "memory:", "--config", "unknown.yaml"], "session_ttl_sec"),
        (&["--backend", "memory:", "--config", "unknown.toml"], "line 4"),
        (&["--backend", "memory:", "--config", "bad.yaml"], "bad.yaml"),
        (&["--backend", "memory:", "--config", "meant.yaml"], "session_ttl_secs"),
        (&["--backend", "memory:", "--config", "prefix.yaml"], "cookie"),
        (&["--backend", "memory:", "--config", "bool.yaml"], "insecure_never"),
        (&["--backend", "memory:", "--config", "range.yaml"], "trusted_proxies"),
    ] {
        let mut command = program();
        command.args(options).current_dir(folder.path()).env("RUST_LOG", "trace");
        let output = command.output();
        let output = tokio::time::timeout(crate::demo::TOO_LONG, output).await.unwrap().unwrap();
        refused(output, told);
    }
    // What could not be meant was refused before a database was made for it.
    assert!(!folder.path().join("target").exists());
}

async fn a_request_in_flight_is_finished(framework: Framework) {
    let (memory, sqlite) = (Demo::memory(framework).await, Demo::sqlite(framework).await);
    for (mut demo, name) in [(memory, "TERM"), (sqlite, "INT")] {
        let mut browser = demo.signed_in("alice").await;
        let mut running = JoinSet::new();
        running.spawn(async move { browser.put("/api/slow/k?ms=1500", &json!(1)).await });
        demo.logged("waiting").await;
        demo.signal(name).await;
        let [slow] = &running.join_all().await[..] else { panic!("one") };
        assert_eq!(slow.check(200).json(), json!({ "ok": true }));
        let (status, _) = demo.ended().await;
        assert_eq!(status.code(), Some(0));
    }
}

async fn sessions_outlive_the_process_and_the_framework(framework: Framework) {
    let demo = Demo::sqlite(framework).await;
    let mut browser = demo.signed_in("alice").await;
    browser.put("/api/data/cart", &json!(["tea", 1.5, null])).await.check(200);
    let session = browser.session().await;
    let mut ended = demo.signed_in("alice").await;
    let dead = ended.clone();
    ended.post("/api/logout", &Value::Null).await.check(200);

    let folder = demo.stopped().await;
    let other = match framework {
        Framework::Axum => Framework::Salvo,
        Framework::Salvo => Framework::Axum,
    };
    let demo = Demo::start(other, folder, &["--backend", "sqlite:new/demo.db"]).await;
    let mut again = demo.browser();
    again.cookie = browser.cookie;
    assert_eq!(again.session().await, session);
    again.cookie = dead.cookie;
    again.get("/api/me").await.check_error(401, "unauthenticated");

    // Nothing that is stored signs anybody in.
    let folder = demo.stopped().await;
    let stored = std::fs::read(database(folder.path())).unwrap();
    let token = session_of(&again.cookie);
    assert!(!stored.windows(token.len()).any(|window| window == token));
}

fn session_of(cookie: &Option<String>) -> Vec<u8> {
    cookie.as_deref().expect("a cookie").as_bytes().to_vec()
}

/// Runs a statement in the database of a running demo.
pub(crate) async fn in_database(file: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Whoever reads on as a visitor stores nothing all the same, and does not start over.
async fn a_visitor_for_an_outage_stores_nothing(framework: Framework) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yaml"), "on_backend_error: anonymous").unwrap();
    let options = ["--backend", "sqlite:new/demo.db", "--config", "c.yaml"];
    let demo = Demo::start(framework, folder, &options).await;
    let mut browser = demo.signed_in("alice").await;
    let file = demo.file("new/demo.db");
    in_database(&file, "ALTER TABLE web_sessions RENAME TO elsewhere").await;
    assert_eq!(browser.session().await, Value::Null);
    browser.get("/").await.check(200).page();
    for path in
        ["/api/start-over", "/api/goodbye", "/api/logout", "/api/increment/k", "/api/rotate"]
    {
        let reply = browser.post(path, &Value::Null).await;
        reply.check_error(503, "unavailable");
        assert!(reply.cookie().is_none(), "{path}");
    }
    let reply = browser.form("/theme", "theme=dark").await;
    assert!(reply.check(503).page().contains("Not just now") && reply.cookie().is_none());
    in_database(&file, "ALTER TABLE elsewhere RENAME TO web_sessions").await;
    assert_eq!(browser.get("/api/me").await.json(), json!({ "user_id": "alice" }));
}

async fn a_database_that_fails_signs_nobody_out(framework: Framework) {
    let demo = Demo::sqlite(framework).await;
    let mut browser = demo.signed_in("alice").await;
    let file = demo.file("new/demo.db");
    in_database(&file, "ALTER TABLE web_sessions RENAME TO elsewhere").await;

    for path in
        ["/healthz", "/api/session", "/api/me", "/api/layer-user", "/api/data", "/api/sessions"]
    {
        let reply = browser.get(path).await;
        reply.check_error(503, "unavailable");
        assert!(reply.cookie().is_none(), "{path}");
    }
    for path in [
        "/api/logout",
        "/api/goodbye",
        "/api/start-over",
        "/api/increment/k",
        "/api/purge",
        "/api/rotate",
    ] {
        let reply = browser.post(path, &Value::Null).await;
        reply.check_error(503, "unavailable");
        assert!(reply.cookie().is_none(), "{path}");
    }
    let reply = browser.get("/").await;
    assert!(reply.check(503).page().contains("Not just now"));
    assert!(reply.header("retry-after").is_some() && reply.cookie().is_none());
    for path in ["/logout", "/cart", "/theme", "/login"] {
        let reply = browser.form(path, "item=Tea&theme=dark&user=alice&password=demo").await;
        assert!(reply.check(503).page().contains("Not just now"), "{path}");
        assert!(reply.header("retry-after").is_some() && reply.cookie().is_none());
    }
    // What touches no session goes on, and a visitor who stores nothing needs no database.
    browser.get("/api/public").await.check(200);
    let mut visitor = demo.browser();
    assert_eq!(visitor.get("/api/session").await.json(), json!({ "session": null }));
    visitor.put("/api/data/k", &json!(1)).await.check_error(503, "unavailable");

    in_database(&file, "ALTER TABLE elsewhere RENAME TO web_sessions").await;
    browser.get("/healthz").await.check(200);
    assert_eq!(browser.get("/api/me").await.json(), json!({ "user_id": "alice" }));
}
