//! Who the client is: its browser, and its address.

use session_core::{
    EventKind, FingerprintMode, ForwardedHeader, MismatchAction, Peer, SessionConfig, UserId,
};

use super::agents::{
    CHROME_ANDROID, CHROME_IPHONE, CHROME_IPHONE_DESKTOP, CHROME_LINUX, CHROME_MAC, CHROME_WIN,
    CHROME_WIN_NEWER, DOWNLOAD, EDGE_WIN, FIREFOX_WIN, FIREFOX_WIN_NEWER, MEDIA, SAFARI_IPAD,
    SAFARI_IPHONE, SAFARI_MAC,
};
use crate::http::lab::Lab;
use crate::http::site::Site;

/// A newer version of the same browser, a changed language or encoding list, and "request desktop
/// site" keep the session; another known browser family or system family does not. An agent that is
/// missing or unknown (media and download helpers) is reported, not punished. What becomes of a
/// mismatch is configured: the token is refused, and session and cookie stay; or the session ends and
/// the cookie is cleared; or it passes; each with an event.
pub async fn fingerprint_survives_update(lab: &Lab) {
    survives(lab).await;
    is_noticed(lab).await;
    actions(lab).await;
    exactly(lab).await;
}

async fn survives(lab: &Lab) {
    let site = Site::open(lab).await;
    for (name, then, now, reported) in [
        ("the same", CHROME_WIN, CHROME_WIN, false),
        ("a newer version", CHROME_WIN, CHROME_WIN_NEWER, false),
        ("an older version", CHROME_WIN_NEWER, CHROME_WIN, false),
        ("a newer Firefox", FIREFOX_WIN, FIREFOX_WIN_NEWER, false),
        ("desktop site on Android", CHROME_ANDROID, CHROME_LINUX, false),
        ("and back", CHROME_LINUX, CHROME_ANDROID, false),
        ("desktop site on an iPad", SAFARI_IPAD, SAFARI_MAC, false),
        ("desktop site on an iPhone", CHROME_IPHONE, CHROME_IPHONE_DESKTOP, false),
        ("missing now", CHROME_WIN, "", true),
        ("missing when it began", "", CHROME_WIN, true),
        ("missing always", "", "", false),
        ("unknown now", CHROME_WIN, "hello", true),
        ("a media helper", SAFARI_IPHONE, MEDIA, true),
        ("a download helper", CHROME_ANDROID, DOWNLOAD, true),
        ("not even text", CHROME_WIN, "\u{ff}\u{fe}", true),
    ] {
        let browser = site.browser();
        let agent = |ask: crate::http::exchange::Ask, agent: &str| match agent {
            "" => ask.without("user-agent"),
            agent => ask.replace("user-agent", agent),
        };
        browser.receive(&agent(browser.ask("/login.ann/set.a.1"), then).send().await.ok());
        let back = agent(browser.ask("/get.a"), then).send().await;
        back.signed_in("ann");
        site.take_events();
        let ask = browser.ask("/get.a").replace("accept-language", "fr, en;q=0.5");
        let ask = ask.replace("accept-encoding", "zstd, gzip, br").without("accept");
        let answer = agent(ask, now).send().await.signed_in("ann").no_cookie();
        assert_eq!(answer.data()["a"], 1, "{name}: what it holds");
        let events = site.take_events();
        let told = events.contains(&EventKind::FingerprintUnrecognised);
        assert_eq!(told, reported, "{name}: reported as not recognised: {events:?}");
        // And it goes on in the browser that it began in.
        agent(browser.ask("/get.a"), then).send().await.signed_in("ann");
    }

    // The device list shows what the browser has become.
    let browser = site.signed_in("eve").await;
    site.advance(400);
    browser.ask("/get.a").replace("user-agent", CHROME_WIN_NEWER).send().await.signed_in("eve");
    let eve = UserId::new("eve").expect("a user id");
    let listed = site.store.list(&eve).await.expect("a list");
    assert_eq!(listed[0].user_agent.as_deref(), Some(CHROME_WIN_NEWER), "the device list");
}

