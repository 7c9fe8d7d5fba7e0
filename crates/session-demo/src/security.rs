//! What keeps other sites out: the headers of every answer, and the check of every form.

use http::header::{
    CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

/// No script runs here at all, nothing is loaded from elsewhere, nobody frames the site.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Puts the headers that every answer has onto this one.
pub(crate) fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // For browsers that do not know `frame-ancestors`.
        (X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: with that, browsers send `Origin: null` with our own forms (Fetch,
        // section 3.2, "append a request `Origin` header").
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Whether this is a form that another site sent. It guards what people fill in; the addresses under
/// `/api` are for scripts, which send no such headers.
pub(crate) fn is_foreign_form(method: &Method, headers: &HeaderMap, uri: &Uri) -> bool {
    let is_form = method == Method::POST && !uri.path().starts_with("/api/");
    is_form && !is_same_site(headers, uri)
}

/// Whether a form was sent from a page of this site.
///
/// Browsers say so in `Sec-Fetch-Site`; those that do not know it send an `Origin`. What sends
/// neither is no browser of these days, and carries nobody's cookies but its own.
fn is_same_site(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter().peekable();
    if sites.peek().is_some() {
        return sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    }
    let mut origins = headers.get_all(ORIGIN).iter().peekable();
    origins.peek().is_none() || {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = uri.authority().map(Authority::as_str).or(host);
        host.is_some_and(|host| origins.all(|origin| is_origin_of(origin, host)))
    }
}

/// Whether an origin names this host and port. A port left out is the usual one of the origin's
/// scheme on both sides: behind a proxy that speaks TLS the scheme that we hear is not the browser's.
fn is_origin_of(origin: &HeaderValue, host: &str) -> bool {
    let parts = || {
        let (scheme, theirs) = origin.to_str().ok()?.split_once("://")?;
        let usual = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        Some((host_and_port(theirs, usual)?, host_and_port(host, usual)?))
    };
    parts().is_some_and(|(theirs, ours)| theirs == ours)
}

fn host_and_port(text: &str, usual: u16) -> Option<(String, u16)> {
    if text.contains('@') {
        return None;
    }
    let authority: Authority = text.parse().ok()?;
    let rest = text.strip_prefix(authority.host())?;
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => usual,
        Some("") => usual,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
        None => return None,
    };
    Some((authority.host().to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: bool, headers: &[(&'static str, &str)]) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let path = Uri::from_static("/login");
        assert_eq!(is_same_site(&map, &path), expected, "{headers:?}");
    }

    #[test]
    fn fetch_metadata_counts_first() {
        let elsewhere = ("origin", "https://evil.example");
        let host = ("host", "shop.example");
        check(true, &[host, ("sec-fetch-site", "same-origin"), elsewhere]);
        check(true, &[host, ("sec-fetch-site", "none")]);
        for site in ["cross-site", "same-site", "", "SAME-ORIGIN", "same-origin, none"] {
            check(false, &[host, ("sec-fetch-site", site), ("origin", "http://shop.example")]);
        }
        check(false, &[host, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")]);
    }

    #[test]
    fn without_it_the_origin_counts() {
        check(true, &[]);
        check(true, &[("host", "shop.example")]);
        for (expected, origin, host) in [
            (true, "http://shop.example", "shop.example"),
            (true, "http://SHOP.example", "shop.EXAMPLE"),
            (true, "http://shop.example", "shop.example:80"),
            (true, "http://shop.example:80", "shop.example"),
            (true, "https://shop.example", "shop.example"),
            (true, "https://shop.example", "shop.example:443"),
            (true, "http://127.0.0.1:3000", "127.0.0.1:3000"),
            (true, "http://[::1]:3000", "[::1]:3000"),
            (false, "http://127.0.0.1:3001", "127.0.0.1:3000"),
            (false, "http://localhost:3000", "127.0.0.1:3000"),
            (false, "http://shop.example:8080", "shop.example"),
            (false, "https://shop.example", "shop.example:80"),
            (false, "http://evil.example", "shop.example"),
            (false, "http://shop.example.evil.example", "shop.example"),
            (false, "http://evil.example/shop.example", "shop.example"),
            (false, "http://shop.example@evil.example", "shop.example"),
            (false, "http://shop.example/", "shop.example"),
            (false, "http://shop.example:99999", "shop.example"),
            (false, "http://shop.example:+80", "shop.example"),
            (false, "ftp://shop.example", "shop.example"),
            (false, "shop.example", "shop.example"),
            (false, "null", "shop.example"),
            (false, "null", "null"),
            (false, "", "shop.example"),
        ] {
            check(expected, &[("origin", origin), ("host", host)]);
        }
        check(false, &[("origin", "http://shop.example")]);
        let ours = ("origin", "http://shop.example");
        check(false, &[("host", "shop.example"), ours, ("origin", "http://evil.example")]);
    }
}
