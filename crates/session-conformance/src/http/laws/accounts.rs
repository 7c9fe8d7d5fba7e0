//! Several accounts in one browser.

use std::collections::BTreeMap;

use serde_json::json;
use session_core::BackendErrorKind;

use crate::backends::{Calls, Fault, Method};
use crate::http::browser::Browser;
use crate::http::exchange::Answer;
use crate::http::harness::Mount;
use crate::http::lab::Lab;
use crate::http::site::Site;

/// What a slot that cannot be looks like.
const NO_SLOTS: [&str; 17] = [
    "/u",
    "/u/",
    "/u//1",
    "/u/3",
    "/u/9",
    "/u/10",
    "/u/256",
    "/u/99999999999999999999",
    "/u/-1",
    "/u/+1",
    "/u/01",
    "/u/1x",
    "/u/one",
    "/u/%31",
    // To a router that decodes, or leaves empty segments out, these are the prefix too.
    "//u/1/get.n",
    "/%75/1/get.n",
    "//%75//1",
];

const DOWN: Fault = Fault::new(BackendErrorKind::Unavailable);

/// Who is signed in where.
const ACCOUNTS: [(&str, &str, &str); 3] =
    [("", "ann", "_session"), ("/u/1", "bob", "_session-1"), ("/u/2", "eve", "_session-2")];

/// Several accounts in one browser, each in a slot that the path or a header names by a number, have a cookie and
/// a session each: a request reads, changes, sets and ends those of its own slot and no other's, for one read.
/// `accounts` says who is signed in where, and `logout_all_slots` ends what this browser presented in all of them.
/// A slot that cannot be is 404 `no_such_slot` before anything is looked up.
pub async fn accounts_never_mix(lab: &Lab) {
    let site = Site::mounted(lab, Mount::Accounts, |_| {}).await;
    each_has_its_own(&site).await;
    signs_out_of_one(&site).await;
    signs_out_of_all(&site).await;
    no_such_slot(&site).await;
    is_signed_for_its_slot(lab).await;
}

async fn each_has_its_own(site: &Site) {
    let browser = three(site).await;
    for (slot, user, name) in ACCOUNTS {
        for path in ["/get.who", "/set.who.me", "/rotate", "/reauthenticate", "/update.n"] {
            let answer = browser.ask(&format!("{slot}{path}")).send().await.signed_in(user);
            only(&answer, name);
            browser.receive(&answer);
        }
        let data = browser.go(&format!("{slot}/get.who")).await.signed_in(user).data();
        assert_eq!(data, json!({ "n": 1, "who": "me" }), "{user}'s own data");
        site.probe.take_calls();
        browser.ask(&format!("{slot}/get.n")).send().await.signed_in(user);
        assert_eq!(site.probe.take_calls().find, 1, "{slot}: one read");
    }
    browser.ask("/u/0/get.n").send().await.signed_in("ann");
    // What only begins alike names no slot.
    for path in ["/users/1", "/u1/get.n", "/x/u/1/get.n", "/U/1/get.n"] {
        browser.ask(path).send().await.signed_in("ann");
    }
    for (slot, _, _) in ACCOUNTS {
        site.probe.take_calls();
        let results = browser.go(&format!("{slot}/accounts")).await.ok().results();
        let current = |of: &str| of == slot;
        let all = json!([
            [0, "ann", current("")],
            [1, "bob", current("/u/1")],
            [2, "eve", current("/u/2")]
        ]);
        assert_eq!(results[0], all, "{slot}: who is signed in");
        let calls = site.probe.take_calls();
        assert_eq!((calls.find, calls.total()), (3, 3), "{slot}: one read for each");
    }
    // A visitor of one slot is nobody in the others, and no account.
    let visitor = site.browser();
    let answer = visitor.go("/u/2/set.a.1").await.ok();
    only(&answer, "_session-2");
    visitor.go("/set.b.1").await.ok();
    assert_eq!(visitor.go("/u/2/accounts").await.ok().results(), json!([[]]), "nobody signed in");
    assert_eq!(visitor.go("/u/2/get.a").await.ok().data(), json!({ "a": 1 }));
    visitor.go("/u/1/get.a").await.no_session();
}

