//! Whether a request still comes from the kind of client that the session began with.
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

use crate::client::device::{
    BrowserFamily, Families, SystemFamily, families, one_is_desktop_site_of_other,
};

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

/// SHA-256 over the names of the browser family and the system family, with a NUL between; an
/// unknown one counts as empty.
pub(crate) fn stable(user_agent: Option<&str>) -> Fingerprint {
    stable_of(user_agent.map(families).unwrap_or_default())
}

fn stable_of(families: Families) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(families.browser.map_or("", BrowserFamily::name));
    hash.update([0]);
    hash.update(families.system.map_or("", SystemFamily::name));
    Fingerprint { mode: FingerprintMode::Stable, digest: hash.finalize().into() }
}

/// How a request's client compares with the session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    /// The same client, as far as the mode looks.
    Match,
    /// One side's agent is missing or unknown (a media or download helper, say): reported, not
    /// punished.
    Unrecognised,
    /// Two known clients that differ: [`MismatchAction`] decides.
    Mismatch,
}

/// Compares a request with what its session was made with (law `fingerprint_survives_update`).
///
/// - `stored` and `stored_user_agent` are the session's, `user_agent` (what [`agent_text`]
///   returned) and `presented` the request's. `presented` is called only if digests are
///   compared, and then returns the request's fingerprint in the mode asked for.
/// - [`Stable`](FingerprintMode::Stable): an unchanged `User-Agent` matches, with nothing parsed or
///   hashed. Otherwise the families of both agents decide: two known browser families or two known
///   system families that differ are a [`Mismatch`](Verdict::Mismatch); a family known on one side
///   only is [`Unrecognised`](Verdict::Unrecognised); all else matches. The stored digest serves as
///   a short cut and never condemns, so a release that names families anew signs nobody out.
/// - [`Exact`](FingerprintMode::Exact): the digests decide. A session whose fingerprint is missing
///   or was made in the other mode is compared as in the stable mode, so that switching the mode
///   signs nobody out.
pub(crate) fn check(
    mode: FingerprintMode,
    stored: Option<&Fingerprint>,
    stored_user_agent: Option<&str>,
    user_agent: Option<&str>,
    presented: impl FnOnce() -> Fingerprint,
) -> Verdict {
    if mode == FingerprintMode::Exact
        && let Some(stored) = stored.filter(|stored| stored.mode == FingerprintMode::Exact)
    {
        return if *stored == presented() { Verdict::Match } else { Verdict::Mismatch };
    }
    if stored_user_agent == user_agent {
        return Verdict::Match;
    }
    let now = user_agent.map(families).unwrap_or_default();
    if stored.is_some_and(|stored| *stored == stable_of(now)) {
        return Verdict::Match;
    }
    let then = stored_user_agent.map(families).unwrap_or_default();
    if differ(then.browser, now.browser) || differ(then.system, now.system) {
        return match (stored_user_agent, user_agent) {
            (Some(then), Some(now)) if one_is_desktop_site_of_other(then, now) => Verdict::Match,
            _ => Verdict::Mismatch,
        };
    }
    // What is known on both sides is equal by now.
    if then == now { Verdict::Match } else { Verdict::Unrecognised }
}

