//! The list of a user's sessions, and ending them: one, the others, all.

use serde_json::{Value, json};

use crate::browser::{Browser, FIREFOX};
use crate::demo::Demo;

on_every_combination! {
    the_list_is_the_users_own
    ending_one
    ending_the_others_and_all
    at_most_ten
}

async fn list(browser: &mut Browser) -> Vec<Value> {
    let reply = browser.get("/api/sessions").await;
    let text = reply.check(200).text();
    assert!(!text.contains("token") && !text.contains("hash") && !text.contains("fingerprint"));
    reply.json()["sessions"].as_array().unwrap().clone()
}

async fn the_list_is_the_users_own(demo: Demo) {
    let mut first = demo.signed_in("alice").await;
    let mut second = demo.browser();
    second.agent = FIREFOX;
    second.login("alice").await;
    demo.signed_in("bob").await;

    let seen = list(&mut first).await;
    let names: Vec<_> = seen.iter().map(|one| one["device_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Firefox on Windows", "Chrome on macOS"]);
    let currents: Vec<_> = seen.iter().map(|one| one["current"].as_bool().unwrap()).collect();
    assert_eq!(currents, [false, true]);
    let mut own = seen[1].clone();
    own.as_object_mut().unwrap().remove("current");
    assert_eq!(own, first.session().await);
    assert_eq!(list(&mut second).await[0]["current"], true);
}

async fn ending_one(demo: Demo) {
    let mut first = demo.signed_in("alice").await;
    let mut second = demo.signed_in("alice").await;
    let mut stranger = demo.signed_in("bob").await;
    let path = format!("/api/sessions/{}", second.session().await["id"].as_str().unwrap());

    // Another user's and an unknown one are alike to the byte.
    let others = stranger.delete(&path).await;
    let unknown = stranger.delete("/api/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAV").await;
    others.check_error(404, "no_such_session");
    assert_eq!(others.body, unknown.body);
    let names = |reply: &crate::browser::Reply| {
        let mut names: Vec<_> = reply.headers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&others), names(&unknown));
    second.get("/api/me").await.check(200);

    let reply = first.delete(&path).await;
    assert_eq!(reply.check(200).json(), json!({ "ended": 1 }));
    assert!(reply.cookie().is_none());
    second.get("/api/me").await.check_error(401, "unauthenticated");
    first.delete(&path).await.check_error(404, "no_such_session");

    // This one, in small letters: a removal cookie.
    let own = first.session().await["id"].as_str().unwrap().to_lowercase();
    let reply = first.delete(&format!("/api/sessions/{own}")).await;
    assert_eq!(reply.check(200).json(), json!({ "ended": 1 }));
    assert!(reply.cookie().is_some_and(|cookie| cookie.removes()));
    first.delete(&path).await.check_error(401, "unauthenticated");
}

async fn ending_the_others_and_all(demo: Demo) {
    let mut browsers = Vec::new();
    for _ in 0..4 {
        browsers.push(demo.signed_in("alice").await);
    }
    let mut stranger = demo.signed_in("bob").await;
    let reply = browsers[1].post("/api/logout-others", &Value::Null).await;
    assert_eq!(reply.check(200).json(), json!({ "ended": 3 }));
    assert!(reply.cookie().is_none());
    for (place, browser) in browsers.iter_mut().enumerate() {
        assert_eq!(browser.get("/api/me").await.status == 200, place == 1);
    }
    let reply = browsers[1].post("/api/logout-others", &Value::Null).await;
    assert_eq!(reply.check(200).json(), json!({ "ended": 0 }));

    browsers[0].login("alice").await;
    let reply = browsers[1].post("/api/logout-all", &Value::Null).await;
    assert_eq!(reply.check(200).json(), json!({ "ended": 2 }));
    assert!(reply.cookie().is_some_and(|cookie| cookie.removes()));
    for browser in &mut browsers {
        browser.get("/api/me").await.check_error(401, "unauthenticated");
    }
    assert_eq!(stranger.get("/api/me").await.json(), json!({ "user_id": "bob" }));
}

async fn at_most_ten(demo: Demo) {
    let mut browsers = Vec::new();
    for _ in 0..11 {
        browsers.push(demo.signed_in("alice").await);
    }
    assert_eq!(list(&mut browsers[10]).await.len(), 10);
    browsers[0].get("/api/me").await.check_error(401, "unauthenticated");
    browsers[1].get("/api/me").await.check(200);
}
