//! What a cookie may be called, and which attributes go together: what browsers would drop stops the
//! start of the application.

use super::config::{CookieConfig, SameSite, SecurePolicy};
use super::signing::{CookieSecret, KeyRing, MIN_SECRET_BYTES, Signing};
use super::{CookieRules, Signatures};
use crate::invalid_config::InvalidConfig;

const MAX_NAME_BYTES: usize = 128;
/// Browsers ignore a longer attribute (rfc6265bis, "The Set-Cookie Header Field"), and the cookie
/// then applies to another path than was asked for.
const MAX_PATH_BYTES: usize = 1024;
/// RFC 1035 section 2.3.4, without the trailing dot.
const MAX_DOMAIN_BYTES: usize = 253;

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
    /// - the domain, and each that a request may choose, is a host name in ASCII (an international one as
    ///   punycode).
    pub fn new(name: &str, config: &CookieConfig) -> Result<Self, InvalidConfig> {
        let mut config = config.clone();
        for domain in config.domain.iter_mut().chain(&mut config.domains) {
            *domain = without_dot(domain).to_ascii_lowercase();
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
            (
                config.domains.iter().all(|domain| is_host(domain)),
                "cookie.domains",
                "must be host names in ascii",
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

    /// The rules of the cookie of another account in the same browser, unsigned so far. Its name is another one
    /// that the same prefixes hold for, and by two bytes longer than others may be.
    pub(crate) fn of_slot(&self, slot: u8) -> Self {
        let (name, config) = (format!("{}-{slot}", self.name), self.config.clone());
        Self { name, config, signatures: Signatures::default() }
    }

    /// The place of a domain among those that a request may choose.
    pub(crate) fn allowed_domain(&self, domain: &str) -> Option<usize> {
        let domain = without_dot(domain);
        self.config.domains.iter().position(|allowed| allowed.eq_ignore_ascii_case(domain))
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
                !host || self.config.domains.is_empty(),
                "cookie.domains",
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
}

/// RFC 6265 section 5.2.3.
fn without_dot(domain: &str) -> &str {
    domain.strip_prefix('.').unwrap_or(domain)
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

    fn config(change: impl FnOnce(&mut CookieConfig)) -> CookieConfig {
        let mut config = CookieConfig::default();
        change(&mut config);
        config
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
        check_rules("__Host-s", |c| c.domains = vec!["example.com".into()], "cookie.domains: must not be given");
        check_rules("__Secure-s", |c| c.domains = vec![".Example.com".into(), "b.example".into()], "");
        check_rules("s", |c| c.domains = vec!["example.com".into(), "a;b".into()], "cookie.domains: must be");
        check_rules("s", |c| { c.same_site = SameSite::Omit; c.secure = SecurePolicy::InsecureNever; }, "");
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
    fn a_request_may_choose_what_is_allowed() {
        let config = config(|c| c.domains = vec![".A.example".into(), "b.example".into()]);
        let rules = CookieRules::new("s", &config).unwrap();
        for (domain, place) in [
            ("a.example", Some(0)),
            (".a.EXAMPLE", Some(0)),
            ("b.example", Some(1)),
            ("x.a.example", None),
            ("example", None),
            ("..a.example", None),
            ("a.example;", None),
            ("", None),
        ] {
            assert_eq!(rules.allowed_domain(domain), place, "{domain}");
        }
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
}
