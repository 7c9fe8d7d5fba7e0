//! Which address a request came from, without believing what a client says about itself.
//!
//! A forwarded header is a claim. It counts only where the connection comes from a proxy that
//! the operator trusts, only the one header that this proxy is known to overwrite, and only as
//! far back as trusted proxies vouch for it. Everything here is pure: no I/O, no clock, no
//! allocation per request.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderName, header};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Who is at the other end of the connection, as the framework reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Peer {
    /// The framework does not say. Never trusted: its forwarded headers are ignored.
    #[default]
    Unknown,
    /// A TCP or QUIC peer. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, what a dual-stack
    /// listener reports) counts as the IPv4 address in it.
    Ip(IpAddr),
    /// A Unix socket, which only a process on this machine can open: trusted where loopback is.
    UnixSocket,
}

/// The one header that is read, because a proxy overwrites only the one it knows: a second one
/// would be the client's own.
///
/// In configuration: `x-forwarded-for` (the default), `forwarded`, `x-real-ip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: client, proxy, proxy`: what nearly every proxy sends.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client;proto=https, for=proxy` (RFC 7239).
    Forwarded,
    /// `X-Real-IP: client`: one address, as nginx sets it.
    XRealIp,
}

impl ForwardedHeader {
    /// The header's name in lower case, which is also its name in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.name().as_str()
    }

    fn name(self) -> &'static HeaderName {
        match self {
            Self::XForwardedFor => &X_FORWARDED_FOR,
            Self::Forwarded => &header::FORWARDED,
            Self::XRealIp => &X_REAL_IP,
        }
    }
}

impl fmt::Display for ForwardedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The addresses whose forwarded headers are believed.
///
/// The default is where reverse proxies live: loopback (`127.0.0.0/8`, `::1`), private networks
/// (RFC 1918: `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`; RFC 4193: `fc00::/7`) and
/// link-local ones (RFC 3927: `169.254.0.0/16`; RFC 4291: `fe80::/10`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProxies {
    ranges: Vec<IpNet>,
}

const DEFAULT_RANGES: [IpNet; 8] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10)),
];

impl Default for TrustedProxies {
    fn default() -> Self {
        Self { ranges: DEFAULT_RANGES.to_vec() }
    }
}

impl TrustedProxies {
    /// Reads ranges as an operator writes them: CIDR (`10.0.0.0/8`, `2001:db8::/32`) or one bare
    /// address.
    ///
    /// - No ranges: nobody is trusted, as with [`nobody`](Self::nobody).
    /// - `["0.0.0.0/0", "::/0"]` believes every peer. Both are needed: an IPv4 address is in no
    ///   IPv6 range, except that ranges inside `::ffff:0:0/96` are read as the IPv4 ranges they
    ///   stand for.
    /// - Bits behind the prefix are ignored: `10.1.2.3/8` is `10.0.0.0/8`.
    ///
    /// # Errors
    ///
    /// [`InvalidRange`] for the first text that is neither. A typing error must stop the start of
    /// the application, not quietly change whom it trusts.
    pub fn parse<S: AsRef<str>>(ranges: &[S]) -> Result<Self, InvalidRange> {
        let ranges =
            ranges.iter().map(|text| parse_range(text.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { ranges })
    }

    /// Trusts nobody: the client is always the peer.
    #[must_use]
    pub fn nobody() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Whether `ip` may vouch for another address. IPv4-mapped IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.ranges.iter().any(|range| range.contains(&ip))
    }

    /// Whether a forwarded header counts that comes from this peer.
    pub(crate) fn believes(&self, peer: Peer) -> bool {
        match peer {
            Peer::Unknown => false,
            Peer::Ip(ip) => self.contains(ip),
            Peer::UnixSocket => self.contains_loopback(),
        }
    }

    fn contains_loopback(&self) -> bool {
        self.contains(Ipv4Addr::LOCALHOST.into()) || self.contains(Ipv6Addr::LOCALHOST.into())
    }
}

/// A trusted range that is neither a CIDR range nor an IP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRange {
    text: String,
}

