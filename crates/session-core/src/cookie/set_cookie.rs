//! The `Set-Cookie` headers that set and remove the session cookie, built by the `cookie` crate.

use std::time::Duration;

use ::cookie::{Cookie, CookieBuilder, time::OffsetDateTime};
use http::HeaderValue;

use super::config::SameSite;
use super::{CookieRules, candidates};
use crate::token::SessionToken;

/// The longest that browsers keep a cookie: 400 days (rfc6265bis, "The Max-Age Attribute").
const MAX_COOKIE_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The longest value: a token with its signature.
const MAX_VALUE_BYTES: usize = candidates::SIGNED_LEN;

impl CookieRules {
    /// The cookie's value for a token: its 64 characters, and, if signing is on, a dot and the
    /// signature by the first secret.
    #[must_use]
    pub fn value(&self, token: &SessionToken) -> String {
        let mut value = token.expose();
        if let Some(ring) = &self.signatures.ring
            && let Ok(text) = value.as_bytes().try_into()
        {
            let signature = ring.sign(text);
            value.push('.');
            value.extend(signature.map(char::from));
        }
        value
    }

    /// A `Set-Cookie` value that stores `value` for `max_age`, or with `None` until the browser
    /// ends. Marked sensitive: it is not shown by `Debug` nor kept in HTTP/2's compression tables.
    ///
    /// - `Max-Age` is in whole seconds, rounded up: a session made a moment ago then says the lifetime
    ///   that was configured, and what ends within the second is for the server to refuse. At least
    ///   1, because 0 is a removal.
    /// - It is capped to 400 days.
    /// - With [`SecurePolicy::Auto`](super::SecurePolicy::Auto) it is `Secure`, as always when nobody knows how the request came.
    /// - A `value` that is no token with or without a signature (longer than 108 bytes, or with
    ///   anything but letters, digits, `.`, `-` and `_`) could smuggle in attributes. It is never
    ///   written: the answer is then a [`removal`](Self::removal).
    #[must_use]
    pub fn set(&self, value: &str, max_age: Option<Duration>) -> HeaderValue {
        self.set_with(value, max_age, self.secure(), None)
    }

    pub(crate) fn set_with(
        &self,
        value: &str,
        max_age: Option<Duration>,
        secure: bool,
        chosen_domain: Option<usize>,
    ) -> HeaderValue {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if value.is_empty() || value.len() > MAX_VALUE_BYTES || !value.bytes().all(safe) {
            return self.removal_with(secure, chosen_domain);
        }
        self.header(&self.lasting(value, max_age, secure, chosen_domain).build())
    }

    /// The same for what was sealed, which is longer and has other characters.
    pub(crate) fn set_sealed(
        &self,
        value: &str,
        max_age: Option<Duration>,
        secure: bool,
        chosen_domain: Option<usize>,
    ) -> HeaderValue {
        self.header(&self.lasting(value, max_age, secure, chosen_domain).build())
    }

    /// The longest header that sets a cookie, without its value.
    pub(super) fn around_value(&self) -> usize {
        let length =
            |domain| self.lasting("", Some(Duration::MAX), true, domain).build().to_string().len();
        let chosen = (0..self.config.domains.len()).map(|domain| length(Some(domain)));
        chosen.chain([length(None)]).max().unwrap_or(0)
    }

