//! [`CrossSiteGuard`]: whether a request that may change something was sent from a page of this site.

use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, header};

use crate::error::{Error, ErrorKind};
use crate::head::RequestHead;
use crate::invalid_config::InvalidConfig;

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what other sites make a browser send (cross-site request forgery), by what the browser says of
/// where a request comes from. No tokens in forms, no state, and no session: it asks no database.
///
/// An adapter's `cross_site_guard` mounts it. The rules, in this order:
///
/// 1. GET, HEAD and OPTIONS pass: they must change nothing (RFC 9110, section 9.2.1). So does a
///    WebSocket's handshake, which is a GET: its handler looks at `Origin` itself.
/// 2. `Sec-Fetch-Site` (Fetch Metadata) says it, if the browser sends it, which is over HTTPS and to
///    localhost: `same-origin` and `none` pass, every other value is refused.
/// 3. Without it `Origin` says it: one that names the host and port that were asked for passes, every
///    other one is refused, `null` too. The scheme does not count, because behind a proxy that speaks TLS
///    ours is not the browser's; a port left out is the usual one of the origin's scheme.
/// 4. A request with neither is no browser's of these days, and carries nobody's cookies but its own: it
///    passes.
///
/// What is refused passes nevertheless if its `Origin` is [trusted](Self::trust_origin), or its path
/// [exempt](Self::insecure_exempt_path). If one of these headers came several times, all of them must pass.
///
/// A site behind a proxy that passes another `Host` on trusts its own public origin by name, for browsers
/// that send no `Sec-Fetch-Site`, and for plain HTTP.
///
/// ```
/// use session_core::{CrossSiteGuard, InvalidConfig};
///
/// # fn main() -> Result<(), InvalidConfig> {
/// let guard = CrossSiteGuard::new()
///     .trust_origin("https://app.example.org")?
///     // It proves who sends by a signature of its own.
///     .insecure_exempt_path("/webhooks/")?;
/// # let _ = guard; Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct CrossSiteGuard {
    trusted: Vec<Origin>,
    exempt: Vec<Box<str>>,
}

impl CrossSiteGuard {
    /// No origin is trusted but the site's own, and no path is exempt.
    #[must_use]
    pub const fn new() -> Self {
        Self { trusted: Vec::new(), exempt: Vec::new() }
    }

    /// Lets requests from this origin pass: `https://app.example.org`, or with a port, or an app's own
    /// such as `capacitor://localhost`. Scheme, host and port must be equal; a port left out is the usual
    /// one of the scheme.
    ///
    /// # Errors
    /// [`InvalidConfig`] for what is no origin as browsers write one: `null`, a bare host, or one with a
    /// path, a query, a fragment or credentials. Not even a `/` at the end: browsers send none.
    pub fn trust_origin(mut self, origin: &str) -> Result<Self, InvalidConfig> {
        let parsed = Origin::parse(origin).ok_or_else(|| {
            // Debug formatting escapes line breaks: the message stays on one line.
            let reason = format!("{origin:?} is no origin, such as https://app.example.org");
            InvalidConfig::new("cross_site_guard.trust_origin", reason)
        })?;
        self.trusted.push(parsed);
        Ok(self)
    }

    /// Lets every request to this path pass, wherever it comes from; one that ends with `/` names
    /// everything under it. Insecure, unless what is there proves who sends in another way than by a cookie.
    ///
    /// It is compared with the path as it was sent, which is not decoded. A path that somebody behind this
    /// guard might read as another one, with `.` or `..`, empty segments, backslashes or encoded slashes,
    /// is never exempt.
    ///
    /// # Errors
    /// [`InvalidConfig`] for `/`, which would name everything, and for a path that does not begin with `/`
    /// or can be read in two ways.
    pub fn insecure_exempt_path(mut self, path: &str) -> Result<Self, InvalidConfig> {
        let printable = path.bytes().all(|byte| byte.is_ascii_graphic());
        if path == "/" || !printable || path.contains(['?', '#']) || !is_plain_path(path) {
            let reason = format!("{path:?} is no path that one place may be exempt by");
            return Err(InvalidConfig::new("cross_site_guard.insecure_exempt_path", reason));
        }
        self.exempt.push(path.into());
        Ok(self)
    }

