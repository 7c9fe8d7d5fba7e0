//! What proxies write about a request: [`ForwardedHeader`], and the grammar of these headers (RFC 7239)
//! as far as the walk to the client's address and the look for the scheme need it.

use std::fmt;
use std::net::IpAddr;

use http::{HeaderName, header};
use serde::{Deserialize, Serialize};

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

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

    pub(crate) fn name(self) -> &'static HeaderName {
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

/// The raw value of one parameter of a forwarded element: `Some(None)` if it is missing, `None`
/// if it is there twice or the element is malformed anywhere.
///
/// More lenient than the grammar if that is unambiguous: white space around `;`, and an
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

/// An address with an optional port: the node of RFC 7239 section 6, and what proxies write into
/// `X-Forwarded-For`.
pub(crate) fn node(bytes: &[u8]) -> Option<IpAddr> {
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
