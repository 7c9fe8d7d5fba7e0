//! Responses that come late: the browser has a newer cookie by then.

use session_core::{MismatchAction, SessionToken};

use super::ends::{BY_ITSELF, End, presenting};
use crate::backends::{Gate, Method};
use crate::http::browser::Browser;
use crate::http::lab::Lab;
use crate::http::site::Site;
use crate::race::race;
use crate::run::rounds;

/// A cookie is cleared only by an explicit sign-out, or by a request that itself ended its session, never
/// because a token is dead, stale, expired or unknown. A request that began with a token which a newer
/// one follows never overwrites the newer cookie. A sliding cookie is sent only when the touch applied
/// and the token presented was still the current one.
pub async fn late_response_never_clobbers(lab: &Lab) {
    caught_after_loading(lab).await;
    caught_before_loading(lab).await;
    one_slide_of_two(lab).await;
    one_removal_of_two(lab).await;
    stale_tokens(lab).await;
    followed_tokens(lab).await;
    presented_once(lab).await;
    slow_navigation(lab).await;
    racing(lab).await;
}

/// The late response must have left the browser where it was.
async fn received_late(
    name: &str,
    browser: &Browser,
    late: crate::http::exchange::Answer,
    user: Option<&str>,
) {
    let before = browser.present_token();
    let late = late.no_cookie();
    browser.receive(&late);
    assert_eq!(browser.token(), Some(before), "{name}: the browser's cookie");
    assert_eq!(browser.go("/get.a").await.user().as_deref(), user, "{name}: who is signed in");
}

async fn caught_after_loading(lab: &Lab) {
    // (began with, ended by, and then it is)
    for (first, then, user) in [
        ("/set.a.1", "/login.ann", Some("ann")),
        ("/login.ann", "/login.ann", Some("ann")),
        ("/login.ann", "/login.bob", Some("bob")),
        ("/login.ann", "/rotate", Some("ann")),
        ("/login.ann", "/reauthenticate", Some("ann")),
        ("/login.ann", "/logout/set.note.1", None),
    ] {
        for touch_is_due in [false, true] {
            let name = format!("{first}, then {then}, touch due: {touch_is_due}");
            let site = Site::open(lab).await;
            let browser = site.browser();
            browser.go(first).await.ok();
            let late = browser.begin("/get.a/hold.late/get.b");
            site.gate("late").arrival().await;
            if touch_is_due {
                site.advance(400);
            }
            browser.go(then).await.ok();
            if touch_is_due {
                site.advance(400);
            }
            site.gate("late").open();
            received_late(&name, &browser, late.answer().await.ok(), user).await;
        }
    }
}

async fn caught_before_loading(lab: &Lab) {
    for (first, then, user) in [
        ("/set.a.1", "/login.ann", Some("ann")),
        ("/login.ann", "/login.bob", Some("bob")),
        ("/login.ann", "/reauthenticate", Some("ann")),
        ("/login.ann", "/logout/set.note.1", None),
    ] {
        for mode in ["", "navigate", "cors"] {
            let name = format!("{first}, then {then}, Sec-Fetch-Mode: {mode}");
            let site = Site::open(lab).await;
            let browser = site.browser();
            browser.go(first).await.ok();
            let ask = browser.ask("/get.a");
            let ask = if mode.is_empty() { ask } else { ask.header("sec-fetch-mode", mode) };
            let stop = site.probe.stop(Method::Find, Gate::Before);
            let late = ask.begin();
            stop.arrived().await;
            browser.go(then).await.ok();
            site.advance(20);
            stop.pass();
            received_late(&name, &browser, late.answer().await.ok(), user).await;

            // It arrived before the token ended, however long it waited.
            let stop = site.probe.stop(Method::Find, Gate::Before);
            let late = browser.begin("/set.b.2");
            stop.arrived().await;
            browser.go(then).await.ok();
            site.advance(60);
            stop.pass();
            let late = late.answer().await.refused_as_ended();
            let user = if user.is_none() { None } else { browser.go("/get.a").await.user() };
            received_late(&name, &browser, late, user.as_deref()).await;
        }
    }
}

/// Of two requests that would slide the expiry only the one that did sends a cookie; and none if
/// the session goes on under another token by then.
async fn one_slide_of_two(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    site.advance(400);
    let first = browser.begin("/get.a/hold.first");
    let second = browser.begin("/get.a/hold.second");
    site.gate("first").arrival().await;
    site.gate("second").arrival().await;
    site.gate("first").open();
    assert!(first.answer().await.ok().new_token().is_some(), "the one that slides sends a cookie");
    site.gate("second").open();
    second.answer().await.ok().no_cookie();

    // The touch applies, and the token is no longer the current one.
    site.advance(400);
    let late = browser.begin("/get.a/hold.late");
    site.gate("late").arrival().await;
    browser.go("/rotate").await.ok();
    let rotated = browser.present_token();
    site.gate("late").open();
    late.answer().await.ok().no_cookie();
    let session = site.live(&rotated).await.expect("a live session");
    assert_eq!(session.last_active_at, site.now(), "one of the two requests touched the session");
}

/// Two requests from another browser at once: the one that ended the session clears the cookie. By the
/// time of the other somebody may have signed in again.
async fn one_removal_of_two(lab: &Lab) {
    let site = Site::with(lab, |config| {
        config.on_fingerprint_mismatch = MismatchAction::Revoke;
    })
    .await;
    let browser = site.signed_in("ann").await;
    let stop = site.probe.stop(Method::Remove, Gate::Before);
    let late = browser.ask("/get.a").replace("user-agent", "curl/8.5.0").begin();
    stop.arrived().await;
    browser.ask("/get.a").replace("user-agent", "curl/8.5.0").send().await.ok().removal();
    stop.pass();
    late.answer().await.no_session().no_cookie();
}

