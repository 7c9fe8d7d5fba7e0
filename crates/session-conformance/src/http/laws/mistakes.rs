//! Handlers that panic, and layers that are mounted wrongly.

use tracing::Level;

use crate::backends::Calls;
use crate::http::harness::{Mount, Panicked};
use crate::http::lab::Lab;
use crate::http::site::Site;

/// A panic passes through, its buffered data is dropped, no lock stays, the session lives on. Two
/// nested layers and a missing layer are clear errors (500 with the reason in the log), not second
/// panics.
pub async fn handler_panic_is_contained(lab: &Lab) {
    panics(lab).await;
    wrongly_mounted(lab, Mount::Nested).await;
    wrongly_mounted(lab, Mount::Missing).await;
}

async fn panics(lab: &Lab) {
    for mount in [Mount::Once, Mount::Eager] {
        let site = Site::mounted(lab, mount, |_| {}).await;
        let browser = site.browser();
        browser.go("/login.ann/set.a.1").await.ok();
        for path in [
            "/panic",
            "/set.a.2/panic",
            "/clear/panic",
            "/get.a/keep/panic",
            "/set.a.2/update-panic.a",
            "/untouched/panic",
        ] {
            site.probe.take_calls();
            let outcome = browser.ask(path).try_send().await.map(|answer| answer.status);
            assert_eq!(outcome, Err(Panicked), "{mount:?}: {path}: the panic passes through");
            let calls = site.probe.take_calls();
            assert_eq!(calls.update + calls.create, 0, "{mount:?}: {path}: something was written");
            let data = browser.go("/get.a").await.signed_in("ann").data();
            assert_eq!(data.to_string(), r#"{"a":1}"#, "{mount:?}: {path}: its data was saved");
        }
        let kept = site.desk.kept();
        assert_eq!(kept.get::<u64>("a").ok().flatten(), Some(1), "a lock stayed");

        let visitor = site.browser();
        let outcome = visitor.ask("/set.a.1/panic").try_send().await.map(|answer| answer.status);
        assert_eq!(outcome, Err(Panicked), "a visitor's");
        assert_eq!(site.probe.take_calls().create, 0, "a visitor's panic made a session");

        // What was saved before is saved, and another request in the meantime is not disturbed.
        let other = browser.begin("/set.c.3/hold.other");
        site.gate("other").arrival().await;
        let path = "/set.b.2/save/set.a.2/panic";
        let outcome = browser.ask(path).try_send().await.map(|answer| answer.status);
        assert_eq!(outcome, Err(Panicked), "after a save");
        site.gate("other").open();
        other.answer().await.signed_in("ann");
        let data = browser.go("/get.a").await.signed_in("ann").data();
        assert_eq!(data.to_string(), r#"{"a":1,"b":2,"c":3}"#, "what was saved");
    }
}

async fn wrongly_mounted(lab: &Lab, mount: Mount) {
    let site = Site::mounted(lab, mount, |_| {}).await;
    for path in ["/get.a", "/set.a.1", "/login.ann", "/"] {
        let before = site.secrets.logged(Level::WARN).len();
        let outcome = site.browser().ask(path).try_send().await;
        let answer = match outcome {
            Ok(answer) => answer.is(500).no_cookie(),
            Err(Panicked) => panic!("{mount:?}: {path}: a panic in the place of an error"),
        };
        assert_eq!(site.probe.take_calls(), Calls::NONE, "{mount:?}: {path}: backend calls");
        let logged = site.secrets.logged(Level::WARN).split_off(before);
        let says_why = logged.iter().any(|line| {
            let line = line.to_lowercase();
            ["layer", "middleware", "handler", "hoop"].iter().any(|word| line.contains(word))
        });
        assert!(says_why, "{mount:?}: {path}: the log does not say why: {logged:?}");
        assert!(!answer.body.contains("results"), "{mount:?}: {path}: the handler ran");
    }
    let outcome =
        site.browser().ask("/untouched").try_send().await.map(|answer| answer.cookies().len());
    assert!(
        outcome.is_ok_and(|cookies| cookies == 0),
        "{mount:?}: a panic where nothing was asked"
    );
}
