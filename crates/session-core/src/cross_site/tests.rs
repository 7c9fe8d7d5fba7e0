//! What is refused, and what is let through.

use http::{HeaderMap, Uri};

use super::*;

fn passes(
    guard: &CrossSiteGuard,
    method: &str,
    uri: &str,
    headers: &[(&'static str, &str)],
) -> bool {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let (method, uri): (Method, Uri) = (method.parse().unwrap(), uri.parse().unwrap());
    let checked = guard.check(RequestHead { method: &method, uri: &uri, headers: &map });
    if let Err(error) = &checked {
        assert_eq!((error.status().as_u16(), error.code()), (403, "cross_origin"));
    }
    checked.is_ok()
}

#[track_caller]
fn check(expected: bool, headers: &[(&'static str, &str)]) {
    let passed = passes(&CrossSiteGuard::new(), "POST", "/login", headers);
    assert_eq!(passed, expected, "{headers:?}");
}

#[test]
fn fetch_metadata_counts_first() {
    let elsewhere = ("origin", "https://evil.example");
    let host = ("host", "shop.example");
    check(true, &[host, ("sec-fetch-site", "same-origin"), elsewhere]);
    check(true, &[host, ("sec-fetch-site", "none")]);
    for site in ["cross-site", "same-site", "", "SAME-ORIGIN", "same-origin, none", "invalid"] {
        check(false, &[host, ("sec-fetch-site", site), ("origin", "http://shop.example")]);
        check(false, &[host, ("sec-fetch-site", site)]);
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
        (false, "http://my-shop.example", "shop.example"),
        (false, "http://evil.example/shop.example", "shop.example"),
        (false, "http://shop.example@evil.example", "shop.example"),
        (false, "http://shop.example/", "shop.example"),
        (false, "http://shop.example:99999", "shop.example"),
        (false, "http://shop.example:+80", "shop.example"),
        (false, "http://sh\u{f6}p.example", "sh\u{f6}p.example"),
        (false, "ftp://shop.example", "shop.example"),
        (false, "chrome-extension://shop.example", "shop.example"),
        (false, "shop.example", "shop.example"),
        (false, "http://", ""),
        (false, "http://:80", ":80"),
        (false, "null", "shop.example"),
        (false, "null", "null"),
        (false, "", "shop.example"),
    ] {
        check(expected, &[("origin", origin), ("host", host)]);
    }
    check(false, &[("origin", "http://shop.example")]);
    let ours = ("origin", "http://shop.example");
    check(false, &[("host", "shop.example"), ours, ("origin", "http://evil.example")]);
    let guard = CrossSiteGuard::new();
    for (expected, target) in
        [(true, "https://shop.example/login"), (false, "https://evil.example/login")]
    {
        let headers = [("host", "shop.example"), ("origin", "https://shop.example")];
        assert_eq!(passes(&guard, "POST", target, &headers), expected, "{target}");
    }
}

#[test]
fn only_methods_that_may_change_something_count() {
    let guard = CrossSiteGuard::new();
    for (method, expected) in [
        ("GET", true),
        ("HEAD", true),
        ("OPTIONS", true),
        ("POST", false),
        ("PUT", false),
        ("PATCH", false),
        ("DELETE", false),
        ("TRACE", false),
        ("CONNECT", false),
        ("get", false),
        ("PROPFIND", false),
    ] {
        for headers in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
            let headers = [("host", "shop.example"), headers];
            assert_eq!(passes(&guard, method, "/", &headers), expected, "{method}");
        }
    }
}

#[test]
fn trusted_origins_pass() {
    let guard = CrossSiteGuard::new()
        .trust_origin("https://app.example")
        .and_then(|guard| guard.trust_origin("http://dev.example:8080"))
        .and_then(|guard| guard.trust_origin("capacitor://localhost"))
        .unwrap();
    for (expected, origin) in [
        (true, "https://app.example"),
        (true, "https://app.example:443"),
        (true, "http://dev.example:8080"),
        (true, "capacitor://localhost"),
        (false, "capacitor://localhost:80"),
        (false, "http://localhost"),
        (false, "http://app.example"),
        (false, "https://app.example:8443"),
        (false, "http://dev.example"),
        (false, "https://sub.app.example"),
        (false, "https://evil.example"),
        (false, "null"),
    ] {
        for site in [None, Some("cross-site"), Some("same-site")] {
            let mut headers = vec![("host", "shop.example"), ("origin", origin)];
            headers.extend(site.map(|site| ("sec-fetch-site", site)));
            let passed = passes(&guard, "POST", "/", &headers);
            assert_eq!(passed, expected, "{origin} {site:?}");
        }
    }
    let twice = [("origin", "https://app.example"), ("origin", "https://evil.example")];
    assert!(!passes(&guard, "POST", "/", &twice));
    assert!(!passes(&guard, "POST", "/", &[("sec-fetch-site", "cross-site")]));
}

#[test]
fn what_is_no_origin_cannot_be_trusted() {
    for origin in [
        "",
        "null",
        "*",
        "app.example",
        "//app.example",
        "https://",
        "https:app.example",
        "HTTPS://app.example",
        "https://app.example/",
        "https://app.example/path",
        "https://app.example?q",
        "https://app.example#f",
        "https://user@app.example",
        "https://app.example:port",
        "https://app.example:99999",
        "https://app exam.ple",
        "https://app.example\n",
        "1http://app.example",
        "://app.example",
    ] {
        let error = CrossSiteGuard::new().trust_origin(origin).unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn exempt_paths_pass() {
    let guard = CrossSiteGuard::new()
        .insecure_exempt_path("/webhooks/")
        .and_then(|guard| guard.insecure_exempt_path("/report"))
        .unwrap();
    for (expected, path) in [
        (true, "/webhooks/"),
        (true, "/webhooks/payment"),
        (true, "/webhooks/payment?x=/../"),
        (true, "/webhooks/a.b/..c"),
        (true, "/report"),
        (true, "/report?kind=csp"),
        (false, "/webhooks"),
        (false, "/report/"),
        (false, "/report/more"),
        (false, "/reports"),
        (false, "/Report"),
        (false, "/%72eport"),
        (false, "/login"),
        (false, "/"),
        // Somebody behind may take these for another path.
        (false, "/webhooks/../login"),
        (false, "/webhooks/.."),
        (false, "/webhooks/./x"),
        (false, "/webhooks/%2e%2E/login"),
        (false, "/webhooks/.%2e/login"),
        (false, "/webhooks/..%2flogin"),
        (false, "/webhooks/..%5clogin"),
        (false, "/webhooks//login"),
        (false, "//webhooks/"),
    ] {
        let headers = [("sec-fetch-site", "cross-site"), ("origin", "null")];
        assert_eq!(passes(&guard, "POST", path, &headers), expected, "{path}");
    }
}

#[test]
fn what_is_no_plain_path_cannot_be_exempt() {
    for path in
        ["", "/", "report", "//x", "/a/../b", "/a//b", "/a?b", "/a#b", "/a b", "/a\\b", "/%2f"]
    {
        CrossSiteGuard::new().insecure_exempt_path(path).unwrap_err();
    }
}
