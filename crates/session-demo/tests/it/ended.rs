//! Browsers whose session ended: nobody is locked out, and who signs out is out.

use http::Method;
use serde_json::{Value, json};

use crate::browser::{Browser, FIREFOX, Reply};
use crate::demo::Demo;

on_every_combination! {
    who_was_signed_out_elsewhere_goes_on
    who_signs_in_again_is_followed
    signing_out_ends_whatever_was_sent
    no_answer_clears_a_newer_cookie
    goodbye_and_start_over_take_whatever_comes
    a_double_click_keeps_the_cart
    signing_in_ends_an_ambiguity
}

/// How a session can be ended from another device.
const ELSEWHERE: [&str; 4] = ["revoked", "others", "all", "evicted"];

/// A browser of the user's, whose session another one has ended.
async fn ended_elsewhere(demo: &Demo, how: &str) -> Browser {
    let user = format!("{how}-user");
    let mut browser = demo.signed_in(&user).await;
    let id = browser.session().await["id"].as_str().unwrap().to_owned();
    let mut other = demo.signed_in(&user).await;
    match how {
        "revoked" => drop(other.delete(&format!("/api/sessions/{id}")).await.check(200)),
        "others" => drop(other.post("/api/logout-others", &Value::Null).await.check(200)),
        "all" => drop(other.post("/api/logout-all", &Value::Null).await.check(200)),
        "evicted" => {
            for _ in 0..9 {
                demo.signed_in(&user).await;
            }
        }
        _ => unreachable!("{how}"),
    }
    assert_eq!(browser.clone().session().await, Value::Null, "{how}");
    browser
}

#[track_caller]
fn gets_a_session(reply: &Reply, name: &str) {
    assert!(reply.cookie().is_some_and(|cookie| !cookie.removes()), "{name}: {reply:?}");
}

async fn who_was_signed_out_elsewhere_goes_on(demo: Demo) {
    for how in ELSEWHERE {
        let browser = ended_elsewhere(&demo, how).await;
        // What a sign-in page stores on the way: one click, and no error.
        for (method, path, body, status) in [
            (Method::PUT, "/api/data/csrf", "\"x\"", 200),
            (Method::POST, "/api/increment/n", "", 200),
            (Method::POST, "/theme", "theme=dark", 303),
            (Method::POST, "/cart", "item=Tea", 303),
            (Method::POST, "/login", "user=alice&password=demo", 303),
        ] {
            let reply = browser.clone().send(method, path, body).await;
            gets_a_session(reply.check(status), &format!("{how}: {path}"));
        }
    }
    for how in ELSEWHERE {
        let mut browser = ended_elsewhere(&demo, how).await;
        let reply = browser.get("/").await;
        let page = reply.check(200).page();
        let told = if how == "evicted" {
            "signed in on many other devices"
        } else {
            "signed out on another device"
        };
        assert!(page.contains(told) && page.contains("name=\"password\""), "{how}: {page}");
        assert!(reply.cookie().is_none(), "{how}");
        let reply = browser.form("/login", "user=alice&password=wrong").await;
        assert!(reply.check(401).page().contains("not the password"), "{how}");
        // The cart, the sign-in, the cart still there.
        browser.form("/cart", "item=Tea").await.check(303);
        assert!(!browser.get("/").await.page().contains(told), "{how}: told once");
        browser.form("/login", "user=alice&password=demo").await.check(303);
        let session = browser.session().await;
        assert_eq!(session["user_id"], "alice");
        assert_eq!(session["data"]["cart"], json!({ "Tea": 1 }), "{how}");
    }
}

