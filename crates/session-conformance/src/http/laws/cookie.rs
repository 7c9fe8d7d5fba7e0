//! The cookie's life, and its end.

use cookie::Cookie;
use session_core::{
    CookieConfig, MemoryBackend, MismatchAction, Peer, SameSite, SecurePolicy, SessionConfig,
    SessionStore,
};

use crate::db::NOW;
use crate::http::exchange::Answer;
use crate::http::lab::Lab;
use crate::http::site::Site;

const DAY: u64 = 86_400;
const MONTH: i64 = 2_592_000;

/// The cookie of an answer says what the backend says.
async fn both_agree(name: &str, site: &Site, answer: &Answer) {
    let session = site.live(&answer.token()).await.expect("a live session");
    let left = session.expires_at.since(site.now()).as_secs();
    let said = answer.max_age().and_then(|age| u64::try_from(age).ok());
    assert_eq!(said, Some(left), "{name}: the cookie's Max-Age, and what is left of the session");
}

/// When the expiry slides, the cookie's Max-Age is sent anew: both ends agree. It slides when the
/// touch interval has passed, whether something is written or not, up to the absolute lifetime. A
/// cookie that ends with the browser is sent anew without one: the answer that said so first may not
/// have come. A sign-in's own choice of lifetime and cookie survives every slide.
pub async fn cookie_follows_expiry(lab: &Lab) {
    slides(lab).await;
    ends_together(lab).await;
    with_the_browser(lab).await;
    own_choice(lab).await;
    clock_jumps_back(lab).await;
}

async fn slides(lab: &Lab) {
    let site = Site::open(lab).await;
    let visitor = site.browser();
    let answer = visitor.go("/set.a.1").await.ok();
    assert_eq!(answer.max_age(), Some(86_400), "an anonymous session's cookie");
    both_agree("anonymous", &site, &answer).await;
    let browser = site.browser();
    let answer = browser.go("/login.ann").await.ok();
    assert_eq!(answer.max_age(), Some(MONTH), "a signed-in session's cookie");
    both_agree("signed in", &site, &answer).await;
    let token = browser.present_token();
    // Whose browser has a new token is told at once, whenever it was touched before.
    let answer = browser.go("/get.a").await.signed_in("ann");
    both_agree("presented for the first time", &site, &answer).await;

    for secs in [0, 1, 298] {
        site.advance(secs);
        browser.go("/get.a").await.signed_in("ann").no_cookie();
        browser.go("/set.a.1").await.signed_in("ann").no_cookie();
    }
    for path in ["/get.a", "/set.a.2", "/set.a.3/save", "/update.n", "/status.500", "/status.404"] {
        site.advance(301);
        let answer = browser.go(path).await;
        assert_eq!(answer.token(), token, "{path}: the same token");
        assert_eq!(answer.max_age(), Some(MONTH), "{path}: slid to its whole lifetime");
        both_agree(path, &site, &answer).await;
        browser.go(path).await.no_cookie();
    }
    site.advance(400);
    let answer = browser.go("/rotate").await.ok();
    both_agree("rotated and slid", &site, &answer).await;
    site.advance(400);
    let answer = browser.go("/reauthenticate").await.ok();
    both_agree("re-authenticated", &site, &answer).await;

    let site = Site::with(lab, |config| config.touch_interval_secs = Some(0)).await;
    let browser = site.signed_in("ann").await;
    let answer = browser.go("/get.a").await.ok();
    both_agree("touched at every request", &site, &answer).await;
}

