//! What a request costs: nothing, or one read and at most one write.

use session_core::BackendErrorKind;

use crate::backends::Calls;
use crate::http::harness::Mount;
use crate::http::lab::Lab;
use crate::http::site::Site;

const NOTHING: Calls = Calls::NONE;
const READ: Calls = Calls { find: 1, ..NOTHING };
const READ_AND_WRITE: Calls = Calls { find: 1, update: 1, ..NOTHING };
const READ_AND_MADE: Calls = Calls { find: 1, create: 1, ..NOTHING };
const MADE: Calls = Calls { create: 1, ..NOTHING };

/// A request that never uses its session makes no backend call and gets no header; whatever cookie
/// it brings, whatever its handler answers, and while the backend is down.
pub async fn untouched_costs_nothing(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    let token = browser.present_token();
    // A touch would be due by now.
    site.advance(3600);
    site.probe.take_calls();
    site.probe.fail(BackendErrorKind::Unavailable);

    let stale = "0123456789abcdef".repeat(4);
    for (name, ask) in [
        ("no cookie", site.ask("/untouched")),
        ("a live one", browser.ask("/untouched")),
        ("deeper down", browser.ask("/untouched/deeper")),
        ("a stale one", site.ask("/untouched").token(&stale)),
        ("a malformed one", site.ask("/untouched").token(b"\xff\xfe")),
        ("several", site.ask("/untouched").token(&token).token(&stale)),
    ] {
        let answer = ask.send().await.ok();
        assert_eq!(site.probe.take_calls(), NOTHING, "{name}: calls to the backend");
        for header in ["set-cookie", "vary", "cache-control", "retry-after"] {
            assert_eq!(answer.header(header), None, "{name}: {header}");
        }
        assert_eq!(answer.body, "untouched", "{name}");
    }

    let ask = browser.ask("/untouched/status.503");
    let answer = ask
        .answers_with("cache-control", "public, max-age=60")
        .answers_with("vary", "accept")
        .answers_with("set-cookie", "theme=dark")
        .send()
        .await
        .is(503);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=60"), "the handler's own");
    assert_eq!(answer.header("vary"), Some("accept"), "the handler's own");
    assert_eq!(answer.set_cookies(), ["theme=dark"], "the handler's own");
    assert_eq!(site.probe.take_calls(), NOTHING, "calls to the backend");
}

