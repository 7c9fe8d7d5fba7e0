//! [`CookieJar`]: keeps cookies as a browser does, by the clock that it is told.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use cookie::{Cookie, SameSite};
use http::Uri;
use session_core::Timestamp;

/// Browsers ignore a cookie whose name and value are longer together (RFC 6265bis, section 5.7).
const MAX_PAIR: usize = 4096;

/// No cookie is kept longer: 400 days (RFC 6265bis, section 5.5).
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 3600);

/// The cookies of one browser, kept and sent as RFC 6265bis says: by `Path`, `Domain`, `Secure`, `Max-Age`
/// and `Expires`, with the rules for the prefixes `__Host-` and `__Secure-`.
///
/// It reads no clock: a test that moves its own ends cookies with it. It knows no list of public
/// suffixes (only that a `Domain` without a dot is none), and every request counts as coming from the
/// same site.
///
/// ```
/// use std::time::Duration;
/// use http::Uri;
/// use session_conformance::jar::CookieJar;
/// use session_core::Timestamp;
///
/// let (mut jar, now) = (CookieJar::new(), Timestamp::UNIX_EPOCH);
/// let page = Uri::from_static("https://shop.example.com/cart");
/// assert!(jar.keep(&page, "theme=dark; Path=/; Max-Age=60; Secure", now));
/// assert_eq!(jar.header_for(&page, now).as_deref(), Some("theme=dark"));
/// assert_eq!(jar.header_for(&page, now.plus(Duration::from_secs(60))), None);
/// assert_eq!(jar.header_for(&Uri::from_static("http://shop.example.com/"), now), None);
/// ```
#[derive(Default, Clone)]
pub struct CookieJar(Vec<Kept>);

/// A cookie that is kept.
#[derive(Clone)]
struct Kept {
    name: String,
    value: String,
    domain: String,
    /// Only for the very host that set it.
    host_only: bool,
    path: String,
    secure: bool,
    /// `None`: until the browser is closed.
    expires_at: Option<Timestamp>,
}

impl CookieJar {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Keeps the cookie of a `Set-Cookie` line that a response from `uri` brings at `now`, or takes away
    /// the one that it ends. `false` if a browser would ignore the line.
    #[allow(clippy::must_use_candidate, reason = "what a browser ignores is no error")]
    pub fn keep(&mut self, uri: &Uri, set_cookie: &str, now: Timestamp) -> bool {
        let Ok(cookie) = Cookie::parse(set_cookie) else { return false };
        let Some(kept) = Kept::from(&cookie, uri, now) else { return false };
        let over_secure =
            |other: &Kept| other.secure && other.name == kept.name && other.domain == kept.domain;
        // Plain HTTP must not write over what came by HTTPS (RFC 6265bis, section 5.7, step 19).
        if !is_https(uri) && self.0.iter().any(over_secure) {
            return false;
        }
        let place = self.0.iter().position(|other| other.is_same(&kept));
        match (place, kept.is_fresh(now)) {
            // It keeps its place: of equal paths the one that was made first is sent first.
            (Some(place), true) => self.0[place] = kept,
            (Some(place), false) => drop(self.0.remove(place)),
            (None, true) => self.0.push(kept),
            (None, false) => {}
        }
        true
    }

    /// The `Cookie` header of a request to `uri` at `now`; `None` if there is nothing to send. Cookies
    /// with longer paths come first.
    #[must_use]
    pub fn header_for(&self, uri: &Uri, now: Timestamp) -> Option<String> {
        let pairs: Vec<String> = self
            .sent_to(uri, now)
            .into_iter()
            .map(|kept| format!("{}={}", kept.name, kept.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The value of the cookie of this name that a request to `uri` would send first.
    #[must_use]
    pub fn value(&self, name: &str, uri: &Uri, now: Timestamp) -> Option<&str> {
        let sent = self.sent_to(uri, now);
        sent.into_iter().find(|kept| kept.name == name).map(|kept| kept.value.as_str())
    }

    /// The browser is closed: cookies without an end of their own are gone.
    pub fn close(&mut self) {
        self.0.retain(|kept| kept.expires_at.is_some());
    }

    /// Takes every cookie away.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn sent_to(&self, uri: &Uri, now: Timestamp) -> Vec<&Kept> {
        let mut sent: Vec<&Kept> =
            self.0.iter().filter(|kept| kept.is_fresh(now) && kept.is_for(uri)).collect();
        // Stable: those of one length stay in the order in which they were made.
        sent.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        sent
    }
}

/// Names alone: a value may be a token.
impl fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|kept| kept.name.as_str()).collect();
        f.debug_tuple("CookieJar").field(&names).finish()
    }
}

