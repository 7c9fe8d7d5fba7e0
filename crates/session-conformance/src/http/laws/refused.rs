//! Requests whose token was refused.

use serde_json::json;
use session_core::{BackendErrorKind, EventKind, MismatchAction, OnBackendError};

use super::ends::{BY_ITSELF, End, presenting};
use crate::backends::{Calls, Fault, Method};
use crate::http::exchange::Ask;
use crate::http::lab::Lab;
use crate::http::site::Site;

const ANOTHER_BROWSER: &str = "curl/8.5.0";

/// A request whose token is followed by a newer one, refused by its fingerprint (also if the mismatch
/// just revoked it), ambiguous, or unreadable because the backend failed never makes a session or
/// cookie by itself. What it wants to store is 409 `session_ended` (503 when the backend failed), said
/// by the setter, so that the handler can go on without. Reading and removing go on; an explicit
/// sign-in works, storing behind a sign-out does, and so does starting over, which changes nothing if
/// nothing was refused.
pub async fn refused_token_makes_no_session(lab: &Lab) {
    for save_unchanged in [false, true] {
        followed(lab, save_unchanged).await;
        of_another_browser(lab, save_unchanged).await;
        ambiguous(lab, save_unchanged).await;
        unreadable(lab, save_unchanged).await;
    }
    one_of_several(lab).await;
    over_again(lab).await;
    nothing_was_refused(lab).await;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Ended,
    Outage,
}

