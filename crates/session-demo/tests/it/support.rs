//! Support staff in a customer's place, the messages that tell of it, and visitors without rows.

use std::path::Path;

use http::Method;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::browser::Browser;
use crate::demo::{Demo, Framework};

on_every_combination! {
    staff_see_what_a_user_sees
    only_staff_may
    the_user_ends_it
}

on_every_framework! {
    a_visitor_without_a_row
}

async fn act_for(staff: &mut Browser, user: &str) {
    let reply = staff.form("/impersonate", &format!("user={user}")).await;
    reply.check(303);
    assert_eq!(reply.header("location"), Some("/"));
    assert!(reply.cookie().is_some(), "a session of its own");
}

async fn staff_see_what_a_user_sees(demo: Demo) {
    let mut alice = demo.browser();
    alice.login("alice").await;
    let mut staff = demo.browser();
    let own = staff.login("support").await;
    staff.form("/cart", "item=Tea").await.check(303);

    act_for(&mut staff, "alice").await;
    let page = staff.get("/").await.check(200).page();
    assert!(page.contains("You see what alice sees."), "{page}");
    assert!(page.contains("You act for this user"), "{page}");
    assert!(!page.contains("Tea</span>"), "staff's own cart stays with them: {page}");
    assert!(!page.contains("action=\"/impersonate\""), "nobody acts for two: {page}");
    let page = staff.get("/").await.check(200).page();
    assert!(!page.contains("You see what alice sees."), "it is told once: {page}");
    // Alice sees it in her list.
    let devices = alice.get("/devices").await.check(200).page();
    assert!(devices.contains("support"), "{devices}");
    staff.form("/impersonate", "user=bob").await.check(403);

    let reply = staff.form("/impersonate/end", "").await;
    reply.check(303);
    assert_eq!(staff.session().await["id"], own["id"], "back in the same session");
    let page = staff.get("/").await.check(200).page();
    assert!(page.contains("You are back in your own session."), "{page}");
    assert!(page.contains("Tea</span>"), "{page}");
    let devices = alice.get("/devices").await.check(200).page();
    assert!(!devices.contains("support"), "{devices}");
    // A second click does no harm.
    staff.form("/impersonate/end", "").await.check(303);
    assert_eq!(staff.session().await["id"], own["id"]);
}

async fn only_staff_may(demo: Demo) {
    let mut alice = demo.browser();
    alice.form("/impersonate", "user=bob").await.check(401).page();
    alice.login("alice").await;
    let page = alice.form("/impersonate", "user=bob").await.check(403).page();
    assert!(page.contains("support"), "{page}");
    assert!(!alice.get("/").await.page().contains("/impersonate"), "it is not offered");
    let foreign =
        [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")];
    let mut staff = demo.browser();
    staff.login("support").await;
    for path in ["/impersonate", "/impersonate/end"] {
        staff.send_with(Method::POST, path, "user=bob", &foreign).await.check(403);
    }
    staff.form("/impersonate", "user=").await.check(400);
    assert_eq!(staff.session().await["user_id"], "support");
    assert_eq!(alice.session().await["user_id"], "alice");
}

async fn the_user_ends_it(demo: Demo) {
    let mut alice = demo.browser();
    alice.login("alice").await;
    let mut staff = demo.browser();
    staff.login("support").await;
    act_for(&mut staff, "alice").await;
    alice.post("/api/logout-others", &Value::Null).await.check(200);
    assert_eq!(staff.session().await, Value::Null, "it is over");
    assert_eq!(alice.session().await["user_id"], "alice");
}

async fn a_visitor_without_a_row(framework: Framework) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yaml"), CONFIG).unwrap();
    let options = ["--backend", "sqlite:new/demo.db", "--config", "c.yaml"];
    let demo = Demo::start(framework, folder, &options).await;
    let file = demo.file("new/demo.db");
    let mut visitor = demo.browser();
    visitor.form("/cart", "item=Tea").await.check(303);
    visitor.form("/cart", "item=Tea").await.check(303);
    assert_eq!(visitor.get("/api/data").await.json()["cart"], json!({ "Tea": 2 }));
    assert_eq!(rows(&file).await, 0, "what a visitor stores lives in the cookie");
    visitor.login("alice").await;
    assert_eq!(visitor.get("/api/data").await.json()["cart"], json!({ "Tea": 2 }));
    assert_eq!(rows(&file).await, 1, "and moves with the sign-in");
}

/// What visitors store is in their cookie, under this secret.
const CONFIG: &str = "
anonymous_store: cookie
secrets: [9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08]
";

async fn rows(file: &Path) -> i64 {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let count = sqlx::query_scalar("SELECT count(*) FROM web_sessions");
    let count = count.fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    count
}
