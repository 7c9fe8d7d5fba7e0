//! Programs, which send their token in `Authorization` and are handed it in a body.

use session_core::{EventKind, UserId};

use crate::backends::Calls;
use crate::http::exchange::{Answer, Ask};
use crate::http::harness::Mount;
use crate::http::lab::Lab;
use crate::http::site::Site;

/// A session whose token comes as `Authorization: Bearer`, on a layer that accepts it, is like any other: it is
/// on the device list and counts for the cap, it slides, rotates and ends. But no cookie is set or cleared, and a
/// new token is handed to the handler, once, in an answer that nothing may keep. What is good for nothing makes no
/// session by itself: 409 `session_ended`. Off by default.
pub async fn bearer_sets_no_cookie(lab: &Lab) {
    let site = Site::mounted(lab, Mount::Bearer, |_| {}).await;
    is_a_session(&site).await;
    changes_its_token(&site).await;
    signs_out(&site).await;
    is_good_for_nothing(&site).await;
    counts_for_the_cap(lab).await;
    is_signed(lab).await;
    is_off(lab).await;
}

/// A request brings one credential: where a bearer is given, good or not, no cookie is read, ended or set. Two
/// bearers are none. The scheme is read without case; other schemes are none of ours, and neither is a query.
pub async fn one_credential_per_request(lab: &Lab) {
    let site = Site::mounted(lab, Mount::Bearer, |_| {}).await;
    let browser = site.come_back("bob").await;
    let cookie = browser.present_token();
    let token = site.program("ann").await;
    for scheme in ["Bearer ", "bearer ", "BEARER   "] {
        site.probe.take_calls();
        let both = browser.ask("/get.a").header("authorization", format!("{scheme}{token}"));
        both.send().await.signed_in("ann").no_cookie();
        assert_eq!(site.probe.take_calls().find, 1, "{scheme}: one credential is one read");
    }
    for (name, lines) in no_good(&site, &token).await {
        let sent = |path: &str| {
            let ask = browser.ask(path);
            lines.iter().fold(ask, |ask, line| ask.header("authorization", line))
        };
        sent("/get.a").send().await.no_session().no_cookie();
        site.probe.take_calls();
        sent("/set.a.1").send().await.refused_as_ended().no_cookie();
        assert_eq!(site.probe.take_calls().create, 0, "{name}: it made a session");
        let results = sent("/logout").send().await.ok().no_cookie().results();
        assert_eq!(results[0], 0, "{name}: nothing to sign out of");
        assert!(site.live(&cookie).await.is_some(), "{name}: the cookie's session goes on");
    }
    for path in ["/set.a.1", "/rotate/bearer", "/login.eve/bearer", "/logout"] {
        let token = site.program("ann").await;
        browser.ask(path).bearer(&token).send().await.ok().no_cookie();
        let session = site.live(&cookie).await.expect("the cookie's session goes on");
        assert!(session.data.is_empty(), "{path}: what was stored is the bearer's");
    }
    // A credential of somebody else's is none of ours.
    let basic = || browser.ask("/get.a").header("authorization", "Basic YTpi");
    basic().send().await.signed_in("bob");
    site.probe.take_calls();
    for query in ["access_token", "bearer", "token", "authorization"] {
        let path = format!("/get.a?{query}={token}");
        site.ask(&path).send().await.no_session();
        let path = format!("/get.a?{query}=Bearer%20{token}");
        site.ask(&path).send().await.no_session();
    }
    assert_eq!(site.probe.take_calls(), Calls::NONE, "a query is not read");
}

async fn is_a_session(site: &Site) {
    let answer = site.ask("/set.cart.1/login.ann.bearer/bearer").send().await;
    let answer = fresh(answer.signed_in("ann"));
    assert_eq!(answer.results()[2], true, "a token was issued");
    let token = site.handed();
    let sent = |path: &str| site.ask(path).bearer(&token);
    // The first request that presents a token touches, and later ones slide.
    for _ in 0..2 {
        for path in ["/get.a", "/set.a.1", "/update.n", "/lifetime.for.7200.persistent", "/save"] {
            let answer = varies(sent(path).send().await.signed_in("ann")).no_cookie();
            assert_eq!(answer.data()["cart"], 1, "{path}: what was carried");
        }
        site.advance(3600);
    }
    sent("/set.b.1/status.500").send().await.is(500).no_cookie();
    sent("/set.b.1/status.408").send().await.is(408).no_cookie();
    // From another site too: no browser sends a bearer by itself.
    let abroad = sent("/may-store/set.c.1").post().header("sec-fetch-site", "cross-site");
    assert_eq!(abroad.send().await.ok().no_cookie().results()[0], true, "from another site");
    let session = site.live(&token).await.expect("the session lives");
    assert_eq!((session.data.get("b"), session.data.get("c")), (None, Some(&1.into())));
    // Nobody took it a second time.
    assert_eq!(sent("/bearer").send().await.ok().results()[0], false, "a token is handed out once");
    // A browser on the same layer has its cookie as ever.
    let browser = site.come_back("ann").await;
    let listed = browser.go("/list/bearer").await.ok().results();
    assert_eq!(listed[0].as_array().map(Vec::len), Some(2), "both are on the device list");
    assert_eq!(listed[1], false, "a cookie's token is not handed out");
}

