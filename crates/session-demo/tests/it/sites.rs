//! Requests that another site makes a browser send, which may come without the cookie that it holds: they
//! make no session, whose cookie would replace that one. What a real browser does is in `chromium/sites.rs`.

use http::Method;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::demo::{Demo, Framework};

on_every_combination! {
    another_site_makes_no_session
    what_is_asked_for_works_from_anywhere
}

on_every_framework! {
    where_it_is_allowed
}

const CROSS_SITE: (&str, &str) = ("sec-fetch-site", "cross-site");
const NAVIGATES: (&str, &str) = ("sec-fetch-mode", "navigate");
const PAGE: (&str, &str) = ("sec-fetch-dest", "document");
const FRAME: (&str, &str) = ("sec-fetch-dest", "iframe");
const ELSEWHERE: (&str, &str) = ("origin", "http://evil.example");

type Headers = [(&'static str, &'static str)];

/// What another site's requests say of themselves.
const FOREIGN: [&Headers; 5] = [
    &[CROSS_SITE, NAVIGATES, PAGE],
    &[CROSS_SITE, NAVIGATES, FRAME],
    &[CROSS_SITE, ("sec-fetch-mode", "cors")],
    &[ELSEWHERE],
    &[("origin", "null")],
];

async fn another_site_makes_no_session(demo: Demo) {
    for headers in FOREIGN {
        for (browser, name) in [(demo.browser(), "nobody"), (unknown(&demo), "unknown")] {
            for (method, path, body) in [
                (Method::PUT, "/api/data/k", "1"),
                (Method::PUT, "/api/slow/k?ms=0", "1"),
                (Method::POST, "/api/increment/k", ""),
                (Method::POST, "/api/fail/k?status=401", "1"),
                (Method::POST, "/api/goodbye", "1"),
            ] {
                let what = format!("{name} {headers:?} {method} {path}");
                let reply = browser.clone().send_with(method, path, body, headers).await;
                reply.check_error(409, "cross_site");
                let removes = reply.cookie().map(|cookie| cookie.removes());
                // A sign-out that was asked for removes what came.
                let expected = (path == "/api/goodbye" && name == "unknown").then_some(true);
                assert_eq!(removes, expected, "{what}");
            }
            // What stores nothing is as ever.
            for (method, path) in
                [(Method::GET, "/"), (Method::GET, "/api/data"), (Method::DELETE, "/api/data/k")]
            {
                let reply = browser.clone().send_with(method, path, "", headers).await;
                assert!(reply.check(200).cookie().is_none(), "{name} {path}");
            }
        }
        // If the cookie came, it counts.
        let mut alice = demo.signed_in("alice").await;
        alice.send_with(Method::PUT, "/api/data/k", "1", headers).await.check(200);
        let reply = alice.send_with(Method::POST, "/api/goodbye", "1", headers).await;
        assert!(reply.check(200).cookie().is_some(), "it ended one");
    }
    // From this site, typed by hand, or from a program.
    let own: &[(&str, &str)] = &[("origin", &format!("http://{}", demo.browser().host()))];
    for headers in
        [&[][..], own, &[("sec-fetch-site", "same-origin")], &[("sec-fetch-site", "none")]]
    {
        let reply = demo.browser().send_with(Method::PUT, "/api/data/k", "1", headers).await;
        assert!(reply.check(200).cookie().is_some(), "{headers:?}");
    }
}

async fn what_is_asked_for_works_from_anywhere(demo: Demo) {
    for headers in FOREIGN {
        for (path, body, user) in [
            ("/api/login", r#"{"user":"alice"}"#, json!("alice")),
            ("/api/start-over", "1", Value::Null),
        ] {
            let mut browser = demo.browser();
            let reply = browser.send_with(Method::POST, path, body, headers).await;
            assert!(reply.check(200).cookie().is_some(), "{path} {headers:?}");
            assert_eq!(browser.session().await["user_id"], user);
        }
    }
}

async fn where_it_is_allowed(framework: Framework) {
    for yaml in ["cross_site_sessions: allow", "cookie: {same_site: none}"] {
        let demo = Demo::configured(framework, yaml).await;
        for headers in FOREIGN {
            let reply = demo.browser().send_with(Method::PUT, "/api/data/k", "1", headers).await;
            assert!(reply.check(200).cookie().is_some(), "{yaml} {headers:?}");
        }
    }
}

fn unknown(demo: &Demo) -> Browser {
    let mut browser = demo.browser();
    browser.cookie = Some("0".repeat(64));
    browser
}
