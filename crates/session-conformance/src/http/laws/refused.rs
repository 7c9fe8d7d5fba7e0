//! Requests whose token was refused.

use session_core::{BackendErrorKind, MismatchAction, OnBackendError, UserId};

use crate::backends::{Fault, Method};
use crate::http::browser::Browser;
use crate::http::exchange::Ask;
use crate::http::lab::Lab;
use crate::http::site::Site;

const ANOTHER_BROWSER: &str = "curl/8.5.0";

/// A request whose token was refused (ended, rejected or revoked by its fingerprint, ambiguous, or
/// unreadable because the backend failed) never makes a session or cookie by itself: what it wants
/// to store is 409 `session_ended` (503 when the backend failed), whether it is buffered or saved by
/// the handler. Reading and removing go on; an explicit sign-in works, and then storing does.
pub async fn refused_token_makes_no_session(lab: &Lab) {
    for save_unchanged in [false, true] {
        ended(lab, save_unchanged).await;
        of_another_browser(lab, save_unchanged).await;
        ambiguous(lab, save_unchanged).await;
        unreadable(lab, save_unchanged).await;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Ended,
    Outage,
}

/// Makes requests with the refused token, and looks at what they get. Each needs a new refusal where
/// the one before used it up.
async fn check(name: &str, site: &Site, refusal: Refusal, refused: impl AsyncFn(&str) -> Ask) {
    for path in ["/get.a", "/", "/remove.a", "/set.a.1/remove.a", "/set.a.1/clear", "/save"] {
        let ask = refused(path).await;
        site.probe.take_calls();
        ask.send().await.no_session().no_token();
        assert_eq!(site.probe.take_calls().create, 0, "{name}: {path} made a session");
    }
    for path in [
        "/set.a.1",
        "/set.a.null",
        "/set.a.1/save",
        "/update.n",
        "/set.a.1/status.303",
        "/set.a.1/status.404",
        "/set.a.1/try.save",
    ] {
        let ask = refused(path).await;
        site.probe.take_calls();
        let answer = ask.send().await.no_token();
        assert_eq!(site.probe.take_calls().create, 0, "{name}: {path} made a session");
        match refusal {
            Refusal::Ended => answer.refused_as_ended(),
            Refusal::Outage => answer.refused_as_outage(),
        };
    }
    for path in ["/login.zoe", "/set.a.1/login.zoe", "/login.zoe/set.a.1"] {
        let answer = refused(path).await.send().await;
        let answer = answer.signed_in("zoe");
        assert!(site.live(&answer.token()).await.is_some(), "{name}: {path} signs in");
        if path != "/login.zoe" {
            assert_eq!(answer.data()["a"], 1, "{name}: {path} stores");
        }
    }
}

async fn ended(lab: &Lab, save_unchanged: bool) {
    // (name, what ends the token that the browser has)
    type End =
        for<'a> fn(&'a Site, &'a Browser) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;
    let ends: [(&str, End); 6] = [
        ("signed out", |_, browser| {
            Box::pin(async move {
                browser.ask("/logout").send().await.ok();
            })
        }),
        ("signed out everywhere", |_, browser| {
            Box::pin(async move {
                browser.ask("/logout-all").send().await.ok();
            })
        }),
        ("revoked by an administrator", |site, _| {
            Box::pin(async move {
                let ann = UserId::new("ann").expect("a user id");
                site.store.revoke_all(&ann).await.expect("a revocation");
            })
        }),
        ("replaced by a sign-in", |_, browser| {
            Box::pin(async move {
                browser.ask("/login.ann").send().await.ok();
            })
        }),
        ("evicted", |site, _| {
            Box::pin(async move {
                for _ in 0..2 {
                    site.advance(1);
                    site.signed_in("ann").await;
                }
            })
        }),
        ("rotated away", |site, browser| {
            Box::pin(async move {
                browser.ask("/rotate").send().await.ok();
                site.advance(31);
            })
        }),
    ];
    for (name, end) in ends {
        let site = Site::with(lab, |config| {
            config.save_unchanged = save_unchanged;
            config.max_sessions_per_user = 2;
        })
        .await;
        let browser = site.signed_in("ann").await;
        end(&site, &browser).await;
        check(name, &site, Refusal::Ended, async |path| browser.ask(path)).await;
    }
}

async fn of_another_browser(lab: &Lab, save_unchanged: bool) {
    for action in [MismatchAction::Reject, MismatchAction::Revoke] {
        let site = Site::with(lab, |config| {
            config.on_fingerprint_mismatch = action;
            config.save_unchanged = save_unchanged;
        })
        .await;
        // Revoked by this very request, so each needs a session of its own.
        check("another browser", &site, Refusal::Ended, async |path| {
            site.signed_in("ann").await.ask(path).replace("user-agent", ANOTHER_BROWSER)
        })
        .await;
    }
}

async fn ambiguous(lab: &Lab, save_unchanged: bool) {
    let site = Site::with(lab, |config| config.save_unchanged = save_unchanged).await;
    let browser = site.signed_in("ann").await;
    let planted = site.signed_in("mallory").await.present_token();
    check("ambiguous", &site, Refusal::Ended, async |path| browser.ask(path).token(&planted)).await;
    browser.go("/get.a").await.signed_in("ann");
}

async fn unreadable(lab: &Lab, save_unchanged: bool) {
    let site = Site::with(lab, |config| {
        config.on_backend_error = OnBackendError::Anonymous;
        config.save_unchanged = save_unchanged;
    })
    .await;
    let browser = site.signed_in("ann").await;
    site.probe.fail(Fault::new(BackendErrorKind::Unavailable).only(Method::Find));
    check("unreadable", &site, Refusal::Outage, async |path| browser.ask(path)).await;
    site.probe.recover();
    browser.go("/get.a").await.signed_in("ann");
}
