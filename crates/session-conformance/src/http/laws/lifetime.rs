//! Lifetimes that a session chooses for itself.

use std::sync::Arc;

use session_core::SessionData;

use super::ends::presenting;
use crate::backends::Calls;
use crate::http::browser::Browser;
use crate::http::exchange::Answer;
use crate::http::lab::Lab;
use crate::http::site::Site;

const MONTH: i64 = 2_592_000;

/// `set_lifetime` (idle lifetime, persistent or ending with the browser, a fixed end `not_after`) works at
/// creation, at sign-in and on a live session, moves neither id nor `authenticated_at`, is data like other
/// data in the buffer and alone makes no session. No slide, rotation or re-authentication passes a fixed
/// end or the absolute lifetime, and the cookie follows what is stored, also after a parallel change.
pub async fn lifetime_is_kept(lab: &Lab) {
    at_its_beginning(lab).await;
    on_a_live_session(lab).await;
    alone(lab).await;
    out_of_bounds(lab).await;
    nothing_passes_its_end(lab).await;
    survives_what_comes(lab).await;
    follows_what_is_stored(lab).await;
    told_to_the_newer_token(lab).await;
}

async fn live(site: &Site, browser: &Browser) -> Arc<SessionData> {
    site.live(&browser.present_token()).await.expect("a live session")
}

/// What is left of the session, in seconds.
fn left(site: &Site, session: &SessionData) -> i64 {
    i64::try_from(session.expires_at.since(site.now()).as_secs()).expect("seconds")
}

/// In microseconds, as a path says it.
fn moment(site: &Site, secs: i64) -> String {
    (site.now().as_micros() + secs * 1_000_000).to_string()
}

/// `@` in a path is the moment in 1000 s.
async fn goes(site: &Site, browser: &Browser, path: &str) -> Answer {
    browser.go(&path.replace('@', &moment(site, 1000))).await
}

/// A lifetime, and the Max-Age that its cookie has; then what is left of the session.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    max_age: Option<i64>,
    left: i64,
}

async fn seen(site: &Site, browser: &Browser, answer: &Answer) -> Seen {
    Seen { max_age: answer.max_age(), left: left(site, &*live(site, browser).await) }
}

const fn both(secs: i64) -> Seen {
    Seen { max_age: Some(secs), left: secs }
}

const fn with_the_browser(left: i64) -> Seen {
    Seen { max_age: None, left }
}

async fn at_its_beginning(lab: &Lab) {
    let site = Site::open(lab).await;
    for (path, expected) in [
        // A visitor's first data.
        ("/set.a.1/lifetime.for.7200", both(7200)),
        ("/lifetime.for.7200/set.a.1", both(7200)),
        ("/lifetime.for.7200/set.a.1/save", both(7200)),
        ("/lifetime.for.7200/update.n", both(7200)),
        ("/lifetime.browser/set.a.1", with_the_browser(86_400)),
        ("/lifetime.for.7200.browser/set.a.1", with_the_browser(7200)),
        ("/lifetime.until.@/set.a.1", both(1000)),
        ("/lifetime.for.7200/lifetime.for.60/set.a.1", both(60)),
        // What is not named is as the configuration says.
        ("/lifetime.for.7200/lifetime/set.a.1", both(86_400)),
        ("/set.a.1/save/lifetime.for.7200", both(7200)),
        // At a sign-in.
        ("/lifetime.for.7200/login.ann", both(7200)),
        ("/lifetime.until.@/login.ann", both(1000)),
        ("/lifetime.browser/login.ann", with_the_browser(MONTH)),
        ("/login.ann/lifetime.for.7200", both(7200)),
        ("/login.ann.for.7200", both(7200)),
        ("/login.ann.for.7200.browser", with_the_browser(7200)),
        ("/login.ann.until.@", both(1000)),
        ("/login.ann.until.@.for.60", both(60)),
        ("/lifetime.for.7200.browser/login.ann.for.60", with_the_browser(60)),
        ("/lifetime.for.7200/login.ann.nothing", both(MONTH)),
        ("/set.a.1/lifetime.for.7200/login.ann", both(7200)),
    ] {
        let browser = site.browser();
        site.take_made().await;
        let answer = goes(&site, &browser, path).await.ok();
        assert_eq!(seen(&site, &browser, &answer).await, expected, "{path}");
        assert_eq!(answer.cookies().len(), 1, "{path}: one cookie");
        let is_sealed = site.is_sealed(&browser.present_token());
        let made = site.take_made().await.len() + usize::from(is_sealed);
        assert_eq!(made, 1, "{path}: one session");
    }
    let site = Site::with(lab, |config| config.cookie.persistent = false).await;
    for path in ["/lifetime.persistent/set.a.1", "/login.ann.persistent"] {
        let browser = site.browser();
        let answer = browser.go(path).await.ok();
        assert!(answer.max_age().is_some(), "{path}: a cookie that outlives the browser");
    }
}