/// The browser forgets the cookie in the second in which the session ends.
async fn ends_together(lab: &Lab) {
    let site = Site::with(lab, |config| {
        config.absolute_ttl_secs = Some(7200);
        config.session_ttl_secs = 3600;
    })
    .await;
    let browser = site.signed_in("ann").await;
    let mut token = browser.present_token();
    // Until its idle lifetime passes the absolute one.
    for (secs, left) in [(3000, 3600), (3000, 1200), (600, 600), (590, 10)] {
        site.advance(secs);
        let answer = browser.go("/get.a").await.signed_in("ann");
        assert!(site.live(&token).await.is_some(), "alive with {left} s left");
        if answer.new_token().is_some() {
            assert_eq!(answer.max_age(), Some(left), "what is left");
            both_agree("near the absolute end", &site, &answer).await;
        }
    }
    site.advance(9);
    browser.go("/get.a").await.signed_in("ann");
    // A rotation does not move the end either; re-authenticating does.
    let answer = browser.go("/rotate").await.ok();
    assert_eq!(answer.max_age(), Some(1), "the last second");
    token = answer.token();
    let again = browser.ask("/reauthenticate").send().await.ok();
    assert_eq!(again.max_age(), Some(3600), "re-authenticating starts its lifetime anew");
    drop(token);

    for (name, idle) in [("a session", 3600), ("a long one", 30 * DAY)] {
        let site = Site::with(lab, |config| config.session_ttl_secs = idle).await;
        let browser = site.signed_in("ann").await;
        let token = browser.present_token();
        site.advance(idle - 1);
        assert!(browser.token().is_some(), "{name}: the browser has it to the last second");
        browser.ask("/untouched").send().await.ok();
        assert!(site.live(&token).await.is_some(), "{name}: and so has the server");
        site.advance(1);
        assert_eq!(browser.token(), None, "{name}: the browser has forgotten it");
        browser.ask("/get.a").token(&token).send().await.no_session().no_token();
    }
}

async fn with_the_browser(lab: &Lab) {
    let site = Site::with(lab, |config| config.cookie.persistent = false).await;
    let browser = site.browser();
    let answer = browser.go("/login.ann").await.ok();
    let token = answer.token();
    let ends = |answer: &Answer| {
        let cookie = answer.cookie().expect("a cookie");
        (cookie.max_age(), cookie.expires().is_some())
    };
    assert_eq!(ends(&answer), (None, false), "a cookie that ends with the browser");
    site.advance(400);
    let slid = browser.go("/get.a").await.signed_in("ann");
    assert_eq!((slid.token(), ends(&slid)), (token.clone(), (None, false)), "said once more");
    browser.go("/get.a").await.signed_in("ann").no_cookie();
    let session = site.live(&token).await.expect("a live session");
    assert_eq!(session.last_active_at, site.now(), "the session slides all the same");
    let rotated = browser.go("/rotate").await.ok();
    assert_eq!(ends(&rotated), (None, false), "a cookie that ends with the browser");
    let removal = browser.go("/logout").await.ok().removal();
    assert_eq!(removal.max_age(), Some(0), "a removal says when");
}

async fn own_choice(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.browser();
    let answer = browser.go("/login.ann.for.7776000").await.ok();
    assert_eq!(answer.max_age(), Some(7_776_000), "a lifetime of its own");
    both_agree("a lifetime of its own", &site, &answer).await;
    site.advance(40 * DAY);
    let answer = browser.go("/get.a").await.signed_in("ann");
    assert_eq!(answer.max_age(), Some(7_776_000), "it survives the slide");
    both_agree("a lifetime of its own", &site, &answer).await;

    let shared = site.browser();
    let answer = shared.go("/login.ann.browser").await.ok();
    assert_eq!(answer.max_age(), None, "a cookie that ends with the browser");
    site.advance(400);
    assert_eq!(shared.go("/get.a").await.signed_in("ann").max_age(), None, "it survives a slide");
    assert_eq!(shared.go("/rotate").await.ok().max_age(), None, "it survives a rotation");
    assert_eq!(shared.go("/reauthenticate").await.ok().max_age(), None, "and re-authenticating");

    let site = Site::with(lab, |config| config.cookie.persistent = false).await;
    let browser = site.browser();
    let answer = browser.go("/login.ann.persistent").await.ok();
    assert_eq!(answer.max_age(), Some(MONTH), "a cookie that outlives the browser");
    site.advance(400);
    let answer = browser.go("/get.a").await.ok();
    assert_eq!(answer.max_age(), Some(MONTH), "it survives the slide");
}

