//! How the cookie is set, as an application writes it down.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How the cookie is set. What is left out has a safe default; unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CookieConfig {
    /// `Path`: the part of the site that gets the cookie. Default `/`.
    pub path: String,
    /// `Domain`: shares the cookie with all subdomains of a host, and so trusts each of them.
    /// Default none: only the host that set it. A leading dot is dropped (RFC 6265 section 5.2.3).
    pub domain: Option<String>,
    /// Other domains that a request may choose instead:
    /// [`Session::set_cookie_domain`](crate::Session::set_cookie_domain). Default none.
    pub domains: Vec<String>,
    /// `Secure`: only over HTTPS. Default [`SecurePolicy::Always`].
    pub secure: SecurePolicy,
    /// `SameSite`: whether requests from other sites carry the cookie. Default [`SameSite::Lax`].
    pub same_site: SameSite,
    /// `HttpOnly`: hidden from scripts (RFC 6265 section 4.1.2.6). Default `true`.
    pub http_only: bool,
    /// `Partitioned`: inside another site's page, a cookie jar for each such site (CHIPS). Needs
    /// `Secure`, and usually `SameSite=None`. Default `false`.
    pub partitioned: bool,
    /// Whether the cookie outlives the browser's session (`Max-Age` = what is left of ours) if
    /// a sign-in does not choose. Default `true`.
    pub persistent: bool,
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            domain: None,
            domains: Vec::new(),
            secure: SecurePolicy::default(),
            same_site: SameSite::default(),
            http_only: true,
            partitioned: false,
            persistent: true,
        }
    }
}

/// When the cookie is marked `Secure`. In configuration: `always` (the default), `auto` or
/// `insecure_never`. A boolean is refused: what is insecure says so by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SecurePolicy {
    /// Always. Browsers count `http://localhost` as secure enough to test with (Safari does not).
    #[default]
    Always,
    /// Unless the request is known to have come by plain HTTP: see [`Scheme`](crate::Scheme) for who
    /// says so. If nobody does, the cookie is `Secure`, because a cookie that a browser drops is
    /// noticed at the first sign-in, and one that travels in clear is not.
    ///
    /// For an application that is served both ways by one configuration. A name with a prefix,
    /// `SameSite=None` and `Partitioned` need `always`.
    Auto,
    /// Never: for development over plain HTTP. Anyone on the network can read the token.
    InsecureNever,
}

impl Serialize for SecurePolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Always => "always",
            Self::Auto => "auto",
            Self::InsecureNever => "insecure_never",
        })
    }
}

impl<'de> Deserialize<'de> for SecurePolicy {
    /// By hand, because a derived one answers `secure: true` without naming the words.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;

        impl de::Visitor<'_> for Words {
            type Value = SecurePolicy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`always`, `auto` or `insecure_never`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecurePolicy, E> {
                match text {
                    "always" => Ok(SecurePolicy::Always),
                    "auto" => Ok(SecurePolicy::Auto),
                    "insecure_never" => Ok(SecurePolicy::InsecureNever),
                    _ => Err(E::unknown_variant(text, &["always", "auto", "insecure_never"])),
                }
            }
        }

        deserializer.deserialize_str(Words)
    }
}

/// Whether requests that other sites start carry the cookie (rfc6265bis, "The SameSite
/// Attribute"). In configuration: `strict`, `lax` (the default), `none` or `omit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// Never: also a link from elsewhere arrives signed out.
    Strict,
    /// Only top-level navigation with a safe method.
    #[default]
    Lax,
    /// Always, embedded pages included. Needs `Secure`.
    None,
    /// The attribute is left out, and browsers decide: Chromium as for `lax`, but for two minutes it also
    /// sends a new cookie with another site's POST; Firefox and Safari as for `none`. For identity
    /// providers that answer by a form, and for clients too old to know the attribute.
    Omit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_text() {
        let read = |text: &str| {
            serde_json::from_str::<CookieConfig>(text).map_err(|error| error.to_string())
        };
        assert_eq!(read("{}").unwrap(), CookieConfig::default());
        let all = CookieConfig {
            domain: Some("example.com".into()),
            secure: SecurePolicy::InsecureNever,
            same_site: SameSite::Strict,
            persistent: false,
            ..CookieConfig::default()
        };
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