async fn changes_its_token(site: &Site) {
    for (path, is_dead) in [
        ("/rotate/bearer", false),
        ("/reauthenticate/bearer", true),
        ("/login.ann/bearer", true),
        ("/login.eve/bearer", true),
        ("/begin.rotate/hold.on/bearer", false),
    ] {
        let before = site.program("ann").await;
        site.ask("/get.a").bearer(&before).send().await.signed_in("ann");
        site.take_events();
        let answer = if path.starts_with("/begin") {
            let asked = site.ask(path).bearer(&before).begin();
            site.gate("on").arrival().await;
            site.desk.left().await;
            site.gate("on").open();
            asked.answer().await
        } else {
            site.ask(path).bearer(&before).send().await
        };
        let user = if path.starts_with("/login.eve") { "eve" } else { "ann" };
        let answer = fresh(answer.signed_in(user));
        assert_eq!(
            answer.results().as_array().and_then(|r| r.last()),
            Some(&true.into()),
            "{path}"
        );
        let token = site.handed();
        assert_ne!(token, before, "{path}: another token");
        assert_eq!(site.is_dead(&before).await, is_dead, "{path}: the token before");
        site.ask("/get.a").bearer(&token).send().await.signed_in(user).no_cookie();
        assert!(!site.take_events().contains(&EventKind::TokenLost), "{path}: it was handed out");
    }
    // If nobody takes it, nothing else brings it to the program.
    let token = site.program("ann").await;
    site.take_events();
    fresh(site.ask("/login.ann").bearer(&token).send().await.signed_in("ann"));
    fresh(site.ask("/login.ann.bearer").send().await.signed_in("ann"));
    let lost = site.take_events().into_iter().filter(|kind| *kind == EventKind::TokenLost);
    assert_eq!(lost.count(), 2, "a token that nobody takes is told of");
}

async fn signs_out(site: &Site) {
    for (path, ended) in [("/logout", 1.into()), ("/login.kim.bearer/logout", 1.into())] {
        let token = site.program("kim").await;
        let results = site.ask(path).bearer(&token).send().await.ok().no_cookie().results();
        assert_eq!(results.as_array().and_then(|r| r.last()), Some(&ended), "{path}");
        assert!(site.is_dead(&token).await, "{path}: the token is dead");
        site.ask("/get.a").bearer(&token).send().await.no_session().no_cookie();
        // It has to be handed its token, and so is given none by the way.
        let note = site.ask("/logout/try.set.note.1/may-store").bearer(&site.program("kim").await);
        let results = note.send().await.no_session().no_cookie().results();
        assert_eq!((&results[1], &results[2]), (&"session_ended".into(), &false.into()));
    }
    let token = site.program("kim").await;
    site.ask("/logout-all").bearer(&token).send().await.ok().no_cookie();
    assert_eq!(site.sessions_of("kim").await, 0, "signed out everywhere");
    site.ask("/login.kim.bearer/logout").send().await.no_session().no_cookie();
    // What a program wants to keep without signing in, it asks for.
    let dead = |path: &str| site.ask(path).bearer(&token);
    dead("/start-over/set.a.1").send().await.is(500).no_cookie();
    fresh(dead("/start-over/set.a.1/save/bearer").send().await.ok());
    let kept = site.ask("/get.a").bearer(&site.handed()).send().await.ok().no_cookie();
    assert_eq!(kept.data()["a"], 1, "an anonymous session of a program's");
}

