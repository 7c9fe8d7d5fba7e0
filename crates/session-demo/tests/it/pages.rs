//! The pages, as a browser without JavaScript meets them.

use http::Method;
use serde_json::{Value, json};

use crate::browser::{Browser, FIREFOX, Reply};
use crate::demo::Demo;

on_every_combination! {
    who_only_looks_gets_no_cookie
    the_cart_survives_the_sign_in
    a_wrong_password_is_told
    visits_are_counted_for_those_who_have_a_session
    themes
    devices
    names_are_text
    signing_in_leads_on
    whatever_is_stored_there_is_a_page
    forms_of_other_sites_are_refused
    errors_are_pages
}

/// The answer of a form that did what it was to do.
#[track_caller]
fn sent_to(reply: &Reply, path: &str) {
    reply.check(303);
    assert_eq!(reply.header("location"), Some(path));
}

async fn signed_in(demo: &Demo, user: &str) -> Browser {
    let mut browser = demo.browser();
    let reply = browser.form("/login", &format!("user={user}&password=demo")).await;
    sent_to(&reply, "/");
    browser
}

async fn who_only_looks_gets_no_cookie(demo: Demo) {
    let mut visitor = demo.browser();
    for path in ["/", "/", "/style.css", "/favicon.svg", "/devices", "/nowhere"] {
        let reply = visitor.get(path).await;
        assert!(reply.cookie().is_none(), "{path}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("referrer-policy"), Some("same-origin"), "{path}");
    }
    let page = visitor.get("/").await.check(200).page();
    for expected in
        ["<form", "action=\"/login\"", "name=\"user\"", "name=\"password\"", "lang=\"en\""]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains("<script") && !page.contains("style="));
    sent_to(&visitor.get("/devices").await, "/?next=%2Fdevices");
    // Taking out what is not in makes no session either, and neither does the usual theme.
    for (path, fields) in [("/cart", "remove=Tea"), ("/theme", "theme=auto"), ("/logout", "")] {
        let reply = visitor.form(path, fields).await;
        sent_to(&reply, "/");
        assert!(reply.cookie().is_none(), "{path}");
    }
}

async fn the_cart_survives_the_sign_in(demo: Demo) {
    let mut browser = demo.browser();
    for _ in 0..2 {
        sent_to(&browser.form("/cart", "item=Tea").await, "/");
    }
    sent_to(&browser.form("/cart", "item=Bread").await, "/");
    let anonymous = browser.session().await;
    assert_eq!(anonymous["data"]["cart"], json!({ "Bread": 1, "Tea": 2 }));
    assert!(browser.get("/").await.page().contains("× 2"));

    let reply = browser.form("/login", "user=alice&password=demo").await;
    sent_to(&reply, "/");
    assert!(reply.cookie().is_some());
    let session = browser.session().await;
    assert_eq!(
        (&session["user_id"], &session["data"]["cart"]),
        (&json!("alice"), &anonymous["data"]["cart"])
    );
    assert_ne!(session["id"], anonymous["id"]);
    let page = browser.get("/").await.page();
    assert!(page.contains("alice") && page.contains("× 2") && page.contains("Chrome on macOS"));
    assert!(!page.contains("name=\"password\""));

    sent_to(&browser.form("/cart", "remove=Bread").await, "/");
    assert_eq!(browser.session().await["data"]["cart"], json!({ "Tea": 2 }));
    for fields in ["", "item=", "item=a&remove=b", "other=Tea", "item=%00"] {
        browser.form("/cart", fields).await.check(400).page();
    }
    sent_to(&browser.form("/logout", "").await, "/");
    assert_eq!(browser.cookie, None);
    assert!(browser.get("/").await.page().contains("name=\"password\""));
}

async fn a_wrong_password_is_told(demo: Demo) {
    for (fields, status) in [
        ("user=alice&password=x", 401),
        ("user=alice&password=", 401),
        ("user=alice", 401),
        ("", 401),
        ("user=&password=demo", 400),
        ("password=demo", 400),
        (&format!("user={}&password=demo", "a".repeat(256)), 400),
        ("user=a%00b&password=demo", 400),
    ] {
        let mut browser = demo.browser();
        let reply = browser.form("/login", fields).await;
        let page = reply.check(status).page();
        assert!(page.contains("role=\"alert\"") && page.contains("name=\"password\""), "{page}");
        assert!(reply.cookie().is_none(), "{fields}");
        browser.get("/api/me").await.check_error(401, "unauthenticated");
    }
    let reply = demo.browser().form("/login", "user=al%22%3Eice&password=x").await;
    let page = reply.page();
    assert!(!page.contains("al\">ice") && page.contains("al&#34;&#62;ice"), "{page}");
}