async fn signs_out_of_one(site: &Site) {
    let browser = three(site).await;
    let answer = browser.go("/u/1/logout").await.ok();
    assert_eq!(answer.results()[0], 1, "one session ended");
    let removed = only(&answer, "_session-1");
    assert_eq!(removed.as_deref(), Some(""), "its cookie is removed");
    browser.go("/get.who").await.signed_in("ann");
    browser.go("/u/1/get.who").await.no_session();
    browser.go("/u/2/get.who").await.signed_in("eve");
}

async fn signs_out_of_all(site: &Site) {
    let (browser, other) = (three(site).await, three(site).await);
    let answer = browser.go("/u/2/logout-all-slots").await.ok();
    assert_eq!(answer.results()[0], 3, "three sessions ended");
    let set = set(&answer);
    assert_eq!(set.len(), 3, "each cookie once: {:?}", set.keys());
    assert_eq!(answer.set_cookies().len(), 3, "each cookie once");
    assert!(set.values().all(String::is_empty), "each is removed");
    for (slot, user, _) in ACCOUNTS {
        browser.go(&format!("{slot}/get.who")).await.no_session();
        other.go(&format!("{slot}/get.who")).await.signed_in(user);
    }
    // In an outage what did not end keeps its cookie.
    site.probe.fail(DOWN.only(Method::Remove));
    let answer = other.go("/logout-all-slots").await.refused_as_outage();
    assert!(set_of(&answer).is_empty(), "no cookie is touched");
    site.probe.recover();
    for (slot, user, _) in ACCOUNTS {
        other.go(&format!("{slot}/get.who")).await.signed_in(user);
    }
}

async fn no_such_slot(site: &Site) {
    let browser = three(site).await;
    site.probe.take_calls();
    for slot in NO_SLOTS {
        for path in ["", "/login.zoe", "/set.a.1", "/logout", "/logout-all-slots"] {
            // What is missing its number has nothing behind it.
            let path = if slot.len() > 3 { format!("{slot}{path}") } else { slot.to_owned() };
            let answer = browser.ask(&path).send().await.is(404);
            assert!(set_of(&answer).is_empty(), "{path}: no cookie");
        }
    }
    assert_eq!(site.probe.take_calls(), Calls::NONE, "nothing is looked up");
}

async fn is_signed_for_its_slot(lab: &Lab) {
    let site = Site::mounted(lab, Mount::Accounts, |config| {
        config.secrets = vec!["s".repeat(64).into()];
    });
    let site = site.await;
    let answer = site.browser().go("/u/1/login.bob").await.signed_in("bob");
    let value = only(&answer, "_session-1").expect("a cookie");
    site.probe.take_calls();
    for (path, name) in [("/get.a", "_session"), ("/u/2/get.a", "_session-2")] {
        let ask = site.ask(path).header("cookie", format!("{name}={value}"));
        ask.send().await.no_session();
    }
    assert_eq!(site.probe.take_calls(), Calls::NONE, "under another name it is a forged one");
    let ask = site.ask("/u/1/get.a").header("cookie", format!("_session-1={value}"));
    ask.send().await.signed_in("bob");
}

/// A browser that is signed in three times.
async fn three(site: &Site) -> Browser {
    let browser = site.browser();
    for (slot, user, name) in ACCOUNTS {
        let answer = browser.go(&format!("{slot}/login.{user}")).await.signed_in(user);
        only(&answer, name);
        browser.go(&format!("{slot}/get.a")).await.signed_in(user);
    }
    browser
}

/// The cookies that an answer sets, by name.
fn set(answer: &Answer) -> BTreeMap<String, String> {
    let pair = |line: &str| {
        let (name, rest) = line.split_once('=').expect("a Set-Cookie");
        (name.to_owned(), rest.split(';').next().unwrap_or_default().to_owned())
    };
    answer.set_cookies().into_iter().map(pair).collect()
}

fn set_of(answer: &Answer) -> Vec<String> {
    set(answer).into_keys().collect()
}

/// No cookie is set but the one of this name, whose value this is.
#[track_caller]
fn only(answer: &Answer, name: &str) -> Option<String> {
    let mut set = set(answer);
    let value = set.remove(name);
    assert!(set.is_empty(), "another slot's cookie is set: {:?}", set.keys());
    value
}
