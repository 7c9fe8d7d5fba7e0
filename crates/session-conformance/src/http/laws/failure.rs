//! Backends and handlers that fail.

use session_core::{
    BackendErrorKind, EventKind, MismatchAction, OnBackendError, SessionConfig, UserId,
};

use crate::backends::{Fault, Gate, Method};
use crate::http::harness::{FOR_FRESH, FOR_USERS, FOR_VISITORS, Mount};
use crate::http::lab::Lab;
use crate::http::site::Site;

const KINDS: [BackendErrorKind; 3] =
    [BackendErrorKind::Unavailable, BackendErrorKind::Corrupt, BackendErrorKind::Other];
const DOWN: Fault = Fault::new(BackendErrorKind::Unavailable);

/// When the backend fails, or does not answer in time, the answer is 503 with Retry-After (or
/// anonymous, if so configured), and no Set-Cookie except for a token change that this request
/// had already committed. An outage never reads as "not signed in", a guard redirects nobody, and when it is over everybody is
/// still there.
pub async fn outage_clears_nothing(lab: &Lab) {
    for mount in [Mount::Once, Mount::Eager] {
        let revoke = |config: &mut SessionConfig| {
            config.on_fingerprint_mismatch = MismatchAction::Revoke;
        };
        let site = Site::mounted(lab, mount, revoke).await;
        let browser = site.browser();
        browser.go("/login.ann/set.a.1").await.ok();
        let token = browser.present_token();
        for kind in KINDS {
            site.probe.fail(kind);
            for path in ["/get.a", "/set.a.2", "/logout", "/login.bob", "/rotate", "/list", "/"] {
                browser.go(path).await.refused_as_outage().no_cookie();
            }
            let page = browser.ask("/get.a").header("sec-fetch-mode", "navigate");
            page.send().await.refused_as_outage().no_cookie();
            for guarded in [FOR_USERS, FOR_FRESH, FOR_VISITORS] {
                let page =
                    browser.ask(&format!("{guarded}/x")).header("sec-fetch-mode", "navigate");
                let answer = page.send().await.refused_as_outage().no_cookie();
                assert_eq!(answer.header("location"), None, "{guarded}: an outage is no sign-out");
            }
            let stale = "0123456789abcdef".repeat(4);
            site.ask("/get.a").token(&stale).send().await.refused_as_outage().no_cookie();
            let stranger = browser.ask("/get.a").replace("user-agent", "curl/8.5.0");
            stranger.send().await.refused_as_outage().no_cookie();
            site.probe.recover();
            assert_eq!(browser.token(), Some(token.clone()), "{kind:?}: the cookie is another");
            let data = browser.go("/get.a").await.signed_in("ann").data();
            assert_eq!(data["a"], 1, "{kind:?}: what was stored before");
        }
        for (method, path) in [
            (Method::Create, "/login.ann"),
            (Method::Create, "/login.bob"),
            (Method::Remove, "/logout"),
            (Method::RemoveUser, "/logout-all"),
            (Method::RemoveUser, "/logout-others"),
            (Method::Update, "/reauthenticate"),
            (Method::Update, "/rotate"),
            (Method::List, "/list"),
        ] {
            site.probe.fail(DOWN.only(method));
            browser.go(path).await.refused_as_outage().no_cookie();
            site.probe.recover();
            browser.go("/get.a").await.signed_in("ann");
        }
        site.probe.fail(DOWN.only(Method::Create));
        site.browser().go("/login.ann").await.refused_as_outage().no_cookie();
        site.probe.recover();

        // Another browser, whose session cannot be revoked.
        site.probe.fail(DOWN.only(Method::Remove));
        let stranger = browser.ask("/get.a").replace("user-agent", "curl/8.5.0");
        stranger.send().await.refused_as_outage().no_cookie();
        site.probe.recover();
        browser.go("/get.a").await.signed_in("ann");
    }
    committed_before(lab).await;
    never_answered(lab).await;
    anonymous_instead(lab).await;
}

/// A token change that was committed is told, whatever failed behind it.
async fn committed_before(lab: &Lab) {
    let site = Site::open(lab).await;
    for (path, method, spared) in [
        ("/rotate/set.a.2", Method::Update, 1),
        ("/reauthenticate/set.a.2", Method::Update, 1),
        ("/login.ann/set.a.2", Method::Update, 0),
        ("/login.ann/set.a.2/save", Method::Update, 0),
        ("/login.ann/logout-others", Method::RemoveUser, 0),
    ] {
        let browser = site.signed_in("ann").await;
        browser.go("/get.a").await.signed_in("ann");
        let before = browser.present_token();
        site.probe.fail(DOWN.only(method).sparing(spared));
        let answer = browser.go(path).await.refused_as_outage();
        site.probe.recover();
        assert_ne!(answer.token(), before, "{path}: the token that was committed");
        browser.go("/get.a").await.signed_in("ann");
    }
    let browser = site.signed_in("ann").await;
    site.probe.fail(DOWN.only(Method::Create));
    browser.go("/logout/set.note.1").await.refused_as_outage().removal();
    site.probe.recover();
    browser.go("/get.a").await.no_session();
}

async fn never_answered(lab: &Lab) {
    let site = Site::with(lab, |config| config.backend_timeout_ms = 50).await;
    let browser = site.come_back("ann").await;
    for (method, path) in [
        (Method::Find, "/get.a"),
        (Method::Update, "/set.a.1"),
        (Method::Create, "/login.bob"),
        (Method::Remove, "/logout"),
    ] {
        let stop = site.probe.stop(method, Gate::Before);
        let late = browser.begin(path);
        stop.arrived().await;
        late.answer().await.refused_as_outage().no_cookie();
        browser.go("/get.a").await.signed_in("ann");
    }
}

