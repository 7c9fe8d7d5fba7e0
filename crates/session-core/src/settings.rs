//! A configuration that was checked, in the form that the core works with: [`Settings`].

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::client::proxies::TrustedProxies;
use crate::config::{AnonymousStore, CrossSiteSessions, SessionConfig};
use crate::cookie::{CookieRules, SameSite, Sealing};
use crate::invalid_config::InvalidConfig;

/// 400 days: the longest that browsers keep a cookie (RFC 6265bis, section 5.5).
const MAX_TTL_SECS: u64 = 400 * 24 * 3600;
pub(crate) const MAX_TTL: Duration = Duration::from_secs(MAX_TTL_SECS);
const MAX_GRACE_SECS: u64 = 3600;
/// The touch interval if nothing is said, unless a tenth of the lifetime is shorter.
const TOUCH_INTERVAL: Duration = Duration::from_secs(300);

/// A configuration that was checked, with what is derived from it.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) config: SessionConfig,
    pub(crate) cookie: CookieRules,
    pub(crate) trusted: TrustedProxies,
    pub(crate) cap: NonZeroU32,
    /// If visitors' data is in their cookie.
    pub(crate) sealing: Option<Arc<Sealing>>,
}

impl SessionConfig {
    /// Whether it can be meant, before there is a store: for a program that reads its configuration
    /// first, or only checks it. [`SessionStore::new`](crate::SessionStore::new) checks the same.
    ///
    /// ```
    /// use session_core::SessionConfig;
    ///
    /// let config = SessionConfig { cookie_name: "my cookie".into(), ..SessionConfig::default() };
    /// let error = config.check().unwrap_err();
    /// assert_eq!(error.key(), "cookie_name");
    /// ```
    ///
    /// # Errors
    /// [`InvalidConfig`] names the first key whose value cannot be meant.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        Settings::new(self.clone()).map(drop)
    }
}

impl Settings {
    pub(crate) fn new(config: SessionConfig) -> Result<Self, InvalidConfig> {
        let refuse = |key, reason: &'static str| Err(InvalidConfig::new(key, reason));
        for (key, secs) in [
            ("session_ttl_secs", Some(config.session_ttl_secs)),
            ("absolute_ttl_secs", config.absolute_ttl_secs),
            ("anonymous_ttl_secs", Some(config.anonymous_ttl_secs)),
        ] {
            match secs {
                Some(0) => return refuse(key, "must not be 0"),
                Some(secs) if secs > MAX_TTL_SECS => {
                    return refuse(key, "must not be longer than 400 days, as cookies are not");
                }
                _ => {}
            }
        }
        if config.touch_interval_secs.is_some_and(|secs| secs >= config.session_ttl_secs) {
            let reason = "must be below session_ttl_secs, or a session would end in use";
            return refuse("touch_interval_secs", reason);
        }
        for (key, bytes) in [
            ("max_data_bytes", config.max_data_bytes),
            ("anonymous_max_data_bytes", config.anonymous_max_data_bytes),
        ] {
            if bytes < 2 {
                return refuse(key, "must be at least 2, the size of an empty map");
            }
        }
        if config.rotation_grace_secs > MAX_GRACE_SECS {
            return refuse("rotation_grace_secs", "must not be longer than an hour");
        }
        if config.backend_timeout_ms == 0 {
            return refuse("backend_timeout_ms", "must not be 0");
        }
        let Some(cap) = NonZeroU32::new(config.max_sessions_per_user) else {
            return refuse("max_sessions_per_user", "must not be 0");
        };
        let trusted = match &config.trusted_proxies {
            None => TrustedProxies::default(),
            Some(ranges) => TrustedProxies::parse(ranges)?,
        };
        let cookie = CookieRules::new(&config.cookie_name, &config.cookie)?
            .signed(&config.secrets, config.signing)?;
        let sealing = match config.anonymous_store {
            AnonymousStore::Backend => None,
            AnonymousStore::Cookie => match Sealing::new(&cookie, &config.secrets) {
                Some(sealing) => Some(Arc::new(sealing)),
                None => return refuse("anonymous_store", "cookie needs secrets to encrypt with"),
            },
        };
        Ok(Self { config, cookie, trusted, cap, sealing })
    }

    /// Whether a cookie that was held back is taken care of.
    pub(crate) fn refuses_cross_site(&self) -> bool {
        self.config.cross_site_sessions == CrossSiteSessions::Refuse
            && self.config.cookie.same_site != SameSite::None
    }

    /// How long a session lives after its last activity.
    pub(crate) fn idle_ttl(&self, signed_in: bool, own_secs: Option<u64>) -> Duration {
        let configured =
            if signed_in { self.config.session_ttl_secs } else { self.config.anonymous_ttl_secs };
        Duration::from_secs(own_secs.unwrap_or(configured).min(MAX_TTL_SECS))
    }

    pub(crate) fn absolute_ttl(&self) -> Option<Duration> {
        self.config.absolute_ttl_secs.map(Duration::from_secs)
    }

    /// How long a session of this lifetime goes unwritten while it is only read. Always shorter than
    /// the lifetime, even if that is shorter than what was configured for.
    pub(crate) fn touch_interval(&self, idle_ttl: Duration) -> Duration {
        let tenth = idle_ttl / 10;
        match self.config.touch_interval_secs.map(Duration::from_secs) {
            Some(interval) if interval < idle_ttl => interval,
            Some(_) => tenth,
            None => TOUCH_INTERVAL.min(tenth),
        }
    }