async fn clock_jumps_back(lab: &Lab) {
    let site = Site::open(lab).await;
    site.advance(10 * DAY);
    let browser = site.browser();
    browser.go("/login.ann/set.a.1").await.ok();
    browser.come_back().await;
    let token = browser.present_token();
    let end = site.live(&token).await.expect("a live session").expires_at;
    site.clock.set(NOW);
    browser.go("/get.a").await.signed_in("ann").no_cookie();
    browser.go("/set.a.2").await.signed_in("ann").no_cookie();
    let rotated = browser.go("/rotate").await.signed_in("ann");
    let session = site.live(&rotated.token()).await.expect("a live session");
    assert_eq!(session.expires_at, end, "a clock that jumped back shortens nothing");
    let visitor = site.visitor().await;
    visitor.go("/get.a").await.ok();
    browser.go("/reauthenticate").await.signed_in("ann");
    site.advance(10 * DAY);
    assert_eq!(browser.go("/get.a").await.signed_in("ann").data()["a"], 2);
}

/// A removal cookie repeats name, Path, Domain, Secure, HttpOnly, SameSite, Partitioned and prefix
/// rules, so that browsers take it for the same cookie: after a sign-out, and if another browser's
/// session is revoked. Configurations whose cookie browsers would refuse are
/// refused at the start.
pub async fn removal_matches(lab: &Lab) {
    for (name, cookie) in configs() {
        let site = Site::with(lab, |config| {
            config.cookie_name = name.to_owned();
            config.cookie = cookie.clone();
            config.on_fingerprint_mismatch = MismatchAction::Revoke;
        })
        .await;
        let path = cookie.path.trim_end_matches('/');
        let go = |verb: &str| format!("{path}/{verb}");
        let browser = site.browser();
        let set = browser.go(&go("login.ann")).await.ok();
        let set_cookie = set.cookie().expect("a cookie");
        check_attributes(name, &cookie, &set_cookie);
        browser.go(&go("get.a")).await.signed_in("ann");

        let stranger = site.signed_in_at(&go("login.ann")).await;
        let removals = [
            ("revoked", stranger.ask(&go("get.a")).replace("user-agent", "curl/8").send().await),
            ("signed out", browser.go(&go("logout")).await),
        ];
        for (why, answer) in removals {
            let answer = answer.ok();
            assert_eq!(answer.cookies().len(), 1, "{name}: {why}: one removal");
            let removal = answer.cookie().expect("a removal");
            assert_eq!(removal.value(), "", "{name}: {why}: the value");
            check_attributes(name, &cookie, &removal);
            let age = removal.max_age().map(cookie::time::Duration::whole_seconds);
            assert_eq!(age, Some(0), "{name}: {why}: Max-Age");
            let epoch = removal.expires_datetime().is_some_and(|at| at.unix_timestamp() <= 0);
            assert!(epoch, "{name}: {why}: Expires, for clients that know no Max-Age");
        }
        assert_eq!(browser.token(), None, "{name}: the browser keeps the cookie");
    }
    over_either_scheme(lab).await;
    with_a_domain_of_its_own(lab).await;
    for (name, change) in refused() {
        let mut config = SessionConfig { cookie_name: name.to_owned(), ..SessionConfig::default() };
        change(&mut config.cookie);
        let built = SessionStore::new(MemoryBackend::new(), config.clone());
        assert!(built.is_err(), "{config:?} makes a cookie that browsers refuse");
    }
}

/// With `secure: auto` cookie and removal both say what a trusted proxy says of the request.
async fn over_either_scheme(lab: &Lab) {
    let site = Site::with(lab, |config| config.cookie.secure = SecurePolicy::Auto).await;
    for (peer, proto, secure) in
        [("10.0.0.1", "https", true), ("10.0.0.1", "http", false), ("10.0.0.1", "neither", true)]
    {
        let peer = Peer::Ip(peer.parse().expect("an address"));
        let ask = |path| site.ask(path).from(peer).header("x-forwarded-proto", proto);
        let set = ask("/login.ann").send().await.ok();
        let out = ask("/logout").token(set.token()).send().await.ok().removal();
        for (why, answer) in [("set", set), ("signed out", out)] {
            let cookie = answer.cookie().expect("a cookie");
            assert_eq!(cookie.secure().unwrap_or(false), secure, "{proto}: {why}: Secure");
        }
    }
}

