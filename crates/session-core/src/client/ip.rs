//! Which address a request came from, without believing what a client says about itself.
//!
//! A forwarded header is a claim. It counts only if the connection comes from a proxy that
//! the operator trusts, only the one header that this proxy is known to overwrite, and only as
//! far back as trusted proxies vouch for it. Everything here is pure: no I/O, no clock, no
//! allocation per request.

use std::net::IpAddr;

use http::HeaderMap;

use crate::client::forwarded::{ElementsFromRight, ForwardedHeader, node, parameter};
use crate::client::proxies::{Peer, TrustedProxies};

/// The client's address: the peer, or what trusted peers vouch for in `header`.
///
/// Law `proxies_are_not_believed`:
///
/// - Only `header` is read, and only from a trusted `peer`. An unknown peer is never trusted; a
///   Unix socket is trusted if loopback is.
/// - Several lines of the header are one list, in the order they were sent. It is walked from the
///   right, where the nearest proxy appended; the first untrusted address is the client.
/// - A malformed hop (garbage, empty, not UTF-8, `unknown` or an obfuscated `_name` of RFC 7239
///   section 6) ends the walk at the last good one: the hop to its right, or the peer.
/// - If every hop is trusted, the leftmost counts.
/// - [`ForwardedHeader::XRealIp`] holds one address. Several lines, or a malformed one, count as
///   none.
///
/// A hop is `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`;
/// IPv4-mapped IPv6 becomes IPv4. `None` means that nobody knows: the peer is unknown, or a Unix
/// socket without a usable header.
///
/// The walk is lazy: text left of the client's own hop is not looked at, however long it is.
pub(crate) fn client_ip(
    headers: &HeaderMap,
    peer: Peer,
    trusted: &TrustedProxies,
    header: ForwardedHeader,
) -> Option<IpAddr> {
    let peer_ip = match peer {
        Peer::Unknown | Peer::UnixSocket => None,
        Peer::Ip(ip) => Some(ip.to_canonical()),
    };
    if !trusted.believes(peer) {
        return peer_ip;
    }
    let lines = headers.get_all(header.name()).iter().map(http::HeaderValue::as_bytes);
    let forwarded = match header {
        ForwardedHeader::XForwardedFor => {
            walk(lines.rev().flat_map(|line| line.rsplit(|byte| *byte == b',').map(node)), trusted)
        }
        ForwardedHeader::Forwarded => walk(
            lines.rev().flat_map(|line| ElementsFromRight::of(line).map(parse_element)),
            trusted,
        ),
        ForwardedHeader::XRealIp => only(lines).and_then(node),
    };
    forwarded.or(peer_ip)
}

