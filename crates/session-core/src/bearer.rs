//! Bearer tokens: what a program sends in `Authorization`, and what it is handed in a body.

use std::fmt;

use http::{HeaderMap, HeaderValue, header};
use zeroize::Zeroizing;

/// What a request brings that has an `Authorization` header with the scheme Bearer: the header, or nothing
/// if it cannot be meant.
pub(crate) struct Brought(pub(crate) Option<HeaderValue>);

/// Whether a request brings a bearer. `None`: it does not, and its cookies count.
///
/// - The scheme is read without case (RFC 9110, section 11.1); other schemes are somebody else's.
/// - The header is there once (RFC 9110, section 5.3). Of several lines, one of them a bearer's, none counts:
///   two readers would not agree on which one does.
/// - A query or a body is never looked at (RFC 9700, section 4.3.2 has what goes wrong).
pub(crate) fn brought(headers: &HeaderMap) -> Option<Brought> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let first = lines.next()?;
    let Some(second) = lines.next() else {
        return names_bearer(first).then(|| Brought(Some(first.clone())));
    };
    let is_bearer = [first, second].into_iter().chain(lines).any(names_bearer);
    is_bearer.then_some(Brought(None))
}

/// The token of an `Authorization` header: behind the scheme and one space or more (RFC 6750, section 2.1).
/// Whether it is well-formed is for the reader of cookies to say: both are spelt alike.
pub(crate) fn token_in(header: &HeaderValue) -> Option<&[u8]> {
    let (_, rest) = split_scheme(header);
    let token = rest.strip_prefix(b" ")?;
    let start = token.iter().position(|byte| *byte != b' ')?;
    Some(token[start..].trim_ascii_end())
}

fn names_bearer(header: &HeaderValue) -> bool {
    split_scheme(header).0.eq_ignore_ascii_case(b"bearer")
}

fn split_scheme(header: &HeaderValue) -> (&[u8], &[u8]) {
    let text = header.as_bytes();
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t'));
    text.split_at(end.unwrap_or(text.len()))
}

/// A token that was issued to a program: whoever has it has the session.
///
/// `Debug` and `Display` show `[redacted]`, memory is wiped on drop, it does not serialise, and only
/// [`expose`](Self::expose) gives the text away. It is what the program sends back as
/// `Authorization: Bearer …`, its signature included if signing is on.
///
/// It comes from [`Session::take_bearer_token`](crate::Session::take_bearer_token).
pub struct BearerToken(Zeroizing<String>);

impl BearerToken {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the body of the answer and no other place. Whoever reads it can act as its user.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken([redacted])")
    }
}

impl fmt::Display for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None`: it brings no bearer. `Some(None)`: one that cannot be meant.
    #[expect(clippy::option_option, reason = "both say something")]
    fn read(lines: &[&[u8]]) -> Option<Option<Vec<u8>>> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
        }
        let Brought(header) = brought(&headers)?;
        Some(header.as_ref().and_then(token_in).map(<[u8]>::to_vec))
    }

    #[test]
    fn authorization_headers() {
        let text = |text: &[u8]| Some(Some(text.to_vec()));
        for (name, lines, expected) in [
            ("none", &[][..], None),
            ("one", &[&b"Bearer abc"[..]], text(b"abc")),
            ("lower-case", &[b"bearer abc"], text(b"abc")),
            ("capitals", &[b"BEARER abc"], text(b"abc")),
            ("more spaces", &[b"Bearer   abc "], text(b"abc")),
            ("a tab", &[b"Bearer\tabc"], Some(None)),
            ("no token", &[b"Bearer"], Some(None)),
            ("only spaces", &[b"Bearer   "], Some(None)),
            ("two in a line", &[b"Bearer a, Bearer b"], text(b"a, Bearer b")),
            ("no ASCII", &[b"Bearer \xff"], text(b"\xff")),
            ("another scheme", &[b"Basic YTpi"], None),
            ("a longer scheme", &[b"Bearers abc"], None),
            ("a scheme with a colon", &[b"Bearer: abc"], None),
            ("nothing", &[b""], None),
            ("two lines", &[b"Bearer a", b"Bearer b"], Some(None)),
            ("the same twice", &[b"Bearer a", b"Bearer a"], Some(None)),
            ("beside another scheme", &[b"Basic YTpi", b"bearer a"], Some(None)),
            ("the third line", &[b"Basic YTpi", b"Basic YTpi", b"bearer a"], Some(None)),
            ("two others", &[b"Basic YTpi", b"Digest x"], None),
        ] {
            assert_eq!(read(lines), expected, "{name}");
        }
    }

    #[test]
    fn a_token_does_not_print_itself() {
        let token = BearerToken::new("secret".to_owned());
        assert_eq!(format!("{token} {token:?}"), "[redacted] BearerToken([redacted])");
        assert_eq!(token.expose(), "secret");
    }
}