/// A domain that the request chose is on the cookie and on its removal, and no domain that is not allowed.
async fn with_a_domain_of_its_own(lab: &Lab) {
    let site = Site::with(lab, |config| {
        config.cookie.domain = Some("example.test".to_owned());
        config.cookie.domains = vec!["app.example.test".to_owned(), "b.test".to_owned()];
    })
    .await;
    let domain = |answer: &crate::http::exchange::Answer| {
        let cookie = answer.cookie().expect("a cookie");
        cookie.domain().map(str::to_owned)
    };
    let chosen = Some("app.example.test".to_owned());
    let browser = site.browser();
    let set = browser.go("/login.ann/domain.APP.example.test").await.ok();
    assert_eq!(domain(&set), chosen, "a new cookie");
    site.advance(DAY);
    let slid = browser.go("/domain.app.example.test/get.a").await.signed_in("ann");
    assert_eq!(domain(&slid), chosen, "a sliding one");
    let removal = browser.go("/domain.app.example.test/logout").await.ok().removal();
    assert_eq!(domain(&removal), chosen, "a removal");
    assert_eq!(browser.token(), None, "the browser keeps the cookie");

    let refused = site.browser().go("/try.domain.evil.test/login.ann").await.ok();
    assert_eq!(refused.results()[0], "invalid_data", "a domain that is not allowed");
    assert_eq!(domain(&refused).as_deref(), Some("example.test"), "as configured");
}

fn check_attributes(name: &str, config: &CookieConfig, cookie: &Cookie<'_>) {
    let same_site = match config.same_site {
        SameSite::Strict => Some(cookie::SameSite::Strict),
        SameSite::Lax => Some(cookie::SameSite::Lax),
        SameSite::None => Some(cookie::SameSite::None),
        SameSite::Omit => None,
    };
    assert_eq!(cookie.name(), name);
    assert_eq!(cookie.path(), Some(config.path.as_str()), "{name}: Path");
    assert_eq!(cookie.domain(), config.domain.as_deref(), "{name}: Domain");
    let secure = config.secure != SecurePolicy::InsecureNever;
    assert_eq!(cookie.secure().unwrap_or(false), secure, "{name}: Secure");
    assert_eq!(cookie.http_only().unwrap_or(false), config.http_only, "{name}: HttpOnly");
    assert_eq!(cookie.same_site(), same_site, "{name}: SameSite");
    assert_eq!(cookie.partitioned().unwrap_or(false), config.partitioned, "{name}: Partitioned");
}

fn configs() -> Vec<(&'static str, CookieConfig)> {
    let default = CookieConfig::default;
    vec![
        ("_session", default()),
        ("__Host-session", CookieConfig { same_site: SameSite::Strict, ..default() }),
        (
            "__Secure-session",
            CookieConfig {
                path: "/app".to_owned(),
                domain: Some("example.test".to_owned()),
                ..default()
            },
        ),
        ("unsaid", CookieConfig { same_site: SameSite::Omit, ..default() }),
        ("embedded", CookieConfig { same_site: SameSite::None, partitioned: true, ..default() }),
        (
            "plain",
            CookieConfig {
                secure: SecurePolicy::InsecureNever,
                http_only: false,
                path: "/app/".to_owned(),
                ..default()
            },
        ),
    ]
}

type Change = fn(&mut CookieConfig);

fn refused() -> [(&'static str, Change); 10] {
    [
        ("__Host-session", |cookie| cookie.domains = vec!["example.test".to_owned()]),
        ("__Host-session", |cookie| cookie.secure = SecurePolicy::Auto),
        ("__Secure-session", |cookie| cookie.secure = SecurePolicy::Auto),
        ("_session", |cookie| {
            cookie.same_site = SameSite::None;
            cookie.secure = SecurePolicy::Auto;
        }),
        ("__Host-session", |cookie| cookie.path = "/app".to_owned()),
        ("__Host-session", |cookie| cookie.domain = Some("example.test".to_owned())),
        ("__Host-session", |cookie| cookie.secure = SecurePolicy::InsecureNever),
        ("__Secure-session", |cookie| cookie.secure = SecurePolicy::InsecureNever),
        ("_session", |cookie| {
            cookie.same_site = SameSite::None;
            cookie.secure = SecurePolicy::InsecureNever;
        }),
        ("_session", |cookie| {
            cookie.partitioned = true;
            cookie.secure = SecurePolicy::InsecureNever;
        }),
    ]
}
