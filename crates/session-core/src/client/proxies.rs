//! Who may say on whose behalf a request came: the [`Peer`] of the connection, and [`TrustedProxies`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::invalid_config::InvalidConfig;

/// Who is at the other end of the connection, as the framework reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Peer {
    /// The framework does not say. Never trusted: its forwarded headers are ignored.
    #[default]
    Unknown,
    /// A TCP or QUIC peer. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, what a dual-stack
    /// listener reports) counts as the IPv4 address in it.
    Ip(IpAddr),
    /// A Unix socket, which only a process on this machine can open: trusted if loopback is.
    UnixSocket,
}

/// The addresses whose forwarded headers are believed.
///
/// The default is where reverse proxies live: loopback (`127.0.0.0/8`, `::1`), private networks
/// (RFC 1918: `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`; RFC 4193: `fc00::/7`) and
/// link-local ones (RFC 3927: `169.254.0.0/16`; RFC 4291: `fe80::/10`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustedProxies {
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
    /// - No ranges: nobody is trusted, and the client is always the peer.
    /// - `["0.0.0.0/0", "::/0"]` believes every peer. Both are needed: an IPv4 address is in no
    ///   IPv6 range, except that ranges inside `::ffff:0:0/96` are read as the IPv4 ranges they
    ///   stand for.
    /// - Bits behind the prefix are ignored: `10.1.2.3/8` is `10.0.0.0/8`.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] for the first text that is neither. A typing error must stop the start of
    /// the application, not quietly change whom it trusts.
    pub(crate) fn parse<S: AsRef<str>>(ranges: &[S]) -> Result<Self, InvalidConfig> {
        let ranges =
            ranges.iter().map(|text| parse_range(text.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { ranges })
    }

    /// Whether `ip` may vouch for another address. IPv4-mapped IPv6 counts as IPv4.
    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
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

fn parse_range(text: &str) -> Result<IpNet, InvalidConfig> {
    let range = match text.parse::<IpAddr>() {
        Ok(ip) => Some(IpNet::from(ip)),
        Err(_) => text.parse::<IpNet>().ok(),
    };
    match range {
        Some(range) => Ok(canonical_range(range).trunc()),
        None => {
            // Debug formatting escapes line breaks: the message stays on one line.
            let reason = format!("{text:?} is neither an ip address nor a cidr range");
            Err(InvalidConfig::new("trusted_proxies", reason))
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip] // one case per line
    fn ranges() {
        let check = |name: &str, ranges: &[&str], address: &str, expected: bool| {
            let trusted = TrustedProxies::parse(ranges).unwrap();
            assert_eq!(trusted.contains(address.parse().unwrap()), expected, "{name}");
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
            let error = TrustedProxies::parse(&["10.0.0.0/8", text]).unwrap_err();
            let said = format!("{text:?} is neither an ip address nor a cidr range");
            assert_eq!((error.key(), error.reason()), ("trusted_proxies", &*said));
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