/// A token that is neither live nor known as ended is left alone: a sign-in in the tab beside it may
/// have set another cookie since.
async fn stale_tokens(lab: &Lab) {
    let site = Site::open(lab).await;
    let unknown = SessionToken::generate().expect("randomness").expose();
    let visitor = site.visitor().await;
    let expired = visitor.present_token();
    site.advance(2 * 86_400);
    let revoked = site.signed_in("ann").await;
    End::Revoked.happen(&site, &revoked, "ann").await;
    let replaced = site.signed_in("ann").await;
    End::SignsIn.happen(&site, &replaced, "ann").await;
    let (revoked, replaced) = (revoked.present_token(), replaced.present_token());
    for stale in [&unknown, &expired, &revoked, &replaced] {
        for mode in ["", "navigate", "cors", "no-cors", "same-origin", "websocket"] {
            let ask = site.ask("/get.a").token(stale);
            let ask = if mode.is_empty() { ask } else { ask.header("sec-fetch-mode", mode) };
            ask.send().await.no_session().no_cookie();
        }
    }
    let stale = unknown;
    let made = site.ask("/set.a.1").token(&stale).send().await.ok();
    assert!(!made.removes_cookie(), "a request that made a session does not clear its cookie");
    made.token();
    site.ask("/get.a").token("not a token").send().await.no_session().no_cookie();
    site.ask("/get.a").send().await.no_session().no_cookie();
}

/// A token that is followed makes no cookie: to 10 s after its browser ended it, and for as long as is known
/// that its browser has the newer one.
async fn followed_tokens(lab: &Lab) {
    for end in BY_ITSELF {
        let site = Site::open(lab).await;
        for (secs, newer_is_seen, makes) in [
            (0, false, false),
            (9, false, false),
            (10, false, true),
            (0, true, false),
            (10, true, false),
            (250, true, false),
        ] {
            let name = format!("{end:?} {secs} s ago, the newer one is seen: {newer_is_seen}");
            let browser = site.signed_in("ann").await;
            let newer = end.happen(&site, &browser, "ann").await;
            if newer_is_seen {
                let Some(newer) = newer else { continue };
                presenting(&browser, "/get.a", &[&newer]).send().await.signed_in("ann");
            }
            site.advance(secs);
            let page = browser.ask("/get.a").header("sec-fetch-mode", "navigate");
            page.send().await.no_session().no_cookie();
            let answer = browser.ask("/set.a.1").send().await;
            if makes {
                assert!(answer.ok().new_token().is_some(), "{name}: it goes on as a visitor");
            } else {
                assert!(answer.cookies().is_empty(), "{name}: a cookie over the newer one");
                answer.refused_as_ended();
            }
        }
    }
}

/// The newer token's first request is also its last: its browser had it all the same.
async fn presented_once(lab: &Lab) {
    for then in [
        "/login.ann",
        "/login.bob",
        "/logout",
        "/logout-all",
        "/logout/set.note.1",
        "/reauthenticate",
        "/rotate",
    ] {
        let site = Site::open(lab).await;
        let browser = site.visitor().await;
        let first = browser.present_token();
        browser.go("/login.ann").await.ok();
        browser.go(then).await.ok();
        site.advance(40);
        let late = presenting(&browser, "/set.b.2", &[&first]).send().await;
        assert!(late.cookies().is_empty(), "{then}: a cookie over the newer one");
        late.refused_as_ended();
    }
}

/// A page is slow whose token has expired or is dead, and its user signs in in the tab beside it.
async fn slow_navigation(lab: &Lab) {
    for end in [None, Some(End::Revoked), Some(End::Evicted), Some(End::SignsOut)] {
        let site = End::site(lab, false).await;
        let browser = site.signed_in("ann").await;
        let token = browser.present_token();
        match end {
            Some(end) => drop(end.happen(&site, &browser, "ann").await),
            None => site.advance(31 * 86_400),
        }
        let page = presenting(&browser, "/get.a/hold.late/get.b", &[&token]);
        let late = page.header("sec-fetch-mode", "navigate").begin();
        site.gate("late").arrival().await;
        browser.go("/login.ann").await.ok();
        site.gate("late").open();
        let late = late.answer().await.no_session();
        received_late(&format!("a slow page, {end:?}"), &browser, late, Some("ann")).await;
    }
}

/// Many requests race with a sign-in; then their responses come in any order.
async fn racing(lab: &Lab) {
    let site = Site::with(lab, |config| config.touch_interval_secs = Some(0)).await;
    for round in 0..rounds(8) {
        let browser = site.visitor().await;
        let before = browser.token();
        site.advance(1);
        let mut asks: Vec<_> = (0..8).map(|_| browser.ask("/get.a")).collect();
        let then = ["/login.ann", "/login.ann/reauthenticate"][round as usize % 2];
        asks.insert(round as usize % 9, browser.ask(then));
        let answers = race(asks.into_iter().map(|ask| async move { ask.send().await.ok() })).await;
        let signed_in = answers.iter().find(|answer| answer.user().is_some());
        let signed_in = signed_in.expect("the sign-in");
        for answer in answers.iter().filter(|answer| answer.user().is_none()) {
            // One that slid before the sign-in says what was true then, and nothing else.
            let cookie = answer.cookie().map(|cookie| cookie.value().to_owned());
            assert!(cookie.is_none() || cookie == before, "a late response's cookie");
        }
        browser.receive(signed_in);
        browser.go("/get.a").await.signed_in("ann");
    }
}
