//! Whether a request came by plain HTTP or by HTTPS, as far as anybody who is believed says so.
//!
//! It decides whether a cookie with [`SecurePolicy::Auto`](crate::SecurePolicy::Auto) is marked `Secure`, and
//! whether an operator is told of a `Secure` one that browsers drop.

use http::{HeaderMap, HeaderName, header, uri};

use crate::client::forwarded::{ElementsFromRight, ForwardedHeader, parameter};
use crate::client::proxies::{Peer, TrustedProxies};

static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How a request reached the server, or the proxy in front of it.
///
/// An adapter hands it to [`Visit::attach`](crate::Visit::attach) if
/// its framework knows. A trusted proxy's word goes before it: `proto=` in the header Forwarded if
/// that is the configured `forwarded_header`, else X-Forwarded-Proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// From the scheme of a request's URI, if the framework fills it in.
    #[must_use]
    pub fn from_uri(scheme: &uri::Scheme) -> Option<Self> {
        Self::from_text(scheme.as_str().as_bytes())
    }

    /// Some proxies name WebSocket's schemes.
    fn from_text(text: &[u8]) -> Option<Self> {
        let is = |name: &[u8]| text.eq_ignore_ascii_case(name);
        if is(b"https") || is(b"wss") {
            Some(Self::Https)
        } else if is(b"http") || is(b"ws") {
            Some(Self::Http)
        } else {
            None
        }
    }
}

/// How a request came; `None` if nobody who is believed says so.
///
/// - A header counts only from a trusted `peer`, as for addresses (law `proxies_are_not_believed`);
///   without one, `connection` counts, which is what the adapter's framework says.
/// - Several proxies may each have written down how the request reached them. It came by plain HTTP
///   only if all of them say so: one `https` among them is enough for HTTPS, and with anything that
///   is neither, nobody knows.
pub(crate) fn scheme(
    headers: &HeaderMap,
    peer: Peer,
    trusted: &TrustedProxies,
    forwarded: ForwardedHeader,
    connection: Option<Scheme>,
) -> Option<Scheme> {
    if !trusted.believes(peer) {
        return connection;
    }
    let mut said = Said::default();
    match forwarded {
        ForwardedHeader::Forwarded => {
            for line in headers.get_all(header::FORWARDED) {
                for element in ElementsFromRight::of(line.as_bytes()) {
                    match parameter(element, b"proto") {
                        // A proxy that says nothing of it.
                        Some(None) => {}
                        Some(Some(text)) => said.hear(text),
                        None => said.unclear = true,
                    }
                }
            }
        }
        ForwardedHeader::XForwardedFor | ForwardedHeader::XRealIp => {
            for line in headers.get_all(&X_FORWARDED_PROTO) {
                line.as_bytes().split(|byte| *byte == b',').for_each(|text| said.hear(text));
            }
        }
    }
    match said {
        Said { https: true, .. } => Some(Scheme::Https),
        Said { unclear: true, .. } => None,
        Said { http: true, .. } => Some(Scheme::Http),
        Said { .. } => connection,
    }
}

#[derive(Default)]
struct Said {
    https: bool,
    http: bool,
    unclear: bool,
}

impl Said {
    fn hear(&mut self, text: &[u8]) {
        match Scheme::from_text(text.trim_ascii()) {
            Some(Scheme::Https) => self.https = true,
            Some(Scheme::Http) => self.http = true,
            None => self.unclear = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const HTTP: Option<Scheme> = Some(Scheme::Http);
    const HTTPS: Option<Scheme> = Some(Scheme::Https);
    const PROXY: Peer = Peer::Ip(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));
    const STRANGER: Peer = Peer::Ip(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));

    fn check(
        name: &str,
        header: ForwardedHeader,
        (peer, connection): (Peer, Option<Scheme>),
        lines: &[(&'static str, &[u8])],
        expected: Option<Scheme>,
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let found = scheme(&headers, peer, &TrustedProxies::default(), header, connection);
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn x_forwarded_proto() {
        for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::XRealIp] {
            let check = |name, from, lines: &[&[u8]], expected| {
                let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-proto", *line)).collect();
                check(name, header, from, &lines, expected);
            };
            check("nobody says", (PROXY, None), &[], None);
            check("the connection says", (PROXY, HTTP), &[], HTTP);
            check("the connection alone", (STRANGER, HTTPS), &[], HTTPS);
            check("the proxy says https", (PROXY, HTTP), &[b"https"], HTTPS);
            check("the proxy says http", (PROXY, HTTPS), &[b"http"], HTTP);
            check("a stranger says http", (STRANGER, None), &[b"http"], None);
            check("a stranger says http over https", (STRANGER, HTTPS), &[b"http"], HTTPS);
            check("a stranger says https", (STRANGER, HTTP), &[b"https"], HTTP);
            check("an unknown peer says http", (Peer::Unknown, None), &[b"http"], None);
            check("a unix socket says http", (Peer::UnixSocket, None), &[b"http"], HTTP);
            check("capitals and space", (PROXY, None), &[b" HTTP "], HTTP);
            check("a websocket", (PROXY, None), &[b"ws"], HTTP);
            check("a secure websocket", (PROXY, None), &[b"wss"], HTTPS);
            check("all plain", (PROXY, None), &[b"http, http", b"http"], HTTP);
            check("one is secure", (PROXY, None), &[b"https, http"], HTTPS);
            check("one is secure, on another line", (PROXY, None), &[b"http", b"https"], HTTPS);
            check("garbage", (PROXY, HTTP), &[b"htp"], None);
            check("garbage among plain ones", (PROXY, HTTP), &[b"http,\xff"], None);
            check("empty", (PROXY, HTTP), &[b""], None);
        }
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn forwarded() {
        let check = |name, from, lines: &[&[u8]], expected| {
            let lines: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
            check(name, ForwardedHeader::Forwarded, from, &lines, expected);
        };
        check("https", (PROXY, HTTP), &[b"for=192.0.2.1;proto=https"], HTTPS);
        check("http", (PROXY, HTTPS), &[b"Proto=http;for=192.0.2.1"], HTTP);
        check("quoted", (PROXY, None), &[b"proto=\"http\""], HTTP);
        check("said by one of two", (PROXY, None), &[b"for=192.0.2.1;proto=http, for=10.0.0.2"], HTTP);
        check("not said", (PROXY, HTTP), &[b"for=192.0.2.1"], HTTP);
        check("said twice", (PROXY, HTTP), &[b"proto=http;proto=http"], None);
        check("malformed", (PROXY, HTTP), &[b"for=192.0.2.1;proto"], None);
        check("a stranger", (STRANGER, None), &[b"proto=http"], None);
    }

    #[test]
    fn only_the_configured_header_counts() {
        let lines: &[(_, &[u8])] = &[("x-forwarded-proto", b"http"), ("forwarded", b"proto=https")];
        check("one", ForwardedHeader::XForwardedFor, (PROXY, None), lines, HTTP);
        check("the other", ForwardedHeader::Forwarded, (PROXY, None), lines, HTTPS);
    }

    #[test]
    fn from_a_uri() {
        assert_eq!(Scheme::from_uri(&uri::Scheme::HTTP), HTTP);
        assert_eq!(Scheme::from_uri(&uri::Scheme::HTTPS), HTTPS);
        assert_eq!(Scheme::from_uri(&"gopher".parse().unwrap()), None);
    }
}