    fn lasting<'c>(
        &'c self,
        value: &'c str,
        max_age: Option<Duration>,
        secure: bool,
        chosen_domain: Option<usize>,
    ) -> CookieBuilder<'c> {
        let cookie = self.builder(value, secure, chosen_domain);
        let Some(age) = max_age else { return cookie };
        let age = age.min(MAX_COOKIE_AGE);
        let seconds = (age.as_secs() + u64::from(age.subsec_nanos() > 0)).max(1);
        cookie.max_age(::cookie::time::Duration::seconds(seconds.cast_signed()))
    }

    /// A `Set-Cookie` value that removes the cookie (law `removal_matches`): the same name, `Path`,
    /// `Domain`, `Secure`, `HttpOnly`, `SameSite` and `Partitioned`, since browsers ignore a
    /// removal that breaks the prefix rules or names another cookie. `Max-Age=0`, and for very old
    /// clients `Expires` in 1970.
    #[must_use]
    pub fn removal(&self) -> HeaderValue {
        self.removal_with(self.secure(), None)
    }

    pub(crate) fn removal_with(&self, secure: bool, chosen_domain: Option<usize>) -> HeaderValue {
        let cookie = self
            .builder("", secure, chosen_domain)
            .max_age(::cookie::time::Duration::ZERO)
            .expires(OffsetDateTime::UNIX_EPOCH);
        self.header(&cookie.build())
    }

    /// `chosen_domain`: a place among the domains that a request may choose.
    fn builder<'c>(
        &'c self,
        value: &'c str,
        secure: bool,
        chosen_domain: Option<usize>,
    ) -> CookieBuilder<'c> {
        let mut cookie = Cookie::build((self.name.as_str(), value))
            .path(self.config.path.as_str())
            .secure(secure)
            .http_only(self.config.http_only)
            .partitioned(self.config.partitioned);
        let same_site = match self.config.same_site {
            SameSite::Strict => Some(::cookie::SameSite::Strict),
            SameSite::Lax => Some(::cookie::SameSite::Lax),
            SameSite::None => Some(::cookie::SameSite::None),
            SameSite::Omit => None,
        };
        if let Some(same_site) = same_site {
            cookie = cookie.same_site(same_site);
        }
        let chosen = chosen_domain.and_then(|place| self.config.domains.get(place));
        if let Some(domain) = chosen.or(self.config.domain.as_ref()) {
            cookie = cookie.domain(domain.as_str());
        }
        cookie
    }

    fn header(&self, cookie: &Cookie<'_>) -> HeaderValue {
        // Every part was checked to be visible ASCII, so this cannot fail; if it did, an empty
        // header is one that browsers ignore.
        let mut header = HeaderValue::try_from(cookie.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }

    /// Whether a `Set-Cookie` value sets or removes the cookie of our name, whoever wrote it.
    /// Names are compared with case, and a header without `=` names no cookie, as in browsers
    /// (RFC 6265 section 5.2).
    pub(crate) fn set_cookie_matches(&self, header: &HeaderValue) -> bool {
        let pair = header.as_bytes().split(|byte| *byte == b';').next();
        pair.is_some_and(|pair| self.value_in(pair).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::SecurePolicy;
    use super::super::rules_of as rules;
    use super::*;

    const DAY: Duration = Duration::from_secs(86400);

    fn check_header(name: &str, header: &HeaderValue, expected: &str) {
        assert_eq!(header.to_str().unwrap(), expected, "{name}");
        assert!(header.is_sensitive(), "{name}");
        assert_eq!(format!("{header:?}"), "Sensitive", "{name}");
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn headers() {
        let plain = rules("_session", |_| {});
        check_header("default", &plain.set("ab", Some(DAY)), "_session=ab; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400");
        check_header("until the browser ends", &plain.set("ab", None), "_session=ab; HttpOnly; SameSite=Lax; Secure; Path=/");
        check_header("rounded up", &plain.set("ab", Some(Duration::from_millis(2001))), "_session=ab; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=3");
        check_header("at least 1", &plain.set("ab", Some(Duration::ZERO)), "_session=ab; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1");
        check_header("zero", &plain.set("ab", Some(Duration::ZERO)), "_session=ab; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1");
        check_header("400 days", &plain.set("ab", Some(Duration::MAX)), "_session=ab; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=34560000");
        check_header("signed", &plain.set("a0.B-_", None), "_session=a0.B-_; HttpOnly; SameSite=Lax; Secure; Path=/");
        let removal = "_session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        check_header("removal", &plain.removal(), removal);
        for bad in ["", "a;Domain=x", "a b", "a\"", "ä", "a\r\nb", "a=b", &"a".repeat(109)] { check_header(bad, &plain.set(bad, None), removal); }
        let all = rules("__Secure-s", |c| { c.path = "/app".into(); c.domain = Some(".Example.com".into()); c.same_site = SameSite::None; c.partitioned = true; c.http_only = false; });
        check_header("everything", &all.set("ab", None), "__Secure-s=ab; SameSite=None; Partitioned; Secure; Path=/app; Domain=example.com");
        check_header("everything removed", &all.removal(), "__Secure-s=; SameSite=None; Partitioned; Secure; Path=/app; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        let omits = rules("s", |c| { c.same_site = SameSite::Omit; c.domain = Some("own.example".into()); c.domains = vec!["a.example".into()]; });
        check_header("left out", &omits.set("ab", None), "s=ab; HttpOnly; Secure; Path=/; Domain=own.example");
        check_header("chosen", &omits.set_with("ab", None, true, Some(0)), "s=ab; HttpOnly; Secure; Path=/; Domain=a.example");
        check_header("chosen and removed", &omits.removal_with(true, Some(0)), "s=; HttpOnly; Secure; Path=/; Domain=a.example; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        let local = rules("s", |c| { c.secure = SecurePolicy::InsecureNever; c.same_site = SameSite::Strict; });
        check_header("insecure", &local.set("ab", None), "s=ab; HttpOnly; SameSite=Strict; Path=/");
        assert!(plain.secure() && !local.secure());
    }

    #[test]
    fn the_largest_cookie_fits() {
        let largest = rules(&format!("__Secure-{}", "n".repeat(119)), |c| {
            c.path = format!("/{}", "p".repeat(1023));
            c.domain = Some(format!("{}com", "label.".repeat(41)));
            c.partitioned = true;
            c.same_site = SameSite::Strict;
        });
        assert!(largest.set(&"a".repeat(MAX_VALUE_BYTES), Some(Duration::MAX)).len() <= 4096);
        assert!(largest.removal().len() <= 4096);
    }

    #[test]
    fn set_cookie_of_our_name() {
        let rules = rules("_session", |_| {});
        for (header, expected) in [
            ("_session=ab; Path=/", true),
            ("_session=", true),
            (" _session = ab", true),
            ("_session2=ab", false),
            ("x=_session=ab", false),
            ("x=1; _session=ab", false),
            ("_session", false),
            ("_session; Path=/=", false),
            ("_SESSION=ab", false),
            ("", false),
        ] {
            assert_eq!(
                rules.set_cookie_matches(&HeaderValue::from_static(header)),
                expected,
                "{header}"
            );
        }
        let opaque = HeaderValue::from_bytes(b"_session=\xff").unwrap();
        assert!(rules.set_cookie_matches(&opaque));
        assert!(rules.set_cookie_matches(&rules.set("ab", None)));
        assert!(rules.set_cookie_matches(&rules.removal()));
    }
}