fn differ<T: PartialEq>(then: Option<T>, now: Option<T>) -> bool {
    matches!((then, now), (Some(then), Some(now)) if then != now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME_WIN: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    const CHROME_WIN_NEWER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36";
    const CHROME_MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    const CHROME_ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36";
    const CHROME_LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    const EDGE_WIN: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0";
    const FIREFOX_WIN: &str =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0";
    const FIREFOX_IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/144.0 Mobile/15E148 Safari/605.1.15";
    const SAFARI_IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1";
    const SAFARI_IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1";
    const SAFARI_MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15";
    const CHROME_IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1";
    const CHROME_IPHONE_DESKTOP: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142 Version/11.1.1 Safari/605.1.15";
    const MEDIA: &str =
        "AppleCoreMedia/1.0.0.22A3354 (iPhone; U; CPU OS 18_0 like Mac OS X; en_us)";
    const DOWNLOAD: &str = "AndroidDownloadManager/15 (Linux; U; Android 15; Pixel 9 Build/AP4A)";

    fn headers(agent: Option<&str>, language: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(agent) = agent {
            headers.insert(header::USER_AGENT, HeaderValue::from_str(agent).unwrap());
        }
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(language));
        headers
    }

    fn some(agent: &str) -> Option<&str> {
        (!agent.is_empty()).then_some(agent)
    }

    /// An empty agent is a missing one. With and without the stored fingerprint: the digest is a
    /// short cut, so it must not change the answer.
    fn check_stable(name: &str, then: &str, now: &str, expected: Verdict) {
        let request = headers(some(now), "de");
        let made = stable(some(then));
        for stored in [Some(&made), None, Some(&exact(&headers(some(then), "de")))] {
            let verdict =
                check(FingerprintMode::Stable, stored, some(then), some(now), || exact(&request));
            assert_eq!(verdict, expected, "{name}, stored {stored:?}");
        }
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn stable_mode() {
        use Verdict::{Match, Mismatch, Unrecognised};
        check_stable("same", CHROME_WIN, CHROME_WIN, Match);
        check_stable("both missing", "", "", Match);
        check_stable("same unknown", "x", "x", Match);
        check_stable("two unknown", "x", "y", Match);
        check_stable("update", CHROME_WIN, CHROME_WIN_NEWER, Match);
        check_stable("desktop site, Chrome on Android", CHROME_ANDROID, CHROME_LINUX, Match);
        check_stable("desktop site, Safari on iPad", SAFARI_IPAD, SAFARI_MAC, Match);
        check_stable("desktop site, Chrome on iPhone", CHROME_IPHONE, CHROME_IPHONE_DESKTOP, Match);
        check_stable("desktop site, Firefox on iPhone", FIREFOX_IPHONE, SAFARI_MAC, Match);
        check_stable("and back", SAFARI_MAC, FIREFOX_IPHONE, Match);
        check_stable("Firefox on iPhone is no Safari there", FIREFOX_IPHONE, SAFARI_IPHONE, Mismatch);
        check_stable("another browser", CHROME_WIN, EDGE_WIN, Mismatch);
        check_stable("another engine", CHROME_WIN, FIREFOX_WIN, Mismatch);
        check_stable("another system", CHROME_WIN, CHROME_MAC, Mismatch);
        check_stable("Chrome and Safari on iPhone", CHROME_IPHONE, SAFARI_IPHONE, Mismatch);
        check_stable("curl", CHROME_WIN, "curl/8.5.0", Mismatch);
        check_stable("bot", CHROME_WIN, "Twitterbot/1.0", Mismatch);
        check_stable("two libraries", "curl/8.5.0", "python-requests/2.32.3", Mismatch);
        check_stable("newer curl", "curl/8.5.0", "curl/8.11.1", Match);
        check_stable("missing now", CHROME_WIN, "", Unrecognised);
        check_stable("missing then", "", CHROME_WIN, Unrecognised);
        check_stable("unknown now", CHROME_WIN, "hello", Unrecognised);
        check_stable("media helper", SAFARI_IPHONE, MEDIA, Unrecognised);
        check_stable("media helper, another system", CHROME_WIN, MEDIA, Unrecognised);
        check_stable("download helper", CHROME_ANDROID, DOWNLOAD, Unrecognised);
        check_stable("began in a helper", DOWNLOAD, CHROME_ANDROID, Unrecognised);
    }

    #[test]
    fn exact_mode() {
        use Verdict::{Match, Mismatch, Unrecognised};
        let then = headers(Some(CHROME_WIN), "de");
        let made = exact(&then);
        let check = |name: &str,
                     stored: Option<Fingerprint>,
                     stored_agent,
                     language,
                     agent: Option<&str>,
                     expected| {
            let request = headers(agent, language);
            let verdict =
                super::check(FingerprintMode::Exact, stored.as_ref(), stored_agent, agent, || {
                    exact(&request)
                });
            assert_eq!(verdict, expected, "{name}");
        };
        check("same", Some(made), Some(CHROME_WIN), "de", Some(CHROME_WIN), Match);
        check("language", Some(made), Some(CHROME_WIN), "en", Some(CHROME_WIN), Mismatch);
        check("update", Some(made), Some(CHROME_WIN), "de", Some(CHROME_WIN_NEWER), Mismatch);
        check("agent missing", Some(made), Some(CHROME_WIN), "de", None, Mismatch);
        let other_mode = Some(stable(Some(CHROME_WIN)));
        check(
            "made stable, update",
            other_mode,
            Some(CHROME_WIN),
            "en",
            Some(CHROME_WIN_NEWER),
            Match,
        );
        check(
            "made stable, another",
            other_mode,
            Some(CHROME_WIN),
            "de",
            Some(FIREFOX_WIN),
            Mismatch,
        );
        check("none, update", None, Some(CHROME_WIN), "de", Some(CHROME_WIN_NEWER), Match);
        check("nothing stored", None, None, "de", Some(CHROME_WIN), Unrecognised);
        check("nothing anywhere", None, None, "de", None, Match);
    }

    #[test]
    fn digests_are_what_the_documentation_says() {
        let mut request = headers(Some("a"), "b");
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
