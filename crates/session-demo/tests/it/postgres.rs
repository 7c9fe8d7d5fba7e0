//! A PostgreSQL for the demo, and what only one that is shared can show.

use serde_json::{Value, json};
use session_test_servers::given;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::demo::{Demo, Framework};

/// The URL of a schema that is new and empty, if there is a server.
pub(crate) async fn fresh() -> Option<String> {
    let (server, schema) = (given::postgres()?, given::fresh_name());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let make = AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::query(make).execute(&mut connection).await.unwrap();
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