/// The client among `hops`, nearest first; `None` if the nearest one is already malformed.
fn walk(hops: impl Iterator<Item = Option<IpAddr>>, trusted: &TrustedProxies) -> Option<IpAddr> {
    let mut last_good = None;
    for hop in hops {
        let Some(ip) = hop else { break };
        last_good = Some(ip);
        if !trusted.contains(ip) {
            break;
        }
    }
    last_good
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

/// The `for=` node of one forwarded element (RFC 7239 section 4); `None` if it is missing,
/// doubled or no address, or if the element is malformed anywhere.
fn parse_element(element: &[u8]) -> Option<IpAddr> {
    node(parameter(element, b"for")??)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const XFF: ForwardedHeader = ForwardedHeader::XForwardedFor;
    const FWD: ForwardedHeader = ForwardedHeader::Forwarded;
    const REAL: ForwardedHeader = ForwardedHeader::XRealIp;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn peer(text: &str) -> Peer {
        match text {
            "unknown" => Peer::Unknown,
            "unix" => Peer::UnixSocket,
            text => Peer::Ip(ip(text)),
        }
    }

    /// `trusted`: the default ranges, unless given.
    fn check_with(
        trusted: &TrustedProxies,
        name: &str,
        header: ForwardedHeader,
        from: &str,
        lines: &[&[u8]],
        expected: &str,
    ) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header.name(), HeaderValue::from_bytes(line).unwrap());
        }
        let expected = (expected != "none").then(|| ip(expected));
        assert_eq!(client_ip(&headers, peer(from), trusted, header), expected, "{name}");
    }

    fn check(name: &str, header: ForwardedHeader, from: &str, lines: &[&[u8]], expected: &str) {
        check_with(&TrustedProxies::default(), name, header, from, lines, expected);
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn the_peer_decides_who_is_believed() {
        check("no header", XFF, "10.0.0.1", &[], "10.0.0.1");
        check("public peer", XFF, "203.0.113.9", &[b"198.51.100.1"], "203.0.113.9");
        check("unknown peer", XFF, "unknown", &[b"198.51.100.1"], "none");
        check("unix socket", XFF, "unix", &[b"198.51.100.1"], "198.51.100.1");
        check("unix socket alone", XFF, "unix", &[], "none");
        check("unix socket, malformed", XFF, "unix", &[b"x"], "none");
        check("mapped peer, trusted", XFF, "::ffff:10.0.0.1", &[b"198.51.100.1"], "198.51.100.1");
        check("mapped peer, untrusted", XFF, "::ffff:203.0.113.9", &[b"198.51.100.1"], "203.0.113.9");
        check("v6 loopback", XFF, "::1", &[b"2001:db8::1"], "2001:db8::1");
        check("unique local", XFF, "fd12::1", &[b"2001:db8::1"], "2001:db8::1");
        check("v6 link-local", XFF, "fe80::1", &[b"2001:db8::1"], "2001:db8::1");
        check("v4 link-local", XFF, "169.254.1.1", &[b"198.51.100.1"], "198.51.100.1");
        check("just outside 172.16/12", XFF, "172.32.0.1", &[b"198.51.100.1"], "172.32.0.1");
        check("site-local v6 is not trusted", XFF, "fec0::1", &[b"198.51.100.1"], "fec0::1");
        let nobody = TrustedProxies::parse::<&str>(&[]).unwrap();
        check_with(&nobody, "nobody", XFF, "127.0.0.1", &[b"198.51.100.1"], "127.0.0.1");
        check_with(&nobody, "nobody, unix", XFF, "unix", &[b"198.51.100.1"], "none");
        let v6_only = TrustedProxies::parse(&["::1"]).unwrap();
        check_with(&v6_only, "unix, one loopback", XFF, "unix", &[b"198.51.100.1"], "198.51.100.1");
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn x_forwarded_for_is_walked_from_the_right() {
        check("one hop", XFF, "10.0.0.1", &[b"198.51.100.1"], "198.51.100.1");
        check("planted on the left", XFF, "10.0.0.1", &[b"1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1");
        check("lines are joined", XFF, "10.0.0.1", &[b"1.1.1.1", b"198.51.100.1", b"10.0.0.2,10.0.0.3"], "198.51.100.1");
        check("all trusted", XFF, "10.0.0.1", &[b"10.0.0.9, 10.0.0.2"], "10.0.0.9");
        check("all trusted, two lines", XFF, "10.0.0.1", &[b"192.168.7.7", b"10.0.0.2"], "192.168.7.7");
        check("garbage ends the walk", XFF, "10.0.0.1", &[b"198.51.100.1, garbage, 10.0.0.2"], "10.0.0.2");
        check("empty hop", XFF, "10.0.0.1", &[b"198.51.100.1,,10.0.0.2"], "10.0.0.2");
        check("empty line", XFF, "10.0.0.1", &[b"198.51.100.1", b""], "10.0.0.1");
        check("trailing comma", XFF, "10.0.0.1", &[b"198.51.100.1,"], "10.0.0.1");
        check("unknown", XFF, "10.0.0.1", &[b"unknown"], "10.0.0.1");
        check("not utf-8", XFF, "10.0.0.1", &[b"198.51.100.1, \xff, 10.0.0.2"], "10.0.0.2");
        check("white space", XFF, "10.0.0.1", &[b" \t198.51.100.1\t "], "198.51.100.1");
        check("mapped hop", XFF, "10.0.0.1", &[b"198.51.100.1, ::ffff:10.0.0.2"], "198.51.100.1");
        check("mapped client", XFF, "10.0.0.1", &[b"[::ffff:198.51.100.1]:80"], "198.51.100.1");
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn forms_of_a_hop() {
        check("v4 with port", XFF, "10.0.0.1", &[b"198.51.100.1:4711"], "198.51.100.1");
        check("v6", XFF, "10.0.0.1", &[b"2001:db8::1"], "2001:db8::1");
        check("v6 in brackets", XFF, "10.0.0.1", &[b"[2001:db8::1]"], "2001:db8::1");
        check("v6 with port", XFF, "10.0.0.1", &[b"[2001:db8::1]:443"], "2001:db8::1");
        check("v4 in brackets", XFF, "10.0.0.1", &[b"[198.51.100.1]"], "10.0.0.1");
        check("port too large", XFF, "10.0.0.1", &[b"198.51.100.1:70000"], "10.0.0.1");
        check("signed port", XFF, "10.0.0.1", &[b"198.51.100.1:+80"], "10.0.0.1");
        check("empty port", XFF, "10.0.0.1", &[b"198.51.100.1:"], "10.0.0.1");
        check("after the bracket", XFF, "10.0.0.1", &[b"[2001:db8::1]443"], "10.0.0.1");
        check("no closing bracket", XFF, "10.0.0.1", &[b"[2001:db8::1"], "10.0.0.1");
        check("leading zeros", XFF, "10.0.0.1", &[b"198.051.100.001"], "10.0.0.1");
        check("zone id", XFF, "10.0.0.1", &[b"fe80::1%eth0"], "10.0.0.1");
        check("quoted", XFF, "10.0.0.1", &[b"\"198.51.100.1\""], "10.0.0.1");
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn forwarded_reads_for_parameters() {
        check("plain", FWD, "10.0.0.1", &[b"for=198.51.100.1"], "198.51.100.1");
        check("case and others", FWD, "10.0.0.1", &[b"Proto=https;FOR=198.51.100.1;by=10.0.0.1"], "198.51.100.1");
        check("quoted v6 with port", FWD, "10.0.0.1", &[b"for=\"[2001:db8::1]:4711\""], "2001:db8::1");
        check("unquoted v6 with port", FWD, "10.0.0.1", &[b"for=[2001:db8::1]:4711;proto=http"], "2001:db8::1");
        check("hidden port", FWD, "10.0.0.1", &[b"for=\"198.51.100.1:_a.b-c\""], "198.51.100.1");
        check("list", FWD, "10.0.0.1", &[b"for=1.1.1.1, for=198.51.100.1;proto=https, for=10.0.0.2"], "198.51.100.1");
        check("lines", FWD, "10.0.0.1", &[b"for=198.51.100.1", b"for=10.0.0.2"], "198.51.100.1");
        check("all trusted", FWD, "10.0.0.1", &[b"for=10.0.0.3,for=10.0.0.2"], "10.0.0.3");
        check("white space", FWD, "10.0.0.1", &[b" for=198.51.100.1 ; proto=https ;"], "198.51.100.1");
        check("comma in quotes", FWD, "10.0.0.1", &[b"for=198.51.100.1;host=\"a,for=1.1.1.1\""], "198.51.100.1");
        check("semicolon in quotes", FWD, "10.0.0.1", &[b"host=\"a;for=1.1.1.1\";for=198.51.100.1"], "198.51.100.1");
        check("quote in quotes", FWD, "10.0.0.1", &[b"for=198.51.100.1;host=\"a\\\",for=1.1.1.1\""], "198.51.100.1");
        check("backslash in quotes", FWD, "10.0.0.1", &[b"for=198.51.100.1;host=\"a\\\\\",for=10.0.0.2"], "198.51.100.1");
        check("escaped digits", FWD, "10.0.0.1", &[b"for=\"198\\.51.100.\\1\""], "10.0.0.1");
        check("unknown", FWD, "10.0.0.1", &[b"for=198.51.100.1, for=unknown, for=10.0.0.2"], "10.0.0.2");
        check("obfuscated", FWD, "10.0.0.1", &[b"for=198.51.100.1, for=_hidden"], "10.0.0.1");
        check("no for", FWD, "10.0.0.1", &[b"for=198.51.100.1, proto=https"], "10.0.0.1");
        check("two for", FWD, "10.0.0.1", &[b"for=198.51.100.1;for=1.1.1.1"], "10.0.0.1");
        check("empty for", FWD, "10.0.0.1", &[b"for="], "10.0.0.1");
        check("no parameter", FWD, "10.0.0.1", &[b"198.51.100.1"], "10.0.0.1");
        check("empty element", FWD, "10.0.0.1", &[b"for=198.51.100.1,"], "10.0.0.1");
        check("text after quotes", FWD, "10.0.0.1", &[b"for=\"198.51.100.1\"x"], "10.0.0.1");
        check("planted open quote", FWD, "10.0.0.1", &[b"for=\", for=198.51.100.1"], "198.51.100.1");
        check("planted quote, quoted proxy", FWD, "10.0.0.1", &[b"for=1.1.1.1;x=\", for=\"[2001:db8::1]\""], "2001:db8::1");
        check("planted quote, trusted hop", FWD, "10.0.0.1", &[b"for=\", for=10.0.0.2"], "10.0.0.2");
        check("not utf-8", FWD, "10.0.0.1", &[b"for=\xff"], "10.0.0.1");
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn x_real_ip_is_one_address() {
        check("one", REAL, "10.0.0.1", &[b"198.51.100.1"], "198.51.100.1");
        check("trusted one", REAL, "10.0.0.1", &[b"10.9.9.9"], "10.9.9.9");
        check("untrusted peer", REAL, "203.0.113.9", &[b"198.51.100.1"], "203.0.113.9");
        check("two lines", REAL, "10.0.0.1", &[b"198.51.100.1", b"198.51.100.1"], "10.0.0.1");
        check("a list", REAL, "10.0.0.1", &[b"198.51.100.1, 10.0.0.2"], "10.0.0.1");
        check("malformed", REAL, "10.0.0.1", &[b"unknown"], "10.0.0.1");
    }

    #[test]
    fn only_the_configured_header_counts() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.1"));
        headers.insert("forwarded", HeaderValue::from_static("for=198.51.100.2"));
        headers.insert("x-real-ip", HeaderValue::from_static("198.51.100.3"));
        for (header, name, expected) in [
            (XFF, "x-forwarded-for", "198.51.100.1"),
            (FWD, "forwarded", "198.51.100.2"),
            (REAL, "x-real-ip", "198.51.100.3"),
        ] {
            let found = client_ip(&headers, peer("10.0.0.1"), &TrustedProxies::default(), header);
            assert_eq!(found, Some(ip(expected)), "{name}");
            assert_eq!(header.as_str(), name);
            assert_eq!(serde_json::to_value(header).unwrap(), name);
        }
    }

    #[test]
    fn a_very_long_header_is_read_to_its_left_end() {
        let all = TrustedProxies::parse(&["0.0.0.0/0", "::/0"]).unwrap();
        let long = format!("198.51.100.7{}", ",10.0.0.2".repeat(10_000));
        check_with(
            &all,
            "everyone is trusted",
            XFF,
            "203.0.113.9",
            &[long.as_bytes()],
            "198.51.100.7",
        );
        let long = format!("for=\"{}, for=198.51.100.7", "\\\"".repeat(10_000));
        check("escapes without end", FWD, "10.0.0.1", &[long.as_bytes()], "198.51.100.7");
    }
}