impl fmt::Display for InvalidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Debug formatting escapes line breaks: the message stays on one line.
        write!(f, "{:?} is neither an ip address nor a cidr range", self.text)
    }
}

impl std::error::Error for InvalidRange {}

fn parse_range(text: &str) -> Result<IpNet, InvalidRange> {
    let range = match text.parse::<IpAddr>() {
        Ok(ip) => Some(IpNet::from(ip)),
        Err(_) => text.parse::<IpNet>().ok(),
    };
    match range {
        Some(range) => Ok(canonical_range(range).trunc()),
        None => Err(InvalidRange { text: text.to_owned() }),
    }
}

/// Addresses are compared in canonical form, so a range of IPv4-mapped ones has to be too.
fn canonical_range(range: IpNet) -> IpNet {
    if let IpNet::V6(v6) = range
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(prefix) = v6.prefix_len().checked_sub(96)
        && let Ok(v4) = Ipv4Net::new(v4, prefix)
    {
        return IpNet::V4(v4);
    }
    range
}

/// The client's address: the peer, or what trusted peers vouch for in `header`.
///
/// Law `proxies_are_not_believed`:
///
/// - Only `header` is read, and only from a trusted `peer`. An unknown peer is never trusted; a
///   Unix socket is where loopback is.
/// - Several lines of the header are one list, in the order they were sent. It is walked from the
///   right, where the nearest proxy appended; the first untrusted address is the client.
/// - A malformed hop (garbage, empty, not UTF-8, `unknown` or an obfuscated `_name` of RFC 7239
///   section 6) ends the walk at the last good one: the hop to its right, or the peer.
/// - Where every hop is trusted, the leftmost counts.
/// - [`ForwardedHeader::XRealIp`] holds one address. Several lines, or a malformed one, count as
///   none.
///
/// A hop is `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`;
/// IPv4-mapped IPv6 becomes IPv4. `None` means that nobody knows: the peer is unknown, or a Unix
/// socket without a usable header.
///
/// The walk is lazy: text left of the client's own hop is not looked at, however long it is.
#[must_use]
pub fn client_ip(
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
        ForwardedHeader::XForwardedFor => walk(
            lines.rev().flat_map(|line| line.rsplit(|byte| *byte == b',').map(parse_node)),
            trusted,
        ),
        ForwardedHeader::Forwarded => walk(
            lines.rev().flat_map(|line| ElementsFromRight::of(line).map(parse_element)),
            trusted,
        ),
        ForwardedHeader::XRealIp => only(lines).and_then(parse_node),
    };
    forwarded.or(peer_ip)
}

/// The client among `hops`, nearest first; `None` where the nearest one is already malformed.
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

/// An address with an optional port: the node of RFC 7239 section 6, and what proxies write into
/// `X-Forwarded-For`.
fn parse_node(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes.trim_ascii()).ok()?;
    let ip = if let Some(rest) = text.strip_prefix('[') {
        let (ip, after) = rest.split_once(']')?;
        if !after.is_empty() && !after.strip_prefix(':').is_some_and(is_port) {
            return None;
        }
        IpAddr::V6(ip.parse().ok()?)
    } else if let Ok(ip) = text.parse::<IpAddr>() {
        ip
    } else {
        // An IPv6 address with a port needs brackets, so before this colon is IPv4 or nothing.
        let (ip, port) = text.rsplit_once(':')?;
        if !is_port(port) {
            return None;
        }
        IpAddr::V4(ip.parse().ok()?)
    };
    Some(ip.to_canonical())
}

/// Digits, or the obfuscated port of RFC 7239 section 6.3: it hides the port, not the address.
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(hidden) => {
            !hidden.is_empty()
                && hidden.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        }
        None => text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}

/// The comma-separated elements of one `Forwarded` line, last first.
///
/// Commas inside quotes do not separate. Quotes are paired from the right, because the right end
/// is what the nearest proxy wrote: an unbalanced quote that a client sends can then spoil only
/// the client's own elements, never swallow the proxy's.
pub(crate) struct ElementsFromRight<'h> {
    rest: Option<&'h [u8]>,
}

impl<'h> ElementsFromRight<'h> {
    pub(crate) const fn of(line: &'h [u8]) -> Self {
        Self { rest: Some(line) }
    }
}