impl Kept {
    /// `None`: a browser ignores it.
    fn from(cookie: &Cookie<'_>, uri: &Uri, now: Timestamp) -> Option<Self> {
        let (name, value) = (cookie.name(), cookie.value());
        let secure = cookie.secure() == Some(true);
        let host = host(uri);
        let (domain, host_only) = match cookie.domain().filter(|domain| !domain.is_empty()) {
            None => (host, true),
            Some(domain) => {
                let domain = domain.to_ascii_lowercase();
                let is_suffix = domain.contains('.') || domain == host;
                if !is_suffix || !is_within(&host, &domain) {
                    return None;
                }
                (domain, false)
            }
        };
        let path = cookie.path().filter(|path| path.starts_with('/'));
        let path = path.map_or_else(|| default_path(uri), str::to_owned);
        let starts = |prefix: &str| {
            name.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix))
        };
        let keeps_prefix = (!starts("__Host-") || (secure && host_only && path == "/"))
            && (!starts("__Secure-") || secure);
        let needs_secure =
            cookie.same_site() == Some(SameSite::None) || cookie.partitioned() == Some(true);
        let is_refused = (secure && !is_https(uri))
            || (needs_secure && !secure)
            || !keeps_prefix
            || name.len() + value.len() > MAX_PAIR;
        if is_refused {
            return None;
        }
        let expires_at = expiry(cookie, now).map(|at| at.min(now.plus(MAX_AGE)));
        let (name, value) = (name.to_owned(), value.to_owned());
        Some(Self { name, value, domain, host_only, path, secure, expires_at })
    }

    /// Whether one takes the other's place.
    fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.domain, self.host_only, &self.path)
            == (&other.name, &other.domain, other.host_only, &other.path)
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }

    fn is_for(&self, uri: &Uri) -> bool {
        let host = host(uri);
        let is_for_host =
            if self.host_only { host == self.domain } else { is_within(&host, &self.domain) };
        let is_for_path = uri.path().strip_prefix(&self.path).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/')
        });
        is_for_host && is_for_path && (!self.secure || is_https(uri))
    }
}

/// When it ends; `Max-Age` counts before `Expires`.
fn expiry(cookie: &Cookie<'_>, now: Timestamp) -> Option<Timestamp> {
    match cookie.max_age() {
        Some(age) => {
            let secs = u64::try_from(age.whole_seconds()).unwrap_or(0);
            Some(now.plus(Duration::from_secs(secs)))
        }
        None => cookie.expires_datetime().map(Timestamp::from),
    }
}

fn is_https(uri: &Uri) -> bool {
    uri.scheme() == Some(&http::uri::Scheme::HTTPS)
}

fn host(uri: &Uri) -> String {
    uri.host().unwrap_or_default().to_ascii_lowercase()
}

/// Whether the host is the domain or inside of it (RFC 6265bis, section 5.1.3).
fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| {
        rest.is_empty() || (rest.ends_with('.') && host.parse::<IpAddr>().is_err())
    })
}

