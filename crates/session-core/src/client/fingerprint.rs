//! What a client looked like, in the form that a session keeps.
//!
//! It catches carelessness, not skill: a cookie pasted into another browser or into `curl` is
//! noticed, a thief who copies the `User-Agent` too is not. So the default compares only what a
//! browser that updates itself does not change, and an agent that says nothing is reported rather
//! than punished.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::client::device::Families;
use crate::client::families::{BrowserFamily, SystemFamily};

/// How much of a `User-Agent` is kept and compared, in bytes of UTF-8. Browsers send under 200;
/// what is longer is somebody filling the database.
pub(crate) const MAX_USER_AGENT_BYTES: usize = 512;

/// What a fingerprint is made of. In configuration: `stable` (the default) or `exact`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FingerprintMode {
    /// Browser family and system family. Survives updates, languages and "request desktop site".
    #[default]
    Stable,
    /// `User-Agent`, `Accept-Language` and `Accept-Encoding`, byte for byte. Any difference is a
    /// mismatch, so every browser update ends the session.
    Exact,
}

/// What a mismatch leads to. In configuration: `reject` (the default), `revoke` or `report`.
///
/// A mismatch is more often a program of one's own than a thief: a server that renders a page forwards the
/// cookie and not the User-Agent, an app's HTTP client and its web view share a cookie, developer tools
/// emulate another device. Forward the User-Agent there, or set `report`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MismatchAction {
    /// The session ends and the cookie is cleared: thief and owner both sign in again.
    Revoke,
    /// The token is refused for this request; session and cookie stay.
    #[default]
    Reject,
    /// The request passes, with an event.
    Report,
}

/// The stored form of what a client looked like: a mode and a SHA-256 digest.
///
/// As text (serde) `stable:<64 hex digits>` or `exact:<64 hex digits>`, as bytes 33 of them. It
/// grants nothing and is no secret, but it is personal data; `Debug` shows only the mode.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    mode: FingerprintMode,
    digest: [u8; 32],
}

impl FingerprintMode {
    const fn tag(self) -> u8 {
        match self {
            Self::Stable => 1,
            Self::Exact => 2,
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Stable => "stable:",
            Self::Exact => "exact:",
        }
    }
}

impl Fingerprint {
    /// The mode it was made in.
    #[must_use]
    pub const fn mode(&self) -> FingerprintMode {
        self.mode
    }

    /// The form for a binary column: a byte for the mode (1 stable, 2 exact), then the digest.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 33] {
        let mut bytes = [self.mode.tag(); 33];
        for (to, from) in bytes.iter_mut().skip(1).zip(self.digest) {
            *to = from;
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) made; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, digest) = bytes.split_first()?;
        let mode = [FingerprintMode::Stable, FingerprintMode::Exact]
            .into_iter()
            .find(|mode| mode.tag() == *tag)?;
        Some(Self { mode, digest: digest.try_into().ok()? })
    }

    fn to_text(self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(self.mode.prefix().len() + 64);
        text.push_str(self.mode.prefix());
        for byte in self.digest {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }

    fn from_text(text: &str) -> Option<Self> {
        let (mode, hex) = [FingerprintMode::Stable, FingerprintMode::Exact]
            .into_iter()
            .find_map(|mode| Some((mode, text.strip_prefix(mode.prefix())?)))?;
        let hex: &[u8; 64] = hex.as_bytes().try_into().ok()?;
        let mut digest = [0; 32];
        for (byte, [high, low]) in digest.iter_mut().zip(hex.as_chunks().0) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self { mode, digest })
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprint").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = Fingerprint;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a fingerprint: `stable:` or `exact:` and 64 lower-case hex digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Fingerprint, E> {
                // The text is not repeated in the message: it is personal data.
                Fingerprint::from_text(text)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Other("other text"), &self))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// A `User-Agent` as it is stored and compared: bytes that are not UTF-8 replaced, at most
/// [`MAX_USER_AGENT_BYTES`] long, and `None` if it is blank. Borrows from the header unless
/// something had to be replaced.
pub(crate) fn agent_text(value: &HeaderValue) -> Option<Cow<'_, str>> {
    let bytes = value.as_bytes();
    let text = match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(&text[..text.floor_char_boundary(MAX_USER_AGENT_BYTES)]),
        Err(_) => {
            // A replacement is never shorter than what it replaces, so a character that this cut
            // splits ends up behind the cut below.
            let bytes = bytes.get(..MAX_USER_AGENT_BYTES + 4).unwrap_or(bytes);
            let mut text = String::from_utf8_lossy(bytes).into_owned();
            text.truncate(text.floor_char_boundary(MAX_USER_AGENT_BYTES));
            Cow::Owned(text)
        }
    };
    (!text.trim_ascii().is_empty()).then_some(text)
}

