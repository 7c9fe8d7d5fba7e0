//! The configuration as applications meet it.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, header};
use session_core::{
    CookieConfig, ManualClock, MemoryBackend, Peer, Scheme, SecurePolicy, SessionConfig,
    SessionStore, Signing, Timestamp, UserId,
};

use crate::support::Request;

#[test]
fn a_bad_value_is_named() {
    let config = SessionConfig { max_sessions_per_user: 0, ..SessionConfig::default() };
    let error = SessionStore::new(MemoryBackend::new(), config).unwrap_err();
    assert_eq!(error.key(), "max_sessions_per_user");
    assert_eq!(
        error.to_string(),
        "invalid session configuration: max_sessions_per_user: must not be 0"
    );
}

/// The example in the first founding document, line for line.
const FIRST_SYSTEM: &str = "\
session_ttl_secs: 2592000 # 30 days (default)
cookie_name: \"_session\" # default
validate_fingerprint: true # default
touch_interval_secs: 300 # 5 minutes (default)
max_sessions_per_user: 10 # default; LRU eviction when exceeded
trusted_proxies: # default: empty (trust all proxy headers)
  - \"10.0.0.0/8\"
";

/// It loads unchanged, and says here what it says there.
#[tokio::test]
async fn the_first_systems_file_means_what_it_says() {
    let config: SessionConfig = serde_saphyr::from_str(FIRST_SYSTEM).unwrap();
    let expected = SessionConfig {
        touch_interval_secs: Some(300),
        trusted_proxies: Some(vec!["10.0.0.0/8".to_owned()]),
        ..SessionConfig::default()
    };
    assert_eq!(config, expected, "the rest are the defaults, which are the first system's");
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)));
    let store = SessionStore::new(MemoryBackend::new(), config).unwrap().with_clock(clock.clone());
    let user = UserId::new("ann").unwrap();

    let proxy = Peer::Ip([10, 0, 0, 1].into());
    let forwarded = ("x-forwarded-for", "203.0.113.9");
    let session = request(&store, proxy, &[forwarded, ("user-agent", CHROME)]).await;
    session.authenticate(&user).await.unwrap();
    let set_cookie = finish(&session).await.unwrap();
    let cookie = set_cookie.split(';').next().unwrap();
    assert!(cookie.starts_with("_session="), "cookie_name");
    assert!(set_cookie.contains("Max-Age=2592000"), "session_ttl_secs");
    let said = session.current().unwrap().ip_address.unwrap();
    assert_eq!(said.to_string(), "203.0.113.9", "trusted_proxies: a proxy is believed");
    let stranger = request(&store, Peer::Ip([192, 168, 0, 1].into()), &[forwarded]).await;
    let said = stranger.meta().ip_address().unwrap();
    assert_eq!(said.to_string(), "192.168.0.1", "trusted_proxies: and nobody else");

    let again = [("cookie", cookie), ("user-agent", CHROME)];
    // The first that brings a token always tells so.
    for (secs, touched) in [(0, true), (299, false), (1, true), (299, false)] {
        clock.advance(Duration::from_secs(secs));
        let session = request(&store, proxy, &again).await;
        assert!(session.is_authenticated());
        assert_eq!(finish(&session).await.is_some(), touched, "touch_interval_secs: {secs}");
    }

    for _ in 0..10 {
        clock.advance(Duration::from_secs(1));
        request(&store, proxy, &[]).await.authenticate(&user).await.unwrap();
    }
    assert_eq!(store.list(&user).await.unwrap().len(), 10, "max_sessions_per_user");
    let evicted = request(&store, proxy, &again).await;
    assert!(!evicted.is_authenticated(), "the least recently used one went");

    let session = request(&store, proxy, &[("user-agent", CHROME)]).await;
    session.authenticate(&user).await.unwrap();
    let set_cookie = finish(&session).await.unwrap();
    let cookie = set_cookie.split(';').next().unwrap();
    let copied = request(&store, proxy, &[("cookie", cookie), ("user-agent", "curl/8.5.0")]).await;
    assert!(!copied.is_authenticated(), "validate_fingerprint");
    clock.advance(Duration::from_secs(2_592_000));
    assert!(store.list(&user).await.unwrap().is_empty(), "session_ttl_secs: the end");
}

