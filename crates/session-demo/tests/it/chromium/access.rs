//! With the keyboard alone, and without JavaScript.

use serde_json::json;
use thirtyfour::{Key, TypingData};

use super::driver::Options;
use super::person::{Person, SIGN_IN};
use crate::demo::{Demo, Framework};

in_chromium! {
    by_keyboard_alone
    without_scripts
}

/// More than there are stops on any page.
const MANY: usize = 40;

/// What has the focus, and whether one can see that it has: an outline of its own, inside of what the
/// window shows.
const FOCUS: &str = "
    const one = document.activeElement, style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    return {
        tag: one.tagName, matches: one.matches(arguments[0]),
        shown: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
            && box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight,
    };";

impl Person {
    async fn press(&self, keys: impl Into<TypingData>) {
        self.chromium.driver.action_chain().send_keys(keys).perform().await.unwrap();
    }

    /// Goes on from stop to stop until what matches has the focus. Each stop can be seen.
    async fn tab_to(&self, css: &str) {
        for _ in 0..MANY {
            self.press(Key::Tab).await;
            let focus = self.chromium.driver.execute(FOCUS, vec![json!(css)]).await.unwrap();
            let focus = focus.json();
            assert_eq!(focus["shown"], true, "{focus} on the way to {css}");
            if focus["matches"] == true {
                return;
            }
        }
        panic!("{css} is never reached");
    }
}

async fn by_keyboard_alone(framework: Framework) {
    let demo = Demo::sqlite(framework).await;
    let person = Person::at(&demo).await;
    person.open("/").await;
    // The first stop leads past what every page begins with.
    person.tab_to(".skip").await;
    person.press(Key::Enter).await;
    person.tab_to("#user").await;
    person.press("alice").await;
    person.tab_to("#password").await;
    person.press("demo").await;
    person.press(Key::Enter).await;
    person.see("form[action='/logout']").await;

    let mut elsewhere = demo.signed_in("alice").await;
    person.tab_to("nav a[href='/devices']").await;
    person.press(Key::Enter).await;
    person.see("section .device").await;
    person.tab_to("section .device button").await;
    person.press(Key::Enter).await;
    person.see(".empty").await;
    elsewhere.get("/api/me").await.check_error(401, "unauthenticated");

    // The whole page, to its last stop.
    person.tab_to("form[action='/logout-all'] button").await;
    person.press(Key::Enter).await;
    person.see(SIGN_IN).await;
}

async fn without_scripts(framework: Framework) {
    const SCRIPT: &str = "data:text/html,<title>as it came</title>\
                          <script>document.title = 'a script ran'</script>";
    let demo = Demo::sqlite(framework).await;
    let off = Options { without_scripts: true, ..Options::default() };
    for (options, title) in [(Options::default(), "a script ran"), (off, "as it came")] {
        let person = Person::with(&demo, &options).await;
        person.chromium.driver.goto(SCRIPT).await.unwrap();
        assert_eq!(person.chromium.driver.title().await.unwrap(), title);

        person.open("/").await;
        person.click("button[name='item'][value='Tea']").await;
        person.reads("#cart .count", "1").await;
        person.sign_in("alice").await;
        person.reads("#cart .count", "1").await;
        person.click("button[name='theme'][value='dark']").await;
        person.see("[data-theme='dark']").await;
        let mut elsewhere = demo.signed_in("alice").await;
        person.click("nav a[href='/devices']").await;
        person.click("section .device button").await;
        person.see(".empty").await;
        elsewhere.get("/api/me").await.check_error(401, "unauthenticated");
        person.sign_out().await;
    }
}