/// SHA-256 over `User-Agent`, `Accept-Language` and `Accept-Encoding` as they were sent, with a
/// NUL between (no header value can hold one). A missing header counts as empty; of several lines
/// the first counts.
pub(crate) fn exact(headers: &HeaderMap) -> Fingerprint {
    let value = |name| headers.get(name).map_or(&[][..], http::HeaderValue::as_bytes);
    let mut hash = Sha256::new();
    hash.update(value(header::USER_AGENT));
    hash.update([0]);
    hash.update(value(header::ACCEPT_LANGUAGE));
    hash.update([0]);
    hash.update(value(header::ACCEPT_ENCODING));
    Fingerprint { mode: FingerprintMode::Exact, digest: hash.finalize().into() }
}

#[cfg(test)]
pub(crate) fn stable(user_agent: Option<&str>) -> Fingerprint {
    stable_of(user_agent.map(crate::client::device::families).unwrap_or_default())
}

/// SHA-256 over the names of the browser family and the system family, with a NUL between; an
/// unknown one counts as empty.
pub(crate) fn stable_of(families: Families) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(families.browser.map_or("", BrowserFamily::name));
    hash.update([0]);
    hash.update(families.system.map_or("", SystemFamily::name));
    Fingerprint { mode: FingerprintMode::Stable, digest: hash.finalize().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME_WIN: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

    #[test]
    fn digests_are_what_the_documentation_says() {
        let mut request = HeaderMap::new();
        request.insert(header::USER_AGENT, HeaderValue::from_static("a"));
        request.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("b"));
        request.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("c"));
        let sha = |text: &str| <[u8; 32]>::from(Sha256::digest(text));
        assert_eq!(exact(&request).digest, sha("a\0b\0c"));
        assert_eq!(exact(&HeaderMap::new()).digest, sha("\0\0"));
        assert_eq!(stable(Some(CHROME_WIN)).digest, sha("Chrome\0Windows"));
        assert_eq!(stable(None).digest, sha("\0"));
    }

    #[test]
    fn stored_forms_come_back() {
        for made in [stable(Some(CHROME_WIN)), exact(&HeaderMap::new())] {
            assert_eq!(Fingerprint::from_bytes(&made.to_bytes()), Some(made));
            let text = serde_json::to_string(&made).unwrap();
            assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), made);
            let digits = &made.to_text()[made.mode.prefix().len()..];
            assert!(!format!("{made:?}").contains(&digits[..4]), "{made:?}");
        }
        let made = stable(None);
        assert_eq!(made.to_bytes()[0], 1);
        assert_eq!(exact(&HeaderMap::new()).to_bytes()[0], 2);
        assert!(made.to_text().starts_with("stable:") && made.to_text().len() == 71);
    }

    #[test]
    fn malformed_forms_are_refused() {
        let bytes = stable(None).to_bytes();
        let mut other_tag = bytes;
        other_tag[0] = 3;
        for (name, bytes) in
            [("empty", &[][..]), ("short", &bytes[..32]), ("tag", &other_tag), ("long", &[1; 34])]
        {
            assert_eq!(Fingerprint::from_bytes(bytes), None, "{name}");
        }
        let hex = "0f".repeat(32);
        for text in [
            hex.clone(),
            format!("stable:{}", &hex[1..]),
            format!("exact:{}", hex.to_uppercase()),
            format!("Stable:{hex}"),
        ] {
            let error =
                serde_json::from_value::<Fingerprint>(text.clone().into()).unwrap_err().to_string();
            assert!(error.contains("`stable:` or `exact:`") && !error.contains(&text), "{error}");
        }
    }

    #[test]
    fn user_agents_are_cut() {
        let check = |name: &str, sent: &[u8], expected: Option<&str>, borrowed: bool| {
            let sent = HeaderValue::from_bytes(sent).unwrap();
            let found = agent_text(&sent);
            assert_eq!(found.as_deref(), expected, "{name}");
            assert!(
                found.is_none_or(|found| matches!(found, Cow::Borrowed(_)) == borrowed),
                "{name}"
            );
        };
        let long = "x".repeat(600);
        let odd = format!("x{}", "ü".repeat(300));
        let bad = [&[b'x'; 510][..], b"\xff\xff\xff"].concat();
        check("plain", b"curl/8.5.0", Some("curl/8.5.0"), true);
        check("empty", b"", None, true);
        check("blank", b" \t ", None, true);
        check("long", long.as_bytes(), Some(&long[..512]), true);
        check("between characters", odd.as_bytes(), Some(&odd[..511]), true);
        check("not utf-8", b"a\xffb", Some("a\u{fffd}b"), false);
        check("not utf-8 at the cut", &bad, Some(&"x".repeat(510)), false);
        check(
            "split at the cut",
            &[b"\xff", odd.as_bytes()].concat(),
            Some(&format!("\u{fffd}x{}", "ü".repeat(254))),
            false,
        );
    }
}
