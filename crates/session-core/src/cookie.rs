//! The session cookie: its configuration, the headers that set and remove it, how its value is signed,
//! and how it is found among the cookies of a request.

mod candidates;
mod config;
mod reading;
mod rules;
mod sealing;
mod set_cookie;
mod signing;

pub use self::candidates::Candidates;
pub(crate) use self::candidates::Presented;
use self::candidates::Signatures;
pub use self::config::{CookieConfig, SameSite, SecurePolicy};
pub(crate) use self::sealing::Sealing;
pub(crate) use self::signing::list as secrets_list;
pub use self::signing::{CookieSecret, Signing};
use crate::client::scheme::Scheme;

/// The checked, ready-to-use form of a cookie's name and configuration.
#[derive(Debug, Clone)]
pub struct CookieRules {
    name: String,
    config: CookieConfig,
    signatures: Signatures,
}

impl CookieRules {
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
}

#[cfg(test)]
fn rules_of(name: &str, change: impl FnOnce(&mut CookieConfig)) -> CookieRules {
    let mut config = CookieConfig::default();
    change(&mut config);
    CookieRules::new(name, &config).unwrap()
}

#[cfg(test)]
mod tests {
    use super::rules_of as rules;
    use super::*;

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
}