async fn is_good_for_nothing(site: &Site) {
    let token = site.program("ann").await;
    for (name, lines) in no_good(site, &token).await {
        let sent = |path: &str| {
            let ask = site.ask(path);
            lines.iter().fold(ask, |ask, line| ask.header("authorization", line))
        };
        for path in ["/get.a", "/rotate", "/try.set.a.1", "/try.update.n", "/remove.a"] {
            site.probe.take_calls();
            sent(path).send().await.no_session().no_cookie();
            assert_eq!(site.probe.take_calls().create, 0, "{name}: {path} made a session");
        }
        sent("/set.a.1").send().await.refused_as_ended().no_cookie();
        fresh(sent("/login.zoe/bearer").send().await.signed_in("zoe"));
        site.ask("/get.a").bearer(&site.handed()).send().await.signed_in("zoe");
    }
    assert!(site.live(&token).await.is_some(), "what was sent twice lives on");
}

async fn counts_for_the_cap(lab: &Lab) {
    let site = Site::mounted(lab, Mount::Bearer, |config| config.max_sessions_per_user = 2).await;
    let first = site.program("ann").await;
    site.advance(1);
    site.signed_in("ann").await;
    site.advance(1);
    site.program("ann").await;
    assert_eq!(site.sessions_of("ann").await, 2, "the cap holds for both");
    assert!(site.is_dead(&first).await, "the least recently active one ended");
}

async fn is_signed(lab: &Lab) {
    let site = Site::mounted(lab, Mount::Bearer, |config| {
        config.secrets = vec!["s".repeat(64).into()];
    });
    let site = site.await;
    let token = site.program("ann").await;
    site.ask("/get.a").bearer(&token).send().await.signed_in("ann");
    let (bare, signature) = token.split_once('.').expect("a signed token");
    site.probe.take_calls();
    for forged in [bare.to_owned(), format!("{}.{signature}", "5".repeat(64))] {
        site.ask("/get.a").bearer(&forged).send().await.no_session().no_cookie();
    }
    assert_eq!(site.probe.take_calls(), Calls::NONE, "a forged one costs no read");
}

async fn is_off(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.come_back("ann").await;
    let token = browser.present_token();
    let answer = site.ask("/get.a").bearer(&token).send().await.no_session();
    let varies = answer.headers.get_all("vary").iter().any(|line| line == "Authorization");
    assert!(!varies, "what is not read varies nothing");
    browser.ask("/get.a").bearer("x").send().await.signed_in("ann");
    site.ask("/login.ann.bearer").send().await.is(500).no_cookie();
    assert_eq!(site.sessions_of("ann").await, 1, "no session that nobody can be told of");
}

/// Bearers that open nothing, as the lines of `Authorization`. `good` is a token that does.
async fn no_good(site: &Site, good: &str) -> Vec<(&'static str, Vec<String>)> {
    let dead = site.program("max").await;
    site.store.revoke_all(&UserId::new("max").expect("a user id")).await.expect("a revocation");
    let bearer = |text: &str| format!("Bearer {text}");
    vec![
        ("an unknown one", vec![bearer(&"5".repeat(64))]),
        ("a revoked one", vec![bearer(&dead)]),
        ("no token", vec!["Bearer".to_owned()]),
        ("only a space", vec!["Bearer ".to_owned()]),
        ("something else", vec![bearer("x")]),
        ("capitals", vec![bearer(&"A".repeat(64))]),
        ("too long", vec![bearer(&"a".repeat(100_000))]),
        ("in quotes", vec![format!("Bearer \"{good}\"")]),
        ("with a tab", vec![format!("Bearer\t{good}")]),
        ("with a parameter", vec![format!("Bearer token={good}")]),
        ("two", vec![bearer(good), bearer(&dead)]),
        ("the same twice", vec![bearer(good), bearer(good)]),
        ("two in a line", vec![format!("Bearer {good}, Bearer {good}")]),
        ("beside another scheme", vec!["Basic YTpi".to_owned(), bearer(good)]),
    ]
}

/// An answer that issued a token to a program.
#[track_caller]
fn fresh(answer: Answer) -> Answer {
    let answer = varies(answer).no_cookie();
    assert_eq!(answer.header("cache-control"), Some("no-store"), "nothing may keep a token");
    answer
}

#[track_caller]
fn varies(answer: Answer) -> Answer {
    let lines: Vec<_> = answer.headers.get_all("vary").iter().collect();
    for name in ["Cookie", "Authorization"] {
        assert!(lines.iter().any(|line| *line == name), "Vary: {name} in {lines:?}");
    }
    answer
}

impl Site {
    /// The token of a program that signs in.
    async fn program(&self, user: &str) -> String {
        self.ask(&format!("/login.{user}.bearer/bearer")).send().await.signed_in(user).no_cookie();
        self.handed()
    }

    /// The token that a handler was handed last.
    fn handed(&self) -> String {
        let token = self.desk.handed();
        self.secrets.token(&token);
        token
    }
}

impl Ask {
    /// With this token as a program sends it.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }
}
