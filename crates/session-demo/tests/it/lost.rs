//! Answers that never came, tokens that ran out, and writes that change nothing: what only the database
//! can show.

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::browser::Browser;
use crate::demo::{Demo, Framework};
use crate::process::in_database;

on_every_framework! {
    who_lost_an_answer_goes_on
    a_token_that_ran_out_is_left_alone
    what_changes_nothing_writes_nothing
}

const FILE: &str = "new/demo.db";

/// Everything that has ended, ended 15 seconds before: nobody can wait for that.
const LATER: &str = "UPDATE web_session_tombstones SET at = at - 15000000, \
                     grace_until = grace_until - 45000000";

/// A browser whose answer to its own sign-in, proof, rotation or sign-out was lost.
async fn who_lost_an_answer_goes_on(framework: Framework) {
    let demo = Demo::sqlite(framework).await;
    let change = async |browser: &Browser, path: &str| {
        let body = if path == "/api/login" { json!({ "user": "alice" }) } else { Value::Null };
        browser.clone().post(path, &body).await.check(200);
    };
    for path in ["/api/login", "/api/reauthenticate", "/api/rotate", "/api/logout"] {
        let browser = demo.signed_in("alice").await;
        change(&browser, path).await;
        if path != "/api/rotate" {
            // The answer may be on its way.
            let reply = browser.clone().put("/api/data/k", &json!(1)).await;
            reply.check_error(409, "session_ended");
        }
        in_database(&demo.file(FILE), LATER).await;
        let mut browser = browser;
        assert_eq!(browser.session().await, Value::Null, "{path}");
        let reply = browser.form("/cart", "item=Tea").await;
        assert!(reply.check(303).cookie().is_some(), "{path}");
        browser.form("/login", "user=bob&password=demo").await.check(303);
        let session = browser.session().await;
        assert_eq!(session["user_id"], "bob", "{path}");
        assert_eq!(session["data"]["cart"], json!({ "Tea": 1 }), "{path}");
    }
}

async fn a_token_that_ran_out_is_left_alone(framework: Framework) {
    let demo = Demo::sqlite(framework).await;
    let mut browser = demo.signed_in("alice").await;
    in_database(&demo.file(FILE), "UPDATE web_sessions SET expires_at = created_at + 1").await;
    // The slow answer to a navigation: a sign-in in the tab beside it may have come first.
    let headers = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    for path in ["/", "/devices", "/api/session"] {
        let reply = browser.clone().send_with(http::Method::GET, path, "", &headers).await;
        assert!(reply.cookie().is_none(), "{path}");
    }
    assert!(browser.put("/api/data/k", &json!(1)).await.check(200).cookie().is_some());
    assert_eq!(browser.session().await["data"], json!({ "k": 1 }));
}

async fn what_changes_nothing_writes_nothing(framework: Framework) {
    let demo = Demo::sqlite(framework).await;
    let mut browser = demo.signed_in("alice").await;
    browser.put("/api/data/k", &json!({ "a": [1, null] })).await.check(200);
    let before = version(&demo).await;
    browser.delete("/api/data/missing").await.check(200);
    browser.put("/api/data/k", &json!({ "a": [1, null] })).await.check(200);
    browser.form("/theme", "theme=auto").await.check(303);
    assert_eq!(version(&demo).await, before);
    browser.put("/api/data/k", &json!({ "a": [1] })).await.check(200);
    assert_eq!(version(&demo).await, before + 1);
    browser.delete("/api/data/k").await.check(200);
    assert_eq!(version(&demo).await, before + 2);
}

/// Of the only session's data.
async fn version(demo: &Demo) -> i64 {
    let options = SqliteConnectOptions::new().filename(demo.file(FILE));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let query = sqlx::query_scalar("SELECT version FROM web_sessions");
    let version = query.fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    version
}
