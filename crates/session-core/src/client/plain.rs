//! Whether a request is known to have come by plain HTTP to a host where browsers drop a `Secure` cookie.
//!
//! It decides only whether an operator is told, so what is not known for sure is no.

use std::net::Ipv4Addr;

use http::{HeaderMap, HeaderName, header};

use crate::client::forwarded::ForwardedHeader;
use crate::client::proxies::TrustedProxies;
use crate::client::scheme::{Scheme, scheme};
use crate::client::site::{Sent, without_port};

/// What proxies add, whether anybody believes it or not.
static MARKS_OF_A_PROXY: [HeaderName; 5] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// Whether its browser drops a `Secure` cookie. For a request without `Sec-Fetch-Site`, which browsers send
/// over HTTPS and to localhost alone.
///
/// - A trusted proxy that says so is believed.
/// - What the adapter says is the last connection's scheme. HTTPS may have ended at a proxy before it, so it
///   counts only if nothing shows that there is one.
/// - Browsers keep a `Secure` cookie from this machine (W3C Secure Contexts, section 3.1), and a request that
///   names no host may be for it.
pub(crate) fn drops_secure(
    sent: Sent<'_>,
    trusted: &TrustedProxies,
    forwarded: ForwardedHeader,
    connection: Option<Scheme>,
) -> bool {
    let is_plain =
        |said| scheme(sent.headers, sent.peer, trusted, forwarded, said) == Some(Scheme::Http);
    let by_a_proxy = || is_plain(None);
    let by_connection = || connection == Some(Scheme::Http) && shows_no_proxy(sent.headers);
    (by_a_proxy() || by_connection()) && !may_be_this_machine(sent)
}

fn shows_no_proxy(headers: &HeaderMap) -> bool {
    !MARKS_OF_A_PROXY.iter().any(|mark| headers.contains_key(mark))
}

fn may_be_this_machine(sent: Sent<'_>) -> bool {
    let host = sent.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 says the host in the request's target.
    let host = host.or_else(|| sent.uri.authority().map(http::uri::Authority::as_str));
    let Some(host) = host.map(|host| without_port(host.trim())) else { return true };
    let ends_with = |name: &str| {
        let start = host.len().checked_sub(name.len());
        start.and_then(|start| host.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(name))
    };
    host.is_empty()
        || host.eq_ignore_ascii_case("localhost")
        || ends_with(".localhost")
        || host == "[::1]"
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::{Method, Uri};

    use super::*;
    use crate::client::proxies::Peer;

    const PROXY: Peer = Peer::Ip(std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    const STRANGER: Peer = Peer::Ip(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    const HTTP: Option<Scheme> = Some(Scheme::Http);
    const HTTPS: Option<Scheme> = Some(Scheme::Https);

    fn drops(
        uri: &str,
        (peer, connection): (Peer, Option<Scheme>),
        lines: &[(&'static str, &str)],
    ) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let uri: Uri = uri.parse().unwrap();
        let sent = Sent { method: &Method::GET, uri: &uri, headers: &headers, peer };
        let trusted = TrustedProxies::default();
        drops_secure(sent, &trusted, ForwardedHeader::default(), connection)
    }

    #[test]
    fn who_says_so() {
        let host = ("host", "shop.example");
        for (name, from, more, expected) in [
            ("nobody", (PROXY, None), None, false),
            ("a proxy", (PROXY, None), Some(("x-forwarded-proto", "http")), true),
            ("a proxy, of https", (PROXY, HTTP), Some(("x-forwarded-proto", "https")), false),
            ("a proxy, unclearly", (PROXY, HTTP), Some(("x-forwarded-proto", "http, x")), false),
            ("a stranger", (STRANGER, None), Some(("x-forwarded-proto", "http")), false),
            ("the connection", (STRANGER, HTTP), None, true),
            ("the connection, of https", (STRANGER, HTTPS), None, false),
            ("the one from a proxy", (PROXY, HTTP), Some(("x-forwarded-for", "192.0.2.1")), false),
            ("the one from a stranger's proxy", (STRANGER, HTTP), Some(("via", "1.1 x")), false),
        ] {
            let lines: Vec<_> = [host].into_iter().chain(more).collect();
            assert_eq!(drops("/", from, &lines), expected, "{name}");
        }
    }

    #[test]
    fn from_this_machine_it_is_kept() {
        for (host, expected) in [
            ("shop.example", true),
            ("192.168.1.5:3000", true),
            ("mylocalhost", true),
            ("localhost.example", true),
            ("[::2]:3000", true),
            ("localhost", false),
            ("LocalHost:3000", false),
            ("shop.localhost:3000", false),
            ("127.0.0.1:3000", false),
            ("127.1.2.3", false),
            ("[::1]", false),
            ("[::1]:3000", false),
            ("", false),
        ] {
            assert_eq!(drops("/", (STRANGER, HTTP), &[("host", host)]), expected, "{host}");
        }
        assert!(!drops("/", (STRANGER, HTTP), &[]), "no host");
        assert!(drops("http://shop.example/", (STRANGER, HTTP), &[]), "a host in the target");
        assert!(!drops("http://localhost/", (STRANGER, HTTP), &[]), "this one in the target");
    }
}
