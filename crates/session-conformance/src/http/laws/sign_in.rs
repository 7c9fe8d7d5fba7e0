//! Signing in, proving again who one is, and rotating the token.

use session_core::{EndedBy, EventKind, Found};

use super::ends::presenting;
use crate::http::browser::Browser;
use crate::http::lab::Lab;
use crate::http::site::Site;
use crate::race::race;
use crate::run::rounds;

/// The one of two tokens that was there before must open nothing any more, from this moment on.
async fn dead_at_once(site: &Site, name: &str, before: &str, browser: &Browser) {
    assert!(site.is_dead(before).await, "{name}: the token before is not dead");
    let answer = browser.ask("/get.a").without("cookie").token(before).send().await.ok();
    assert_eq!((answer.id(), answer.user()), (None, None), "{name}: the token before still works");
}

/// Signing in, re-authenticating and switching user always issue a new token, in a grace period too,
/// and the one before is dead at once, without grace. Signing in makes a new session id and carries
/// over the data of an anonymous session or of the same user's, never another user's;
/// re-authenticating keeps the id. A form that was sent twice loses nothing: for 10 s, what the first
/// sign-in took over is carried by the second one too, if it is the same user's.
pub async fn sign_in_rotates(lab: &Lab) {
    carries(lab).await;
    sent_twice(lab).await;
}