    /// Whether a request may go on, for adapters.
    ///
    /// # Errors
    /// [`CrossOrigin`](ErrorKind::CrossOrigin): 403.
    pub fn check(&self, request: RequestHead<'_>) -> Result<(), Error> {
        if is_safe(request.method) || comes_from_here(request) || self.is_exempt(request) {
            return Ok(());
        }
        Err(Error::from_kind(ErrorKind::CrossOrigin))
    }

    fn is_exempt(&self, request: RequestHead<'_>) -> bool {
        let path = request.uri.path();
        let is_named =
            |exempt: &str| path == exempt || (exempt.ends_with('/') && path.starts_with(exempt));
        let by_path = self.exempt.iter().any(|exempt| is_named(exempt)) && is_plain_path(path);
        by_path || self.trusts_every_origin_of(request)
    }

    fn trusts_every_origin_of(&self, request: RequestHead<'_>) -> bool {
        let mut origins = request.headers.get_all(header::ORIGIN).iter().peekable();
        let is_trusted = |origin: &HeaderValue| {
            Origin::of(origin).is_some_and(|origin| self.trusted.contains(&origin))
        };
        origins.peek().is_some() && origins.all(is_trusted)
    }
}

/// RFC 9110 calls TRACE safe as well; no browser sends it.
fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

fn comes_from_here(request: RequestHead<'_>) -> bool {
    let mut sites = request.headers.get_all(&SEC_FETCH_SITE).iter().peekable();
    if sites.peek().is_some() {
        return sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    }
    let mut origins = request.headers.get_all(header::ORIGIN).iter().peekable();
    origins.peek().is_none() || {
        // HTTP/2 says the host in the request's target, and it goes before the header in HTTP/1 too
        // (RFC 9112, section 3.2.2).
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = request.uri.authority().map(Authority::as_str).or(host);
        let names = |origin, host| Origin::of(origin).is_some_and(|origin| origin.names(host));
        host.is_some_and(|host| origins.all(|origin| names(origin, host)))
    }
}

/// An origin (RFC 6454): a site's, or an app's or an extension's with a scheme of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: Box<str>,
    host: String,
    /// `None` for the usual one of a scheme that is not known here.
    port: Option<u16>,
}

impl Origin {
    fn of(value: &HeaderValue) -> Option<Self> {
        Self::parse(value.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
            });
        let (host, port) = host_and_port(rest, usual_port(scheme))?;
        is_scheme.then(|| Self { scheme: scheme.into(), host, port })
    }

    /// Whether it is a site's at this host, whatever the scheme.
    fn names(&self, host: &str) -> bool {
        let Some(usual) = usual_port(&self.scheme) else { return false };
        host_and_port(host, Some(usual))
            .is_some_and(|(host, port)| host == self.host && port == self.port)
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn host_and_port(text: &str, usual: Option<u16>) -> Option<(String, Option<u16>)> {
    if text.contains('@') {
        return None;
    }
    let authority: Authority = text.parse().ok()?;
    let host = authority.host();
    let port = match text.strip_prefix(host)?.strip_prefix(':') {
        None if text.len() == host.len() => usual,
        Some("") => usual,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok()?)
        }
        Some(_) | None => return None,
    };
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), port))
}

/// Whether a path is read alike by everybody: absolute, without segments that are empty (but the last) or
/// made of dots, encoded or not, without backslashes, and without encoded slashes.
fn is_plain_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let lower = rest.to_ascii_lowercase();
    let odd = ["//", "\\", "%2f", "%5c", "%00"].iter().any(|odd| lower.contains(odd));
    let is_dots = |segment: &str| {
        let segment = segment.replace("%2e", ".");
        segment == "." || segment == ".."
    };
    !odd && !rest.starts_with('/') && !lower.split('/').any(is_dots)
}

#[cfg(test)]
mod tests;
