//! Streams: they end with their session.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use session_core::{BackendErrorKind, SessionStore, UntilEnded, UserId};

use crate::backends::{Gate, Method};
use crate::http::browser::Browser;
use crate::http::lab::Lab;
use crate::http::site::Site;

/// What is promised.
const WITHIN: Duration = Duration::from_secs(5);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

/// `until_ended` resolves at once when this process ends the session, and within five seconds when
/// another one does, or when it expires; one look of the backend serves all streams. It goes on over
/// a rotation and a re-authentication, while the backend fails, and for ever without a session.
pub async fn stream_learns_of_the_end(lab: &Lab) {
    ends_at_once(lab).await;
    ends_elsewhere(lab).await;
}

/// A stream of the browser's session, opened after the handler did this.
async fn stream(site: &Site, browser: &Browser, path: &str) -> UntilEnded {
    browser.go(&format!("{path}/keep")).await.ok();
    site.desk.kept().until_ended()
}

fn is_open(stream: &mut UntilEnded) -> bool {
    pin!(stream).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

async fn ends_at_once(lab: &Lab) {
    let site = Site::with(lab, |config| config.max_sessions_per_user = 2).await;
    let browsers = || (site.browser(), site.browser());
    let ended = |case: &str, open: &mut [UntilEnded], stays: &mut UntilEnded| {
        for stream in open {
            assert!(!is_open(stream), "{case}: the stream goes on");
        }
        assert!(is_open(stays), "{case}: a stream of another session ended");
    };
    let mut stays = stream(&site, &site.browser(), "/login.stays").await;

    let (browser, _) = browsers();
    let mut open = [stream(&site, &browser, "/login.ann").await, stream(&site, &browser, "").await];
    assert!(open.iter_mut().all(is_open), "nothing happened");
    for path in ["/rotate", "/reauthenticate", "/set.a.1", "/get.a"] {
        browser.go(path).await.ok();
        assert!(open.iter_mut().all(is_open), "{path} ended it");
    }
    browser.go("/logout").await.ok();
    ended("a sign-out", &mut open, &mut stays);

    let mut open = [stream(&site, &browser, "/login.ann").await];
    browser.go("/login.ann").await.ok();
    ended("replaced by a sign-in", &mut open, &mut stays);
    let mut open = [stream(&site, &browser, "").await];
    browser.go("/login.bob").await.ok();
    ended("another user signed in", &mut open, &mut stays);

    let (first, second) = browsers();
    let mut open = [stream(&site, &first, "/login.cid").await];
    // The first one is then the least recently active.
    site.advance(1);
    second.go("/login.cid").await.ok();
    assert!(is_open(&mut open[0]), "he has two devices");
    site.browser().go("/login.cid").await.ok();
    ended("evicted", &mut open, &mut stays);

    let mut open = [stream(&site, &first, "/login.dan").await];
    second.go("/login.dan/logout-others").await.ok();
    ended("signed out on another device", &mut open, &mut stays);
    let mut open = [stream(&site, &first, "/login.dan").await, stream(&site, &second, "").await];
    second.go("/logout-all").await.ok();
    ended("signed out everywhere", &mut open, &mut stays);

    let mut open = [stream(&site, &first, "/login.eve").await];
    let id = site.live(&first.present_token()).await.expect("a live session").id;
    assert!(site.store.revoke(&id).await.expect("it is there"));
    ended("revoked", &mut open, &mut stays);
    let mut open = [stream(&site, &first, "/login.eve").await];
    let eve = UserId::new("eve").expect("a user id");
    assert_eq!(site.store.revoke_all(&eve).await.expect("they are there").len(), 1);
    ended("all of a user's revoked", &mut open, &mut stays);

    let mut open = [stream(&site, &first, "/login.fay").await, stays];
    let mut nobodys = stream(&site, &site.browser(), "").await;
    assert!(site.store.end_all().await.expect("they are there") >= 2);
    ended("every session ended", &mut open, &mut nobodys);
}

async fn ends_elsewhere(lab: &Lab) {
    let site = Site::open(lab).await;
    let elsewhere = SessionStore::shared(site.backend_elsewhere(), site.store.config().clone())
        .expect("a configuration that can be meant")
        .with_clock(site.clock.clone());
    let id = async |browser: &Browser| {
        site.live(&browser.present_token()).await.expect("a live session").id
    };

    let (first, second, third) = (site.browser(), site.browser(), site.browser());
    let mut revoked = stream(&site, &first, "/login.ann").await;
    let mut signed_out = stream(&site, &second, "/login.bob").await;
    let mut goes_on = stream(&site, &third, "/login.cid").await;
    let mut nobodys = stream(&site, &site.browser(), "").await;
    let (failed, next) =
        (site.probe.stop(Method::Live, Gate::Before), site.probe.stop(Method::Live, Gate::Before));
    assert!([&mut revoked, &mut signed_out, &mut goes_on, &mut nobodys].into_iter().all(is_open));
    assert!(elsewhere.revoke(&id(&first).await).await.expect("it is there"));
    let bob = UserId::new("bob").expect("a user id");
    assert_eq!(elsewhere.revoke_all(&bob).await.expect("they are there").len(), 1);

    // The backend fails, which ends no stream.
    within("the first look", failed.arrived()).await;
    failed.refuse(BackendErrorKind::Unavailable);
    within("the next look, although one failed", next.arrived()).await;
    assert!(is_open(&mut revoked) && is_open(&mut goes_on), "a failure was taken for an end");
    next.pass();
    within("revoked elsewhere", revoked).await;
    within("all of a user's revoked elsewhere", signed_out).await;
    assert!(is_open(&mut goes_on), "it ended with others");
    assert_eq!(site.probe.calls().live, 2, "one look for all");

    site.advance(400 * 24 * 3600);
    within("expired", goes_on).await;
    assert!(is_open(&mut nobodys), "there is no session that could end");
}

async fn within<T>(case: &str, stream: impl Future<Output = T>) {
    let ended = tokio::time::timeout(WITHIN + SLACK, stream).await;
    assert!(ended.is_ok(), "{case}: not within {WITHIN:?}");
}
