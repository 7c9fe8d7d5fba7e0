//! [`RequestHead`]: what an application is told of the request that it shapes an error's answer for.

use std::fmt;

use http::header::{ACCEPT, HeaderMap, HeaderName};
use http::{Method, Uri};

use crate::next::{encoded, stays_here};

static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The head of a request: what `on_error` of an adapter gets beside the error.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URI, as the adapter's layer saw it.
    pub uri: &'a Uri,
    /// The headers. They hold cookies and other secrets.
    pub headers: &'a HeaderMap,
}

impl RequestHead<'_> {
    /// Whether a browser asks for a page to show, so that a redirect to the sign-in page leads
    /// somewhere: a GET that is a navigation (Fetch Metadata, `Sec-Fetch-Mode`), or, from a browser
    /// that does not say, one that accepts HTML by name.
    #[must_use]
    pub fn is_navigation(&self) -> bool {
        *self.method == Method::GET && self.wants_page()
    }

    /// The same with any method: whether a person looks at the answer, also to a form that was sent, so
    /// that it should be a page and no JSON.
    #[must_use]
    pub fn wants_page(&self) -> bool {
        match self.headers.get(&SEC_FETCH_MODE) {
            Some(mode) => mode.as_bytes() == b"navigate",
            None => self.headers.get_all(ACCEPT).iter().any(|accept| {
                accept.as_bytes().split(|byte| *byte == b',').any(|range| {
                    let range = range.split(|byte| *byte == b';').next().unwrap_or_default();
                    range.trim_ascii().eq_ignore_ascii_case(b"text/html")
                })
            }),
        }
    }

    /// The path and the query, percent-encoded as one value of another query: for `?next=` on the
    /// way to the sign-in page.
    ///
    /// What comes back as `next` is what anybody may have written into a link: go there only if
    /// [`local_path`] says so.
    #[must_use]
    pub fn path_for_query(&self) -> String {
        encoded(self.uri.path_and_query().map_or("/", |path| path.as_str()))
    }
}

/// The path, if it leads nowhere but to this site: for what a sign-in page was given as `?next=`, which
/// anybody may have written into a link. `None` for everything that a browser may take to another
/// site.
///
/// [`SafePath`](crate::SafePath) has the rules, and is the same as a type.
///
/// ```
/// use session_core::local_path;
///
/// assert_eq!(local_path("/orders?page=2"), Some("/orders?page=2"));
/// for elsewhere in ["//evil.example", "/\\evil.example", "/\t/evil.example", "https://evil.example", ""] {
///     assert_eq!(local_path(elsewhere).unwrap_or("/"), "/");
/// }
/// ```
#[must_use]
pub fn local_path(next: &str) -> Option<&str> {
    stays_here(next).then_some(next)
}

impl fmt::Debug for RequestHead<'_> {
    /// Without the query and without the values of headers: either may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Names<'a>(&'a HeaderMap);
        impl fmt::Debug for Names<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.0.keys()).finish()
            }
        }
        f.debug_struct("RequestHead")
            .field("method", self.method)
            .field("path", &self.uri.path())
            .field("headers", &Names(self.headers))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn navigations() {
        let (html, json) = (("accept", "text/html,*/*;q=0.8"), ("accept", "application/json"));
        let any = ("accept", "*/*");
        for (name, method, lines, expected) in [
            ("a link", Method::GET, &[html, ("sec-fetch-mode", "navigate")][..], true),
            ("a script that accepts all", Method::GET, &[html, ("sec-fetch-mode", "cors")], false),
            ("an older browser", Method::GET, &[html], true),
            ("HTML among others", Method::GET, &[("accept", "a/b, TEXT/HTML;q=0.1")], true),
            ("a form", Method::POST, &[html, ("sec-fetch-mode", "navigate")], false),
            ("a program", Method::GET, &[json], false),
            ("a program that takes anything", Method::GET, &[any], false),
            ("something like HTML", Method::GET, &[("accept", "text/html5")], false),
            ("nothing said", Method::GET, &[], false),
        ] {
            let (headers, uri) = (headers(lines), Uri::from_static("/"));
            let head = RequestHead { method: &method, uri: &uri, headers: &headers };
            assert_eq!(head.is_navigation(), expected, "{name}");
            let is_form = name == "a form";
            assert_eq!(head.wants_page(), expected || is_form, "{name}: a page");
        }
    }

    #[test]
    fn only_paths_of_this_site_are_local() {
        for (next, is_local) in [
            ("/", true),
            ("/orders", true),
            ("/orders?page=2&x=a%20b#y", true),
            ("/a//b", true),
            ("", false),
            ("orders", false),
            ("//evil.example", false),
            ("///evil.example", false),
            ("/\\evil.example", false),
            ("\\/evil.example", false),
            ("/\t/evil.example", false),
            ("/\n/evil.example", false),
            ("/\r\n\\evil.example", false),
            ("\t//evil.example", false),
            (" //evil.example", false),
            ("/\u{7f}/evil.example", false),
            ("/\0/evil.example", false),
            ("/\u{a0}/evil.example", false),
            ("/a\r\nSet-Cookie: x=y", false),
            ("https://evil.example", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(local_path(next), is_local.then_some(next), "{next:?}");
        }
    }

    #[test]
    fn paths_for_a_query() {
        for (uri, expected) in [
            ("/", "%2F"),
            ("https://example.org", "%2F"),
            ("/a-b_c.d~e/1", "%2Fa-b_c.d~e%2F1"),
            ("/a?b=c&d=%20+#x", "%2Fa%3Fb%3Dc%26d%3D%2520%2B"),
            ("//evil.example/", "%2F%2Fevil.example%2F"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let head = RequestHead { method: &Method::GET, uri: &uri, headers: &HeaderMap::new() };
            assert_eq!(head.path_for_query(), expected, "{uri}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let headers = headers(&[("cookie", "_session=hidden")]);
        let uri = Uri::from_static("/reset?token=hidden");
        let head = RequestHead { method: &Method::GET, uri: &uri, headers: &headers };
        let shown = format!("{head:?}");
        assert!(shown.contains("/reset") && shown.contains("cookie"), "{shown}");
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
