//! Signing out, whatever cookie came.

use serde_json::json;
use session_core::{BackendErrorKind, MismatchAction, SessionToken};

use super::ends::{End, presenting};
use crate::backends::{Fault, Method};
use crate::http::exchange::Ask;
use crate::http::lab::Lab;
use crate::http::site::Site;

const DOWN: Fault = Fault::new(BackendErrorKind::Unavailable);

/// `logout` ends every live session whose token the request presented: also those that it may not use,
/// and the one that its own re-authentication or rotation gave another token less than 10 s ago. It says
/// how many, and removes the cookie whenever one of the name came, whatever it holds. If the backend fails
/// it is an error and never a success.
pub async fn logout_always_ends(lab: &Lab) {
    one(lab).await;
    several(lab).await;
    of_another_browser(lab).await;
    renewed_meanwhile(lab).await;
    nothing_to_end(lab).await;
    backend_fails(lab).await;
}

/// The sign-out of this request ends so many sessions and removes the cookie, and all these tokens are
/// dead then.
async fn check(site: &Site, name: &str, ask: Ask, ended: usize, tokens: &[&str]) {
    let answer = ask.send().await.no_session().removal();
    assert_eq!(answer.results(), json!([ended]), "{name}: how many it ended");
    assert_eq!(answer.cookies().len(), 1, "{name}: cookies");
    for token in tokens {
        assert!(site.is_dead(token).await, "{name}: signed out, and a session lives");
    }
}

async fn one(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    let token = browser.present_token();
    check(&site, "signed in", browser.ask("/logout"), 1, &[&token]).await;
    let browser = site.visitor().await;
    let token = browser.present_token();
    check(&site, "a visitor's session", browser.ask("/logout"), 1, &[&token]).await;
    let browser = site.signed_in("ann").await;
    let (token, id) = (browser.present_token(), browser.go("/get.a").await.id());
    let own = format!("/revoke.{}", id.expect("a session"));
    let answer = browser.ask(&own).send().await.no_session().removal();
    assert_eq!(answer.results(), json!([true]), "its own session by its id");
    assert!(site.is_dead(&token).await, "its own session by its id");

    let browser = site.signed_in("ann").await;
    let old = browser.present_token();
    let current = browser.go("/rotate").await.ok().token();
    let in_grace = presenting(&browser, "/logout", &[&old]);
    check(&site, "in grace", in_grace, 1, &[&old, &current]).await;
    browser.go("/get.a").await.no_session();

    let browser = site.signed_in("ann").await;
    let answer = browser.go("/logout/logout").await.no_session().removal();
    assert_eq!(answer.results(), json!([1, 0]), "twice in one request");
}

async fn several(lab: &Lab) {
    let site = Site::open(lab).await;
    let anns = async || site.signed_in("ann").await.present_token();
    let (ann, mallory) = (anns().await, site.signed_in("mallory").await.present_token());
    let visitor = site.visitor().await.present_token();
    let browser = site.browser();
    let ask = |tokens: &[&str]| presenting(&browser, "/logout", tokens);
    let all = [ann.as_str(), &mallory, &visitor];
    check(&site, "ambiguous", ask(&all), 3, &all).await;
    let (one, other) = (anns().await, anns().await);
    check(&site, "several of one user", ask(&[&one, &other]), 2, &[&one, &other]).await;

    let owner = site.signed_in("ann").await;
    let old = owner.present_token();
    let current = owner.go("/rotate").await.ok().token();
    let both = [old.as_str(), &current];
    check(&site, "two tokens of one session", ask(&both), 1, &both).await;

    let (one, other) = (anns().await, site.signed_in("bob").await);
    End::Revoked.happen(&site, &other, "bob").await;
    let dead = other.present_token();
    check(&site, "beside a dead one", ask(&[&dead, &one]), 1, &[&one]).await;

    // More than a request looks up to use one of them.
    let unknown: Vec<_> = (0..15).map(|_| forged()).collect();
    let live = anns().await;
    let mut tokens: Vec<_> = unknown.iter().map(String::as_str).collect();
    tokens.push(&live);
    check(&site, "the sixteenth", ask(&tokens), 1, &[&live]).await;
    let mut live = Vec::new();
    for number in 0..16 {
        live.push(site.signed_in(&format!("user{number}")).await.present_token());
    }
    let tokens: Vec<_> = live.iter().map(String::as_str).collect();
    check(&site, "sixteen", ask(&tokens), 16, &tokens).await;
}