    /// The most bytes of data, as compact JSON.
    pub(crate) fn max_data(&self, signed_in: bool) -> usize {
        let bytes = if signed_in {
            self.config.max_data_bytes
        } else {
            self.config.anonymous_max_data_bytes.min(self.config.max_data_bytes)
        };
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// What a backend refuses in its own encoding, whatever raced: law `size_is_bounded`.
    pub(crate) fn ceiling(&self, signed_in: bool) -> u64 {
        u64::try_from(self.max_data(signed_in)).unwrap_or(u64::MAX).saturating_mul(4)
    }

    pub(crate) fn rotation_grace(&self) -> Duration {
        Duration::from_secs(self.config.rotation_grace_secs)
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn backend_timeout(&self) -> Duration {
        Duration::from_millis(self.config.backend_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cookie::{CookieSecret, Signing};

    fn check(name: &str, key: Option<&str>, change: impl FnOnce(&mut SessionConfig)) {
        let mut config = SessionConfig::default();
        change(&mut config);
        assert_eq!(config.check().err().map(|error| error.key()), key, "{name}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        check("the default", None, |_| {});
        check("no lifetime", Some("session_ttl_secs"), |c| c.session_ttl_secs = 0);
        check("400 days", None, |c| c.session_ttl_secs = MAX_TTL_SECS);
        check("401 days", Some("session_ttl_secs"), |c| c.session_ttl_secs = MAX_TTL_SECS + 86_400);
        check("no overall lifetime", Some("absolute_ttl_secs"), |c| c.absolute_ttl_secs = Some(0));
        check("no anonymous lifetime", Some("anonymous_ttl_secs"), |c| c.anonymous_ttl_secs = 0);
        check("touched too late", Some("touch_interval_secs"), |c| {
            c.session_ttl_secs = 60;
            c.touch_interval_secs = Some(60);
        });
        check("a short life and no interval", None, |c| c.session_ttl_secs = 1);
        check("no sessions", Some("max_sessions_per_user"), |c| c.max_sessions_per_user = 0);
        check("no data", Some("max_data_bytes"), |c| c.max_data_bytes = 1);
        check("no timeout", Some("backend_timeout_ms"), |c| c.backend_timeout_ms = 0);
        check("a day of grace", Some("rotation_grace_secs"), |c| c.rotation_grace_secs = 86_400);
        check("a malformed range", Some("trusted_proxies"), |c| {
            c.trusted_proxies = Some(vec!["10.0.0.0/99".to_owned()]);
        });
        let secret = |bytes: usize| CookieSecret::new("x".repeat(bytes));
        check("a short secret", Some("secrets"), |c| c.secrets = vec![secret(64), secret(63)]);
        check("a short secret that is not used", Some("secrets"), |c| {
            c.secrets = vec![secret(63)];
            c.signing = Some(Signing::Off);
        });
        check("a secret", None, |c| c.secrets = vec![secret(64)]);
        check("a secret of 64 bytes in 32 characters", None, |c| {
            c.secrets = vec!["é".repeat(32).into()];
        });
        for signing in [Signing::AcceptUnsigned, Signing::Required] {
            check("nothing to sign with", Some("signing"), |c| c.signing = Some(signing));
        }
        check("nothing to encrypt with", Some("anonymous_store"), |c| {
            c.anonymous_store = AnonymousStore::Cookie;
        });
        check("encrypted, and not signed", None, |c| {
            c.anonymous_store = AnonymousStore::Cookie;
            c.secrets = vec![secret(64)];
            c.signing = Some(Signing::Off);
        });
        check("off, without secrets", None, |c| c.signing = Some(Signing::Off));
        check("auto, and a prefix", Some("cookie.secure"), |c| {
            c.cookie_name = "__Host-x".to_owned();
            c.cookie.secure = crate::cookie::SecurePolicy::Auto;
        });
        check("a prefix without Secure", Some("cookie.secure"), |c| {
            c.cookie_name = "__Host-x".to_owned();
            c.cookie.secure = crate::cookie::SecurePolicy::InsecureNever;
        });
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_and_without_secrets() {
        let secret = "a secret that is too short";
        for (name, config, said) in [
            (
                "a range over two lines",
                SessionConfig {
                    trusted_proxies: Some(vec!["::1\n".to_owned()]),
                    ..SessionConfig::default()
                },
                "trusted_proxies: \"::1\\n\" is neither an ip address nor a cidr range",
            ),
            (
                "a secret",
                SessionConfig { secrets: vec![secret.into()], ..SessionConfig::default() },
                "secrets: the one at index 0 is shorter than 64 bytes; \
                 `openssl rand -hex 32` makes one",
            ),
        ] {
            let error = config.check().unwrap_err();
            assert_eq!(error.to_string(), format!("invalid session configuration: {said}"));
            assert!(!format!("{error:?}").contains(secret), "{name}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let read = serde_json::from_str::<SessionConfig>;
        assert!(read(r#"{"session_ttl_secs": 60, "cookie": {"path": "/app"}}"#).is_ok());
        assert!(read(r#"{"session_ttl_sec": 60}"#).is_err());
        assert!(read(r#"{"cookie": {"pth": "/app"}}"#).is_err());
        let default = serde_json::to_string(&SessionConfig::default()).unwrap();
        assert_eq!(read(&default).unwrap(), SessionConfig::default());
    }

    #[test]
    fn the_touch_interval_is_below_the_lifetime() {
        for (name, configured, idle, expected) in [
            ("a long life", None, 86_400, 300),
            ("a short life", None, 600, 60),
            ("given", Some(100), 600, 100),
            ("given, but the session's own life is shorter", Some(100), 50, 5),
            ("at every request", Some(0), 600, 0),
        ] {
            let config =
                SessionConfig { touch_interval_secs: configured, ..SessionConfig::default() };
            let settings = Settings::new(config).unwrap();
            let interval = settings.touch_interval(Duration::from_secs(idle));
            assert_eq!(interval.as_secs(), expected, "{name}");
        }
    }
}
