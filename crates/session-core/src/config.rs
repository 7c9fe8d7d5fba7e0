//! Everything that can be tuned: [`SessionConfig`], and the checked form the core works with.

use serde::{Deserialize, Serialize};

use crate::client::fingerprint::{FingerprintMode, MismatchAction};
use crate::client::forwarded::ForwardedHeader;
use crate::cookie::{CookieConfig, CookieSecret, Signing, secrets_list};

/// Everything that can be tuned. Every field has a default, so `SessionConfig::default()` is a working
/// configuration. Unknown keys are refused when it is read from a file. Values that make no sense are
/// refused by [`check`](Self::check) and by [`SessionStore::new`](crate::SessionStore::new).
///
/// Write it with `..SessionConfig::default()`: later releases add fields.
///
/// ```
/// use session_core::SessionConfig;
///
/// let config = SessionConfig {
///     cookie_name: "__Host-session".into(),
///     session_ttl_secs: 8 * 3600,
///     ..SessionConfig::default()
/// };
/// # assert_eq!(config.max_sessions_per_user, 10);
/// ```
///
/// # Keys
///
/// The same, in a file. `docs/configuration.md` has it as YAML.
///
/// | Key | Default | Sets |
/// | --- | --- | --- |
/// | [`session_ttl_secs`](Self::session_ttl_secs) | `2592000` | how long a signed-in session lasts after its last activity |
/// | [`absolute_ttl_secs`](Self::absolute_ttl_secs) | none | how long a session lasts in all |
/// | [`anonymous_ttl_secs`](Self::anonymous_ttl_secs) | `86400` | how long an anonymous session lasts after its last activity |
/// | [`touch_interval_secs`](Self::touch_interval_secs) | the smaller of 300 and a tenth of the lifetime | how often a session that is only read is written |
/// | [`max_sessions_per_user`](Self::max_sessions_per_user) | `10` | how many sessions a user may have |
/// | [`max_data_bytes`](Self::max_data_bytes) | `65536` | the largest data of a signed-in session |
/// | [`anonymous_max_data_bytes`](Self::anonymous_max_data_bytes) | `8192` | the largest data of an anonymous session |
/// | [`validate_fingerprint`](Self::validate_fingerprint) | `true` | whether the browser is compared |
/// | [`fingerprint_mode`](Self::fingerprint_mode) | `stable` | what of the browser is compared |
/// | [`on_fingerprint_mismatch`](Self::on_fingerprint_mismatch) | `reject` | what happens if the browser differs |
/// | [`rotation_grace_secs`](Self::rotation_grace_secs) | `30` | how long a rotated token still works |
/// | [`trusted_proxies`](Self::trusted_proxies) | loopback, private and link-local addresses | whose forwarded header is believed |
/// | [`forwarded_header`](Self::forwarded_header) | `x-forwarded-for` | which forwarded header is read |
/// | [`backend_timeout_ms`](Self::backend_timeout_ms) | `5000` | how long a call to the backend may take |
/// | [`on_backend_error`](Self::on_backend_error) | `fail` | what a request gets if its session cannot be read |
/// | [`save_unchanged`](Self::save_unchanged) | `false` | whether every visitor gets a session |
/// | [`no_store_when_signed_in`](Self::no_store_when_signed_in) | `true` | whether a user's pages may be stored by caches |
/// | [`cross_site_sessions`](Self::cross_site_sessions) | `refuse` | whether another site's request may make a session |
/// | [`cookie_name`](Self::cookie_name) | `_session` | the cookie's name |
/// | [`cookie.path`](CookieConfig::path) | `/` | the part of the site that gets the cookie |
/// | [`cookie.domain`](CookieConfig::domain) | none: only the host that set it | the domain whose hosts share the cookie |
/// | [`cookie.domains`](CookieConfig::domains) | `[]` | the domains that a request may choose instead |
/// | [`cookie.secure`](CookieConfig::secure) | `always` | whether the cookie travels over HTTPS only |
/// | [`cookie.same_site`](CookieConfig::same_site) | `lax` | whether other sites' requests carry the cookie |
/// | [`cookie.http_only`](CookieConfig::http_only) | `true` | whether the cookie is hidden from scripts |
/// | [`cookie.partitioned`](CookieConfig::partitioned) | `false` | whether each embedding site has a cookie of its own |
/// | [`cookie.persistent`](CookieConfig::persistent) | `true` | whether the cookie outlives the browser |
/// | [`secrets`](Self::secrets) | none | what the cookie is signed with |
/// | [`signing`](Self::signing) | `required` if there are secrets, else `off` | whether the cookie has to be signed |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    /// Seconds after its last activity at which a signed-in session ends. Default 2,592,000: 30
    /// days. From 1 to 400 days' worth, which is the longest that browsers keep a cookie (RFC
    /// 6265bis, section 5.5).
    pub session_ttl_secs: u64,
    /// Seconds after its last authentication at which a session ends, whatever its activity; for an
    /// anonymous session, after it was made. Default none. NIST SP 800-63B asks for one. From 1 to
    /// 400 days' worth.
    pub absolute_ttl_secs: Option<u64>,
    /// The same as `session_ttl_secs` for anonymous sessions. Default 86,400: a day, so that a flood
    /// of visitors is gone by the next.
    pub anonymous_ttl_secs: u64,
    /// Seconds between two writes that only say that a session is still used. If it is left out: the
    /// smaller of 300 and a tenth of the session's lifetime. A value that is not below
    /// `session_ttl_secs` is refused, because such a session would end while it is used. 0 writes at
    /// every request.
    pub touch_interval_secs: Option<u64>,
    /// How many live sessions a user may have. The least recently active one ends for the next.
    /// Default 10. 0 is refused.
    pub max_sessions_per_user: u32,
    /// The largest data of a signed-in session: UTF-8 bytes of the whole map as compact JSON.
    /// Default 65,536. At least 2.
    pub max_data_bytes: u32,
    /// The same for an anonymous session. Default 8,192. A value above `max_data_bytes` counts as
    /// `max_data_bytes`.
    pub anonymous_max_data_bytes: u32,
    /// Whether a session's browser is compared with the one that it began in. Default true.
    pub validate_fingerprint: bool,
    /// What is compared: see [`FingerprintMode`]. Default `stable`.
    pub fingerprint_mode: FingerprintMode,
    /// What happens if it differs: see [`MismatchAction`]. Default `reject`. Each choice is an event,
    /// and a warning names both browsers.
    pub on_fingerprint_mismatch: MismatchAction,
    /// Seconds that a token still works after a plain rotation, for the requests under way. Default
    /// 30; at most 3,600; 0 is none.
    pub rotation_grace_secs: u64,
    /// The addresses (`10.0.0.0/8`, or a single one) of the reverse proxies whose forwarded header
    /// is believed. If it is left out: loopback, private and link-local addresses, which is where
    /// proxies usually are. `[]` believes nobody, `["0.0.0.0/0", "::/0"]` everybody. A malformed range
    /// is refused.
    pub trusted_proxies: Option<Vec<String>>,
    /// The one forwarded header that is believed. Default `x-forwarded-for`. It is only one, because
    /// a proxy overwrites only the one that it knows, and lets the others through as the client sent
    /// them.
    pub forwarded_header: ForwardedHeader,
    /// Milliseconds after which a call to the backend counts as failed. Default 5,000; 0 is refused.
    /// Needs the feature `tokio`, which is on by default; without it a backend's own timeouts are the
    /// only ones. A request may wait for several calls: one whose change of token got no answer looks
    /// once more at its end. Also how long an operation waits for another one on the same handle.
    pub backend_timeout_ms: u64,
    /// What a request gets if its session cannot be read: see [`OnBackendError`]. Default `fail`.
    pub on_backend_error: OnBackendError,
    /// Whether every visitor gets a session at once, and every request refreshes it. Default false.
    /// If it is true, each request costs a read and a write, and each robot leaves a row.
    pub save_unchanged: bool,
    /// Whether an answer to somebody who is signed in gets `Cache-Control: no-store`, unless it says
    /// something of caching itself. The browser's Back then shows no private page after a sign-out.
    /// Default true. If it is false, such an answer gets `private`, as an answer to a visitor with a
    /// session does.
    pub no_store_when_signed_in: bool,
    /// Whether a request that another site started, and that brings no live session, may make one: see
    /// [`CrossSiteSessions`]. Default `refuse`. Nothing is refused with `cookie.same_site: none`,
    /// because that cookie is never held back.
    pub cross_site_sessions: CrossSiteSessions,
    /// The cookie's name, from 1 to 128 bytes. Default `_session`. If the site is served over HTTPS
    /// from one host, `__Host-session` is better: no sister domain can set it (RFC 6265bis, section
    /// 4.1.3.2). The prefixes `__Host-`, `__Secure-`, `__Http-` and `__Host-Http-` are held to their
    /// rules.
    pub cookie_name: String,
    /// The cookie's attributes.
    pub cookie: CookieConfig,
    /// What the cookie's value is signed with. The first secret signs, and all verify. So put a new
    /// one in front, and drop an old one when no cookie carries its signature any more. Each has at
    /// least 64 bytes. Default none. An empty list is left out of what is serialised, and a secret is
    /// never written in clear.
    #[serde(deserialize_with = "secrets_list", skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<CookieSecret>,
    /// What is asked of a signature: see [`Signing`]. If it is left out: `required` if there are
    /// secrets, else `off`.
    pub signing: Option<Signing>,
}