async fn of_another_browser(lab: &Lab) {
    for (action, ended) in
        [(MismatchAction::Reject, 1), (MismatchAction::Revoke, 0), (MismatchAction::Report, 1)]
    {
        let site = Site::with(lab, |config| config.on_fingerprint_mismatch = action).await;
        let browser = site.signed_in("ann").await;
        let token = browser.present_token();
        let ask = browser.ask("/logout").replace("user-agent", "curl/8.5.0");
        check(&site, &format!("another browser: {action:?}"), ask, ended, &[&token]).await;
    }
}

/// The token is dead, and the session goes on under another that its browser was about to get.
async fn renewed_meanwhile(lab: &Lab) {
    for (grace, end) in [(30, End::Reauthenticates), (30, End::Rotates), (0, End::Rotates)] {
        let site = Site::with(lab, |config| config.rotation_grace_secs = grace).await;
        for (secs, ended) in [(0, 1), (9, 1), (10, 0), (60, 0)] {
            let name = format!("{end:?} with {grace} s of grace, {secs} s ago");
            let browser = site.signed_in("ann").await;
            let renewed = end.happen(&site, &browser, "ann").await.expect("a token");
            site.advance(secs);
            check(&site, &name, browser.ask("/logout"), ended, &[]).await;
            assert_eq!(site.is_dead(&renewed).await, ended == 1, "{name}: the renewed session");
        }
    }
}

fn forged() -> String {
    SessionToken::generate().expect("randomness").expose()
}

/// The browser is to keep no cookie of the name, whatever it holds.
async fn nothing_to_end(lab: &Lab) {
    let site = Site::open(lab).await;
    for end in [End::SignsOut, End::SignsIn, End::Revoked, End::Everywhere] {
        for secs in [0, 60] {
            let browser = site.signed_in("ann").await;
            end.happen(&site, &browser, "ann").await;
            site.advance(secs);
            let name = format!("{end:?}, {secs} s ago");
            check(&site, &name, browser.ask("/logout"), 0, &[]).await;
        }
    }
    for (name, value) in [
        ("unknown", forged()),
        ("malformed", "x".to_owned()),
        ("empty", String::new()),
        ("too long", format!("{}0", forged())),
    ] {
        check(&site, name, site.ask("/logout").token(value), 0, &[]).await;
    }
    for (name, ask) in [
        ("no cookie", site.ask("/logout")),
        ("another cookie", site.ask("/logout").header("cookie", "theme=dark; _session2=x")),
        ("something buffered", site.ask("/set.a.1/logout")),
    ] {
        let answer = ask.send().await.no_session().no_cookie();
        let last = answer.results().as_array().and_then(|results| results.last().cloned());
        assert_eq!(last, Some(json!(0)), "{name}: how many it ended");
    }
}

/// Nobody is told that they are signed out and is not. When the backend is back it works.
async fn backend_fails(lab: &Lab) {
    let site = Site::open(lab).await;
    let (ann, mallory) = (site.come_back("ann").await, site.signed_in("mallory").await);
    let tokens = [ann.present_token(), mallory.present_token()];
    let tokens = tokens.each_ref().map(String::as_str);
    let another = |path: &str| ann.ask(path).replace("user-agent", "curl/8.5.0");
    let ambiguous = |path: &str| presenting(&ann, path, &tokens);
    for path in ["/logout", "/try.logout"] {
        for ask in [ann.ask(path), another(path), ambiguous(path)] {
            site.probe.fail(DOWN.only(Method::Remove));
            let answer = ask.send().await.no_cookie();
            if path == "/logout" {
                answer.refused_as_outage();
            } else {
                assert_eq!(answer.results(), json!(["unavailable"]), "a sign-out that failed");
            }
            site.probe.recover();
        }
    }
    // The lookup of what was presented fails, which its loading did not.
    for (ask, spared) in [(another("/logout"), 1), (ambiguous("/logout"), 2)] {
        site.probe.fail(DOWN.only(Method::Find).sparing(spared));
        ask.send().await.refused_as_outage().no_cookie();
        site.probe.recover();
    }
    // Half of it is done.
    site.probe.fail(DOWN.only(Method::Remove).sparing(1));
    ambiguous("/logout").send().await.refused_as_outage().no_cookie();
    site.probe.recover();
    check(&site, "once more", ambiguous("/logout"), 1, &tokens).await;
}
