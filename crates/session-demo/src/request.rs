//! What is read out of a request: keys, queries, forms, and how large a body may be.

pub(crate) mod body;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use session_core::{Next, SafePath, SessionConfig};

use crate::problem::{Code, Problem};

/// The last segment of a path as it was sent. It is not decoded yet: a router that decodes would
/// take an encoded slash for the end of the segment.
pub(crate) fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The key that a segment stands for.
pub(crate) fn key(segment: &str) -> Result<Cow<'_, str>, Problem> {
    let key = percent_decode_str(segment).decode_utf8().map_err(|_| Code::InvalidKey)?;
    if key.contains('\0') { Err(Code::InvalidKey.into()) } else { Ok(key) }
}

/// A whole number in the query, or `default` if it is not mentioned.
pub(crate) fn number(query: &str, name: &str, default: u64) -> Result<u64, Problem> {
    let refused = || {
        Problem::from(Code::InvalidQuery)
            .with_message(format!("The query takes one {name}, a whole number."))
    };
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let Some((_, value)) = values.next() else { return Ok(default) };
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if values.next().is_some() || !digits {
        return Err(refused());
    }
    value.parse().map_err(|_| refused())
}

/// The fields of a form that was posted.
#[derive(Debug)]
pub(crate) struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Form<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Self {
        Self(form_urlencoded::parse(body).collect())
    }

    /// The first field of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// Where the form says they were going, if that is on this site.
    pub(crate) fn next(&self) -> Next {
        self.field("next").and_then(SafePath::parse).map(Next::from).unwrap_or_default()
    }
}

/// The most bytes of a form.
const FORM_LIMIT: usize = 64 * 1024;

/// The most bytes of a JSON body: whatever `max_data_bytes` allows must pass. A body may spell each
/// character as an escape of six, and there may be white space around it.
fn json_limit(config: &SessionConfig) -> usize {
    const ROOM: usize = 64 * 1024;
    let data = usize::try_from(config.max_data_bytes).unwrap_or(usize::MAX);
    data.saturating_mul(6).saturating_add(ROOM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        for (path, expected) in [
            ("/api/data/plain", Some("plain")),
            ("/api/data/", Some("")),
            ("/api/data/a%2Fb%2f", Some("a/b/")),
            ("/api/data/..", Some("..")),
            ("/api/data/%2e%2E", Some("..")),
            ("/api/data/a+b%20c", Some("a+b c")),
            ("/api/data/100%", Some("100%")),
            ("/api/data/%zz", Some("%zz")),
            ("/api/data/%F0%9F%8D%AA", Some("🍪")),
            ("/api/data/%22%24.%5B0%5D", Some("\"$.[0]")),
            ("/api/data/%ff", None),
            ("/api/data/%C3", None),
            ("/api/data/a%00b", None),
        ] {
            let found = key(last_segment(path));
            assert_eq!(found.ok().as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn numbers() {
        for (query, expected) in [
            ("", Some(7)),
            ("other=1", Some(7)),
            ("ms=0", Some(0)),
            ("other=1&ms=300", Some(300)),
            ("ms=18446744073709551615", Some(u64::MAX)),
            ("ms=18446744073709551616", None),
            ("ms=", None),
            ("ms", None),
            ("ms=-1", None),
            ("ms=%2B1", None),
            ("ms=1.5", None),
            ("ms=1e3", None),
            ("ms=1&ms=1", None),
            ("ms=%D9%A3", None),
        ] {
            assert_eq!(number(query, "ms", 7).ok(), expected, "{query}");
        }
    }

    #[test]
    fn forms() {
        let form = Form::parse(b"user=a%26b+c&password=demo&user=second&empty=");
        assert_eq!(form.field("user"), Some("a&b c"));
        assert_eq!(form.field("password"), Some("demo"));
        assert_eq!(form.field("empty"), Some(""));
        assert_eq!(form.field("missing"), None);
    }
}
