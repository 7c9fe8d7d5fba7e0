//! The session cookie: its configuration, the headers that set and remove it, how its value is signed,
//! and how it is found among the cookies of a request.
//!
//! `Set-Cookie` is built by the `cookie` crate. Reading is ours, on bytes: a `Cookie` header may
//! hold anything that another application on the same host has set, bytes above 0x7F included,
//! and that must not hide our own (law `every_cookie_header_read`).

mod candidates;
mod config;
mod signing;

use std::time::Duration;

use ::cookie::{Cookie, CookieBuilder, time::OffsetDateTime};
use http::{HeaderMap, HeaderValue, header};

pub use self::candidates::Candidates;
pub(crate) use self::candidates::Presented;
use self::candidates::Signatures;
pub use self::config::{CookieConfig, SameSite, SecurePolicy};
use self::signing::KeyRing;
use self::signing::MIN_SECRET_BYTES;
pub(crate) use self::signing::list as secrets_list;
pub use self::signing::{CookieSecret, Signing};
use crate::client::scheme::Scheme;
use crate::invalid_config::InvalidConfig;
use crate::token::SessionToken;

/// The longest that browsers keep a cookie: 400 days (rfc6265bis, "The Max-Age Attribute").
const MAX_COOKIE_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The longest value: a token with its signature.
const MAX_VALUE_BYTES: usize = candidates::SIGNED_LEN;
const MAX_NAME_BYTES: usize = 128;
/// Browsers ignore a longer attribute (rfc6265bis, "The Set-Cookie Header Field"), and the cookie
/// then applies to another path than was asked for.
const MAX_PATH_BYTES: usize = 1024;
/// RFC 1035 section 2.3.4, without the trailing dot.
const MAX_DOMAIN_BYTES: usize = 253;

/// The checked, ready-to-use form of a cookie's name and configuration.
#[derive(Debug, Clone)]
pub struct CookieRules {
    name: String,
    config: CookieConfig,
    signatures: Signatures,
}

impl CookieRules {
    /// Checks what browsers will check, so that a mistake stops the start of the application and
    /// does not become a sign-in that never lasts.
    ///
    /// With every part in its limits no header passes 4096 bytes, signature included.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] names the key and the broken rule:
    ///
    /// - the name is a token (RFC 6265 section 4.1.1, RFC 9110 section 5.6.2) of 1 to 128 bytes;
    /// - `__Secure-` needs `Secure`; `__Host-` also needs `Path=/` and no `Domain`; `__Http-` and
    ///   `__Host-Http-` also need `HttpOnly`. Prefixes are compared without case, as browsers do
    ///   (rfc6265bis, "Cookie Name Prefixes");
    /// - `SameSite=None` and `Partitioned` need `Secure`;
    /// - the path begins with `/`, has at most 1024 bytes, and holds only visible ASCII without `;`;
    /// - the domain is a host name in ASCII (an international one as punycode).
    pub fn new(name: &str, config: &CookieConfig) -> Result<Self, InvalidConfig> {
        let mut config = config.clone();
        if let Some(domain) = &mut config.domain {
            let host = domain.strip_prefix('.').unwrap_or(domain);
            *domain = host.to_ascii_lowercase();
        }
        for (holds, key, rule) in [
            (is_token(name), "cookie_name", "must be 1 or more letters, digits or !#$%&'*+-.^_`|~"),
            (name.len() <= MAX_NAME_BYTES, "cookie_name", "must not be longer than 128 bytes"),
            (
                is_path(&config.path),
                "cookie.path",
                "must begin with / and hold only visible ascii without ;",
            ),
            (
                config.path.len() <= MAX_PATH_BYTES,
                "cookie.path",
                "must not be longer than 1024 bytes",
            ),
            (
                config.domain.as_deref().is_none_or(is_host),
                "cookie.domain",
                "must be a host name in ascii",
            ),
        ] {
            if !holds {
                return Err(InvalidConfig::new(key, rule));
            }
        }
        let rules = Self { name: name.to_owned(), config, signatures: Signatures::default() };
        rules.check_combinations()?;
        Ok(rules)
    }

