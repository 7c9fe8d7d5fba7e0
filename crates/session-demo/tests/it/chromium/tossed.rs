//! A sister domain tosses a cookie: the browser sends it to the demo beside the real one, or takes none of it.
//!
//! `app.` and `evil.` of one domain are the same site to a browser, and either may set a cookie for the other. It
//! trusts what ends in `.localhost` as if it had TLS; `.example` it does not trust.

use serde_json::{Value, json};

use super::driver::Options;
use super::other_site::OtherSite;
use super::person::Person;
use crate::browser::CHROME;
use crate::demo::{Demo, Framework};

in_chromium! {
    a_tossed_session_is_nobodys
    a_planted_session_is_dead_after_the_sign_in
    a_host_cookie_cannot_be_tossed
}

const PLAIN: &str = "shop.example";
const TRUSTED: &str = "shop.localhost";

/// Somebody at the demo under the domain, with the same kind of browser as the attacker's own.
async fn person_at(demo: &Demo, domain: &str) -> Person {
    let options = Options { agent: Some(CHROME), ..Options::default() };
    let mut person = Person::with(demo, &options).await;
    person.site = format!("http://app.{domain}:{}", demo.address.port());
    person
}

/// The person visits the attacker's page, whose answer sets this cookie for the whole domain.
async fn toss(person: &Person, domain: &str, cookie: &str) {
    let set_cookie = format!("{cookie}; Domain={domain}; Path=/");
    let evil = OtherSite::setting(&set_cookie).await;
    let page = format!("http://evil.{domain}:{}/", evil.address.port());
    person.chromium.driver.goto(page).await.unwrap();
    assert_eq!(person.chromium.driver.title().await.unwrap(), "Elsewhere");
}

/// The values that the browser would send to the demo under the cookie's usual name, and for which domain each is.
async fn sent(person: &Person) -> Vec<(Value, Value)> {
    let jar = person.jar().await;
    let ours = jar.into_iter().filter(|cookie| cookie["name"] == "_session");
    ours.map(|cookie| (cookie["domain"].clone(), cookie["value"].clone())).collect()
}

/// Whoever is signed in never acts in the attacker's session, and is themself again by signing in.
async fn a_tossed_session_is_nobodys(framework: Framework) {
    let demo = Demo::memory(framework).await;
    let person = person_at(&demo, PLAIN).await;
    person.sign_in("alice").await;
    let id = person.session().await["id"].clone();

    // A token that nobody issued takes nobody's place.
    toss(&person, PLAIN, &format!("_session={}", "0".repeat(64))).await;
    assert_eq!(sent(&person).await.len(), 2, "the browser sends both");
    assert_eq!(person.session().await["id"], id);

    let mut mallory = demo.signed_in("mallory").await;
    let tossed = mallory.cookie.clone().unwrap();
    toss(&person, PLAIN, &format!("_session={tossed}")).await;
    let tossed = (json!(format!(".{PLAIN}")), json!(tossed));
    assert!(sent(&person).await.contains(&tossed), "the browser sends both");
    assert_eq!(person.session().await, Value::Null, "of two that are live neither is used");

    person.sign_in("alice").await;
    assert!(sent(&person).await.contains(&tossed), "the browser still sends it");
    assert_eq!(person.session().await["user_id"], "alice");
    mallory.get("/api/me").await.check_error(401, "unauthenticated");
}

/// What the attacker knows before the sign-in is worth nothing after it.
async fn a_planted_session_is_dead_after_the_sign_in(framework: Framework) {
    let demo = Demo::memory(framework).await;
    let person = person_at(&demo, PLAIN).await;
    let mut mallory = demo.browser();
    mallory.put("/api/data/planted", &json!(1)).await.check(200);
    let planted = mallory.cookie.clone().unwrap();
    toss(&person, PLAIN, &format!("_session={planted}")).await;
    let id = mallory.session().await["id"].clone();
    assert_eq!(person.session().await["id"], id, "the planted session is used until then");

    person.sign_in("alice").await;
    assert_eq!(sent(&person).await.len(), 2, "the browser sends both");
    assert_eq!(person.session().await["user_id"], "alice");
    assert_ne!(person.session().await["id"], id);
    assert_eq!(mallory.get("/api/session").await.check(200).json(), json!({ "session": null }));
    mallory.get("/api/me").await.check_error(401, "unauthenticated");
}

/// With the prefix the browser takes the cookie of the very host alone.
async fn a_host_cookie_cannot_be_tossed(framework: Framework) {
    let yaml = "cookie_name: __Host-session\ncookie: {secure: always}";
    let demo = Demo::configured(framework, yaml).await;
    let person = person_at(&demo, TRUSTED).await;
    person.sign_in("alice").await;
    let id = person.session().await["id"].clone();
    let real = person.cookie().await;

    // Any other name can be tossed.
    toss(&person, TRUSTED, "probe=1; Secure").await;
    assert_eq!(person.jar().await.len(), 2);
    let mallory = demo.signed_in("mallory").await.cookie.unwrap();
    for attributes in ["; Secure", "; Secure; HttpOnly", ""] {
        toss(&person, TRUSTED, &format!("__Host-session={mallory}{attributes}")).await;
        let jar = person.jar().await;
        assert_eq!(jar.len(), 2, "{attributes}: it was taken");
        let kept = jar.iter().any(|cookie| cookie["value"] == real["value"]);
        assert!(kept, "{attributes}: the real one is gone");
        assert_eq!(person.session().await["id"], id, "{attributes}");
    }
}
