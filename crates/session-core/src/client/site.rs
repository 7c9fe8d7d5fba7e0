//! Whether a request may come from another site, so that its cookie may have been held back.
//!
//! With `SameSite` a browser sends no cookie with most requests that another site makes it send. A
//! session that such a request made would replace the one whose cookie was held back, and sign its user
//! out: law `cross_site_makes_no_session`.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use crate::client::forwarded::{ElementsFromRight, ForwardedHeader, parameter};
use crate::client::proxies::{Peer, TrustedProxies};

pub(crate) static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What of a request's head says where it comes from.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'r> {
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) peer: Peer,
}

/// Whether the browser may have held our cookie back.
///
/// - By `Sec-Fetch-Site`, if the browser sends it, which is over HTTPS and to localhost: `cross-site`,
///   unless it is a navigation of the whole page by GET, with which a `Lax` cookie comes.
/// - Else by `Origin`, with a method that may change something: `null`, or one that names neither the
///   host that was asked for nor the one that a trusted proxy says was, whatever the ports: in
///   X-Forwarded-Host, or as `host=` in Forwarded if that is the configured `forwarded_header`.
/// - A program that sends neither is no browser, and holds nothing back.
pub(crate) fn may_have_held_back(
    sent: Sent<'_>,
    sec_fetch_site: Option<&HeaderValue>,
    trusted: &TrustedProxies,
    forwarded: ForwardedHeader,
) -> bool {
    match sec_fetch_site {
        Some(site) => site == "cross-site" && !is_page_by_get(sent),
        None if sent.method.is_safe() => false,
        None => sent
            .headers
            .get(header::ORIGIN)
            .is_some_and(|origin| !is_own_origin(origin, sent, trusted, forwarded)),
    }
}

fn is_page_by_get(sent: Sent<'_>) -> bool {
    let says = |name: &HeaderName, what: &str| sent.headers.get(name).is_some_and(|v| v == what);
    *sent.method == Method::GET
        && says(&SEC_FETCH_MODE, "navigate")
        && says(&SEC_FETCH_DEST, "document")
}

fn is_own_origin(
    origin: &HeaderValue,
    sent: Sent<'_>,
    trusted: &TrustedProxies,
    forwarded: ForwardedHeader,
) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let Some(("http" | "https", asking)) = origin.split_once("://") else { return false };
    let asking = without_port(asking);
    let is_it = |host: &str| {
        let host = without_port(host.trim());
        !host.is_empty() && host.eq_ignore_ascii_case(asking)
    };
    let lines =
        |name: &HeaderName| sent.headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    let forwarded_host = || match forwarded {
        ForwardedHeader::Forwarded => lines(&header::FORWARDED).any(|line| {
            ElementsFromRight::of(line.as_bytes())
                .filter_map(|element| parameter(element, b"host")?)
                .any(|host| std::str::from_utf8(host).is_ok_and(is_it))
        }),
        ForwardedHeader::XForwardedFor | ForwardedHeader::XRealIp => {
            lines(&X_FORWARDED_HOST).any(|line| line.split(',').any(is_it))
        }
    };
    // HTTP/2 says the host in the request's target.
    let authority = sent.uri.authority().map(http::uri::Authority::as_str);
    let host = || {
        let host = sent.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host.or(authority).is_some_and(is_it)
    };
    host() || (trusted.believes(sent.peer) && forwarded_host())
}