    /// The same rules for a cookie whose value is signed. `signing` left out: required if there are
    /// secrets, else off.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] names `secrets` if one is shorter than 64 bytes, by its index
    /// and never by its text; `signing` if something is to be signed without a secret.
    pub fn signed(
        mut self,
        secrets: &[CookieSecret],
        signing: Option<Signing>,
    ) -> Result<Self, InvalidConfig> {
        if let Some(short) = secrets.iter().position(|secret| !secret.is_long_enough()) {
            let reason = format!(
                "the one at index {short} is shorter than {MIN_SECRET_BYTES} bytes; \
                 `openssl rand -hex 32` makes one"
            );
            return Err(InvalidConfig::new("secrets", reason));
        }
        let default = if secrets.is_empty() { Signing::Off } else { Signing::Required };
        let signing = signing.unwrap_or(default);
        let ring =
            match signing {
                Signing::Off => None,
                Signing::AcceptUnsigned | Signing::Required => {
                    let ring = KeyRing::new(&self.name, secrets);
                    Some(ring.ok_or_else(|| {
                        InvalidConfig::new("signing", "needs a secret to sign with")
                    })?)
                }
            };
        self.signatures = Signatures::new(signing, ring);
        Ok(self)
    }

    fn check_combinations(&self) -> Result<(), InvalidConfig> {
        let named = |prefix: &str| {
            let start = self.name.as_bytes().get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        let host = named("__Host-");
        let http = named("__Http-") || named("__Host-Http-");
        // What is only sometimes Secure is only sometimes kept by browsers.
        let secure = self.config.secure == SecurePolicy::Always;
        for (holds, key, rule) in [
            (
                secure || !(host || http || named("__Secure-")),
                "cookie.secure",
                "must be always for a cookie name with this prefix",
            ),
            (!host || self.config.path == "/", "cookie.path", "must be / for a __Host- cookie"),
            (
                !host || self.config.domain.is_none(),
                "cookie.domain",
                "must not be given for a __Host- cookie",
            ),
            (
                !http || self.config.http_only,
                "cookie.http_only",
                "must be true for a __Http- cookie",
            ),
            (
                secure || self.config.same_site != SameSite::None,
                "cookie.same_site",
                "must not be none unless cookie.secure is always",
            ),
            (
                secure || !self.config.partitioned,
                "cookie.partitioned",
                "must not be true unless cookie.secure is always",
            ),
        ] {
            if !holds {
                return Err(InvalidConfig::new(key, rule));
            }
        }
        Ok(())
    }

    /// The cookie's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the cookie is marked `Secure` if nobody knows how the request came.
    pub(crate) fn secure(&self) -> bool {
        self.secure_over(None)
    }

    /// Whether the cookie is marked `Secure` in the response to a request that came by `scheme`. With
    /// [`SecurePolicy::Auto`] it is, unless the request is known to have come by plain HTTP.
    pub(crate) fn secure_over(&self, scheme: Option<Scheme>) -> bool {
        match self.config.secure {
            SecurePolicy::Always => true,
            SecurePolicy::Auto => scheme != Some(Scheme::Http),
            SecurePolicy::InsecureNever => false,
        }
    }

    /// Whether the cookie is marked `Secure` however the request came.
    pub(crate) fn is_always_secure(&self) -> bool {
        self.config.secure == SecurePolicy::Always
    }

    /// Whether it depends on the request.
    pub(crate) fn secure_depends(&self) -> bool {
        self.config.secure == SecurePolicy::Auto
    }

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
    /// - With [`SecurePolicy::Auto`] it is `Secure`, as always when nobody knows how the request came.
    /// - A `value` that is no token with or without a signature (longer than 108 bytes, or with
    ///   anything but letters, digits, `.`, `-` and `_`) could smuggle in attributes. It is never
    ///   written: the answer is then a [`removal`](Self::removal).
    #[must_use]
    pub fn set(&self, value: &str, max_age: Option<Duration>) -> HeaderValue {
        self.set_with(value, max_age, self.secure())
    }

    pub(crate) fn set_with(
        &self,
        value: &str,
        max_age: Option<Duration>,
        secure: bool,
    ) -> HeaderValue {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if value.is_empty() || value.len() > MAX_VALUE_BYTES || !value.bytes().all(safe) {
            return self.removal_with(secure);
        }
        let mut cookie = self.builder(value, secure);
        if let Some(age) = max_age {
            let age = age.min(MAX_COOKIE_AGE);
            let seconds = (age.as_secs() + u64::from(age.subsec_nanos() > 0)).max(1);
            cookie = cookie.max_age(::cookie::time::Duration::seconds(seconds.cast_signed()));
        }
        self.header(&cookie.build())
    }

    /// A `Set-Cookie` value that removes the cookie (law `removal_matches`): the same name, `Path`,
    /// `Domain`, `Secure`, `HttpOnly`, `SameSite` and `Partitioned`, since browsers ignore a
    /// removal that breaks the prefix rules or names another cookie. `Max-Age=0`, and for very old
    /// clients `Expires` in 1970.
    #[must_use]
    pub fn removal(&self) -> HeaderValue {
        self.removal_with(self.secure())
    }

    pub(crate) fn removal_with(&self, secure: bool) -> HeaderValue {
        let cookie = self
            .builder("", secure)
            .max_age(::cookie::time::Duration::ZERO)
            .expires(OffsetDateTime::UNIX_EPOCH);
        self.header(&cookie.build())
    }

    fn builder<'c>(&'c self, value: &'c str, secure: bool) -> CookieBuilder<'c> {
        let mut cookie = Cookie::build((self.name.as_str(), value))
            .path(self.config.path.as_str())
            .secure(secure)
            .http_only(self.config.http_only)
            .partitioned(self.config.partitioned)
            .same_site(match self.config.same_site {
                SameSite::Strict => ::cookie::SameSite::Strict,
                SameSite::Lax => ::cookie::SameSite::Lax,
                SameSite::None => ::cookie::SameSite::None,
            });
        if let Some(domain) = &self.config.domain {
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

    /// The different well-formed tokens that a request sends under our name, in the order sent; at
    /// most four.
    ///
    /// Well-formed is what this server may have issued: 64 lower-case hexadecimal characters; behind
    /// them, if signing is on, a dot and a right signature (law `forged_cookie_costs_nothing`).
    /// If it is off, a dot and 43 characters of a signature are ignored.
    ///
    /// Law `every_cookie_header_read`: all `Cookie` headers are read, other cookies may hold any
    /// bytes, and names that only begin or end like ours are others. A value in double quotes is
    /// not well-formed: browsers send a value as it was set, and we set none in quotes.
    ///
    /// One pass, no allocation; a request without cookies ends at the header map.
    #[must_use]
    pub fn candidates<'h>(&self, headers: &'h HeaderMap) -> Candidates<'h> {
        self.candidates_in(headers.get_all(header::COOKIE).iter())
    }

    /// The same for the values of all `Cookie` headers.
    pub(crate) fn candidates_in<'h>(
        &self,
        lines: impl Iterator<Item = &'h HeaderValue>,
    ) -> Candidates<'h> {
        let mut found = Candidates::none();
        for line in lines {
            let line = line.as_bytes();
            let mut start = 0;
            for end in memchr::memchr_iter(b';', line).chain([line.len()]) {
                let value = self.value_in(&line[start..end]);
                value.into_iter().for_each(|value| found.add(value, &self.signatures));
                start = end + 1;
            }
        }
        found
    }

    /// All that is sent under our name, in the values of all `Cookie` headers.
    pub(crate) fn presented_in<'h>(
        &self,
        lines: impl Iterator<Item = &'h HeaderValue>,
    ) -> Presented<'h> {
        let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        Presented::of(pairs.filter_map(|pair| self.value_in(pair)), &self.signatures)
    }

    /// Whether a `Set-Cookie` value sets or removes the cookie of our name, whoever wrote it.
    /// Names are compared with case, and a header without `=` names no cookie, as in browsers
    /// (RFC 6265 section 5.2).
    pub(crate) fn set_cookie_matches(&self, header: &HeaderValue) -> bool {
        let pair = header.as_bytes().split(|byte| *byte == b';').next();
        pair.is_some_and(|pair| self.value_in(pair).is_some())
    }

    /// The value of a `name=value` pair, if the name is ours.
    fn value_in<'h>(&self, pair: &'h [u8]) -> Option<&'h [u8]> {
        let rest = pair.trim_ascii_start().strip_prefix(self.name.as_bytes())?;
        Some(rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii())
    }
}

