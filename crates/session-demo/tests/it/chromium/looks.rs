//! How the pages look: at the width of a phone and of a desk, in light and in dark, each measured, and
//! kept as a picture if that is asked for.
//!
//! `SESSION_PICTURES=docs/pictures` keeps those of the device page; with `SESSION_PICTURES_OF=all`, of
//! every page.

use std::path::{Path, PathBuf};

use base64::Engine;
use serde_json::{Value, json};

use super::axe;
use super::driver::Options;
use super::person::{Person, SIGN_IN};
use crate::browser::{CHROME, FIREFOX};
use crate::demo::{Demo, Framework};
use crate::process::in_database;

in_chromium! {
    every_page_fits_and_can_be_read
    the_measure_finds_what_is_wrong
}

const MEASURE: &str = include_str!("measure.js");

/// Where a page is looked at, and how wide it is there.
const SCREENS: [(&str, u32); 2] = [("phone", 390), ("desktop", 1280)];

impl Person {
    async fn show(&self, width: u32, height: u64, scheme: &str) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.chromium.command("Emulation.setDeviceMetricsOverride", metrics).await;
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.chromium.command("Emulation.setEmulatedMedia", media).await;
    }

    /// Looks at the page that is shown in every way.
    pub(super) async fn look(&self, page: &str) {
        let rules = axe::script();
        for (screen, width) in SCREENS {
            for scheme in ["light", "dark"] {
                self.show(width, 800, scheme).await;
                let faults = self.chromium.script(MEASURE).await;
                assert_eq!(faults, json!([]), "{page}, {screen}, {scheme}");
                if let Some(rules) = &rules {
                    let broken = self.broken_rules(rules).await;
                    assert_eq!(broken, [] as [String; 0], "{page}, {screen}, {scheme}");
                }
                let name = format!("{page}-{screen}-{scheme}.png");
                if let Some(file) = picture(page).map(|folder| folder.join(name)) {
                    self.keep(&file, width, scheme).await;
                }
            }
        }
    }

    /// Keeps a picture of the whole page.
    async fn keep(&self, file: &Path, width: u32, scheme: &str) {
        let height = self.chromium.script("return document.documentElement.scrollHeight").await;
        self.show(width, height.as_u64().unwrap(), scheme).await;
        let shot = self.chromium.command("Page.captureScreenshot", json!({})).await;
        let png = base64::prelude::BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, png).unwrap();
    }
}

/// The folder for pictures of this page, if they are asked for.
fn picture(page: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SESSION_PICTURES").filter(|folder| !folder.is_empty())?;
    let all = std::env::var("SESSION_PICTURES_OF").is_ok_and(|pages| pages == "all");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    (all || page == "devices").then(|| root.join(folder))
}

async fn every_page_fits_and_can_be_read(framework: Framework) {
    let demo = Demo::sqlite(framework).await;
    sign_in_elsewhere(&demo).await;
    let person = Person::with(&demo, &Options { agent: Some(CHROME), ..Options::default() }).await;
    // As from the address that a proxy would name.
    let address = json!({ "headers": { "X-Forwarded-For": "203.0.113.24" } });
    person.chromium.command("Network.enable", json!({})).await;
    person.chromium.command("Network.setExtraHTTPHeaders", address).await;

    person.open("/").await;
    person.look("sign-in").await;
    person.see("#user").await.send_keys("alice").await.unwrap();
    person.see("#password").await.send_keys("wrong").await.unwrap();
    person.click(&format!("{SIGN_IN} button")).await;
    person.see("[role='alert']").await;
    person.look("wrong-password").await;
    for (item, count) in [("Tea", "1"), ("Tea", "2"), ("Honey", "3")] {
        person.click(&format!("button[name='item'][value='{item}']")).await;
        person.reads("#cart .count", count).await;
    }
    person.look("visitor").await;
    person.sign_in("alice").await;
    person.look("dashboard").await;
    in_database(&demo.file("new/demo.db"), LONG_AGO).await;
    person.open("/devices").await;
    assert_eq!(person.texts(".device").await.len(), 5);
    person.look("devices").await;
    person.open("/nowhere").await;
    person.see(".notice").await;
    person.look("problem").await;

    // A single device, and names as long as they may be.
    person.open("/").await;
    person.sign_out().await;
    let long = "W".repeat(255);
    person.sign_in(&long).await;
    person.look("long-name").await;
    person.open("/devices").await;
    person.see(".empty").await;
    person.look("one-device").await;
    demo.signed_in(&long).await.post("/api/logout-others", &Value::Null).await.check(200);
    person.open("/").await;
    person.see("#told").await;
    person.look("signed-out-elsewhere").await;

    // Support staff, and who they act for.
    person.sign_in("support").await;
    person.look("staff").await;
    person.see("#customer").await.send_keys("alice").await.unwrap();
    person.click("form[action='/impersonate'] button").await;
    person.see("#acting").await;
    person.look("acting").await;
    person.open("/devices").await;
    person.look("acting-devices").await;
    person.open("/u/0/accounts").await;
    person.look("accounts").await;
    person.open("/u/1/accounts").await;
    person.look("account-sign-in").await;
}

/// The other devices of a user: what each sends, and the address that it comes from.
const ELSEWHERE: [(&str, &str); 4] = [
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
         Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
        "198.51.100.7",
    ),
    (FIREFOX, "203.0.113.24"),
    (
        "Mozilla/5.0 (Linux; Android 15; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/140.0.0.0 Safari/537.36",
        "2001:db8:4c:17::52",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
        "192.0.2.113",
    ),
];

/// What is in the table by now, as if it had been there for a while. Nobody can wait for that.
const LONG_AGO: &str = "
    UPDATE web_sessions SET
        created_at = created_at - 1000000 * (86400 * (2 + 5 * place) + 11071 * place),
        last_active_at = last_active_at - 1000000 * (7380 * place * place * place * (place > 0))
    FROM (
        SELECT id AS other,
            (row_number() OVER (ORDER BY device_name = 'Chrome on macOS' DESC, id)) - 1 AS place
        FROM web_sessions WHERE user_id = 'alice'
    )
    WHERE id = other";

async fn sign_in_elsewhere(demo: &Demo) {
    for (agent, address) in ELSEWHERE {
        let mut browser = demo.browser();
        browser.agent = agent;
        let headers =
            [("content-type", "application/x-www-form-urlencoded"), ("x-forwarded-for", address)];
        let body = "user=alice&password=demo";
        browser.send_with(http::Method::POST, "/login", body, &headers).await.check(303);
    }
}

/// A measure that finds nothing anywhere would prove nothing.
async fn the_measure_finds_what_is_wrong(framework: Framework) {
    let demo = Demo::memory(framework).await;
    let person = Person::at(&demo).await;
    let faults = async |style: &str| {
        person.open("/").await;
        let change = format!(
            "const style = new CSSStyleSheet(); style.replaceSync({}); \
             document.adoptedStyleSheets = [style];",
            Value::from(style)
        );
        person.chromium.script(&change).await;
        let found = person.chromium.script(MEASURE).await;
        found.as_array().unwrap().iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(faults("").await, "");
    for (style, told) in [
        ("main { width: 200vw; max-width: none; }", "wide, in"),
        ("h1 { margin-left: -3rem; position: relative; left: -20rem; }", "leaves the page"),
        ("button { min-height: 0; padding: 0; }", "too small to touch"),
        (".hint { color: #8888; }", "has a contrast of"),
        ("input { border-color: #eee; }", "the edge of input"),
    ] {
        let found = faults(style).await;
        assert!(found.contains(told), "{style}: {found:?}");
    }
}