async fn is_noticed(lab: &Lab) {
    let site = Site::open(lab).await;
    for (name, then, now) in [
        ("another browser", CHROME_WIN, FIREFOX_WIN),
        ("another of the same engine", CHROME_WIN, EDGE_WIN),
        ("another system", CHROME_WIN, CHROME_MAC),
        ("another on the same phone", CHROME_IPHONE, SAFARI_IPHONE),
        ("a library", CHROME_WIN, "curl/8.5.0"),
        ("another library", "curl/8.5.0", "python-requests/2.32.3"),
        ("a bot", CHROME_WIN, "Twitterbot/1.0"),
    ] {
        let browser = site.browser();
        let ask = browser.ask("/login.ann/set.a.1").replace("user-agent", then);
        browser.receive(&ask.send().await.ok());
        let token = browser.present_token();
        site.take_events();
        let answer = browser.ask("/get.a").replace("user-agent", now).send().await;
        let answer = answer.no_session().no_cookie();
        assert_eq!(answer.data().to_string(), "{}", "{name}: the session's data");
        let refused = EventKind::FingerprintMismatch(MismatchAction::Reject);
        assert_eq!(site.take_events(), [refused], "{name}: events");
        assert!(!site.is_dead(&token).await, "{name}: the session lives on");
        browser.ask("/get.a").replace("user-agent", then).send().await.signed_in("ann");
    }
}

async fn actions(lab: &Lab) {
    let site = Site::with(lab, |c| c.on_fingerprint_mismatch = MismatchAction::Revoke).await;
    let browser = site.browser();
    browser.go("/login.ann/set.a.1").await.ok();
    let token = browser.present_token();
    site.take_events();
    let answer = browser.ask("/get.a").replace("user-agent", FIREFOX_WIN).send().await;
    answer.no_session().removal();
    let events = site.take_events();
    for expected in [EventKind::FingerprintMismatch(MismatchAction::Revoke), EventKind::Revoked] {
        assert!(events.contains(&expected), "revoke: no event {expected}: {events:?}");
    }
    assert!(site.is_dead(&token).await, "revoke: the session ended");
    browser.go("/get.a").await.no_session();

    let site = Site::with(lab, |c| c.on_fingerprint_mismatch = MismatchAction::Report).await;
    let browser = site.browser();
    browser.go("/login.ann/set.a.1").await.ok();
    browser.come_back().await;
    site.take_events();
    let answer = browser.ask("/set.a.2").replace("user-agent", FIREFOX_WIN).send().await;
    answer.signed_in("ann").no_cookie();
    let reported = EventKind::FingerprintMismatch(MismatchAction::Report);
    assert_eq!(site.take_events(), [reported], "report: events");
    assert_eq!(browser.go("/get.a").await.signed_in("ann").data()["a"], 2, "report: it passed");

    let site = Site::with(lab, |config| config.validate_fingerprint = false).await;
    let browser = site.signed_in("ann").await;
    site.take_events();
    browser.ask("/get.a").replace("user-agent", FIREFOX_WIN).send().await.signed_in("ann");
    assert_eq!(site.take_events(), [], "switched off: events");
}

async fn exactly(lab: &Lab) {
    for (name, header, value) in [
        ("a newer version", "user-agent", CHROME_WIN_NEWER),
        ("another language", "accept-language", "fr"),
        ("another encoding", "accept-encoding", "zstd"),
    ] {
        let site = Site::with(lab, |config| config.fingerprint_mode = FingerprintMode::Exact).await;
        let browser = site.signed_in("ann").await;
        browser.go("/get.a").await.signed_in("ann");
        let answer = browser.ask("/get.a").replace(header, value).send().await;
        assert_eq!(answer.ok().no_cookie().id(), None, "exact: {name} is another browser");
        browser.go("/get.a").await.signed_in("ann");
    }
}

