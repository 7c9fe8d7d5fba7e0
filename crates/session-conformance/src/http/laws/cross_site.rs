//! Requests that another site makes a browser send.

use session_core::{CrossSiteSessions, Peer, SameSite, UserId};

use crate::http::exchange::Ask;
use crate::http::lab::Lab;
use crate::http::site::Site;

/// A request from another site that loaded no live session, whatever came under the name, makes none by
/// itself, because its cookie may have been held back. What it wants to store is 409 `cross_site`, said by
/// the setter; reading goes on; an explicit sign-in and `start_over` work, storing after `logout` only if
/// that ended a session. Off with `same_site: none` and with `cross_site_sessions: allow`.
pub async fn cross_site_makes_no_session(lab: &Lab) {
    let site = Site::open(lab).await;
    for (name, from) in HELD_BACK {
        let sent = |path: &str| from(site.ask(path));
        stores_nothing(name, &site, &sent).await;
        looks(name, &site, &sent).await;
        says_so(name, &site, &sent).await;
    }
    for (name, from) in SENT_ALONG {
        let answer = from(site.ask("/set.a.1")).send().await.ok();
        assert!(site.live(&answer.token()).await.is_some(), "{name}: stores");
    }
    let (name, from) = HELD_BACK[0];
    for (brought, token) in tokens(&site).await {
        let name = format!("{name} that brings {brought}");
        let sent = |path: &str| from(site.ask(path)).token(&token);
        stores_nothing(&name, &site, &sent).await;
        looks(&name, &site, &sent).await;
    }
    let strict = Site::with(lab, |config| config.cookie.same_site = SameSite::Strict).await;
    stores_nothing("a form, Strict", &strict, &|path| from(strict.ask(path))).await;
    with_a_live_session(lab).await;
    is_off(lab).await;
}

type From = fn(Ask) -> Ask;

/// With these a browser may hold the cookie back.
const HELD_BACK: [(&str, From); 8] = [
    ("a form", |ask| fetched(ask.post(), "cross-site", "navigate", "document")),
    ("a script's fetch", |ask| fetched(ask.post(), "cross-site", "cors", "empty")),
    ("a script that reads", |ask| fetched(ask, "cross-site", "no-cors", "empty")),
    ("an image", |ask| fetched(ask, "cross-site", "no-cors", "image")),
    ("a frame", |ask| fetched(ask, "cross-site", "navigate", "iframe")),
    ("a form, by plain http", |ask| ask.post().header("origin", "http://evil.example")),
    ("a form in a sandbox", |ask| ask.post().header("origin", "null")),
    ("a form, and a stranger's word for the host", |ask| {
        let ask = ask.post().from(Peer::Ip([203, 0, 113, 9].into()));
        ask.header("origin", "https://evil.example").header("x-forwarded-host", "evil.example")
    }),
];

/// With these it does not, or it is no browser.
const SENT_ALONG: [(&str, From); 9] = [
    ("a link", |ask| fetched(ask, "cross-site", "navigate", "document")),
    ("our own form", |ask| fetched(ask.post(), "same-origin", "navigate", "document")),
    ("a sister's form", |ask| fetched(ask.post(), "same-site", "navigate", "document")),
    ("typed by hand", |ask| fetched(ask, "none", "navigate", "document")),
    ("our own form, whatever its origin is", |ask| {
        let ask = ask.header("origin", "https://evil.example");
        fetched(ask.post(), "same-origin", "navigate", "document")
    }),
    ("our own form, by plain http", |ask| ask.post().header("origin", "http://app.example.test")),
    ("our own form, behind a proxy", |ask| {
        let ask = ask.post().from(Peer::Ip([10, 0, 0, 1].into()));
        ask.header("origin", "https://shop.example").header("x-forwarded-host", "shop.example")
    }),
    ("a look from another site, by plain http", |ask| ask.header("origin", "http://evil.example")),
    ("a program", Ask::post),
];

fn fetched(ask: Ask, site: &str, mode: &str, dest: &str) -> Ask {
    let ask = ask.header("sec-fetch-site", site).header("sec-fetch-mode", mode);
    ask.header("sec-fetch-dest", dest)
}