/// As soon as the newer cookie has come, the older one makes nothing by itself.
async fn who_signs_in_again_is_followed(demo: Demo) {
    for how in ELSEWHERE {
        let mut browser = ended_elsewhere(&demo, how).await;
        let stale = browser.clone();
        browser.form("/login", "user=bob&password=demo").await.check(303);
        gets_a_session(
            &stale.clone().put("/api/data/k", &json!(1)).await,
            "not until it was presented",
        );
        browser.get("/api/me").await.check(200);
        let reply = stale.clone().put("/api/data/k", &json!(1)).await;
        reply.check_error(409, "session_ended");
        assert!(reply.cookie().is_none(), "{how}");
        // People are told the same, as a page.
        for (path, fields) in [("/theme", "theme=dark"), ("/cart", "item=Tea")] {
            let reply = stale.clone().form(path, fields).await;
            let page = reply.check(409).page();
            assert!(page.contains("nothing was stored"), "{how}: {page}");
            assert!(reply.cookie().is_none(), "{how}");
        }
        // What is not there can be removed.
        let mut stale = stale;
        stale.delete("/api/data/k").await.check(200);
        stale.form("/theme", "theme=auto").await.check(303);
        browser.get("/api/me").await.check(200);
    }
}

/// Somebody with whatever a browser may send, by a name.
async fn somebody(demo: &Demo, name: &str) -> (Browser, Vec<Browser>) {
    let mut browser = demo.browser();
    let mut owners = Vec::new();
    match name {
        "nobody" => {}
        "anonymous" => {
            for _ in 0..2 {
                browser.put("/api/data/k", &json!(1)).await.check(200);
            }
        }
        "user" => browser = demo.signed_in("alice").await,
        "revoked" => browser = ended_elsewhere(demo, "revoked").await,
        "signed out" => {
            browser = demo.signed_in("alice").await;
            browser.clone().post("/api/logout", &Value::Null).await.check(200);
        }
        "replaced" => {
            browser = demo.signed_in("alice").await;
            let mut newer = browser.clone();
            newer.login("alice").await;
            newer.get("/api/me").await.check(200);
            owners.push(newer);
        }
        "re-authenticated" => {
            browser = demo.signed_in("alice").await;
            let mut newer = browser.clone();
            newer.post("/api/reauthenticate", &Value::Null).await.check(200);
            owners.push(newer);
        }
        "another browser" => {
            browser = demo.signed_in("alice").await;
            owners.push(browser.clone());
            browser.agent = FIREFOX;
        }
        "ambiguous" => {
            owners.extend([demo.signed_in("alice").await, demo.signed_in("bob").await]);
            let [one, other] = [0, 1].map(|place: usize| owners[place].cookie.clone().unwrap());
            browser.cookie = Some(format!("{one}; _session={other}"));
        }
        "unknown" => browser.cookie = Some("0".repeat(64)),
        "malformed" => browser.cookie = Some("zz".to_owned()),
        _ => unreachable!("{name}"),
    }
    (browser, owners)
}

async fn signing_out_ends_whatever_was_sent(demo: Demo) {
    for (name, ended, owners_stay) in [
        ("nobody", 0, true),
        ("anonymous", 1, true),
        ("user", 1, true),
        ("revoked", 0, true),
        ("signed out", 0, true),
        ("replaced", 0, true),
        ("re-authenticated", 1, false),
        ("another browser", 1, false),
        ("ambiguous", 2, false),
        ("unknown", 0, true),
        ("malformed", 0, true),
    ] {
        for path in ["/api/logout", "/logout"] {
            let (mut browser, owners) = somebody(&demo, name).await;
            let had_cookie = browser.cookie.is_some();
            let reply = browser.send(Method::POST, path, "").await;
            if path == "/api/logout" {
                assert_eq!(reply.check(200).json(), json!({ "ended": ended }), "{name}");
            } else {
                assert_eq!(reply.check(303).header("location"), Some("/"), "{name}");
            }
            let removed = reply.cookie().is_some_and(|cookie| cookie.removes());
            assert_eq!(removed, had_cookie, "{name}: {path}");
            assert_eq!(browser.cookie, None, "{name}");
            let page = browser.get("/").await.check(200).page();
            assert!(page.contains("name=\"password\""), "{name}");
            for mut owner in owners {
                let status = owner.get("/api/me").await.status;
                assert_eq!(status == 200, owners_stay, "{name}: {path}");
            }
        }
    }
}