/// The folder of the page (RFC 6265bis, section 5.1.4).
fn default_path(uri: &Uri) -> String {
    match uri.path().rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(end) => uri.path()[..end].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    /// What is sent to `to` after these lines came from `from`.
    fn sent(from: &str, lines: &[&str], to: &str) -> String {
        let mut jar = CookieJar::new();
        for line in lines {
            jar.keep(&uri(from), line, NOW);
        }
        jar.header_for(&uri(to), NOW).unwrap_or_default()
    }

    #[test]
    fn where_a_cookie_goes() {
        let (shop, cart) = ("https://shop.example.com/", "https://shop.example.com/cart/items");
        for (name, from, lines, to, expected) in [
            ("plain", shop, &["a=1"][..], cart, "a=1"),
            ("another host", shop, &["a=1"], "https://example.com/", ""),
            ("below its host", shop, &["a=1"], "https://x.shop.example.com/", ""),
            ("a domain", shop, &["a=1; Domain=example.com"], "https://example.com/", "a=1"),
            ("a dot before", shop, &["a=1; Domain=.EXAMPLE.com"], "https://b.example.com/", "a=1"),
            ("a domain's end", shop, &["a=1; Domain=ample.com"], shop, ""),
            ("somebody else's", shop, &["a=1; Domain=example.org"], shop, ""),
            ("a whole registry", shop, &["a=1; Domain=com"], shop, ""),
            ("an address", "https://10.0.0.1/", &["a=1; Domain=0.0.1"], "https://10.0.0.1/", ""),
            (
                "localhost",
                "https://localhost/",
                &["a=1; Domain=localhost"],
                "https://localhost/",
                "a=1",
            ),
            ("a path", shop, &["a=1; Path=/cart"], cart, "a=1"),
            ("a path's beginning", shop, &["a=1; Path=/car"], cart, ""),
            ("a path elsewhere", shop, &["a=1; Path=/admin"], cart, ""),
            ("no path", cart, &["a=1"], "https://shop.example.com/cart", "a=1"),
            ("no path, and above", cart, &["a=1"], shop, ""),
            (
                "the longest path first",
                shop,
                &["a=1", "a=2; Path=/cart", "b=3"],
                cart,
                "a=2; a=1; b=3",
            ),
            ("written over", shop, &["a=1", "b=2", "a=3"], shop, "a=3; b=2"),
            ("secure", shop, &["a=1; Secure"], "http://shop.example.com/", ""),
            ("secure, by http", "http://a.test/", &["a=1; Secure"], "https://a.test/", ""),
            ("not secure", "http://a.test/", &["a=1"], "https://a.test/", "a=1"),
            ("ended", shop, &["a=1", "a=; Max-Age=0"], shop, ""),
            (
                "ended by a date",
                shop,
                &["a=1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
                shop,
                "",
            ),
            ("ended on another path", cart, &["a=1; Path=/", "a=; Max-Age=0"], cart, "a=1"),
            ("a host's", shop, &["__Host-a=1; Secure; Path=/"], shop, "__Host-a=1"),
            ("a host's, with a path", shop, &["__Host-a=1; Secure; Path=/cart"], cart, ""),
            (
                "a host's, with a domain",
                shop,
                &["__host-a=1; Secure; Path=/; Domain=example.com"],
                shop,
                "",
            ),
            ("by name secure", shop, &["__Secure-a=1"], shop, ""),
            ("from every site", shop, &["a=1; SameSite=None"], shop, ""),
            ("partitioned", shop, &["a=1; Partitioned"], shop, ""),
            ("no cookie", shop, &["a"], shop, ""),
        ] {
            assert_eq!(sent(from, lines, to), expected, "{name}");
        }
        let long = format!("a={}", "x".repeat(MAX_PAIR));
        assert_eq!(sent(shop, &[&long], shop), "", "too long");
    }

    #[test]
    fn when_a_cookie_ends() {
        let page = uri("https://a.test/");
        let day = 24 * 3600;
        for (line, end) in [
            ("a=1; Max-Age=60", Some(60)),
            ("a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", Some(60)),
            ("a=1; Max-Age=34560000", Some(400 * day)),
            ("a=1; Max-Age=99999999999", Some(400 * day)),
            ("a=1", None),
        ] {
            let mut jar = CookieJar::new();
            assert!(jar.keep(&page, line, NOW), "{line}");
            let after = |secs| NOW.plus(Duration::from_secs(secs));
            let last = end.unwrap_or(1000 * day);
            assert!(jar.header_for(&page, after(last - 1)).is_some(), "{line}");
            assert_eq!(jar.header_for(&page, after(last)).is_none(), end.is_some(), "{line}");
            jar.close();
            assert_eq!(jar.value("a", &page, NOW), end.map(|_| "1"), "{line}: closed");
        }
    }

    #[test]
    fn plain_http_does_not_write_over_https() {
        let mut jar = CookieJar::new();
        assert!(jar.keep(&uri("https://a.test/"), "a=1; Secure", NOW));
        assert!(!jar.keep(&uri("http://a.test/"), "a=2", NOW));
        assert_eq!(jar.value("a", &uri("https://a.test/"), NOW), Some("1"));
        assert_eq!(format!("{jar:?}"), "CookieJar([\"a\"])");
        jar.clear();
        assert_eq!(jar.header_for(&uri("https://a.test/"), NOW), None);
    }
}