async fn on_a_live_session(lab: &Lab) {
    for sign_in in ["/login.ann/set.a.1", "/set.a.1"] {
        let site = Site::open(lab).await;
        let browser = site.signed_in_at(sign_in).await;
        browser.go("/get.a").await.ok();
        let usual = if sign_in == "/set.a.1" { 86_400 } else { MONTH };
        for (path, expected) in [
            ("/lifetime.for.7200", both(7200)),
            ("/lifetime.for.14400/save", both(14_400)),
            ("/lifetime.for.7200.browser", with_the_browser(7200)),
            ("/lifetime.for.7200", both(7200)),
            ("/lifetime.until.@", both(1000)),
            ("/lifetime.for.600.until.@", both(600)),
            ("/lifetime.browser", with_the_browser(usual)),
            ("/lifetime", both(usual)),
            ("/lifetime.for.7200/status.422", both(7200)),
        ] {
            let name = format!("{sign_in}, {path}");
            site.advance(10);
            let before = live(&site, &browser).await;
            let token = browser.present_token();
            site.probe.take_calls();
            let answer = goes(&site, &browser, path).await;
            let calls = site.probe.take_calls();
            assert_eq!(calls, Calls { find: 1, update: 1, ..Calls::NONE }, "{name}: one write");
            assert_eq!(seen(&site, &browser, &answer).await, expected, "{name}");
            assert_eq!(answer.token(), token, "{name}: the token");
            let after = live(&site, &browser).await;
            assert_eq!(after.id, before.id, "{name}: the id");
            assert_eq!(after.authenticated_at, before.authenticated_at, "{name}: authenticated");
            assert_eq!(after.version, before.version, "{name}: the version");
            assert_eq!(after.data, before.data, "{name}: the data");
            // The same once more is nothing new.
            let again = goes(&site, &browser, &path.replace("/save", "")).await;
            let again = if path.contains('@') { again } else { again.no_cookie() };
            drop(again);
        }
        // With data it is still one write.
        site.probe.take_calls();
        let answer = browser.go("/lifetime.for.5000/set.a.2/set.b.1").await.ok();
        assert_eq!(site.probe.take_calls(), Calls { find: 1, update: 1, ..Calls::NONE });
        assert_eq!(seen(&site, &browser, &answer).await, both(5000), "{sign_in}: with data");
        let dropped = browser.go("/lifetime.for.60/status.500").await.is(500).no_cookie();
        drop(dropped);
        let session = live(&site, &browser).await;
        assert_eq!(session.idle_ttl_secs, Some(5000), "{sign_in}: a 5xx drops it like data");
    }
}

async fn alone(lab: &Lab) {
    let site = Site::open(lab).await;
    for path in [
        "/lifetime.for.60",
        "/lifetime.browser",
        "/lifetime.for.60/save",
        "/lifetime.for.60/rotate",
        "/lifetime.for.60/set.a.1/remove.a",
        "/lifetime.for.60/set.a.1/clear",
    ] {
        site.browser().go(path).await.no_session().no_cookie();
        assert_eq!(site.probe.take_calls(), Calls::NONE, "{path}: a lifetime makes no session");
    }
}