/// One forwarded header, the configured one, counts, only from trusted peers, walked right to left. A
/// malformed hop ends the walk at the last good one; if all are trusted the leftmost counts; an
/// unknown peer is never trusted, and a Unix socket counts as loopback.
pub async fn proxies_are_not_believed(lab: &Lab) {
    type Change = fn(&mut SessionConfig);
    // (name, who is trusted, the peer, the headers, and whose address it is then)
    type Case = (
        &'static str,
        Change,
        &'static str,
        Vec<(&'static str, &'static str)>,
        Option<&'static str>,
    );
    let default: Change = |_| {};
    let nobody: Change = |config| config.trusted_proxies = Some(Vec::new());
    let everybody: Change =
        |config| config.trusted_proxies = Some(vec!["0.0.0.0/0".into(), "::/0".into()]);
    let one: Change = |config| config.trusted_proxies = Some(vec!["198.51.100.0/24".into()]);
    let forwarded: Change = |config| config.forwarded_header = ForwardedHeader::Forwarded;
    let real_ip: Change = |config| config.forwarded_header = ForwardedHeader::XRealIp;
    let (public, private) = ("203.0.113.9", "10.0.0.1");
    let xff = "x-forwarded-for";
    let both = vec![(xff, "192.0.2.1"), ("forwarded", "for=192.0.2.2"), ("x-real-ip", "192.0.2.3")];
    let cases: Vec<Case> = vec![
        ("no header", default, public, vec![], Some(public)),
        ("a client's own", default, public, vec![(xff, "192.0.2.1")], Some(public)),
        ("a proxy's", default, private, vec![(xff, "192.0.2.1")], Some("192.0.2.1")),
        ("loopback's", default, "::1", vec![(xff, "2001:db8::1")], Some("2001:db8::1")),
        (
            "a mapped proxy's",
            default,
            "::ffff:10.0.0.1",
            vec![(xff, "192.0.2.1")],
            Some("192.0.2.1"),
        ),
        (
            "planted on the left",
            default,
            private,
            vec![(xff, "1.1.1.1, 192.0.2.1, 10.0.0.2")],
            Some("192.0.2.1"),
        ),
        (
            "planted in another line",
            default,
            private,
            vec![(xff, "1.1.1.1"), (xff, "192.0.2.1")],
            Some("192.0.2.1"),
        ),
        ("all trusted", default, private, vec![(xff, "10.0.0.3, 10.0.0.2")], Some("10.0.0.3")),
        (
            "malformed",
            default,
            private,
            vec![(xff, "192.0.2.1, garbage, 10.0.0.2")],
            Some("10.0.0.2"),
        ),
        ("malformed at once", default, private, vec![(xff, "192.0.2.1, ")], Some(private)),
        ("with a port", default, private, vec![(xff, "192.0.2.1:4711")], Some("192.0.2.1")),
        ("unknown peer", default, "unknown", vec![(xff, "192.0.2.1")], None),
        ("unknown peer, all trusted", everybody, "unknown", vec![(xff, "192.0.2.1")], None),
        ("unix socket", default, "unix", vec![(xff, "192.0.2.1")], Some("192.0.2.1")),
        ("unix socket, nothing said", default, "unix", vec![], None),
        ("unix socket, nobody trusted", nobody, "unix", vec![(xff, "192.0.2.1")], None),
        ("nobody trusted", nobody, "127.0.0.1", vec![(xff, "192.0.2.1")], Some("127.0.0.1")),
        (
            "everybody trusted",
            everybody,
            public,
            vec![(xff, "192.0.2.1, 192.0.2.2")],
            Some("192.0.2.1"),
        ),
        ("the one range", one, "198.51.100.7", vec![(xff, "192.0.2.1")], Some("192.0.2.1")),
        ("not the private ones then", one, private, vec![(xff, "192.0.2.1")], Some(private)),
        ("the configured one", default, private, both.clone(), Some("192.0.2.1")),
        ("Forwarded", forwarded, private, both.clone(), Some("192.0.2.2")),
        ("Forwarded, and only that", forwarded, private, vec![(xff, "192.0.2.1")], Some(private)),
        (
            "Forwarded, from the right",
            forwarded,
            private,
            vec![("forwarded", "for=1.1.1.1, for=\"[2001:db8::1]:80\"")],
            Some("2001:db8::1"),
        ),
        ("X-Real-IP", real_ip, private, both, Some("192.0.2.3")),
        (
            "X-Real-IP, twice",
            real_ip,
            private,
            vec![("x-real-ip", "192.0.2.1"), ("x-real-ip", "192.0.2.2")],
            Some(private),
        ),
    ];
    for (name, change, peer, headers, expected) in cases {
        let site = Site::with(lab, change).await;
        let peer = match peer {
            "unknown" => Peer::Unknown,
            "unix" => Peer::UnixSocket,
            address => Peer::Ip(address.parse().expect("an address")),
        };
        let mut ask = site.ask("/login.ann").from(peer);
        for (header, value) in headers {
            ask = ask.header(header, value);
        }
        let answer = ask.send().await.ok();
        assert_eq!(answer.text("ip").as_deref(), expected, "{name}: the client's address");
        let session = site.live(&answer.token()).await.expect("a live session");
        let stored = session.ip_address.map(|ip| ip.to_string());
        assert_eq!(stored.as_deref(), expected, "{name}: the address that is stored");
    }
}
