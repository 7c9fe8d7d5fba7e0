//! Two browsers of one user: each sees both, and one ends the other.

use super::driver::Options;
use super::person::{Person, SIGN_IN};
use crate::browser::FIREFOX;
use crate::demo::Demo;

in_chromium_over_databases! {
    one_ends_the_other
    the_cart_survives_the_sign_in
    back_shows_nothing_to_who_is_signed_out
}

const SIGNED_OUT: &str = "You were signed out on another device. You can sign in again.";

async fn one_ends_the_other(demo: Demo) {
    let here = Person::at(&demo).await;
    let there = Person::with(&demo, &Options { agent: Some(FIREFOX), ..Options::default() }).await;
    here.sign_in("alice").await;
    there.sign_in("alice").await;

    // Both see both, and each knows which one it is itself.
    for (person, own, other) in
        [(&here, "Chrome on ", "Firefox on Windows"), (&there, "Firefox on Windows", "Chrome on ")]
    {
        person.click("nav a[href='/devices']").await;
        person.see(".devices").await;
        let names = person.texts(".device h3").await;
        assert_eq!(names.len(), 2, "{names:?}");
        let this = person.texts(".devices.this .device").await;
        assert!(this.len() == 1 && this[0].starts_with(own), "{this:?}");
        assert!(this[0].contains("This device"), "{this:?}");
        let others = person.texts("section .device").await.join("\n");
        assert!(others.contains(other) && !others.contains("This device"), "{others}");
    }

    here.click("section .device button").await;
    here.see(".empty").await;
    assert_eq!(here.texts(".device h3").await.len(), 1);

    // The other one is out at its next click: where one signs in, and not at an error.
    there.click("nav a[href='/devices']").await;
    there.see(SIGN_IN).await;
    assert_eq!(there.path().await, "/");
    assert!(!there.sees(".notice").await && !there.sees("nav").await);
    there.reads("#told", SIGNED_OUT).await;

    // It signs in anew, and the first one noticed nothing.
    there.sign_in("alice").await;
    here.open("/devices").await;
    assert_eq!(here.texts(".device h3").await.len(), 2);

    // All others at once; a button this time is what the ended one clicks.
    here.click("form[action='/logout-others'] button").await;
    here.see(".empty").await;
    there.click("form[action='/logout'] button").await;
    there.see(SIGN_IN).await;
    assert!(!there.sees(".notice").await);
    // Whatever its cookie was worth, it is gone.
    assert_eq!(there.jar().await, [] as [serde_json::Value; 0]);
    assert_eq!(here.session().await["user_id"], "alice");
}

async fn the_cart_survives_the_sign_in(demo: Demo) {
    let person = Person::at(&demo).await;
    person.open("/").await;
    assert_eq!(person.jar().await, [] as [serde_json::Value; 0], "who only looks gets no cookie");
    for (item, count) in [("Tea", "1"), ("Tea", "2"), ("Honey", "3")] {
        person.click(&format!("button[name='item'][value='{item}']")).await;
        // The page of the next request: the count is that of this click.
        person.reads("#cart .count", count).await;
    }
    let cart = ["Honey\n× 1\nTake out", "Tea\n× 2\nTake out"];
    let in_cart = async |person: &Person| {
        let mut rows = person.texts("li:has(button[name='remove'])").await;
        rows.sort();
        rows
    };
    assert_eq!(in_cart(&person).await, cart);
    let before = person.cookie().await["value"].clone();

    person.sign_in("alice").await;
    assert_eq!(in_cart(&person).await, cart);
    assert!(person.cookie().await["value"] != before, "signing in makes a new token");

    // A wrong password keeps the cart too.
    person.sign_out().await;
    person.click("button[name='item'][value='Bread']").await;
    person.reads("#cart .count", "1").await;
    person.see("#user").await.send_keys("bob").await.unwrap();
    person.see("#password").await.send_keys("wrong").await.unwrap();
    person.click(&format!("{SIGN_IN} button")).await;
    person.see("[role='alert']").await;
    assert_eq!(in_cart(&person).await, ["Bread\n× 1\nTake out"]);
}

async fn back_shows_nothing_to_who_is_signed_out(demo: Demo) {
    let person = Person::at(&demo).await;
    person.sign_in("alice").await;
    person.click("nav a[href='/devices']").await;
    person.see(".devices").await;
    person.sign_out().await;
    // A mark on this page, so that it is not taken for the one before it.
    person.chromium.script("document.documentElement.id = 'left'").await;
    person.chromium.driver.back().await.unwrap();
    person.see("html:not(#left)").await;
    assert!(person.sees(SIGN_IN).await && !person.sees(".devices").await);
    assert!(!person.text().await.contains("alice"));
}