/// A token of RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
}

/// A host name of RFC 1123 section 2.1; underscores are allowed, as in many an internal name.
fn is_host(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.len() <= MAX_DOMAIN_BYTES && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86400);

    fn config(change: impl FnOnce(&mut CookieConfig)) -> CookieConfig {
        let mut config = CookieConfig::default();
        change(&mut config);
        config
    }

    fn rules(name: &str, change: impl FnOnce(&mut CookieConfig)) -> CookieRules {
        CookieRules::new(name, &config(change)).unwrap()
    }

    /// `error`: a part of the message, empty if the rules hold.
    fn check_rules(name: &str, change: impl FnOnce(&mut CookieConfig), error: &str) {
        let config = config(change);
        match CookieRules::new(name, &config) {
            Ok(_) => assert_eq!(error, "", "{name} {config:?}"),
            Err(found) => {
                let found = found.to_string();
                assert!(
                    !error.is_empty() && found.contains(error) && found.lines().count() == 1,
                    "{name}: {found}"
                );
            }
        }
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn names_and_combinations() {
        let insecure = |c: &mut CookieConfig| c.secure = SecurePolicy::InsecureNever;
        check_rules("_session", |_| {}, "");
        check_rules("_session", insecure, "");
        check_rules("a!#$%&'*+-.^_`|~1", |_| {}, "");
        check_rules("", |_| {}, "cookie_name");
        for bad in ["a b", "a=b", "a;b", "a,b", "a\"b", "a\\b", "a\nb", "ä", "a{b", "a/b", "(a)", "a\0"] { check_rules(bad, |_| {}, "cookie_name"); }
        check_rules(&"n".repeat(128), |_| {}, "");
        check_rules(&"n".repeat(129), |_| {}, "cookie_name: must not be longer than 128");
        check_rules("__Host-s", |_| {}, "");
        check_rules("__Host-s", insecure, "cookie.secure");
        check_rules("__host-s", insecure, "cookie.secure");
        check_rules("__Host-s", |c| c.path = "/app".into(), "cookie.path: must be /");
        check_rules("__HOST-s", |c| c.path = "/app".into(), "cookie.path: must be /");
        check_rules("__Host-s", |c| c.domain = Some("example.com".into()), "cookie.domain");
        check_rules("__Secure-s", |c| { c.path = "/app".into(); c.domain = Some("example.com".into()); }, "");
        check_rules("__Secure-s", insecure, "cookie.secure");
        check_rules("__sEcUrE-s", insecure, "cookie.secure");
        let auto = |c: &mut CookieConfig| c.secure = SecurePolicy::Auto;
        check_rules("_session", auto, "");
        for name in ["__Host-s", "__secure-s", "__Http-s", "__Host-Http-s"] { check_rules(name, auto, "cookie.secure"); }
        check_rules("s", |c| { c.same_site = SameSite::None; c.secure = SecurePolicy::Auto; }, "cookie.same_site");
        check_rules("s", |c| { c.partitioned = true; c.secure = SecurePolicy::Auto; }, "cookie.partitioned");
        check_rules("__Http-s", |c| c.http_only = false, "cookie.http_only");
        check_rules("__Http-s", insecure, "cookie.secure");
        check_rules("__Host-Http-s", |c| c.http_only = false, "cookie.http_only");
        check_rules("__Host-Http-s", |c| c.path = "/app".into(), "cookie.path: must be /");
        check_rules("__Host", insecure, "");
        check_rules("s", |c| c.same_site = SameSite::None, "");
        check_rules("s", |c| { c.same_site = SameSite::None; c.secure = SecurePolicy::InsecureNever; }, "cookie.same_site");
        check_rules("s", |c| c.partitioned = true, "");
        check_rules("s", |c| { c.partitioned = true; c.secure = SecurePolicy::InsecureNever; }, "cookie.partitioned");
    }

    #[test]
    fn paths_and_domains() {
        let long = format!("/{}", "p".repeat(1024));
        for path in ["/", "/app", "/a%20b/c,d"] {
            check_rules("s", |c| c.path = path.into(), "");
        }
        for path in ["", "app", "/a;b", "/a\n", "/ä", "/a\x7f", "/a "] {
            check_rules("s", |c| c.path = path.into(), "cookie.path: must begin");
        }
        check_rules("s", |c| c.path = long, "cookie.path: must not be longer than 1024");
        for domain in [
            "example.com",
            ".example.com",
            "EXAMPLE.com",
            "localhost",
            "xn--bcher-kva.example",
            "my_host.local",
        ] {
            check_rules("s", |c| c.domain = Some(domain.into()), "");
        }
        let long = format!("{}.com", "label.".repeat(50));
        for domain in [
            "",
            ".",
            "..a",
            "a..b",
            "a.",
            "-a.com",
            "a-.com",
            "a;b.com",
            "bücher.example",
            "a b",
            "a.com:80",
            "https://a.com",
            &long,
        ] {
            check_rules("s", |c| c.domain = Some(domain.into()), "cookie.domain: must be");
        }
    }

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
        let local = rules("s", |c| { c.secure = SecurePolicy::InsecureNever; c.same_site = SameSite::Strict; });
        check_header("insecure", &local.set("ab", None), "s=ab; HttpOnly; SameSite=Strict; Path=/");
        assert!(plain.secure() && !local.secure());
    }

    #[test]
    fn secure_by_the_scheme() {
        for (policy, unknown, http, https) in [
            (SecurePolicy::Always, true, true, true),
            (SecurePolicy::Auto, true, false, true),
            (SecurePolicy::InsecureNever, false, false, false),
        ] {
            let rules = rules("s", |c| c.secure = policy);
            let over = [None, Some(Scheme::Http), Some(Scheme::Https)];
            assert_eq!(over.map(|s| rules.secure_over(s)), [unknown, http, https], "{policy:?}");
        }
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

    /// `{a}` to `{f}` stand for different tokens. `expected`: the letters found, then `!` if a
    /// cookie of our name was sent and `+` if there were too many.
    fn check_candidates(name: &str, lines: &[&[u8]], expected: &str) {
        let mut headers = HeaderMap::new();
        for line in lines {
            let mut bytes = line.to_vec();
            for letter in b'a'..=b'f' {
                let mark = [b'{', letter, b'}'];
                while let Some(at) = bytes.windows(3).position(|w| w == mark) {
                    bytes.splice(at..at + 3, [letter; 64]);
                }
            }
            headers.append(header::COOKIE, HeaderValue::from_bytes(&bytes).unwrap());
        }
        let rules = rules("_session", |_| {});
        let found = rules.candidates(&headers);
        let mut text: String = found.iter().map(|value| char::from(value[0])).collect();
        assert_eq!((found.len(), found.is_empty()), (text.len(), text.is_empty()), "{name}");
        text.extend(found.named.then_some('!').into_iter().chain(found.truncated().then_some('+')));
        assert_eq!(text, expected, "{name}");
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn reading() {
        check_candidates("no header", &[], "");
        check_candidates("empty header", &[b""], "");
        check_candidates("alone", &[b"_session={a}"], "a!");
        check_candidates("among others", &[b"x=1; _session={a}; y=2"], "a!");
        check_candidates("several headers", &[b"x=1", b"y=2; _session={a}", b"z=3"], "a!");
        check_candidates("name begins alike", &[b"_session2={a}; _session_={b}"], "");
        check_candidates("name ends alike", &[b"x_session={a}; __session={b}"], "");
        check_candidates("inside a value", &[b"x=_session={a}"], "");
        check_candidates("another case", &[b"_SESSION={a}"], "");
        check_candidates("bytes above 0x7F", &[b"x=\xff\xfe; _session={a}; y=\x80"], "a!");
        check_candidates("bytes above 0x7F around", &[b"\xe4_session={b}; _session={a}\xe4"], "!");
        check_candidates("white space", &[b"  x = 1 ;\t_session = {a} \t;"], "a!");
        check_candidates("no white space", &[b"x=1;_session={a};y=2"], "a!");
        check_candidates("only separators", &[b";;; ;"], "");
        check_candidates("no equals sign", &[b"_session; x; _session={a}"], "a!");
        check_candidates("quoted", &[b"_session=\"{a}\""], "!");
        check_candidates("empty value", &[b"_session="], "!");
        check_candidates("capitals", &[b"_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"], "!");
        check_candidates("too short", &[b"_session=abc"], "!");
        check_candidates("too long", &[b"_session={a}0"], "!");
        check_candidates("half signed", &[b"_session={a}.sig"], "!");
        check_candidates("signed, which is ignored", &[b"_session={a}.0123456789-abcdefghijklmnopqrstuvwxyz_ABCDE"], "a!");
        check_candidates("signed twice", &[b"_session={a}.0123456789-abcdefghijklmnopqrstuvwxyz_ABCDE; _session={a}"], "a!");
        check_candidates("a dot", &[b"_session={a}."], "!");
        check_candidates("no base64url", &[b"_session={a}.0123456789+abcdefghijklmnopqrstuvwxyz/ABCDE"], "!");
        check_candidates("malformed and good", &[b"_session=x; _session={a}"], "a!");
        check_candidates("order", &[b"_session={b}; _session={a}", b"_session={c}"], "bac!");
        check_candidates("same twice", &[b"_session={a}; _session={b}", b"_session={a}"], "ab!");
        check_candidates("four", &[b"_session={a}; _session={b}; _session={c}; _session={d}; _session={a}"], "abcd!");
        check_candidates("five", &[b"_session={a}; _session={b}; _session={c}; _session={d}; _session={e}; _session={f}"], "abcd!+");
    }

    #[test]
    fn candidates_do_not_print() {
        let mut headers = HeaderMap::new();
        let line = format!("_session={}", "a".repeat(64));
        headers.append(header::COOKIE, HeaderValue::from_str(&line).unwrap());
        let text = format!("{:?}", rules("_session", |_| {}).candidates(&headers));
        assert_eq!(text, "Candidates { len: 1, named: true, truncated: false, .. }");
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

    #[test]
    fn configuration_text() {
        let read = |text: &str| {
            serde_json::from_str::<CookieConfig>(text).map_err(|error| error.to_string())
        };
        assert_eq!(read("{}").unwrap(), CookieConfig::default());
        let all = config(|c| {
            c.domain = Some("example.com".into());
            c.secure = SecurePolicy::InsecureNever;
            c.same_site = SameSite::Strict;
            c.persistent = false;
        });
        assert_eq!(read(&serde_json::to_string(&all).unwrap()).unwrap(), all);
        for (text, part) in [
            (
                r#"{"secure": true}"#,
                "invalid type: boolean `true`, expected `always`, `auto` or `insecure_never`",
            ),
            (r#"{"secure": "never"}"#, "`always`, `auto`, `insecure_never`"),
            (r#"{"same_site": "Lax"}"#, "`lax`"),
            (r#"{"max_age": 1}"#, "unknown field `max_age`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