const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/142.0.0.0 Safari/537.36";

async fn request(store: &SessionStore, peer: Peer, headers: &[(&'static str, &str)]) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    Request::loaded(store, &map, peer, None).await
}

async fn finish(request: &Request) -> Option<String> {
    request.finish().await.unwrap()
}

#[test]
fn yaml_knows_every_key() {
    let yaml = "\
secrets: [\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"]
signing: accept_unsigned
cookie: {secure: auto, same_site: strict}
forwarded_header: forwarded
on_backend_error: anonymous
save_unchanged: true
";
    let config: SessionConfig = serde_saphyr::from_str(yaml).unwrap();
    assert_eq!(config.signing, Some(Signing::AcceptUnsigned));
    assert_eq!(config.cookie.secure, SecurePolicy::Auto);
    SessionStore::new(MemoryBackend::new(), config).unwrap();
    for bad in ["signing: on", "secrets: [12345678901]", "secrets: {a: b}", "signing: Required"] {
        let error = serde_saphyr::from_str::<SessionConfig>(bad).unwrap_err();
        assert!(!error.to_string().contains("invalid type: integer"), "{bad}: {error}");
    }
}

/// NIST SP 800-63B-4, sections 2.2.3 and 2.3.3.
#[test]
fn presets() {
    const HOUR: u64 = 3600;
    for (name, config, overall, idle) in [
        ("aal2", SessionConfig::aal2(), 24 * HOUR, HOUR),
        ("aal3", SessionConfig::aal3(), 12 * HOUR, HOUR / 4),
    ] {
        assert_eq!(config.absolute_ttl_secs, Some(overall), "{name}");
        assert_eq!(config.session_ttl_secs, idle, "{name}");
        assert!(config.cookie_name.starts_with("__Host-"), "{name}");
        let http = SecurePolicy::InsecureNever;
        let cookie = CookieConfig { secure: http, ..config.cookie.clone() };
        let insecure = SessionConfig { cookie, ..config.clone() };
        let error = SessionStore::new(MemoryBackend::new(), insecure).unwrap_err();
        assert_eq!(error.key(), "cookie.secure", "{name}: held to HTTPS");
        SessionStore::new(MemoryBackend::new(), config).unwrap();
    }
}

/// The same request's answers all say the same of Secure, removals included.
#[tokio::test]
async fn secure_follows_the_request() {
    let cookie = CookieConfig { secure: SecurePolicy::Auto, ..CookieConfig::default() };
    let config = SessionConfig { cookie, ..SessionConfig::default() };
    let store = SessionStore::new(MemoryBackend::new(), config).unwrap();
    let proxy = Peer::Ip([10, 0, 0, 1].into());
    let stranger = Peer::Ip([203, 0, 113, 9].into());
    for (name, peer, scheme, proto, secure) in [
        ("nobody says", stranger, None, None, true),
        ("by plain http", stranger, Some(Scheme::Http), None, false),
        ("by https", stranger, Some(Scheme::Https), None, true),
        ("a proxy that ended TLS", proxy, Some(Scheme::Http), Some("https"), true),
        ("a proxy that did not", proxy, Some(Scheme::Http), Some("http"), false),
        ("a client that lies", stranger, Some(Scheme::Https), Some("http"), true),
        ("a client that lies of an unknown one", Peer::Unknown, None, Some("http"), true),
    ] {
        let go = async |cookie: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            if let Some(proto) = proto {
                headers.insert("x-forwarded-proto", proto.parse().unwrap());
            }
            Request::loaded(&store, &headers, peer, scheme).await
        };
        let session = go("").await;
        session.authenticate("ann").await.unwrap();
        let set = finish(&session).await.unwrap();
        let pair = set.split(';').next().unwrap().to_owned();
        let session = go(&pair).await;
        assert_eq!(session.logout().await.unwrap(), 1);
        let removal = finish(&session).await.unwrap();
        for (what, cookie) in [("set", set), ("removed", removal)] {
            assert_eq!(cookie.contains("; Secure"), secure, "{name}: {what}");
        }
    }
}