async fn out_of_bounds(lab: &Lab) {
    let site = Site::open(lab).await;
    let (now, past) = (moment(&site, 0), moment(&site, -1));
    let browser = site.signed_in_at("/login.ann/set.a.1").await;
    browser.go("/get.a").await.ok();
    let before = live(&site, &browser).await;
    for how in ["for.0", "for.34560001", &format!("until.{now}"), &format!("until.{past}.for.60")] {
        for path in [format!("/lifetime.{how}"), format!("/lifetime.{how}/set.a.2")] {
            browser.go(&path).await.is(400).no_cookie();
            assert_eq!(live(&site, &browser).await, before, "{path}: something was changed");
        }
        for path in [format!("/lifetime.{how}/set.a.1"), format!("/login.eve.{how}")] {
            site.probe.take_calls();
            site.browser().go(&path).await.is(400).no_cookie();
            assert_eq!(site.probe.take_calls().create, 0, "{path}: a session was made");
        }
        let results =
            browser.go(&format!("/try.lifetime.{how}/try.login.eve.{how}")).await.ok().results();
        assert_eq!(results.to_string(), r#"["invalid_data","invalid_data"]"#, "{how}");
    }
    browser.go("/lifetime.for.34560000").await.ok();
    assert_eq!(left(&site, &*live(&site, &browser).await), 34_560_000, "400 days");
}

async fn nothing_passes_its_end(lab: &Lab) {
    // A fixed end.
    let site = Site::with(lab, |config| config.touch_interval_secs = Some(0)).await;
    for begins in ["/login.ann.until.@", "/login.ann/lifetime.until.@.for.100000"] {
        for path in ["/get.a", "/set.a.1", "/rotate", "/reauthenticate", "/end-others"] {
            let name = format!("{begins}, {path}");
            let browser = site.browser();
            goes(&site, &browser, begins).await.ok();
            let end = live(&site, &browser).await.expires_at;
            for _ in 0..3 {
                site.advance(300);
                let answer = browser.go(path).await.signed_in("ann");
                let session = live(&site, &browser).await;
                assert_eq!(session.expires_at, end, "{name}: the end");
                let max_age = answer.cookie().and_then(|cookie| cookie.max_age());
                let max_age = max_age.map(cookie::time::Duration::whole_seconds);
                let stays = [None, Some(left(&site, &session))].contains(&max_age);
                assert!(stays, "{name}: Max-Age {max_age:?}");
            }
            let token = browser.present_token();
            site.advance(100);
            assert_eq!(browser.token(), None, "{name}: the browser has forgotten it");
            site.ask("/get.a").token(&token).send().await.no_session();
        }
    }
    // The absolute one.
    let site = Site::with(lab, |config| {
        config.absolute_ttl_secs = Some(3600);
        config.session_ttl_secs = 600;
    })
    .await;
    for path in ["/login.ann.for.7200", "/lifetime.for.7200/login.ann", "/login.ann.until.@@"] {
        let browser = site.browser();
        let far = moment(&site, 999_999);
        let answer = browser.go(&path.replace("@@", &far)).await.ok();
        let expected = if path.contains("until") { 600 } else { 3600 };
        assert_eq!(seen(&site, &browser, &answer).await, both(expected), "{path}");
    }
    let browser = site.signed_in("ann").await;
    site.advance(500);
    let answer = browser.go("/lifetime.for.7200").await.ok();
    assert_eq!(seen(&site, &browser, &answer).await, both(3100), "what is left of it");
    site.advance(1000);
    let answer = browser.go("/rotate").await.ok();
    assert_eq!(answer.max_age(), Some(2100), "a rotation moves nothing");
    let answer = browser.go("/reauthenticate").await.ok();
    assert_eq!(seen(&site, &browser, &answer).await, both(3600), "proved again: anew");
}

/// A session's own choice holds for every later request, whatever it does.
async fn survives_what_comes(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    browser.go("/lifetime.for.7200").await.ok();
    for path in ["/get.a", "/set.a.1", "/rotate", "/reauthenticate", "/end-others", "/get.a"] {
        site.advance(1000);
        let answer = browser.go(path).await.signed_in("ann");
        let session = live(&site, &browser).await;
        assert_eq!(session.idle_ttl_secs, Some(7200), "{path}");
        assert_eq!(answer.max_age(), Some(left(&site, &session)), "{path}: both ends agree");
    }
    browser.go("/lifetime.for.7200.browser").await.ok();
    for path in ["/get.a", "/set.a.2", "/rotate", "/reauthenticate"] {
        site.advance(1000);
        let answer = browser.go(path).await.signed_in("ann");
        let max_age = answer.cookie().and_then(|cookie| cookie.max_age());
        assert_eq!(max_age, None, "{path}: a cookie that ends with the browser");
    }
    // A sign-in begins anew.
    let answer = browser.go("/login.ann").await.ok();
    assert_eq!(seen(&site, &browser, &answer).await, both(MONTH), "signed in once more");
}

/// A request that read an older lifetime does not bring it back, and its cookie tells the newer one.
async fn follows_what_is_stored(lab: &Lab) {
    let site = Site::open(lab).await;
    for (meanwhile, end) in [
        ("/lifetime.for.600", Some(600)),
        ("/lifetime.until.@", Some(1000)),
        ("/lifetime.for.600.until.@", Some(600)),
        ("/lifetime.for.600.browser", None),
    ] {
        for (before, after) in [
            ("", "/get.a"),
            ("/set.b.1", ""),
            ("", "/set.b.1/save"),
            ("", "/update.n"),
            ("", "/rotate"),
            ("", "/reauthenticate"),
            ("", "/end-others"),
        ] {
            // With and without a touch of its own behind the other's.
            for secs in [0, 400] {
                let name = format!("{before}, {meanwhile} and {secs} s, {after}");
                let browser = site.signed_in("ann").await;
                site.advance(400);
                let late = browser.begin(&format!("{before}/hold.late{after}"));
                site.gate("late").arrival().await;
                goes(&site, &browser, meanwhile).await.ok();
                site.advance(secs);
                site.gate("late").open();
                let answer = late.answer().await.signed_in("ann");
                browser.receive(&answer);
                let session = live(&site, &browser).await;
                let ends = (session.idle_ttl_secs, session.cookie_persistent, session.not_after);
                let cookie = answer.cookie().map(|cookie| cookie.max_age());
                // None, or the one that is told.
                if let Some(max_age) = cookie {
                    let max_age = max_age.map(cookie::time::Duration::whole_seconds);
                    let fits = match (max_age, end) {
                        (None, None) => true,
                        (Some(max_age), Some(end)) => {
                            let waited = i64::try_from(secs).expect("seconds");
                            [end, end - waited].contains(&max_age)
                        }
                        _ => false,
                    };
                    assert!(fits, "{name}: Max-Age {max_age:?}, stored: {ends:?}");
                }
                if let Some(end) = end {
                    let token = browser.present_token();
                    site.advance(u64::try_from(end).expect("seconds"));
                    let gone = site.ask("/get.a").token(&token).send().await;
                    assert_eq!(gone.ok().user(), None, "{name}: it lives longer than it chose");
                }
            }
        }
    }
}

/// Chosen through a token in grace: that answer cannot tell the newer token's cookie, and the next slide
/// does.
async fn told_to_the_newer_token(lab: &Lab) {
    let site = Site::open(lab).await;
    for newer_is_seen in [false, true] {
        let browser = site.signed_in("ann").await;
        let before = browser.present_token();
        assert!(browser.go("/rotate").await.ok().max_age().is_some());
        if newer_is_seen {
            browser.go("/get.a").await.signed_in("ann");
        }
        presenting(&browser, "/lifetime.browser", &[&before]).send().await.ok();
        site.advance(if newer_is_seen { 400 } else { 0 });
        let answer = browser.go("/get.a").await.signed_in("ann");
        let told = answer.new_token().is_some().then(|| answer.max_age());
        assert_eq!(told, Some(None), "the newer token was seen before: {newer_is_seen}");
    }
}
