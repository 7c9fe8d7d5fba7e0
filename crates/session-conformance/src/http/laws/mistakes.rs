//! Handlers that panic, and layers that are mounted wrongly.

use session_core::EventKind;
use tracing::Level;

use crate::backends::{Calls, Gate, Method};
use crate::http::application::CUT_OFF;
use crate::http::harness::{CONTAINED, Mount, Panicked};
use crate::http::lab::Lab;
use crate::http::site::Site;

/// A panic passes through, its buffered data is dropped, no lock stays, the session lives on. A token
/// change that was committed before it reaches the browser if the panic, or time-out, is caught behind the
/// session's layer, and is an event if it is lost, also when the client went away. Two nested layers and
/// a missing layer are clear errors (500 with the reason in the log), not second panics.
pub async fn handler_panic_is_contained(lab: &Lab) {
    panics(lab).await;
    for mount in [Mount::Once, Mount::Eager] {
        tokens_are_told(lab, mount).await;
        tokens_are_lost(lab, mount).await;
    }
    cut_off_in_the_middle(lab).await;
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

/// How a handler does not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stops {
    Panics,
    IsCutOff,
}

/// (what the request does first, and whether its browser then needs a token)
const BEFORE: [(&str, bool); 6] = [
    ("/login.bob", true),
    ("/rotate", true),
    ("/reauthenticate", true),
    ("/set.a.1/save/login.ann", true),
    ("/logout/set.note.1/save", true),
    ("/get.a", false),
];

/// The catcher is behind the session's layer, so that the answer passes through it.
async fn tokens_are_told(lab: &Lab, mount: Mount) {
    let site = Site::mounted(lab, mount, |_| {}).await;
    for stops in [Stops::Panics, Stops::IsCutOff] {
        for (before, issues) in BEFORE {
            let name = format!("{mount:?}: {before}, then it {stops:?}");
            let browser = site.signed_in_at("/login.ann").await;
            browser.go("/get.a").await.ok();
            let token = browser.present_token();
            site.take_events();
            let path = format!("{CONTAINED}{before}/set.lost.1");
            let answer = match stops {
                Stops::Panics => browser.go(&format!("{path}/panic")).await.is(500),
                Stops::IsCutOff => {
                    let slow = browser.begin(&format!("{path}/hold.slow"));
                    site.gate("slow").arrival().await;
                    site.gate(CUT_OFF).open();
                    let answer = slow.answer().await.is(408);
                    browser.receive(&answer);
                    answer
                }
            };
            assert_eq!(answer.new_token().is_some(), issues, "{name}: a token for the browser");
            let events = site.take_events();
            assert!(!events.contains(&EventKind::TokenLost), "{name}: {events:?}");
            let session = site.live(&browser.present_token()).await;
            let session = session.unwrap_or_else(|| panic!("{name}: what the browser has is dead"));
            // What a time-out answers is law `server_error_discards_data`.
            let is_lost = stops == Stops::IsCutOff || session.data.get("lost").is_none();
            assert!(is_lost, "{name}: its data was saved");
            if issues {
                assert_ne!(browser.present_token(), token, "{name}: the token");
            }
        }
        let browser = site.browser();
        let answer = browser.go(&format!("{CONTAINED}/set.a.1/panic")).await.is(500).no_cookie();
        drop(answer);
    }
}

/// A panic passes through the session's layer, or the client goes away: nobody can be told of the token.
async fn tokens_are_lost(lab: &Lab, mount: Mount) {
    let site = Site::mounted(lab, mount, |_| {}).await;
    for goes_away in [false, true] {
        for (before, issues) in BEFORE {
            let name = format!("{mount:?}: {before}, the client goes away: {goes_away}");
            let browser = site.signed_in_at("/login.ann").await;
            site.take_events();
            if goes_away {
                let slow = browser.begin(&format!("{before}/set.lost.1/hold.slow"));
                site.gate("slow").arrival().await;
                slow.gives_up().await;
            } else {
                let path = format!("{before}/set.lost.1/panic");
                let outcome = browser.ask(&path).try_send().await.map(|answer| answer.status);
                assert_eq!(outcome, Err(Panicked), "{name}: the panic passes through");
            }
            let lost = site.take_events().iter().filter(|e| **e == EventKind::TokenLost).count();
            assert_eq!(lost, usize::from(issues), "{name}: tokens that are told to be lost");
        }
    }
}

/// The backend has done it, and the handler is cut off before it knows: the response looks.
async fn cut_off_in_the_middle(lab: &Lab) {
    for (path, method) in [("/login.bob", Method::Create), ("/reauthenticate", Method::Update)] {
        let site = Site::open(lab).await;
        let browser = site.signed_in("ann").await;
        let token = browser.present_token();
        let stop = site.probe.stop(method, Gate::After);
        let slow = browser.begin(&format!("{CONTAINED}/set.lost.1{path}"));
        stop.arrived().await;
        site.gate(CUT_OFF).open();
        let answer = slow.answer().await.is(408);
        assert_ne!(answer.token(), token, "{path}: the token that was committed");
        assert!(site.live(&answer.token()).await.is_some(), "{path}: the token that was committed");
        assert!(site.is_dead(&token).await, "{path}: the token before");
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
