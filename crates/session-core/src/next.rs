//! [`SafePath`], an address of this site, and [`Next`], where a sign-in page leads on to.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::Uri;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::invalid_config::InvalidConfig;

/// A path, perhaps with a query and a fragment, that leads nowhere but to this site, whoever wrote it.
///
/// It begins with one `/` that neither `/` nor `\` follows, encoded or not, nor an encoded `%`, tab or line break; its path has no `\` and no
/// segment of dots; it has only printable ASCII in it, without `"`, `<` and `>`, which browsers encode in
/// an address; and it is no longer than [`MAX_LEN`](Self::MAX_LEN). Browsers drop tabs and line breaks,
/// and read `\` as `/`, so that `/<tab>/evil.example` and `/\evil.example` are `//evil.example` to them,
/// which is another site.
///
/// ```
/// use session_core::SafePath;
///
/// assert!(SafePath::parse("/orders?page=2").is_some());
/// for elsewhere in ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", ""] {
///     assert!(SafePath::parse(elsewhere).is_none());
/// }
/// ```
///
/// With serde it is a string, and another string is an error. What comes out of a link or a form is read
/// as a [`Next`], which is no error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SafePath(Box<str>);

impl SafePath {
    /// The most bytes: room for the query of a search, and little enough for every server's limit of an
    /// address, also where each byte takes three in the query of another one.
    pub const MAX_LEN: usize = 2048;

    /// The path, if it leads nowhere but to this site.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        stays_here(text).then(|| Self(text.into()))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path alone.
    pub(crate) fn path(&self) -> &str {
        self.0.split(['?', '#']).next().unwrap_or_default()
    }

    /// A page of the application's own.
    pub(crate) fn of_page(key: &'static str, text: &str) -> Result<Self, InvalidConfig> {
        Self::parse(text).filter(|path| !path.0.contains('#')).ok_or_else(|| {
            let reason = format!("{text:?} is no path of this site, such as /sign-in");
            InvalidConfig::new(key, reason)
        })
    }

    /// This page, with the address that it leads on to as `next` in its query.
    pub(crate) fn leading_to(&self, next: &Self) -> String {
        leading(&self.0, next)
    }
}

fn leading(page: &str, next: &SafePath) -> String {
    let joint = if page.contains('?') { '&' } else { '?' };
    format!("{page}{joint}next={}", encoded(next.as_str()))
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for SafePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for SafePath {
    type Err = Elsewhere;

    fn from_str(text: &str) -> Result<Self, Elsewhere> {
        Self::parse(text).ok_or(Elsewhere)
    }
}

impl Serialize for SafePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SafePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What was read leads to another site, or may: it is no [`SafePath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elsewhere;

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no path of this site")
    }
}

impl std::error::Error for Elsewhere {}

/// Where a sign-in page leads on to: what `next` says in its query, or in the form that it sends, if that
/// stays on this site ([`SafePath`]). Anybody may have written it into a link, so everything else reads
/// as nothing, and is no error: whoever followed a bad link still signs in.
///
/// The adapters have an extractor for it. With serde it is a field of a form:
///
/// ```
/// use serde::Deserialize;
/// use session_core::Next;
///
/// #[derive(Deserialize)]
/// struct SignInForm {
///     user: String,
///     #[serde(default)]
///     next: Next,
/// }
///
/// let json = r#"{"user": "alice", "next": "https://evil.example"}"#;
/// let form: SignInForm = serde_json::from_str(json).unwrap();
/// assert_eq!(form.next.path_or("/account"), "/account");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Next(Option<SafePath>);

impl Next {
    /// What the query of this address says. The first `next` counts.
    #[must_use]
    pub fn of(uri: &Uri) -> Self {
        let pairs = uri.query().unwrap_or_default().split('&');
        let mut named = pairs.filter_map(|pair| pair.strip_prefix("next="));
        Self(named.next().and_then(decoded).and_then(|text| SafePath::parse(&text)))
    }

    /// The address, if there is one.
    #[must_use]
    pub const fn path(&self) -> Option<&SafePath> {
        self.0.as_ref()
    }

    /// The address, or another one if there is none: for `Location`.
    #[must_use]
    pub fn path_or<'a>(&'a self, otherwise: &'a str) -> &'a str {
        self.0.as_ref().map_or(otherwise, SafePath::as_str)
    }

    /// A page of one's own on the way there: its address with this one as `next` in its query, or alone if
    /// there is none. A wrong password leads back to the sign-in page so, and where they were going is kept.
    ///
    /// ```
    /// use session_core::Next;
    ///
    /// let next = Next::of(&"/sign-in?next=/orders".parse()?);
    /// assert_eq!(next.via("/sign-in"), "/sign-in?next=%2Forders");
    /// assert_eq!(Next::default().via("/sign-in"), "/sign-in");
    /// # Ok::<(), http::uri::InvalidUri>(())
    /// ```
    #[must_use]
    pub fn via(&self, page: &str) -> String {
        self.0.as_ref().map_or_else(|| page.to_owned(), |next| leading(page, next))
    }
}

impl fmt::Display for Next {
    /// The address, or nothing: for the hidden field of a form. A template escapes it like any other text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path_or(""))
    }
}

impl From<SafePath> for Next {
    fn from(path: SafePath) -> Self {
        Self(Some(path))
    }
}

impl Serialize for Next {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.path_or(""))
    }
}

impl<'de> Deserialize<'de> for Next {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
        Ok(Self(text.and_then(|text| SafePath::parse(&text))))
    }
}

/// Percent-encoded as one value of a query: all but unreserved characters (RFC 3986, section 2.3).
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                encoded.push(b"0123456789ABCDEF"[usize::from(digit)].into());
            }
        }
    }
    encoded
}

/// One value of a query, once decoded. `None` if it is no text.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = value.as_bytes().iter();
    let mut decoded = Vec::with_capacity(value.len());
    while let Some(&byte) = bytes.next() {
        let rest = bytes.as_slice();
        decoded.push(match (byte, rest) {
            (b'%', [high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.nth(1);
                hex(*high) << 4 | hex(*low)
            }
            (b'+', _) => b' ',
            (byte, _) => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or_default()
}

pub(crate) fn stays_here(text: &str) -> bool {
    let printable = |byte: u8| byte.is_ascii_graphic() && !b"\"<>".contains(&byte);
    let Some(rest) = text.strip_prefix('/') else { return false };
    if text.len() > SafePath::MAX_LEN || !text.bytes().all(printable) {
        return false;
    }
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    // A server that decodes, and redirects for the sake of a slash, would send `//`.
    // Browsers take tabs and line breaks out of what it decoded (WHATWG URL, section 4.4).
    // One that decodes twice would do so for an encoded percent sign.
    let begins = path.get(..3).unwrap_or(path).to_ascii_lowercase();
    let leaves = path.starts_with('/')
        || ["%2f", "%5c", "%09", "%0a", "%0d", "%25"].contains(&begins.as_str());
    !leaves && !path.contains('\\') && !path.split('/').any(is_dots)
}

/// Whether a segment is `.` or `..` to a browser, which leaves it out: `/.//x` may become `//x`.
fn is_dots(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

#[cfg(test)]
mod tests;
