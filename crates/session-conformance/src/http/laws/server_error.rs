//! Answers that say that the handler did not come to its end.

use session_core::{BackendErrorKind, EventKind};

use crate::backends::{Fault, Method};
use crate::http::application::CUT_OFF;
use crate::http::harness::CONTAINED;
use crate::http::lab::Lab;
use crate::http::site::Site;

const DOWN: Fault = Fault::new(BackendErrorKind::Unavailable);

/// A 5xx from the handler, and 408 (a time-out layer answers it for a handler that it cut off), discard
/// buffered data, with an event, never token or cookie changes. What was saved before stays. Any other
/// status saves.
pub async fn server_error_discards_data(lab: &Lab) {
    whatever_the_status(lab).await;
    for status in [500, 408] {
        token_changes(lab, status).await;
        what_was_saved(lab, status).await;
    }
    cut_off(lab).await;
}

async fn whatever_the_status(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.browser();
    browser.go("/login.ann/set.a.1").await.ok();
    for status in [408, 500, 501, 502, 503, 504, 599] {
        site.take_events();
        let answer = browser.go(&format!("/set.a.2/set.b.3/status.{status}")).await.is(status);
        assert_eq!(answer.results().as_array().map(Vec::len), Some(3), "the handler's own answer");
        let events = site.take_events();
        let told = events.contains(&EventKind::DataDroppedOnServerError);
        assert!(told, "{status}: data was dropped without an event: {events:?}");
        let data = browser.go("/get.a").await.signed_in("ann").data();
        assert_eq!(data.to_string(), r#"{"a":1}"#, "{status}: buffered data was saved");
        site.browser().go(&format!("/set.a.1/status.{status}")).await.is(status).no_cookie();
    }
    browser.go("/set.a.2/error").await.is(500);
    assert_eq!(
        browser.go("/get.a").await.ok().data()["a"],
        1,
        "an error of the handler's is a 5xx"
    );
    for (number, status) in [200, 204, 301, 400, 401, 404, 422, 499].into_iter().enumerate() {
        browser.ask(&format!("/set.n.{number}/status.{status}")).send().await.is(status);
        let data = browser.go("/get.n").await.ok().data();
        assert_eq!(data["n"], number, "{status}: what was written is saved");
    }
}

async fn token_changes(lab: &Lab, status: u16) {
    let site = Site::open(lab).await;
    for path in ["/login.ann", "/login.bob", "/rotate", "/reauthenticate", "/end-others"] {
        let browser = site.browser();
        browser.go("/login.ann/set.a.1").await.ok();
        let before = browser.present_token();
        let answer = browser.go(&format!("{path}/set.b.2/status.{status}")).await.is(status);
        assert_ne!(answer.token(), before, "{path}, then {status}: the token that was committed");
        let answer = browser.go("/get.b").await.ok();
        assert!(answer.user().is_some(), "{path}, then {status}: the new token works");
        assert_eq!(answer.data().get("b"), None, "{path}, then {status}: buffered data was saved");
    }
    let browser = site.signed_in("ann").await;
    let token = browser.present_token();
    browser.go(&format!("/logout/set.note.1/status.{status}")).await.is(status).removal();
    assert!(site.is_dead(&token).await, "signed out, then {status}");
    assert_eq!(browser.token(), None, "signed out, then {status}: the cookie");
}

async fn what_was_saved(lab: &Lab, status: u16) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    browser.go(&format!("/set.saved.1/save/set.lost.2/status.{status}")).await.is(status);
    let data = browser.go("/get.saved").await.signed_in("ann").data();
    assert_eq!(data.to_string(), r#"{"saved":1}"#, "saved before the {status}");
    browser.go(&format!("/set.carried.1/login.ann/status.{status}")).await.is(status);
    let data = browser.go("/get.carried").await.signed_in("ann").data();
    assert_eq!(data["carried"], 1, "what a sign-in carried is committed");
    browser.go(&format!("/lifetime.for.60/status.{status}")).await.is(status);
    let session = site.live(&browser.present_token()).await.expect("a live session");
    assert_eq!(session.idle_ttl_secs, None, "{status}: a lifetime is data like other data");

    // The handler's answer goes out, even if saving would have failed.
    site.probe.fail(DOWN.only(Method::Update));
    let answer = browser.go(&format!("/set.a.1/status.{status}")).await.is(status);
    assert!(answer.body.contains("results"), "the handler's own answer");
    site.probe.recover();

    let site = Site::with(lab, |config| config.save_unchanged = true).await;
    site.browser().go(&format!("/get.a/status.{status}")).await.is(status).no_cookie();
}

/// A layer inside of the session's gives the handler up and answers 408.
async fn cut_off(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in_at("/login.ann/set.a.1").await;
    browser.go("/get.a").await.ok();
    site.take_events();
    let slow = browser.begin(&format!("{CONTAINED}/set.a.2/set.b.3/hold.slow"));
    site.gate("slow").arrival().await;
    site.gate(CUT_OFF).open();
    slow.answer().await.is(408).no_cookie();
    let events = site.take_events();
    let told = events.contains(&EventKind::DataDroppedOnServerError);
    assert!(told, "data was dropped without an event: {events:?}");
    let data = browser.go("/get.a").await.signed_in("ann").data();
    assert_eq!(data.to_string(), r#"{"a":1}"#, "half of what the handler wanted was saved");
}