impl<'h> Iterator for ElementsFromRight<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        let line = self.rest.take()?;
        let mut quoted = false;
        for (at, byte) in line.iter().enumerate().rev() {
            match byte {
                // Inside quotes `\"` is a character of the value.
                b'"' if !(quoted && is_escaped(line, at)) => quoted = !quoted,
                b',' if !quoted => {
                    let (left, right) = line.split_at(at);
                    self.rest = Some(left);
                    return right.get(1..);
                }
                _ => {}
            }
        }
        Some(line)
    }
}

fn is_escaped(line: &[u8], at: usize) -> bool {
    line.iter().take(at).rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The `for=` node of one forwarded element (RFC 7239 section 4); `None` where it is missing,
/// doubled or no address, or where the element is malformed anywhere.
fn parse_element(element: &[u8]) -> Option<IpAddr> {
    parse_node(parameter(element, b"for")??)
}

/// The raw value of one parameter of a forwarded element: `Some(None)` where it is missing, `None`
/// where it is there twice or the element is malformed anywhere.
///
/// More lenient than the grammar where that is unambiguous: white space around `;`, and an
/// unquoted value with colons or brackets.
pub(crate) fn parameter<'h>(element: &'h [u8], wanted: &[u8]) -> Option<Option<&'h [u8]>> {
    let mut found = None;
    let mut rest = element.trim_ascii();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(b";") {
            rest = after.trim_ascii_start();
            continue;
        }
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let (name, value) = rest.split_at(equals);
        let value = value.get(1..)?;
        if name.is_empty()
            || !name.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
        {
            return None;
        }
        let (value, after) = match value.strip_prefix(b"\"") {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
                let (plain, after) = value.split_at(end);
                if plain.contains(&b'"') {
                    return None;
                }
                (plain, after)
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            // Section 4: each parameter at most once. Which of two is true, nobody knows.
            if found.is_some() {
                return None;
            }
            found = Some(value);
        }
        rest = after.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b";") {
            return None;
        }
    }
    Some(found)
}

/// Splits a quoted string, its opening quote already taken, into its raw value and what follows.
/// Escapes stay in the value: no address needs one, so one that has some is malformed.
fn unquote(quoted: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let end = quoted.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    let (value, rest) = quoted.split_at(end);
    Some((value, rest.get(1..)?))
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
        let nobody = TrustedProxies::nobody();
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

    #[test]
    #[rustfmt::skip] // one case per line
    fn ranges() {
        let check = |name: &str, ranges: &[&str], address: &str, expected: bool| {
            let trusted = TrustedProxies::parse(ranges).unwrap();
            assert_eq!(trusted.contains(ip(address)), expected, "{name}");
        };
        check("inside", &["192.0.2.0/24"], "192.0.2.255", true);
        check("outside", &["192.0.2.0/24"], "192.0.3.0", false);
        check("bare v4", &["192.0.2.1"], "192.0.2.1", true);
        check("bare v4, neighbour", &["192.0.2.1"], "192.0.2.2", false);
        check("bare v6", &["2001:db8::1"], "2001:db8::1", true);
        check("host bits", &["10.1.2.3/8"], "10.255.0.1", true);
        check("mapped address", &["192.0.2.0/24"], "::ffff:192.0.2.7", true);
        check("mapped range", &["::ffff:192.0.2.0/120"], "192.0.2.7", true);
        check("mapped range, outside", &["::ffff:192.0.2.0/120"], "192.0.3.7", false);
        check("all v6 is no v4", &["::/0"], "192.0.2.1", false);
        check("none", &[], "127.0.0.1", false);
    }

    #[test]
    fn malformed_ranges_are_named() {
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/-1",
            "::/129",
            " 10.0.0.1",
            "10.0.0.0/8,::1",
            "10.0.0.0/8\n",
        ] {
            let error = TrustedProxies::parse(&["10.0.0.0/8", text]).unwrap_err().to_string();
            assert_eq!(error, format!("{text:?} is neither an ip address nor a cidr range"));
            assert_eq!(error.lines().count(), 1);
        }
    }
}