/// Makes requests with the refused token, and looks at what they get. Each gets a refusal of its own,
/// because the one before may have used it up.
async fn check(name: &str, site: &Site, refusal: Refusal, refused: impl AsyncFn(&str) -> Ask) {
    let code = match refusal {
        Refusal::Ended => "session_ended",
        Refusal::Outage => "unavailable",
    };
    let without_session = async |path: &str| {
        let ask = refused(path).await;
        site.probe.take_calls();
        let answer = ask.send().await.no_token();
        assert_eq!(site.probe.take_calls().create, 0, "{name}: {path} made a session");
        answer
    };
    for path in ["/get.a", "/", "/remove.a", "/take.a", "/clear", "/save", "/remove.a/save"] {
        without_session(path).await.no_session();
    }
    let path = "/may-store/try.set.a.1/try.update.n/try.set.a.null/remove.a/save/may-store/get.a";
    let answer = without_session(path).await.no_session();
    let said = json!([false, code, code, code, null, null, false, null]);
    assert_eq!(answer.results(), said, "{name}: what the calls say");
    without_session("/try.set.a.1/status.303").await.is(303);
    for path in ["/set.a.1", "/set.a.null", "/update.n", "/remove.a/set.a.1/status.303"] {
        let answer = without_session(path).await;
        match refusal {
            Refusal::Ended => answer.refused_as_ended(),
            Refusal::Outage => answer.refused_as_outage(),
        };
    }
    for path in ["/login.zoe", "/login.zoe/set.a.1", "/try.set.b.2/login.zoe/set.a.1"] {
        let answer = refused(path).await.send().await.signed_in("zoe");
        let session = site.live(&answer.token()).await.expect("a sign-in works");
        let stored = session.data.to_json();
        let expected = if path == "/login.zoe" { "{}" } else { r#"{"a":1}"# };
        assert_eq!(stored, expected, "{name}: {path}: what is stored");
    }
    for path in [
        "/start-over/set.a.1",
        "/start-over/update.a",
        "/start-over/set.a.1/save",
        "/start-over/start-over/may-store/set.a.1",
        "/logout/set.a.1",
        "/try.set.b.2/logout/may-store/set.a.1",
    ] {
        let answer = refused(path).await.send().await;
        if refusal == Refusal::Outage {
            // Nobody knows yet what it is that would be given up.
            answer.refused_as_outage().no_cookie();
            continue;
        }
        let answer = answer.ok();
        assert_eq!(answer.cookies().len(), 1, "{name}: {path}: cookies");
        let session = site.live(&answer.token()).await.expect("a visitor's session");
        let stored = (session.user_id.clone(), session.data.to_json());
        assert_eq!(stored, (None, r#"{"a":1}"#.to_owned()), "{name}: {path}: a visitor's");
    }
    if refusal == Refusal::Ended && !site.store.config().save_unchanged {
        let ask = refused("/start-over/get.a").await;
        ask.send().await.no_token();
    }
}

async fn followed(lab: &Lab, save_unchanged: bool) {
    for end in BY_ITSELF {
        let site = End::site(lab, save_unchanged).await;
        let browser = site.signed_in("ann").await;
        end.happen(&site, &browser, "ann").await;
        let name = format!("{end:?}");
        check(&name, &site, Refusal::Ended, async |path| browser.ask(path)).await;
    }
    // Its browser has the newer one, however long ago that was.
    for end in [End::SignsIn, End::Reauthenticates, End::Rotates] {
        let site = End::site(lab, save_unchanged).await;
        let browser = site.signed_in("ann").await;
        let newer = end.happen(&site, &browser, "ann").await.expect("a newer token");
        presenting(&browser, "/get.a", &[&newer]).send().await.signed_in("ann");
        site.advance(60);
        let name = format!("{end:?}, and seen");
        check(&name, &site, Refusal::Ended, async |path| browser.ask(path)).await;
    }
    let site = End::site(lab, save_unchanged).await;
    let browser = site.signed_in("ann").await;
    End::Revoked.happen(&site, &browser, "ann").await;
    let newer = browser.ask("/login.ann").send().await.ok().token();
    presenting(&browser, "/get.a", &[&newer]).send().await.signed_in("ann");
    check("signed in again since", &site, Refusal::Ended, async |path| browser.ask(path)).await;
}

async fn of_another_browser(lab: &Lab, save_unchanged: bool) {
    for action in [MismatchAction::Reject, MismatchAction::Revoke] {
        let site = Site::with(lab, |config| {
            config.on_fingerprint_mismatch = action;
            config.save_unchanged = save_unchanged;
        })
        .await;
        check("another browser", &site, Refusal::Ended, async |path| {
            site.signed_in("ann").await.ask(path).replace("user-agent", ANOTHER_BROWSER)
        })
        .await;
    }
}

async fn ambiguous(lab: &Lab, save_unchanged: bool) {
    let site = Site::with(lab, |config| config.save_unchanged = save_unchanged).await;
    check("ambiguous", &site, Refusal::Ended, async |path| {
        let planted = site.signed_in("mallory").await.present_token();
        site.signed_in("ann").await.ask(path).token(&planted)
    })
    .await;
}

async fn unreadable(lab: &Lab, save_unchanged: bool) {
    let anonymous = async || {
        Site::with(lab, |config| {
            config.on_backend_error = OnBackendError::Anonymous;
            config.save_unchanged = save_unchanged;
        })
        .await
    };
    let site = anonymous().await;
    let browser = site.signed_in("ann").await;
    site.probe.fail(Fault::new(BackendErrorKind::Unavailable).only(Method::Find));
    check("unreadable", &site, Refusal::Outage, async |path| browser.ask(path)).await;
    site.probe.recover();
    browser.go("/get.a").await.signed_in("ann");

    // Whoever starts over when it is over has a session again.
    let once = Fault::new(BackendErrorKind::Unavailable).only(Method::Find).times(1);
    site.probe.fail(once);
    let answer = browser.go("/may-store/start-over/may-store/set.a.2").await.signed_in("ann");
    assert_eq!(answer.results(), json!([false, null, true, null]), "looked up once more");
    assert_eq!(browser.go("/get.a").await.signed_in("ann").data()["a"], 2, "in its session");
    let site = anonymous().await;
    let browser = site.signed_in("ann").await;
    End::SignsIn.happen(&site, &browser, "ann").await;
    site.probe.fail(once);
    let answer = browser.ask("/start-over/set.a.1").send().await.ok();
    let session = site.live(&answer.token()).await.expect("a visitor's session");
    assert_eq!(session.user_id, None, "a followed token is given up");
}

/// Of several dead tokens one that is followed is enough.
async fn one_of_several(lab: &Lab) {
    let site = Site::open(lab).await;
    let (browser, other) = (site.signed_in("ann").await, site.signed_in("bob").await);
    End::Revoked.happen(&site, &other, "bob").await;
    End::SignsIn.happen(&site, &browser, "ann").await;
    let (followed, revoked) = (browser.present_token(), other.present_token());
    for tokens in [[&followed, &revoked], [&revoked, &followed]] {
        let tokens = tokens.map(String::as_str);
        presenting(&browser, "/set.a.1", &tokens).send().await.refused_as_ended().no_cookie();
    }
}

/// The session ended while the request ran: what was written for it is not for the next one.
async fn over_again(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    let late = browser.begin("/set.a.1/hold.late/try.save/may-store/start-over/set.b.2");
    site.gate("late").arrival().await;
    End::Revoked.happen(&site, &browser, "ann").await;
    site.take_events();
    site.gate("late").open();
    let answer = late.answer().await.ok();
    let said = json!([null, null, "session_ended", false, null, null]);
    assert_eq!(answer.results(), said, "it has ended");
    let session = site.live(&answer.token()).await.expect("a visitor's session");
    assert_eq!(session.data.to_json(), r#"{"b":2}"#, "what was written since");
    let told = site.take_events().contains(&EventKind::DataDroppedOnStartOver);
    assert!(told, "what was written before is dropped with an event");
}

/// A sign-in page may always start over.
async fn nothing_was_refused(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.come_back("ann").await;
    let before = browser.go("/set.a.1").await.ok().id();
    site.probe.take_calls();
    let answer = browser.go("/may-store/start-over/get.a").await.signed_in("ann").no_cookie();
    let calls = site.probe.take_calls();
    assert_eq!(calls, Calls { find: 1, ..Calls::NONE }, "a live session: calls");
    assert_eq!(answer.results(), json!([true, null, 1]), "a live session");
    assert_eq!(answer.id(), before, "a live session stays");
    let answer = browser.go("/set.b.2/start-over/set.c.3").await.signed_in("ann");
    assert_eq!(answer.data().to_string(), r#"{"a":1,"b":2,"c":3}"#, "and what is buffered");

    let old = browser.present_token();
    browser.go("/rotate").await.ok();
    let in_grace = presenting(&browser, "/start-over/get.a", &[&old]).send().await;
    assert_eq!(in_grace.signed_in("ann").id(), before, "one in grace");

    site.probe.take_calls();
    let visitor = site.browser();
    visitor.go("/may-store/start-over").await.no_session().no_cookie();
    assert_eq!(site.probe.take_calls(), Calls::NONE, "a visitor: calls");
    visitor.go("/set.a.1/start-over/set.b.2").await.ok();
    assert_eq!(visitor.go("/get.a").await.data().to_string(), r#"{"a":1,"b":2}"#, "a visitor's");
}
