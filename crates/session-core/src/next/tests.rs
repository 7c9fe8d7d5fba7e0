//! Every spelling that leaves the site.

use super::*;

const STAYS: [&str; 13] = [
    "/",
    "/orders",
    "/orders/",
    "/orders?page=2&x=a%20b#y",
    "/a//b",
    "/a/%2F%2Fb",
    "/.well-known/change-password",
    "/...",
    "/a.b/..c",
    "/?next=https://evil.example",
    "/search?q=\\/..//",
    "/sign-in?next=%2F%2Fevil.example",
    "/%20",
];

const LEAVES: [&str; 61] = [
    "",
    "orders",
    "?a",
    "#a",
    ".",
    "./orders",
    "../orders",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "//user:password@evil.example",
    "//evil.example@shop.example",
    "//",
    "/\\evil.example",
    "/\\/evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "\\evil.example",
    "/a\\..\\..\\/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "/\r\n\\evil.example",
    "/\u{b}/evil.example",
    "/\0/evil.example",
    "/\u{7f}/evil.example",
    "/\u{1b}/evil.example",
    "/\u{a0}/evil.example",
    "/\u{2028}/evil.example",
    "/\u{ff0f}evil.example",
    "/\u{2215}evil.example",
    "\u{feff}//evil.example",
    " //evil.example",
    "/ /evil.example",
    "/a\r\nSet-Cookie: x=y",
    "/.//evil.example",
    "/..//evil.example",
    "/a/..//evil.example",
    "/%2e//evil.example",
    "/%2E%2e//evil.example",
    "/.%2e/",
    "/%2fevil.example",
    "/%2F%2Fevil.example",
    "/%5cevil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0D%2fevil.example",
    "/%252fevil.example",
    "/%25255Cevil.example",
    "%2F%2Fevil.example",
    "%2Forders",
    "https://evil.example",
    "HTTPS:evil.example",
    "https:/evil.example",
    "http:\\\\evil.example",
    "https:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "mailto:a@evil.example",
    "/\"onmouseover=alert(1)",
    "/<script>",
];

#[test]
fn only_what_stays_here_is_safe() {
    for (texts, stays) in [(&STAYS[..], true), (&LEAVES, false)] {
        for text in texts {
            assert_eq!(SafePath::parse(text).is_some(), stays, "{text:?}");
            assert_eq!(text.parse::<SafePath>().is_ok(), stays, "{text:?}");
            assert_eq!(crate::local_path(text), stays.then_some(*text), "{text:?}");
            let json = serde_json::to_string(text).unwrap();
            let read = serde_json::from_str::<SafePath>(&json);
            assert_eq!(read.is_ok(), stays, "{text:?}: as a value");
            let read: Next = serde_json::from_str(&json).unwrap();
            assert_eq!(read.to_string(), if stays { text } else { "" }, "{text:?}: next");
        }
    }
}

#[test]
fn it_is_not_longer_than_an_address_may_be() {
    for (length, stays) in [(SafePath::MAX_LEN, true), (SafePath::MAX_LEN + 1, false)] {
        let text = format!("/{}", "a".repeat(length - 1));
        assert_eq!(SafePath::parse(&text).is_some(), stays);
    }
    assert_eq!(SafePath::parse(&"/".repeat(1_000_000)), None);
    assert_eq!(SafePath::parse(&format!("/%{}2f", "25".repeat(600))), None);
}

#[test]
fn next_out_of_a_query() {
    for text in STAYS.into_iter().chain(LEAVES) {
        let uri: Uri = format!("/sign-in?a=b&next={}&c=d", encoded(text)).parse().unwrap();
        let expected = SafePath::parse(text);
        assert_eq!(Next::of(&uri).path(), expected.as_ref(), "{text:?}");
    }
    for (query, expected) in [
        ("", ""),
        ("next", ""),
        ("next=", ""),
        ("next=/orders", "/orders"),
        ("next=/orders&next=//evil.example", "/orders"),
        ("next=//evil.example&next=/orders", ""),
        ("Next=/orders", ""),
        ("xnext=/orders", ""),
        ("next=%2Forders%3Fpage%3D2", "/orders?page=2"),
        ("next=/100%", "/100%"),
        ("next=/%zz", "/%zz"),
        ("next=/a+b", ""),
        ("next=/%", "/%"),
        ("next=/%ff", ""),
        ("next=/%00", ""),
        // Encoded twice, and once too often: it is decoded once.
        ("next=%252F%252Fevil.example", ""),
        ("next=%2F%252Fevil.example", ""),
        ("next=%2Fa%252Fb", "/a%2Fb"),
    ] {
        let uri: Uri = format!("/sign-in?{query}").parse().unwrap();
        assert_eq!(Next::of(&uri).path_or(""), expected, "{query}");
    }
    assert_eq!(Next::of(&Uri::from_static("/sign-in")).path_or("/home"), "/home");
}

#[test]
fn nested_ones_come_out_one_by_one_and_never_leave() {
    let mut address = "//evil.example".to_owned();
    for _ in 0..6 {
        address = format!("/sign-in?next={}", encoded(&address));
    }
    let mut uri: Uri = address.parse().unwrap();
    for _ in 0..5 {
        let next = Next::of(&uri);
        uri = next.path_or("").parse().unwrap();
        assert_eq!(uri.path(), "/sign-in");
    }
    assert_eq!(Next::of(&uri).path(), None);
}

#[test]
fn no_next_is_nothing() {
    assert_eq!(serde_json::from_str::<Next>("null").unwrap(), Next::default());
    let next = Next::from(SafePath::parse("/orders").unwrap());
    assert_eq!(serde_json::to_string(&next).unwrap(), r#""/orders""#);
}
