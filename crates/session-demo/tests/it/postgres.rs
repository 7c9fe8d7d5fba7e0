//! A PostgreSQL for the demo, and what only one that is shared can show.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::demo::{Demo, Framework};

/// Where the tests' server is: an environment variable, which `cargo xtask test` sets.
const VARIABLE: &str = "SESSION_TEST_POSTGRES_URL";

/// The URL of a schema that is new and empty, where there is a server. Says so where there is none,
/// and accepts that nowhere but on a developer's machine.
pub(crate) async fn fresh() -> Option<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);

    let Some(server) = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty()) else {
        let message = format!("NOT RUN: no PostgreSQL; use `cargo xtask test`, or set {VARIABLE}");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
        // Past the capture of the test harness: nobody shall believe that this was seen.
        let line = format!("{message}\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
        return None;
    };
    // Of this process's number and a count: other processes of the tests use the same server.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let schema = format!("session_test_demo_{}_{number}", std::process::id());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    for sql in
        [format!("DROP SCHEMA IF EXISTS {schema} CASCADE"), format!("CREATE SCHEMA {schema}")]
    {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    let separator = if server.contains('?') { '&' } else { '?' };
    Some(format!("{server}{separator}options[search_path]={schema}"))
}

/// Two applications, one on each framework, share one database: who is signed in on one is signed in
/// on the other, and who signs out on one is signed out on both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_frameworks_share_one_over_postgres() {
    let Some(url) = fresh().await else { return };
    let options = ["--backend", url.as_str()];
    let axum = Demo::start(Framework::Axum, tempfile::tempdir().unwrap(), &options).await;
    let salvo = Demo::start(Framework::Salvo, tempfile::tempdir().unwrap(), &options).await;

    let mut here = axum.signed_in("alice").await;
    let mut there = salvo.browser();
    there.cookie = here.cookie.clone();
    assert_eq!(there.get("/api/me").await.check(200).json(), json!({ "user_id": "alice" }));
    there.post("/api/logout", &Value::Null).await.check(200);
    here.get("/api/me").await.check_error(401, "unauthenticated");
}
