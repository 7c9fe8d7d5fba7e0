//! What the configuration changes in the running demo.

use serde_json::{Value, json};

use crate::browser::Cookie;
use crate::demo::{Demo, Framework};

on_every_framework! {
    where_secure_is_off
    a_file_in_either_format
    large_data_pass_where_they_are_allowed
    what_expired_is_purged
}

/// The cookie that a sign-in sets.
async fn cookie(demo: &Demo) -> Cookie {
    let reply = demo.browser().post("/api/login", &json!({ "user": "alice" })).await;
    reply.check(200).cookie().expect("a cookie")
}

async fn where_secure_is_off(framework: Framework) {
    for (name, yaml, options, secure) in [
        ("nothing is said", "", &[][..], false),
        ("localhost", "", &["--host", "localhost"], false),
        ("to the world", "", &["--host", "0.0.0.0"], true),
        ("on", "cookie: {secure: always}", &[], true),
        ("off, to the world", "cookie: {secure: insecure_never}", &["--host", "0.0.0.0"], false),
        ("a prefix", "cookie_name: __Host-session", &[], true),
        ("none", "cookie: {same_site: none}", &[], true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.yml"), yaml).unwrap();
        let mut all = vec!["--backend", "memory:", "--config", "config.yml"];
        all.extend(options);
        let demo = Demo::start(framework, folder, &all).await;
        let cookie = cookie(&demo).await;
        assert_eq!(cookie.says("Secure"), secure, "{name}: {}", cookie.line);
    }
}

async fn a_file_in_either_format(framework: Framework) {
    for (file, text) in [
        ("c.yaml", "session_ttl_secs: 7200\ncookie_name: shop\ncookie:\n  same_site: strict\n"),
        (
            "c.toml",
            "session_ttl_secs = 7200\ncookie_name = 'shop'\n[cookie]\nsame_site = 'strict'\n",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file), text).unwrap();
        let demo =
            Demo::start(framework, folder, &["--backend", "memory:", "--config", file]).await;
        let cookie = cookie(&demo).await;
        assert_eq!(cookie.name, "shop");
        cookie.check_max_age(7200);
        assert!(cookie.says("SameSite=Strict"), "{}", cookie.line);
    }
}

async fn large_data_pass_where_they_are_allowed(framework: Framework) {
    let demo = Demo::configured(framework, "max_data_bytes: 6000000").await;
    let mut browser = demo.signed_in("alice").await;
    let value = json!("x".repeat(5_900_000));
    browser.put("/api/data/k", &value).await.check(200);
    assert_eq!(browser.get("/api/data/k").await.json(), value);
    let body = json!({ "user": "bob", "data": { "k": value } });
    demo.browser().post("/api/login", &body).await.check(200);
}

async fn what_expired_is_purged(framework: Framework) {
    // Every read that finds a session would prolong it, so the reads are another user's.
    let demo = Demo::configured(framework, "anonymous_ttl_secs: 1").await;
    for _ in 0..3 {
        demo.browser().put("/api/data/k", &json!(1)).await.check(200);
    }
    let mut user = demo.signed_in("alice").await;
    let purging = async {
        let mut purged = 0;
        while purged < 3 {
            let reply = user.post("/api/purge", &Value::Null).await;
            purged += reply.check(200).json()["purged"].as_u64().unwrap();
        }
        purged
    };
    assert_eq!(tokio::time::timeout(crate::demo::TOO_LONG, purging).await.unwrap(), 3);
    user.get("/api/me").await.check(200);
}