/// `SameSite` holds nothing back between two ports of one host, and proxies often take the port off the
/// host that they pass on.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        method: Method,
        uri: &'static str,
        peer: Peer,
        forwarded: ForwardedHeader,
        headers: &'static [(&'static str, &'static str)],
    }

    fn case(method: Method, headers: &'static [(&'static str, &'static str)]) -> Case {
        let peer = Peer::Ip([203, 0, 113, 9].into());
        Case { method, uri: "/form", peer, forwarded: ForwardedHeader::default(), headers }
    }

    fn check(name: &str, case: &Case, expected: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in case.headers {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let uri = case.uri.parse().unwrap();
        let sent = Sent { method: &case.method, uri: &uri, headers: &headers, peer: case.peer };
        let site = headers.get(&SEC_FETCH_SITE);
        let trusted = TrustedProxies::default();
        let header = case.forwarded;
        assert_eq!(may_have_held_back(sent, site, &trusted, header), expected, "{name}");
    }

    #[test]
    fn by_what_the_browser_says() {
        const PAGE: (&str, &str) = ("sec-fetch-dest", "document");
        const NAVIGATES: (&str, &str) = ("sec-fetch-mode", "navigate");
        const CROSS: (&str, &str) = ("sec-fetch-site", "cross-site");
        let get = |headers| case(Method::GET, headers);
        let post = |headers| case(Method::POST, headers);
        check("a link", &get(&[CROSS, NAVIGATES, PAGE]), false);
        check("a form", &post(&[CROSS, NAVIGATES, PAGE]), true);
        check("a frame", &get(&[CROSS, NAVIGATES, ("sec-fetch-dest", "iframe")]), true);
        check("an image", &get(&[CROSS, ("sec-fetch-mode", "no-cors")]), true);
        check("a script's fetch", &post(&[CROSS, ("sec-fetch-mode", "cors")]), true);
        check("a prefetched head", &case(Method::HEAD, &[CROSS, NAVIGATES, PAGE]), true);
        check("our own form", &post(&[("sec-fetch-site", "same-origin"), NAVIGATES, PAGE]), false);
        check("a sister's form", &post(&[("sec-fetch-site", "same-site"), NAVIGATES, PAGE]), false);
        check("typed by hand", &post(&[("sec-fetch-site", "none"), NAVIGATES, PAGE]), false);
        check(
            "it goes before the origin",
            &post(&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")]),
            false,
        );
    }

    #[test]
    fn by_the_origin() {
        const HOST: (&str, &str) = ("host", "shop.example");
        let post = |headers| case(Method::POST, headers);
        check("a program", &post(&[HOST]), false);
        check("ours", &post(&[HOST, ("origin", "https://shop.example")]), false);
        check("ours, spelt out", &post(&[HOST, ("origin", "https://Shop.example:443")]), false);
        check("ours at its port", &post(&[("host", "h:3000"), ("origin", "http://h:3000")]), false);
        // `SameSite` knows no ports, and a proxy with `proxy_set_header Host $host` takes it off.
        check("another port", &post(&[("host", "h:3000"), ("origin", "http://h:3001")]), false);
        check(
            "a port that a proxy took off",
            &post(&[("host", "h"), ("origin", "http://h:8080")]),
            false,
        );
        check("IPv6", &post(&[("host", "[::1]"), ("origin", "http://[::1]:8080")]), false);
        check("another IPv6", &post(&[("host", "[::1]"), ("origin", "http://[::2]:8080")]), true);
        check("no host at all", &post(&[("host", ""), ("origin", "http://:80")]), true);
        check("another host", &post(&[HOST, ("origin", "https://evil.example")]), true);
        check(
            "a host that ends alike",
            &post(&[HOST, ("origin", "https://my-shop.example")]),
            true,
        );
        check("null", &post(&[HOST, ("origin", "null")]), true);
        check("not ascii", &post(&[HOST, ("origin", "https://sh\u{f6}p.example")]), true);
        check("an extension", &post(&[HOST, ("origin", "chrome-extension://shop.example")]), true);
        check("no host", &post(&[("origin", "https://shop.example")]), true);
        let safe = case(Method::GET, &[HOST, ("origin", "https://evil.example")]);
        check("a method that changes nothing", &safe, false);
        let h2 = Case {
            uri: "https://shop.example/form",
            ..post(&[("origin", "https://shop.example")])
        };
        check("a host in the target", &h2, false);
    }

    #[test]
    fn by_what_a_proxy_says_of_the_host() {
        const HEADERS: &[(&str, &str)] = &[
            ("host", "app:3000"),
            ("x-forwarded-host", "other.example, shop.example"),
            ("origin", "https://shop.example"),
        ];
        check("a stranger's word", &case(Method::POST, HEADERS), true);
        let proxied = Case { peer: Peer::Ip([10, 0, 0, 1].into()), ..case(Method::POST, HEADERS) };
        check("a trusted proxy's", &proxied, false);

        const HOST: (&str, &str) = ("host", "app:3000");
        const ORIGIN: (&str, &str) = ("origin", "https://shop.example");
        const SAID: (&str, &str) =
            ("forwarded", "for=192.0.2.1;host=\"shop.example:443\", for=10.0.0.2");
        let forwarded = |headers| Case {
            peer: Peer::Ip([10, 0, 0, 1].into()),
            forwarded: ForwardedHeader::Forwarded,
            ..case(Method::POST, headers)
        };
        check("in the header Forwarded", &forwarded(&[HOST, ORIGIN, SAID]), false);
        const ANOTHER: (&str, &str) = ("forwarded", "for=192.0.2.1;host=evil.example");
        check("another host in it", &forwarded(&[HOST, ORIGIN, ANOTHER]), true);
        check("only the configured header counts", &forwarded(HEADERS), true);
        check(
            "a stranger's",
            &Case { peer: Peer::Unknown, ..forwarded(&[HOST, ORIGIN, SAID]) },
            true,
        );
    }
}
