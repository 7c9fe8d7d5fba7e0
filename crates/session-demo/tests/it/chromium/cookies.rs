//! The session cookie as the browser stored it, and that it is gone when it is removed.

use serde_json::{Value, json};
use thirtyfour::By;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::person::{Person, SIGN_IN};
use crate::demo::{Demo, Framework};

in_chromium! {
    what_the_browser_stored
    what_is_removed_is_gone
    another_site_signs_nobody_out
    back_would_show_what_is_kept
}

/// One configuration, and the cookie that comes of it.
struct Case {
    yaml: &'static str,
    name: &'static str,
    is_secure: bool,
}

/// Browsers take a loopback address for secure enough, so that `Secure` can be tried without TLS.
const CASES: [Case; 3] = [
    Case { yaml: "", name: "_session", is_secure: false },
    Case { yaml: "cookie: {secure: always}", name: "_session", is_secure: true },
    Case {
        yaml: "cookie_name: __Host-session\ncookie: {secure: always}",
        name: "__Host-session",
        is_secure: true,
    },
];

/// A demo of its own for each case, and somebody at both of its names, without a cookie of the last.
async fn each(framework: Framework, check: impl AsyncFn(&Case, &Person)) {
    let mut person = Person::at(&Demo::memory(framework).await).await;
    for case in &CASES {
        let demo = Demo::configured(framework, case.yaml).await;
        for host in ["127.0.0.1", "localhost"] {
            person.chromium.command("Storage.clearCookies", json!({})).await;
            person.site = format!("http://{host}:{}", demo.address.port());
            check(case, &person).await;
        }
    }
}

async fn what_the_browser_stored(framework: Framework) {
    each(framework, async |case, person| {
        person.open("/").await;
        person.click("button[name='item'][value='Tea']").await;
        person.reads("#cart .count", "1").await;
        let visitors = person.cookie().await;
        check_stored(case, person, &visitors).await;

        person.sign_in("alice").await;
        let users = person.cookie().await;
        check_stored(case, person, &users).await;
        assert!(visitors["value"] != users["value"]);
        // No script of the page reads it.
        assert_eq!(person.chromium.script("return document.cookie").await, "");
    })
    .await;
}

async fn check_stored(case: &Case, person: &Person, cookie: &Value) {
    // Never the value: it would sign in whoever reads this.
    let told = |key: &str| (key.to_owned(), cookie[key].clone());
    assert_eq!(told("name"), ("name".to_owned(), case.name.into()));
    for (key, expected) in [
        ("secure", Value::from(case.is_secure)),
        ("httpOnly", true.into()),
        ("sameSite", "Lax".into()),
        ("path", "/".into()),
        ("session", false.into()),
        // Without a dot before it: of this host alone.
        ("domain", person.host().into()),
    ] {
        assert_eq!(told(key), (key.to_owned(), expected), "{}", case.name);
    }
    let session = person.session().await;
    let ends = OffsetDateTime::parse(session["expires_at"].as_str().unwrap(), &Rfc3339).unwrap();
    let forgotten = cookie["expires"].as_f64().unwrap();
    let apart = (ends.unix_timestamp() as f64 - forgotten).abs();
    assert!(apart < 60.0, "the browser and the server are {apart} s apart");
    person.open("/").await;
}

async fn what_is_removed_is_gone(framework: Framework) {
    each(framework, async |case, person| {
        let empty: [Value; 0] = [];
        // However a session ends in this browser, its cookie goes with it.
        for button in [
            "form[action='/logout'] button",
            ".devices.this .device button",
            "form[action='/logout-all'] button",
        ] {
            person.sign_in("alice").await;
            assert_eq!(person.cookie().await["name"], case.name);
            person.open("/devices").await;
            person.click(button).await;
            person.see(SIGN_IN).await;
            assert_eq!(person.jar().await, empty, "{}: {button}", case.name);
            assert_eq!(person.session().await, Value::Null);
        }
    })
    .await;
}

/// Another site's form reaches the demo as the browser sends it, and is refused.
async fn another_site_signs_nobody_out(framework: Framework) {
    let demo = Demo::sqlite(framework).await;
    let person = Person::at(&demo).await;
    person.sign_in("alice").await;
    let form = format!("<form method=post action={}/logout><button>Win!</button>", person.site);
    person.chromium.driver.goto(format!("data:text/html,{form}")).await.unwrap();
    person.chromium.driver.find(By::Css("button")).await.unwrap().click().await.unwrap();
    let notice = person.see(".notice").await.text().await.unwrap();
    assert!(notice.contains("another site"), "{notice}");
    assert_eq!(person.session().await["user_id"], "alice");
}

/// What another answer than `no-store` would let the browser's Back show.
async fn back_would_show_what_is_kept(framework: Framework) {
    for (yaml, shown) in [("", false), ("no_store_when_signed_in: false", true)] {
        let demo = Demo::configured(framework, yaml).await;
        let person = Person::at(&demo).await;
        person.sign_in("alice").await;
        person.open("/devices").await;
        person.see(".devices").await;
        person.sign_out().await;
        person.chromium.script("document.documentElement.id = 'left'").await;
        person.chromium.driver.back().await.unwrap();
        person.see("html:not(#left)").await;
        assert_eq!(person.sees(".devices").await, shown, "{yaml}");
    }
}