/// The cookie's name in the presets: the prefix makes browsers take it from this host only, over
/// HTTPS.
const HOST_NAME: &str = "__Host-session";

impl SessionConfig {
    /// For applications at authentication assurance level 2: a session ends a day after its user last
    /// authenticated and an hour after its last activity, the most that NIST SP 800-63B-4
    /// recommends (section 2.2.3), and its cookie has a `__Host-` name (section 5.1.1).
    ///
    /// ```
    /// use session_core::SessionConfig;
    ///
    /// let config = SessionConfig { max_sessions_per_user: 3, ..SessionConfig::aal2() };
    /// # assert_eq!(config.session_ttl_secs, 3600);
    /// ```
    #[must_use]
    pub fn aal2() -> Self {
        Self::preset(24 * 3600, 3600)
    }

    /// For applications at authentication assurance level 3: twelve hours, which NIST SP 800-63B-4
    /// makes the limit, and fifteen minutes, which it recommends (section 2.3.3); otherwise as
    /// [`aal2`](Self::aal2).
    #[must_use]
    pub fn aal3() -> Self {
        Self::preset(12 * 3600, 15 * 60)
    }

    fn preset(absolute_secs: u64, idle_secs: u64) -> Self {
        Self {
            session_ttl_secs: idle_secs,
            absolute_ttl_secs: Some(absolute_secs),
            // A visitor's session is no longer than a user's.
            anonymous_ttl_secs: idle_secs,
            cookie_name: HOST_NAME.to_owned(),
            ..Self::default()
        }
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            session_ttl_secs: 30 * 24 * 3600,
            absolute_ttl_secs: None,
            anonymous_ttl_secs: 24 * 3600,
            touch_interval_secs: None,
            max_sessions_per_user: 10,
            max_data_bytes: 65_536,
            anonymous_max_data_bytes: 8192,
            validate_fingerprint: true,
            fingerprint_mode: FingerprintMode::default(),
            on_fingerprint_mismatch: MismatchAction::default(),
            rotation_grace_secs: 30,
            trusted_proxies: None,
            forwarded_header: ForwardedHeader::default(),
            backend_timeout_ms: 5000,
            on_backend_error: OnBackendError::default(),
            save_unchanged: false,
            no_store_when_signed_in: true,
            cross_site_sessions: CrossSiteSessions::default(),
            cookie_name: "_session".to_owned(),
            cookie: CookieConfig::default(),
            secrets: Vec::new(),
            signing: None,
        }
    }
}

/// What a request gets whose session cannot be read because the backend failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBackendError {
    /// 503 with Retry-After.
    #[default]
    Fail,
    /// It goes on as a visitor's: it reads nothing, what it wants to store is 503, and its cookie is
    /// left alone. For sites that would rather show a public page than none.
    Anonymous,
}

/// What becomes of a request from another site that brings no live session and wants to store something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CrossSiteSessions {
    /// Storing is 409 `cross_site`: the browser may have held the cookie back because of its
    /// `SameSite`, and the cookie of a new session would replace it and sign its user out.
    #[default]
    Refuse,
    /// It makes a session like any other.
    Allow,
}