/// Beyond the calls that the handler itself awaits, a request that uses its session costs one read,
/// and at most one write however many keys changed: data and touch share it. Asked for twice in one
/// request, the session is read once; if there is no well-formed token, nothing is read.
pub async fn one_read_one_write(lab: &Lab) {
    for mount in [Mount::Once, Mount::Eager] {
        let site = Site::mounted(lab, mount, |_| {}).await;
        let cost = async |name: &str, ask: crate::http::exchange::Ask, expected: Calls| {
            site.probe.take_calls();
            let answer = ask.send().await.ok();
            assert_eq!(site.probe.take_calls(), expected, "{mount:?}: {name}");
            answer
        };
        let browser = site.browser();
        cost("a visitor who looks", browser.ask("/get.a"), NOTHING).await;
        cost("a malformed cookie", site.ask("/get.a").token("x"), NOTHING).await;
        let stale = "0123456789abcdef".repeat(4);
        cost("a stale cookie", site.ask("/get.a").token(&stale), READ).await;
        let made = cost("a visitor who stores", browser.ask("/set.a.1/set.b.2"), MADE).await;
        browser.receive(&made);
        // That a browser has its new token is written once, whenever it was touched before.
        cost("the first with a new token", browser.ask("/get.a"), READ_AND_WRITE).await;
        cost("looking", browser.ask("/get.a/get.b/get.c"), READ).await;
        let many = "/set.a.2/set.b.3/set.c.4/remove.b/take.a/set.d.5";
        cost("many keys", browser.ask(many), READ_AND_WRITE).await;
        cost("everything taken away", browser.ask("/clear/set.a.1"), READ_AND_WRITE).await;
        cost("read, not written", browser.ask("/get.a/status.200"), READ).await;

        site.advance(301);
        cost("a touch", browser.ask("/get.a"), READ_AND_WRITE).await;
        cost("no second touch", browser.ask("/get.a"), READ).await;
        site.advance(301);
        cost("data and touch", browser.ask("/set.a.3/set.b.1"), READ_AND_WRITE).await;

        cost("saved by the handler", browser.ask("/set.a.4/save"), READ_AND_WRITE).await;
        let twice = Calls { update: 2, ..READ };
        cost("saved, then changed", browser.ask("/set.a.5/save/set.a.6"), twice).await;
        cost("nothing to save", browser.ask("/save"), READ).await;

        let ask = browser.ask("/set.z.1/login.ann/get.z");
        browser.receive(&cost("a sign-in carries what is buffered", ask, READ_AND_MADE).await);
        // What a first request with a token ends with it is marked before.
        let first = Calls { update: 1, ..READ_AND_MADE };
        browser.receive(&cost("a sign-in at once", browser.ask("/login.ann"), first).await);
        browser.go("/get.a").await.signed_in("ann");
        let ask = browser.ask("/login.ann/set.z.2");
        let and_written = Calls { update: 1, ..READ_AND_MADE };
        browser.receive(&cost("written behind a sign-in", ask, and_written).await);
        browser.receive(&cost("a rotation", browser.ask("/rotate"), READ_AND_WRITE).await);
        browser.go("/get.a").await.signed_in("ann");
        let gone = Calls { remove: 1, ..READ };
        browser.receive(&cost("a sign-out", browser.ask("/logout"), gone).await);
        cost("signed out", browser.ask("/get.a"), NOTHING).await;

        let fresh = site.signed_in("ann").await;
        cost("the first, and it writes", fresh.ask("/set.a.1/set.b.2"), READ_AND_WRITE).await;
        cost("the second", fresh.ask("/get.a"), READ).await;
    }

    let site = Site::with(lab, |config| config.save_unchanged = true).await;
    let visitor = site.browser();
    visitor.go("/get.a").await.ok();
    assert_eq!(site.probe.take_calls(), MADE, "save_unchanged: a visitor who looks");
    visitor.go("/get.a").await.ok();
    assert_eq!(site.probe.take_calls(), READ_AND_WRITE, "save_unchanged: looking");
}

/// Visitors who store nothing get no row and no cookie: not those who only look, not those who take
/// back what they stored, and not those who remove what was never there. Null is something.
pub async fn no_empty_sessions(lab: &Lab) {
    let site = Site::open(lab).await;
    for path in [
        "/",
        "/get.a",
        "/remove.a",
        "/take.a",
        "/clear",
        "/save",
        "/set.a.1/remove.a",
        "/set.a.1/take.a",
        "/set.a.1/set.b.2/clear",
        "/set.a.1/clear/remove.b/save",
        "/logout",
        "/set.a.1/logout",
        "/try.rotate",
        "/try.reauthenticate",
    ] {
        let answer = site.browser().go(path).await.no_session().no_cookie();
        assert_eq!(site.probe.take_calls(), NOTHING, "{path}: calls to the backend");
        assert_eq!(answer.header("cache-control"), None, "{path}: nothing to keep from caches");
    }
    let stale = "0123456789abcdef".repeat(4);
    site.ask("/set.a.1/remove.a").token(stale).send().await.no_session().no_token();
    assert_eq!(site.probe.take_calls(), READ, "a stale token: calls to the backend");

    let null = site.browser().go("/set.a.null").await.ok();
    assert_eq!(site.probe.take_calls(), site.visitor_made(), "null is a value");
    assert!(null.new_token().is_some(), "null is a value");

    // Who signed out is a visitor again, whatever is kept of others.
    let site = Site::with(lab, |config| config.save_unchanged = true).await;
    let browser = site.signed_in("ann").await;
    browser.go("/logout").await.ok().removal();
    assert_eq!(site.probe.take_calls().create, 1, "only the sign-in made a session");
}
