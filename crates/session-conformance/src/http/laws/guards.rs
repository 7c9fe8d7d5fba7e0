//! Guards: who may pass, and where a person is sent who may not.

use std::fmt::Write as _;

use session_core::SafePath;

use crate::http::browser::Browser;
use crate::http::exchange::{Answer, Ask};
use crate::http::harness::{FOR_FRESH, FOR_USERS, FOR_VISITORS, FRESH_SECS};
use crate::http::lab::Lab;
use crate::http::site::Site;

const SIGN_IN: &str = "/for-visitors/sign-in";

/// A guard sends a browser's navigation to the page that the application named, with the address that was
/// wanted, and answers a program with the error. Whatever is written into `next`, or asked for, no redirect
/// leads to another site.
pub async fn next_never_leaves(lab: &Lab) {
    let site = Site::open(lab).await;
    let user = site.signed_in("ann").await;
    programs_are_told(&site, &user).await;
    people_are_sent(&site, &user).await;
    for text in LEAVES {
        let next = encoded(text);
        for next in [next.clone(), encoded(&next)] {
            let sign_in = navigates(user.ask(&format!("{SIGN_IN}?next={next}"))).send().await;
            stays(text, &sign_in);
            let wanted = navigates(site.ask(&format!("{FOR_USERS}/x?next={next}"))).send().await;
            stays(text, &wanted);
        }
    }
    for path in
        ["/../..//evil.example", "/.//evil.example", "/x%2F..%2F..%2F%2Fevil.example", "/x\\y"]
    {
        let answer = navigates(site.ask(&format!("{FOR_USERS}{path}"))).send().await;
        // Some routers know no such address.
        if answer.status != 404 {
            stays(path, &answer);
        }
    }
    let long = format!("{SIGN_IN}?next=/{}", "a".repeat(6000));
    assert_eq!(location(&navigates(user.ask(&long)).send().await.is(303)), "/home");
    nested_ones_end(&user).await;
}

async fn programs_are_told(site: &Site, user: &Browser) {
    site.ask(&format!("{FOR_USERS}/orders")).send().await.is(401).no_cookie();
    site.ask(&format!("{FOR_FRESH}/keys")).send().await.is(401).no_cookie();
    site.ask(SIGN_IN).send().await.ok();
    user.ask(&format!("{FOR_USERS}/orders")).send().await.ok();
    user.ask(&format!("{FOR_FRESH}/keys")).send().await.ok();
    user.ask(SIGN_IN).send().await.is(409).no_cookie();
    for mode in ["cors", "no-cors", "same-origin"] {
        let asked = site.ask(&format!("{FOR_USERS}/orders")).header("accept", "text/html");
        asked.header("sec-fetch-mode", mode).send().await.is(401);
    }
}

async fn people_are_sent(site: &Site, user: &Browser) {
    let to_sign_in = format!("{SIGN_IN}?next=%2Ffor-users%2Forders%3Fpage%3D2");
    let wanted = format!("{FOR_USERS}/orders?page=2");
    let answer = navigates(site.ask(&wanted)).send().await.is(303).no_cookie();
    assert_eq!(location(&answer), to_sign_in);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "a redirect that is kept");
    let older = site.ask(&wanted).header("accept", "text/html,*/*;q=0.8").send().await;
    assert_eq!(location(&older.is(303)), to_sign_in, "by what it accepts");
    let form = navigates(site.ask(&wanted).post()).send().await.is(303);
    assert_eq!(location(&form), SIGN_IN, "a form cannot be sent again");
    for (next, expected) in [
        ("?next=%2Ffor-users%2Forders%3Fpage%3D2", wanted.as_str()),
        ("?next=/orders", "/orders"),
        ("", "/home"),
        ("?next=", "/home"),
        // It does not lead to itself.
        ("?next=/for-visitors/sign-in", "/home"),
    ] {
        let answer = navigates(user.ask(&format!("{SIGN_IN}{next}"))).send().await.is(303);
        assert_eq!(location(&answer), expected, "{next}");
    }
    let later = site.signed_in("bob").await;
    site.advance(FRESH_SECS + 1);
    let keys = format!("{FOR_FRESH}/keys");
    later.ask(&keys).send().await.is(403);
    let answer = navigates(later.ask(&keys)).send().await.is(303);
    assert_eq!(location(&answer), "/confirm?next=%2Ffor-fresh%2Fkeys");
    navigates(later.ask(&format!("{FOR_USERS}/orders"))).send().await.ok();
    later.go("/reauthenticate").await.ok();
    navigates(later.ask(&keys)).send().await.ok();
}

async fn nested_ones_end(user: &Browser) {
    let mut address = "//evil.example".to_owned();
    for _ in 0..4 {
        address = format!("{FOR_VISITORS}/other?next={}", encoded(&address));
    }
    // Each is a page of its own, so that none leads to itself.
    address = address.replacen("other", "first", 1);
    for _ in 0..6 {
        let answer = navigates(user.ask(&address)).send().await.is(303);
        stays("nested", &answer);
        address = location(&answer);
        if address == "/home" {
            return;
        }
    }
    panic!("nested: it goes on to {address}");
}

fn navigates(ask: Ask) -> Ask {
    ask.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document")
}

#[track_caller]
fn location(answer: &Answer) -> String {
    answer.header("location").unwrap_or_else(|| panic!("no Location")).to_owned()
}

/// It is answered with a redirect, which a browser takes for one to this site.
#[track_caller]
fn stays(text: &str, answer: &Answer) {
    assert_eq!(answer.status, 303, "{text:?}");
    let location = location(answer);
    let page = location.split(['?', '#']).next().unwrap_or_default();
    // As browsers read it: tabs and line breaks are dropped, and `\` is `/`.
    let read = page.replace(['\t', '\r', '\n'], "").replace('\\', "/");
    let is_here = read.starts_with('/') && !read.starts_with("//");
    assert!(is_here && SafePath::parse(&location).is_some(), "{text:?}: leads to {location:?}");
    assert!(!page.contains("evil"), "{text:?}: leads to {location:?}");
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// Every spelling that takes some browser, or some server behind, to another site.
const LEAVES: [&str; 34] = [
    "https://evil.example",
    "HTTPS:evil.example",
    "https:/evil.example/",
    "http:\\\\evil.example",
    "javascript:alert(1)//evil",
    "data:text/html,evil",
    "//evil.example",
    "///evil.example",
    "//user:password@evil.example",
    "//shop.example@evil.example",
    "/\\evil.example",
    "/\\/evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "/\r\n\\evil.example",
    "/\u{b}/evil.example",
    "/\0/evil.example",
    "/\u{7f}/evil.example",
    "/\u{a0}/evil.example",
    "/\u{ff0f}evil.example",
    " //evil.example",
    "/ /evil.example",
    "/.//evil.example",
    "/a/..//evil.example",
    "/%2e%2E//evil.example",
    "/%2Fevil.example",
    "/%5Cevil.example",
    "/%252Fevil.example",
    "%2F%2Fevil.example",
    "/\\..\\..\\\\evil.example",
    "/\r\nLocation: https://evil.example",
];