async fn carries(lab: &Lab) {
    let site = Site::open(lab).await;
    // (name, made with, then, whose, what is there afterwards)
    for (name, first, then, data) in [
        ("a visitor's data", "/set.a.1", "/login.ann", r#"{"a":1}"#),
        ("and what is buffered", "/set.a.1", "/set.b.2/login.ann", r#"{"a":1,"b":2}"#),
        ("what is written behind it", "/set.a.1", "/login.ann/set.b.2", r#"{"a":1,"b":2}"#),
        ("a removal is carried", "/set.a.1/set.b.2", "/remove.a/login.ann", r#"{"b":2}"#),
        ("some keys", "/set.a.1/set.b.2", "/set.c.3/login.ann.keys.a,c", r#"{"a":1,"c":3}"#),
        ("nothing", "/set.a.1", "/set.b.2/login.ann.nothing", "{}"),
        ("first data", "/set.a.1", "/login.ann.data.x", r#"{"a":1,"x":true}"#),
        ("the same user again", "/login.ann/set.a.1", "/login.ann", r#"{"a":1}"#),
        ("another user's", "/login.bob/set.a.1", "/login.ann", "{}"),
        ("buffered for another", "/login.bob/set.a.1", "/set.b.2/login.ann", "{}"),
        ("written for the new one", "/login.bob/set.a.1", "/login.ann/set.b.2", r#"{"b":2}"#),
        ("another user's, by way of a third", "/login.bob/set.a.1", "/login.eve/login.ann", "{}"),
    ] {
        let browser = site.browser();
        let old = browser.go(first).await.ok();
        let (before, old_id) = (browser.present_token(), old.id());
        let answer = browser.go(then).await.signed_in("ann");
        let after = answer.token();
        assert_ne!(before, after, "{name}: no new token");
        assert_ne!(old_id, answer.id(), "{name}: no new session id");
        assert_eq!(
            answer.data().to_string(),
            data,
            "{name}: what is carried, in the request itself"
        );
        let next = browser.go("/get.a").await.signed_in("ann");
        assert_eq!(next.data().to_string(), data, "{name}: what is carried");
        assert_eq!(next.id(), answer.id(), "{name}: the session");
        let session = site.live(&after).await.expect("the new session is live");
        assert_eq!(session.authenticated_at, Some(site.now()), "{name}: when they signed in");
        dead_at_once(&site, name, &before, &browser).await;
    }

    site.take_events();
    let browser = site.signed_in("bob").await;
    browser.go("/set.b.2/login.ann").await.signed_in("ann");
    let dropped = site.take_events().contains(&EventKind::DataDroppedOnUserSwitch);
    assert!(dropped, "what was buffered for another user is dropped with an event");

    // A visitor without anything, and one with a token that nobody issued.
    let fresh = site.browser();
    fresh.go("/login.ann").await.signed_in("ann");
    fresh.go("/get.a").await.signed_in("ann");

    let browser = site.browser();
    let made = browser.go("/login.ann/set.a.1").await.ok();
    let before = browser.present_token();
    site.advance(60);
    let answer = browser.go("/reauthenticate").await.signed_in("ann");
    assert_eq!(answer.id(), made.id(), "re-authenticating keeps the id");
    assert_ne!(answer.token(), before, "re-authenticating issues a new token");
    assert_eq!(answer.report()["just_authenticated"], true, "re-authenticating counts as now");
    dead_at_once(&site, "re-authenticating", &before, &browser).await;
    assert_eq!(browser.go("/get.a").await.signed_in("ann").data()["a"], 1, "and keeps the data");

    // In a grace period both the current token and the one in grace are over.
    for then in ["/login.ann", "/login.bob", "/reauthenticate"] {
        let browser = site.browser();
        browser.go("/login.ann").await.ok();
        let in_grace = browser.present_token();
        let current = browser.ask("/rotate").send().await.ok().token();
        let answer = browser.go(then).await.ok();
        let after = answer.token();
        assert!(after != in_grace && after != current, "{then} in grace: no new token");
        dead_at_once(&site, &format!("{then} in grace: the one in grace"), &in_grace, &browser)
            .await;
        dead_at_once(&site, &format!("{then} in grace: the current one"), &current, &browser).await;
        browser.go("/get.a").await.ok();
        assert!(browser.go("/get.a").await.user().is_some(), "{then} in grace: the new one works");
    }

    // However many sign in from one session at once, each gets a token of its own.
    for _ in 0..rounds(3) {
        let browser = site.visitor().await;
        let before = browser.present_token();
        let asks = (0..6).map(|_| browser.ask("/login.ann")).collect::<Vec<_>>();
        let answers = race(asks.into_iter().map(|ask| async move { ask.send().await })).await;
        for answer in &answers {
            assert_eq!(answer.data()["a"], 1, "one of racing sign-ins lost what it carries");
        }
        let mut tokens: Vec<_> = answers.iter().map(|answer| answer.token()).collect();
        tokens.push(before.clone());
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), 7, "racing sign-ins share a token");
        assert!(site.is_dead(&before).await, "racing sign-ins left the token before alive");
    }
}

/// "Sign in" is pressed twice: both requests bring the cookie of the visitor's session.
async fn sent_twice(lab: &Lab) {
    let site = Site::open(lab).await;
    // (name, the first, what its session then gets, after so many seconds the second, what that carries)
    for (name, first, since, secs, second, data) in [
        ("a double click", "/login.ann", None, 0, "/login.ann", r#"{"cart":1}"#),
        ("a slow one", "/login.ann", None, 9, "/login.ann", r#"{"cart":1}"#),
        ("too slow", "/login.ann", None, 10, "/login.ann", "{}"),
        ("another user", "/login.ann", None, 0, "/login.bob", "{}"),
        ("what came since", "/login.ann", Some("/set.x.1"), 0, "/login.ann", r#"{"cart":1}"#),
        ("some keys", "/login.ann", None, 0, "/login.ann.keys.x", "{}"),
        ("nothing before", "/login.ann.nothing", None, 0, "/login.ann", r#"{"cart":1}"#),
    ] {
        let browser = site.browser();
        browser.go("/set.cart.1").await.ok();
        let answer = browser.ask(first).send().await.signed_in("ann");
        if let Some(since) = since {
            site.ask(since).token(answer.token()).send().await.signed_in("ann");
        }
        site.advance(secs);
        let user = if second == "/login.bob" { "bob" } else { "ann" };
        let answer = browser.go(second).await.signed_in(user);
        assert_eq!(answer.data().to_string(), data, "{name}: in the request itself");
        let next = browser.go("/get.cart").await.signed_in(user);
        assert_eq!(next.data().to_string(), data, "{name}: what is carried");
    }
    // Both had loaded the session when it was still there.
    for (first, second, user, data) in [
        ("/set.b.2/hold.one/login.ann", "/set.c.3/hold.two/login.ann", "ann", r#"{"a":1,"c":3}"#),
        ("/hold.one/login.ann", "/hold.two/login.bob", "bob", "{}"),
    ] {
        let browser = site.visitor().await;
        let (one, two) = (browser.begin(first), browser.begin(second));
        site.gate("one").arrival().await;
        site.gate("two").arrival().await;
        site.gate("one").open();
        one.answer().await.signed_in("ann");
        site.gate("two").open();
        let answer = two.answer().await.signed_in(user);
        assert_eq!(answer.data().to_string(), data, "{second}: what is carried");
    }
}

/// After a plain rotation the token before works for the grace period, for reading and for writing;
/// a request that presents it gets no sliding cookie. At most 8 tokens of a session are in grace. Of
/// racing rotations one gives a token. Without a grace period the token before is over at once.
pub async fn rotation_has_grace(lab: &Lab) {
    let site = Site::with(lab, |config| config.touch_interval_secs = Some(10)).await;
    let browser = site.browser();
    let made = browser.go("/login.ann/set.a.1").await.ok();
    let before = browser.present_token();
    let answer = browser.go("/rotate").await.signed_in("ann").is(200);
    let after = answer.token();
    assert_ne!(before, after, "a rotation issues a token");
    assert_eq!(answer.results()[0], true, "the rotation says that it happened");
    assert_eq!(answer.id(), made.id(), "a rotation keeps the session");
    assert_eq!(answer.max_age(), Some(2_592_000), "the new token's cookie says how long");

    let old = |path: &str| browser.ask(path).without("cookie").token(&before);
    let answer = old("/set.b.2").send().await.signed_in("ann").no_cookie();
    assert_eq!(answer.data().to_string(), r#"{"a":1,"b":2}"#, "the token before reads and writes");
    assert_eq!(browser.go("/get.b").await.data()["b"], 2, "what it wrote is there");
    let again = old("/rotate").send().await.signed_in("ann").no_cookie();
    assert_eq!(again.results()[0], false, "a token in grace is not rotated from");

    site.advance(29);
    let answer = old("/set.c.3").send().await.signed_in("ann").no_cookie();
    assert_eq!(answer.data()["c"], 3, "to the end of its grace");
    let session = site.live(&after).await.expect("a live session");
    assert_eq!(session.last_active_at, site.now(), "a request in grace touches the session");
    site.advance(1);
    old("/get.a").send().await.no_session();
    let ended = site.found(&before).await;
    let rotated = matches!(ended, Some(Found::Ended { how: EndedBy::Rotated, .. }));
    assert!(rotated, "after its grace the token before has ended");
    browser.go("/get.a").await.signed_in("ann");

    let racing = site.signed_in("ann").await;
    for _ in 0..rounds(3) {
        let asks = (0..6).map(|_| racing.ask("/rotate")).collect::<Vec<_>>();
        let answers = race(asks.into_iter().map(|ask| async move { ask.send().await })).await;
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.signed_in("ann")).collect();
        let given: Vec<_> = answers.iter().filter(|answer| answer.new_token().is_some()).collect();
        assert_eq!(given.len(), 1, "of racing rotations one gives a token");
        let told = answers.iter().filter(|answer| answer.results()[0] == true).count();
        assert_eq!(told, 1, "and one says that it happened");
        racing.receive(given[0]);
        racing.go("/get.a").await.signed_in("ann");
    }

    eight_in_grace(lab).await;

    let site = Site::with(lab, |config| config.rotation_grace_secs = 0).await;
    let browser = site.signed_in("ann").await;
    let before = browser.present_token();
    browser.go("/rotate").await.signed_in("ann");
    dead_at_once(&site, "no grace", &before, &browser).await;
    browser.go("/get.a").await.signed_in("ann");
}

/// However often a session is rotated, at most 8 of its tokens are in grace: the last ones.
async fn eight_in_grace(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    let mut before = Vec::new();
    for _ in 0..11 {
        before.push(browser.present_token());
        browser.go("/rotate").await.signed_in("ann");
    }
    let (ended, in_grace) = before.split_at(3);
    for token in in_grace {
        presenting(&browser, "/get.a", &[token]).send().await.signed_in("ann").no_cookie();
    }
    for token in ended {
        let found = site.found(token).await;
        let rotated = matches!(found, Some(Found::Ended { how: EndedBy::Rotated, .. }));
        assert!(rotated, "a ninth token in grace");
        presenting(&browser, "/get.a", &[token]).send().await.no_session();
    }
    browser.go("/get.a").await.signed_in("ann");
}