async fn anonymous_instead(lab: &Lab) {
    let site = Site::with(lab, |c| c.on_backend_error = OnBackendError::Anonymous).await;
    let browser = site.browser();
    browser.go("/login.ann/set.a.1").await.ok();
    let token = browser.present_token();
    for kind in KINDS {
        site.probe.fail(kind);
        let page = browser.ask("/get.a").header("sec-fetch-mode", "navigate");
        page.send().await.no_session().no_cookie();
        browser.go("/get.a").await.no_session().no_cookie();
        browser.go("/set.a.2").await.refused_as_outage().no_cookie();
        browser.go("/set.a.2/save").await.refused_as_outage().no_cookie();
        browser.go("/login.ann").await.refused_as_outage().no_cookie();
        // Nobody knows whether anybody is signed out by that.
        browser.go("/logout").await.refused_as_outage().no_cookie();
        site.probe.recover();
        assert_eq!(browser.token(), Some(token.clone()), "{kind:?}: the cookie is another");
        assert_eq!(browser.go("/get.a").await.signed_in("ann").data()["a"], 1, "{kind:?}");
    }
}

/// A response whose buffered data could not be saved is replaced (503, or 409 for a session that
/// ended meanwhile), never a success, whatever the handler answered and whoever tried to save. A
/// touch that fails is an event, not an error.
pub async fn failed_save_is_reported(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    for kind in KINDS {
        for fault in [Fault::new(kind), Fault::new(kind).answer_lost()] {
            for path in [
                "/set.a.1",
                "/set.a.1/status.201",
                "/set.a.1/status.303",
                "/set.a.1/status.404",
                "/set.a.1/try.save",
                "/remove.a",
                "/clear",
            ] {
                // What is there already is not written again.
                browser.go("/set.a.0").await.ok();
                site.probe.fail(fault.only(Method::Update));
                if path == "/set.a.1/try.save" && fault == Fault::new(kind).answer_lost() {
                    // Only the answer was lost: the response looks, and what is stored is no failure.
                    browser.go("/set.b.2/try.save").await.ok();
                    site.probe.recover();
                    let stored = browser.go("/get.b/remove.b").await.results()[0].clone();
                    assert_eq!(stored, 2, "{kind:?}: it was stored");
                    continue;
                }
                let answer = browser.go(path).await.refused_as_outage().no_cookie();
                assert!(
                    !answer.body.contains("results"),
                    "{path}: the handler's body came through"
                );
                site.probe.recover();
            }
            site.probe.fail(fault.only(Method::Create));
            let answer = site.browser().go("/set.a.1").await.refused_as_outage().no_cookie();
            assert!(!answer.body.contains("results"), "the handler's body came through");
            site.probe.recover();
        }
    }
    // What was saved before it failed is told as it is.
    site.probe.fail(DOWN.only(Method::Update).sparing(1));
    browser.go("/set.saved.1/save/set.lost.2").await.refused_as_outage();
    site.probe.recover();
    let data = browser.go("/get.a").await.ok().data();
    assert_eq!(data.get("saved"), Some(&1.into()), "what the handler saved");
    assert_eq!(data.get("lost"), None, "what could not be saved");

    // It ended meanwhile, though not by a sign-out.
    for path in ["/set.a.1/hold.late", "/set.a.1/hold.late/status.303", "/hold.late/clear"] {
        let browser = site.signed_in_at("/login.eve/set.b.1").await;
        let late = browser.begin(path);
        site.gate("late").arrival().await;
        let eve = UserId::new("eve").expect("a user id");
        site.store.revoke_all(&eve).await.expect("a revocation");
        site.gate("late").open();
        late.answer().await.refused_as_ended().no_cookie();
    }
    let browser = site.visitor().await;
    let late = browser.begin("/set.b.1/hold.late");
    site.gate("late").arrival().await;
    site.advance(86_400);
    site.gate("late").open();
    late.answer().await.refused_as_ended().no_cookie();

    // Parallel requests together passed the ceiling.
    let site = Site::with(lab, |config| config.max_data_bytes = 64).await;
    let browser = site.signed_in("ann").await;
    let mut late = Vec::new();
    for number in 0..12 {
        late.push(browser.begin(&format!("/set.{number}.{}/hold.late", "x".repeat(40))));
        site.gate("late").arrival().await;
    }
    late.iter().for_each(|_| site.gate("late").open());
    let mut saved = 0;
    for pending in late {
        let answer = pending.answer().await;
        match answer.status.as_u16() {
            200 => saved += 1,
            413 => assert!(!answer.body.contains("results"), "the handler's body came through"),
            other => panic!("beyond the ceiling: {other}"),
        }
    }
    let there = browser.go("/get.a").await.ok().data();
    let there = there.as_object().map_or(0, serde_json::Map::len);
    assert!(saved < 12, "twelve times what is allowed was stored");
    assert_eq!(there, saved, "what was answered with success is there, and nothing else");

    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    for fault in [DOWN, DOWN.answer_lost()] {
        site.advance(400);
        site.take_events();
        site.probe.fail(fault.only(Method::Update));
        browser.go("/get.a").await.signed_in("ann").no_cookie();
        site.probe.recover();
        let events = site.take_events();
        assert!(events.contains(&EventKind::TouchFailed), "a touch failed: {events:?}");
    }
}
