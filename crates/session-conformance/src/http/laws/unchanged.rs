//! Writes that change nothing.

use session_core::ErrorKind;

use crate::backends::Calls;
use crate::http::browser::Browser;
use crate::http::lab::Lab;
use crate::http::site::Site;

const STORED: &str = "/login.ann/set.a.1/set.s.text/set.n.null/set.list.[1,null]";

const ONE_READ: Calls = Calls { find: 1, ..Calls::NONE };

/// Of what the response saves by itself, a value equal to what was loaded, or the removal of a key that
/// was not there, costs no backend call and moves no version (unless `save_unchanged`). An explicit
/// `save`, and every write after the response was decided, is sent.
pub async fn unchanged_writes_nothing(lab: &Lab) {
    by_itself(lab).await;
    explicitly(lab).await;
    after_the_response(lab).await;
    beside_what_changed(lab).await;
}

/// The first request with its token is behind it.
async fn come_back(site: &Site, path: &str) -> Browser {
    let browser = site.signed_in_at(path).await;
    browser.go("/get.a").await.ok();
    browser
}

async fn version(site: &Site, browser: &Browser) -> u64 {
    site.live(&browser.present_token()).await.expect("a live session").version
}

async fn by_itself(lab: &Lab) {
    for save_unchanged in [false, true] {
        let site = Site::with(lab, |config| config.save_unchanged = save_unchanged).await;
        let (full, empty) = (come_back(&site, STORED).await, come_back(&site, "/login.bob").await);
        for (browser, path) in [
            (&full, "/set.a.1"),
            (&full, "/set.s.text"),
            (&full, "/set.n.null"),
            (&full, "/set.list.[1,null]"),
            (&full, "/set.a.1/set.s.text/set.n.null"),
            (&full, "/remove.nothing"),
            (&full, "/take.nothing/remove.nothing"),
            (&full, "/set.a.2/set.a.1"),
            (&full, "/set.b.1/remove.b"),
            (&full, "/remove.a/set.a.1"),
            (&full, "/set.a.1/status.404"),
            (&empty, "/clear"),
            (&empty, "/set.a.1/clear"),
            (&empty, "/clear/remove.a"),
        ] {
            let before = version(&site, browser).await;
            site.probe.take_calls();
            let answer = browser.go(path).await;
            let (calls, after) = (site.probe.take_calls(), version(&site, browser).await);
            if save_unchanged {
                let expected = Calls { update: 1, ..ONE_READ };
                assert_eq!(calls, expected, "{path}, saved all the same");
            } else {
                let _ = answer.no_cookie();
                assert_eq!((calls, after), (ONE_READ, before), "{path}: calls, and the version");
            }
        }
        if save_unchanged {
            let before = version(&site, &full).await;
            full.go("/set.a.1").await.ok();
            assert!(version(&site, &full).await > before, "an equal value, saved all the same");
        }
    }

    // If a touch is due, it is all that is written.
    let site = Site::open(lab).await;
    let browser = come_back(&site, STORED).await;
    let before = version(&site, &browser).await;
    site.advance(400);
    site.probe.take_calls();
    browser.go("/set.a.1/remove.nothing").await.ok();
    assert_eq!(site.probe.take_calls(), Calls { update: 1, ..ONE_READ }, "a touch");
    let session = site.live(&browser.present_token()).await.expect("a live session");
    assert_eq!((session.version, session.last_active_at), (before, site.now()), "a touch");
}

async fn explicitly(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = come_back(&site, STORED).await;
    for path in ["/set.a.1/save", "/remove.nothing/save", "/set.a.1/save/set.a.1"] {
        let before = version(&site, &browser).await;
        site.probe.take_calls();
        browser.go(path).await.ok();
        let expected = Calls { update: 1, ..ONE_READ };
        assert_eq!(site.probe.take_calls(), expected, "{path}: it is sent, once");
        assert_eq!(version(&site, &browser).await, before + 1, "{path}: the version");
    }
}

async fn after_the_response(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = come_back(&site, STORED).await;
    // With a write that came to nothing, which must not be sent later.
    browser.go("/keep/set.a.1").await.ok();
    let session = site.desk.kept();
    let before = version(&site, &browser).await;
    site.probe.take_calls();
    session.save().await.expect("nothing is left to save");
    assert_eq!(site.probe.take_calls(), Calls::NONE, "what came to nothing is sent later");
    let late = session.set("a", 1).expect_err("the response is decided");
    assert_eq!(late.kind(), ErrorKind::LateWrite, "a buffered write after the response");
    let value: u64 = session.update("a", |_| 1).await.expect("an update of a live session");
    assert_eq!((value, site.probe.take_calls().update), (1, 1), "an equal value is sent");
    assert_eq!(version(&site, &browser).await, before + 1, "an equal value is sent");
}

/// What a request did not change is not the older value in the place of a parallel request's.
async fn beside_what_changed(lab: &Lab) {
    for (path, meanwhile, expected) in [
        ("/set.a.1/set.b.2", "/set.a.5", [5.into(), 2.into()]),
        ("/set.a.1", "/set.a.6", [6.into(), serde_json::Value::Null]),
        ("/remove.b/set.c.1", "/set.b.7", [1.into(), 7.into()]),
        // Who says `save` says it of every key.
        ("/set.a.1/save", "/set.a.8", [8.into(), serde_json::Value::Null]),
    ] {
        let site = Site::open(lab).await;
        let browser = come_back(&site, "/login.ann/set.a.1").await;
        let late = browser.begin(&format!("{path}/hold.late"));
        site.gate("late").arrival().await;
        browser.go(meanwhile).await.ok();
        site.gate("late").open();
        late.answer().await.ok();
        let data = browser.go("/get.a").await.ok().data();
        assert_eq!([&data["a"], &data["b"]], [&expected[0], &expected[1]], "{path}, {meanwhile}");
    }
    let site = Site::open(lab).await;
    let browser = come_back(&site, "/login.ann/set.a.1").await;
    let late = browser.begin("/set.a.1/hold.late/save");
    site.gate("late").arrival().await;
    browser.go("/set.a.9").await.ok();
    site.gate("late").open();
    late.answer().await.ok();
    assert_eq!(browser.go("/get.a").await.ok().data()["a"], 1, "an explicit save, the last");
}
