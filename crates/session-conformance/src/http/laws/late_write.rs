//! Handles that live longer than their request: streams, WebSockets, tasks.

use session_core::{BackendErrorKind, Error, ErrorKind, Session};

use crate::backends::{Calls, Fault, Method};
use crate::http::lab::Lab;
use crate::http::site::Site;

/// Once the response is decided (streams, WebSockets), buffered setters return an error. `save` and
/// `update` may change an existing session, never create one or a cookie; signing in and rotating
/// are errors too. The handle still reads.
pub async fn late_write_is_refused(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.browser();
    browser.go("/login.ann/set.a.1").await.ok();
    let token = browser.present_token();
    browser.go("/set.b.2/keep").await.ok();
    let late = site.desk.kept();
    site.probe.take_calls();

    assert_eq!(late.get::<u32>("a").ok().flatten(), Some(1), "it still reads");
    assert_eq!(late.get::<u32>("b").ok().flatten(), Some(2), "it still reads");
    assert_eq!(late.user_id().map(|user| user.as_str().to_owned()).as_deref(), Some("ann"));
    buffered_setters_refuse(&late);
    late.save().await.expect("there is nothing to save, and a session that could be");
    assert_eq!(site.probe.take_calls(), Calls::NONE, "none of that asks the backend");

    let count = late.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).await;
    assert_eq!(count.expect("an existing session may be changed"), 1);
    assert_eq!(browser.go("/get.n").await.ok().data()["n"], 1, "what was changed late is there");

    is_late("authenticate", late.authenticate("bob").await);
    is_late("rotate", late.rotate().await);
    is_late("reauthenticate", late.reauthenticate().await);
    assert_eq!(site.probe.take_calls().create, 0, "a session was made late");
    assert!(site.live(&token).await.is_some(), "the token was changed late");
    browser.go("/get.a").await.signed_in("ann");

    // It ended meanwhile.
    browser.go("/logout").await.ok();
    let refused = late.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).await;
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::SessionEnded));
    assert!(site.is_dead(&token).await, "the session is back");

    // A visitor has none, and gets none.
    site.browser().go("/get.a/keep").await.no_session().no_cookie();
    let late = site.desk.kept();
    site.probe.take_calls();
    buffered_setters_refuse(&late);
    is_late("update", late.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).await);
    is_late("authenticate", late.authenticate("bob").await);
    late.save().await.expect("there is nothing to save");
    assert_eq!(site.probe.take_calls(), Calls::NONE, "a session was made late");

    // What could not be saved in time is not saved late. A visitor's data in a cookie needs no backend.
    if !site.has_cookie_visitors() {
        site.probe.fail(Fault::new(BackendErrorKind::Unavailable).only(Method::Create));
        site.browser().go("/set.a.1/keep").await.refused_as_outage().no_cookie();
        site.probe.recover();
        let late = site.desk.kept();
        is_late("save", late.save().await);
        assert_eq!(site.probe.take_calls().create, 1, "a session was made late");
    }

    // The handler is still at work when its response is decided without it, as behind a timeout;
    // and what a 5xx discarded stays so.
    browser.go("/login.ann").await.ok();
    browser.go("/set.lost.1/keep/status.500").await.is(500);
    let late = site.desk.kept();
    buffered_setters_refuse(&late);
    late.save().await.expect("there is nothing to save");
    assert_eq!(browser.go("/get.lost").await.ok().data().get("lost"), None, "saved late");
    site.secrets.said(format!("{late:?} {late:#?}"));
}

fn buffered_setters_refuse(late: &Session) {
    is_late("set", late.set("late", 1));
    is_late("remove", late.remove("a"));
    is_late("clear", late.clear());
    is_late("take", late.take::<u64>("a"));
}

#[track_caller]
fn is_late<T>(what: &str, result: Result<T, Error>) {
    let kind = result.err().map(|error| error.kind());
    assert_eq!(kind, Some(ErrorKind::LateWrite), "{what} after the response was decided");
}