async fn visits_are_counted_for_those_who_have_a_session(demo: Demo) {
    let mut browser = signed_in(&demo, "alice").await;
    for visits in 1..=3 {
        let page = browser.get("/").await.check(200).page();
        assert!(page.contains(&format!("id=\"visits\">{visits}<")), "{page}");
    }
    assert_eq!(browser.get("/api/data/visits").await.json(), json!(3));
}

async fn themes(demo: Demo) {
    let mut browser = demo.browser();
    for theme in ["dark", "light", "auto"] {
        sent_to(&browser.form("/theme", &format!("theme={theme}")).await, "/");
        let page = browser.get("/").await.page();
        assert!(page.contains(&format!("data-theme=\"{theme}\"")), "{page}");
        let pressed = format!("value=\"{theme}\" aria-pressed=\"true\"");
        assert!(page.contains(&pressed), "{page}");
    }
    for fields in ["", "theme=", "theme=pink"] {
        browser.form("/theme", fields).await.check(400).page();
    }
}

async fn devices(demo: Demo) {
    let mut here = signed_in(&demo, "alice").await;
    let mut there = demo.browser();
    there.agent = FIREFOX;
    there.form("/login", "user=alice&password=demo").await.check(303);
    let stranger = signed_in(&demo, "bob").await;

    let page = here.get("/devices").await.check(200).page();
    for expected in [
        "Chrome on macOS",
        "Firefox on Windows",
        "127.0.0.1",
        "First seen",
        "Last seen",
        "just now",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert_eq!(page.matches("This device").count(), 1);
    assert_eq!(page.matches("/revoke\"").count(), 2);

    let id = |session: Value| session["id"].as_str().unwrap().to_owned();
    let (there_id, here_id) = (id(there.session().await), id(here.session().await));
    // Not another user's, and it does not tell.
    let mut thief = stranger.clone();
    sent_to(&thief.form(&format!("/devices/{there_id}/revoke"), "").await, "/devices");
    there.get("/api/me").await.check(200);
    sent_to(&here.form(&format!("/devices/{there_id}/revoke"), "").await, "/devices");
    there.get("/api/me").await.check_error(401, "unauthenticated");
    sent_to(&here.form(&format!("/devices/{there_id}/revoke"), "").await, "/devices");
    here.form("/devices/nonsense/revoke", "").await.check(400).page();
    here.form("/devices/%ff/revoke", "").await.check(400).page();

    let mut third = signed_in(&demo, "alice").await;
    sent_to(&here.form("/logout-others", "").await, "/devices");
    third.get("/api/me").await.check_error(401, "unauthenticated");
    let reply = here.form(&format!("/devices/{here_id}/revoke"), "").await;
    sent_to(&reply, "/");
    assert!(reply.cookie().is_some_and(|cookie| cookie.removes()));

    let mut first = signed_in(&demo, "alice").await;
    let mut second = signed_in(&demo, "alice").await;
    sent_to(&first.form("/logout-all", "").await, "/");
    second.get("/api/me").await.check_error(401, "unauthenticated");
    // A user who is signed out by now is sent to where one signs in.
    for path in ["/logout-others", "/logout-all", &format!("/devices/{here_id}/revoke")] {
        sent_to(&second.form(path, "").await, "/?next=%2Fdevices");
    }
    thief.get("/api/me").await.check(200);
}

async fn signing_in_leads_on(demo: Demo) {
    let mut browser = demo.browser();
    let sent = browser.get("/devices").await;
    let location = sent.check(303).header("location").unwrap().to_owned();
    assert_eq!(location, "/?next=%2Fdevices");
    let hidden = "name=\"next\" value=\"/devices\"";
    assert!(browser.get(&location).await.check(200).page().contains(hidden));
    let wrong = browser.form("/login", "user=alice&password=x&next=%2Fdevices").await;
    assert!(wrong.check(401).page().contains(hidden), "it is kept");
    for (next, leads) in [("%2Fdevices", "/devices"), ("%2F%2Fevil.example", "/"), ("", "/")] {
        let fields = format!("user=alice&password=demo&next={next}");
        let reply = browser.form("/login", &fields).await;
        assert_eq!(reply.check(303).header("location"), Some(leads), "{next}");
    }
}

async fn names_are_text(demo: Demo) {
    let mut browser = demo.browser();
    browser.agent = "<script>alert(1)</script> \"Chrome\"";
    browser
        .form("/login", "user=%3Cscript%3Ealert(1)%3C%2Fscript%3E&password=demo")
        .await
        .check(303);
    browser.form("/cart", "item=%3Cb%3E%22").await.check(303);
    for path in ["/", "/devices"] {
        let page = browser.get(path).await.check(200).page();
        // The one that is ours.
        let page = page.replace("<script src=\"/live.js\" defer></script>", "");
        assert!(!page.contains("<script") && !page.contains("<b>"), "{path}: {page}");
        assert!(page.contains("&#60;script&#62;alert(1)"), "{path}: {page}");
    }
}

async fn whatever_is_stored_there_is_a_page(demo: Demo) {
    let mut browser = signed_in(&demo, "alice").await;
    for value in [
        json!(null),
        json!(-1),
        json!(u64::MAX),
        json!("x"),
        json!([1]),
        json!({ "Tea": u64::MAX, "Bread": -1, "Honey": "x", "<b>": u64::MAX, "": 1 }),
    ] {
        for key in ["cart", "theme", "visits"] {
            browser.put(&format!("/api/data/{key}"), &value).await.check(200);
            browser.get("/").await.check(200).page();
            browser.get("/devices").await.check(200).page();
        }
        browser.form("/cart", "item=Tea").await.check(303);
        browser.form("/cart", "remove=Tea").await.check(303);
    }
    // A session that is full shows its page, and says so if something is added.
    browser.delete("/api/data").await.check(200);
    browser.put("/api/data/k", &json!("x".repeat(65_536 - 8))).await.check(200);
    browser.get("/").await.check(200).page();
    assert!(browser.form("/cart", "item=Tea").await.check(413).page().contains("Too much"));
}

async fn forms_of_other_sites_are_refused(demo: Demo) {
    let host = demo.browser().host();
    let own = format!("http://{host}");
    let port = format!("http://127.0.0.1:{}", demo.address.port() ^ 1);
    for (headers, fine) in [
        (&[("sec-fetch-site", "same-origin")][..], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "")], false),
        (&[("sec-fetch-site", "cross-site"), ("origin", &own)], false),
        (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
        (&[("origin", &own)], true),
        (&[("origin", &port)], false),
        (&[("origin", "http://evil.example")], false),
        (&[("origin", "null")], false),
        (&[], true),
    ] {
        for (path, fields) in [
            ("/login", "user=alice&password=demo"),
            ("/logout", ""),
            ("/logout-others", ""),
            ("/logout-all", ""),
            ("/devices/01ARZ3NDEKTSV4RRFFQ69G5FAV/revoke", ""),
            ("/cart", "item=Tea"),
            ("/theme", "theme=dark"),
        ] {
            let reply = demo.browser().send_with(Method::POST, path, fields, headers).await;
            assert_eq!(reply.status, if fine { 303 } else { 403 }, "{path} {headers:?}");
            if !fine {
                assert!(reply.cookie().is_none());
                assert!(reply.page().contains("another site"));
            }
        }
    }
}

async fn errors_are_pages(demo: Demo) {
    let headers = [("accept", "text/html,application/xhtml+xml;q=0.9")];
    let mut browser = demo.browser();
    let reply = browser.send_with(Method::GET, "/nowhere", "", &headers).await;
    assert!(reply.check(404).page().contains("Not found"));
    let reply = browser.send_with(Method::GET, "/login", "", &headers).await;
    assert!(reply.check(405).page().contains("<h1>"));
    assert_eq!(reply.header("allow"), Some("POST"));
    let reply = browser.send_with(Method::GET, "/api/nowhere", "", &headers).await;
    reply.check_error(404, "not_found");
    let large = "x".repeat(100_000);
    browser.form("/cart", &format!("item={large}")).await.check(413).page();
}