/// What may come under the name without being a live session.
async fn tokens(site: &Site) -> [(&'static str, String); 3] {
    let revoked = site.signed_in("max").await.present_token();
    site.store.revoke_all(&UserId::new("max").expect("a user id")).await.expect("a revocation");
    [
        ("an unknown token", "5".repeat(64)),
        ("a malformed one", "x".to_owned()),
        ("one that was revoked", revoked),
    ]
}

async fn stores_nothing(name: &str, site: &Site, sent: &impl Fn(&str) -> Ask) {
    for path in [
        "/set.a.1",
        "/set.a.null",
        "/set.a.1/save",
        "/set.a.1/status.303",
        "/update.n",
        "/lifetime.for.60",
        "/logout/set.note.1",
        "/logout/update.n",
    ] {
        site.probe.take_calls();
        let answer = sent(path).send().await.refused_as_cross_site().no_token();
        // What signs out removes the cookie that came.
        let removes = path.starts_with("/logout");
        assert!(removes || answer.cookies().is_empty(), "{name}: {path}: a Set-Cookie");
        assert_eq!(site.probe.take_calls().create, 0, "{name}: {path} made a session");
    }
}

async fn looks(name: &str, site: &Site, sent: &impl Fn(&str) -> Ask) {
    for (path, result) in [
        ("/get.a", "null"),
        ("/remove.a", "null"),
        ("/take.a", "null"),
        ("/clear", "null"),
        ("/save", "null"),
        ("/rotate", "false"),
        ("/may-store", "false"),
        ("/csrf", "false"),
        ("/try.set.a.1", r#""cross_site""#),
        ("/try.update.n", r#""cross_site""#),
        ("/try.lifetime.for.60", r#""cross_site""#),
        // It changes nothing, and is followed by nothing.
        ("/start-over", "null"),
    ] {
        site.probe.take_calls();
        let answer = sent(path).send().await.no_session().no_cookie();
        assert_eq!(answer.results().to_string(), format!("[{result}]"), "{name}: {path}");
        assert_eq!(site.probe.take_calls().create, 0, "{name}: {path} made a session");
    }
}

/// A request that signs in, or starts over, asks for a session itself.
async fn says_so(name: &str, site: &Site, sent: &impl Fn(&str) -> Ask) {
    for path in ["/login.zoe", "/login.zoe/set.a.1", "/try.set.a.1/login.zoe"] {
        let answer = sent(path).send().await.signed_in("zoe");
        assert!(site.live(&answer.token()).await.is_some(), "{name}: {path} signs in");
    }
    for path in ["/start-over/set.a.1", "/try.set.b.1/start-over/csrf/set.a.1"] {
        let answer = sent(path).send().await.ok();
        let session = site.live(&answer.token()).await.expect("a live session");
        assert_eq!(session.data.get("a"), Some(&1.into()), "{name}: {path} stores");
        assert_eq!(session.data.get("b"), None, "{name}: {path}: what was refused");
    }
}

/// A live session's cookie that does come, as a `Lax` one does with a link, works as ever.
async fn with_a_live_session(lab: &Lab) {
    let site = Site::open(lab).await;
    for (name, from) in HELD_BACK {
        for sign_in in ["/login.ann", "/set.old.1"] {
            let browser = site.signed_in_at(sign_in).await;
            let token = browser.present_token();
            let answer = from(browser.ask("/may-store/csrf/set.a.1")).send().await.ok();
            assert_eq!(answer.results()[0], true, "{name}: it has a session");
            if site.is_sealed(&token) {
                let stored = site.live(&answer.token()).await.expect("a visitor's data");
                assert_eq!(stored.data.get("a"), Some(&1.into()), "{name}: stored");
                continue;
            }
            let session = site.live(&token).await.expect("its session lives");
            assert_eq!(session.data.get("a"), Some(&1.into()), "{name}: stored");
            // It ended a session, whose cookie was not held back.
            let answer = from(browser.ask("/logout/set.note.1")).send().await.ok();
            assert_eq!(answer.results()[0], 1, "{name}: signed out");
            let session = site.live(&answer.token()).await.expect("a live session");
            assert_eq!(session.data.to_json(), r#"{"note":1}"#, "{name}: a note remains");
            assert!(site.is_dead(&token).await, "{name}: signed out");
        }
    }
}

async fn is_off(lab: &Lab) {
    let allowed = Site::with(lab, |config| config.cross_site_sessions = CrossSiteSessions::Allow);
    let embedded = Site::with(lab, |config| config.cookie.same_site = SameSite::None);
    for (why, site) in [("allowed", allowed.await), ("embedded", embedded.await)] {
        for (name, from) in HELD_BACK {
            let answer = from(site.ask("/may-store/set.a.1")).send().await.ok();
            assert_eq!(answer.results()[0], true, "{why}: {name}: may_store()");
            assert!(site.live(&answer.token()).await.is_some(), "{why}: {name}: stores");
        }
    }
}