/// A page that a browser navigates to, with a token that is dead or was never one.
async fn no_answer_clears_a_newer_cookie(demo: Demo) {
    let headers = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    for name in ["revoked", "signed out", "replaced", "another browser", "unknown", "malformed"] {
        let (browser, _) = somebody(&demo, name).await;
        for path in ["/", "/devices", "/api/session", "/api/me", "/api/layer-user", "/api/data"] {
            let reply = browser.clone().send_with(Method::GET, path, "", &headers).await;
            assert!(!reply.status.is_server_error(), "{name}: {path}");
            assert!(reply.cookie().is_none(), "{name}: {path}");
        }
    }
}

async fn goodbye_and_start_over_take_whatever_comes(demo: Demo) {
    for name in [
        "nobody",
        "anonymous",
        "user",
        "revoked",
        "signed out",
        "replaced",
        "another browser",
        "ambiguous",
        "unknown",
        "malformed",
    ] {
        for path in ["/api/goodbye", "/api/start-over"] {
            let (mut browser, _) = somebody(&demo, name).await;
            let before = browser.session().await;
            let reply = browser.post(path, &json!(["bye"])).await;
            let session = reply.check(200).json()["session"].clone();
            assert_eq!(session["data"]["note"], json!(["bye"]), "{name}: {path}");
            if path == "/api/start-over" && before != Value::Null {
                // The session in hand.
                assert_eq!(session["id"], before["id"], "{name}");
                assert_eq!(session["user_id"], before["user_id"], "{name}");
                assert!(reply.cookie().is_none(), "{name}");
            } else {
                gets_a_session(&reply, &format!("{name}: {path}"));
                assert_eq!(session["user_id"], Value::Null, "{name}: {path}");
                assert_eq!(session["data"], json!({ "note": ["bye"] }), "{name}: {path}");
            }
            assert_eq!(browser.session().await["id"], session["id"], "{name}: {path}");
        }
    }
    // One that only another browser may use lives on, and an ambiguity ends for good.
    for (name, stay) in [("another browser", true), ("ambiguous", false)] {
        let (mut browser, owners) = somebody(&demo, name).await;
        browser.post("/api/start-over", &json!(1)).await.check(200);
        for mut owner in owners {
            assert_eq!(owner.get("/api/me").await.status == 200, stay, "{name}");
        }
    }
}

async fn a_double_click_keeps_the_cart(demo: Demo) {
    for user in ["alice", "bob"] {
        let mut browser = demo.browser();
        browser.form("/cart", "item=Tea").await.check(303);
        let mut again = browser.clone();
        browser.form("/login", "user=alice&password=demo").await.check(303);
        again.form("/login", &format!("user={user}&password=demo")).await.check(303);
        let session = again.session().await;
        let same_user = user == "alice";
        assert_eq!(session["user_id"], user);
        // Nobody gets what has gone to another user.
        let cart = if same_user { json!({ "Tea": 1 }) } else { Value::Null };
        assert_eq!(session["data"]["cart"], cart, "{user}");
        assert_eq!(browser.session().await["data"]["cart"], json!({ "Tea": 1 }));
    }
}

async fn signing_in_ends_an_ambiguity(demo: Demo) {
    for path in ["/api/login", "/login"] {
        let (browser, owners) = somebody(&demo, "ambiguous").await;
        browser.clone().put("/api/data/k", &json!(1)).await.check_error(409, "session_ended");
        let mut clicks = browser.clone();
        let body =
            if path == "/login" { "user=carol&password=demo" } else { r#"{"user":"carol"}"# };
        let reply = clicks.send(Method::POST, path, body).await;
        let new = reply.cookie().expect("a cookie").value;
        // The cookies of other paths are still there, and stand in nobody's way.
        let mut all = browser;
        all.cookie = Some(format!("{}; _session={new}", all.cookie.unwrap()));
        assert_eq!(all.get("/api/me").await.check(200).json(), json!({ "user_id": "carol" }));
        for mut owner in owners {
            owner.get("/api/me").await.check_error(401, "unauthenticated");
        }
    }
}
