//! axe-core's rules of accessibility, its best practices among them, on the page that is shown. It is
//! fetched by `cargo xtask test`, and not a part of this repository.

use serde_json::{Value, json};

use super::person::Person;

/// Where its script is. `cargo xtask test` says here what it fetched: a path, or nothing.
const SCRIPT: &str = "SESSION_TEST_AXE";

/// All of its rules but those that are experimental or beyond AA. What it cannot decide by itself, such
/// as a contrast over a picture, is told too: there is no such thing on these pages.
const RUN: &str = "
    return axe.run(document, { rules: { 'target-size': { enabled: true } } }).then((result) => ({
        held: [...result.passes, ...result.violations].map((rule) => rule.id),
        broken: [...result.violations, ...result.incomplete].map((rule) =>
            `${rule.id}: ${rule.nodes.map((node) => node.target.join(' ')).join(', ')}`),
    }));";

/// What at least was looked at on every page, or nothing was held.
const ALWAYS: [&str; 8] = [
    "color-contrast",
    "document-title",
    "heading-order",
    "html-has-lang",
    "landmark-one-main",
    "page-has-heading-one",
    "region",
    "target-size",
];

/// The script's text. If there is none, says so, and accepts that nowhere but on a developer's machine.
pub(super) fn script() -> Option<String> {
    let file = std::env::var_os(SCRIPT).filter(|file| !file.is_empty());
    if let Some(file) = file {
        return Some(std::fs::read_to_string(file).unwrap());
    }
    let message = format!("NOT RUN: no axe-core; `cargo xtask test` fetches it, or set {SCRIPT}");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
    // Past the capture of the test harness: nobody shall believe that this was seen.
    let line = format!("{message}\n");
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    None
}

impl Person {
    /// Which rules the page breaks, and where.
    pub(super) async fn broken_rules(&self, script: &str) -> Vec<String> {
        if self.chromium.script("return typeof axe").await == "undefined" {
            self.chromium.script(script).await;
        }
        let told = self.chromium.script(RUN).await;
        let texts = |key: &str| -> Vec<String> {
            let list = told[key].as_array().unwrap_or_else(|| panic!("{told}"));
            list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let held = texts("held");
        for rule in ALWAYS {
            assert!(held.iter().any(|held| held == rule), "{rule} was not looked at: {held:?}");
        }
        texts("broken")
    }

    /// Breaks the page in one way at a time, each of which a rule has to find.
    pub(super) async fn check_that_rules_bite(&self, script: &str) {
        let path = self.path().await;
        for (change, rule) in [
            ("document.querySelector('h3').outerHTML = '<h5>A device</h5>'", "heading-order"),
            ("document.querySelector('h1').remove()", "page-has-heading-one"),
            ("document.body.insertAdjacentHTML('beforeend', '<p>Outside</p>')", "region"),
            ("document.querySelector('main').role = 'none'", "landmark-one-main"),
            ("document.documentElement.lang = ''", "html-has-lang"),
            ("document.querySelector('button').textContent = ''", "button-name"),
            ("document.querySelector('h1').style.color = 'var(--line)'", "color-contrast"),
        ] {
            self.open(&path).await;
            self.chromium.script(change).await;
            // Not by `broken_rules`: what was broken may be what is looked at.
            self.chromium.script(script).await;
            let told = self.chromium.script(RUN).await;
            let broken = told["broken"].as_array().unwrap();
            let is_found = |told: &Value| told.as_str().unwrap().starts_with(&format!("{rule}:"));
            assert!(broken.iter().any(is_found), "{rule}: {}", json!(broken));
        }
        self.open(&path).await;
    }
}
