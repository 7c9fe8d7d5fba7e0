//! Another site makes the browser of somebody who is signed in send requests to the demo: whatever it
//! makes it send, they are still signed in (law `cross_site_makes_no_session`).
//!
//! Two names of this machine are two sites: `127.0.0.1` and `localhost`, which the browser trusts as if
//! they had TLS, so that it sends `Sec-Fetch-Site` and takes `Secure`; and two names that it does not
//! trust, where an `Origin` is all that it sends. `SameSite=None` needs `Secure`, and so is tried between
//! the first two only: the demo has no TLS.

use serde_json::{Value, json};

use super::driver::OFTEN;
use super::other_site::OtherSite;
use super::person::{Person, SIGN_IN};
use crate::demo::{Demo, Framework, TOO_LONG};

in_chromium! {
    cross_site_makes_no_session_lax
    cross_site_makes_no_session_strict
    cross_site_makes_no_session_none
    cross_site_makes_no_session_over_plain_http
    without_the_law_a_form_signs_out
}

/// A demo, somebody who is signed in there, and another site that means them ill.
struct Scene {
    person: Person,
    other: OtherSite,
    other_host: &'static str,
    id: Value,
    _demo: Demo,
}

impl Scene {
    async fn new(
        framework: Framework,
        yaml: &str,
        (host, other_host): (&str, &'static str),
    ) -> Self {
        let demo = Demo::configured(framework, yaml).await;
        let mut person = Person::at(&demo).await;
        person.site = format!("http://{host}:{}", demo.address.port());
        let other = OtherSite::against(&person.site).await;
        person.sign_in("alice").await;
        let id = person.session().await["id"].clone();
        Self { person, other, other_host, id, _demo: demo }
    }

    async fn go_elsewhere(&self) {
        let page = format!("http://{}:{}/", self.other_host, self.other.address.port());
        self.person.chromium.driver.goto(page).await.unwrap();
    }

    /// Runs a script of the other site, and waits until what it asked for is answered.
    async fn asks(&self, script: &str) {
        self.go_elsewhere().await;
        self.person.chromium.script(script).await;
        let answered = async {
            let mut clock = tokio::time::interval(OFTEN);
            while self.person.chromium.driver.title().await.unwrap() != "answered" {
                clock.tick().await;
            }
        };
        tokio::time::timeout(TOO_LONG, answered).await.unwrap_or_else(|_| panic!("{script}"));
    }

    /// Still the same session, and its cookie the only one.
    async fn is_signed_in(&self, after: &str) {
        assert_eq!(self.person.jar().await.len(), 1, "{after}");
        let session = self.person.session().await;
        assert_eq!((&session["user_id"], &session["id"]), (&json!("alice"), &self.id), "{after}");
    }

    /// Sends this form of the other site's; what it is answered with.
    async fn sends(&self, form: &str) -> Value {
        self.go_elsewhere().await;
        self.person.click(&format!("#{form} button")).await;
        let shop = &self.person.site;
        let arrived = async {
            let mut clock = tokio::time::interval(OFTEN);
            let driver = &self.person.chromium.driver;
            while !driver.current_url().await.unwrap().as_str().starts_with(shop) {
                clock.tick().await;
            }
        };
        tokio::time::timeout(TOO_LONG, arrived).await.unwrap_or_else(|_| panic!("{form}"));
        let text = self.person.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Everything that another site can make a browser send; `answers` is what its forms are told.
    async fn suffers(&self, answers: [(&str, &Value); 2]) {
        for (form, expected) in answers {
            let answer = self.sends(form).await;
            let told = if answer["error"].is_string() { &answer["error"] } else { &answer };
            assert_eq!(told, expected, "{form}");
            self.is_signed_in(form).await;
        }
        for script in [
            "submits()",
            "fetches('POST', '/api/increment/n')",
            "fetches('GET', '/')",
            "fetches('GET', '/api/session')",
            "shows('img', '/')",
            "shows('img', '/favicon.svg')",
            "shows('iframe', '/')",
            "shows('iframe', '/api/session')",
        ] {
            self.asks(script).await;
            self.is_signed_in(script).await;
        }
    }

    /// Follows the other site's link to the demo, and waits for what is to be seen there.
    async fn follows_link(&self, sees: &str) {
        self.go_elsewhere().await;
        self.person.click("a").await;
        self.person.see(sees).await;
        self.is_signed_in("a link").await;
    }
}

const TRUSTED: (&str, &str) = ("127.0.0.1", "localhost");
const UNTRUSTED: (&str, &str) = ("shop.example", "evil.example");
const SIGN_OUT: &str = "form[action='/logout']";

/// With `save_unchanged` every request of a visitor's would make a session, also one that only looks.
async fn cross_site_makes_no_session_lax(framework: Framework) {
    let refused = json!("cross_site");
    for (host, other_host) in [TRUSTED, ("localhost", "127.0.0.1")] {
        let scene = Scene::new(framework, "save_unchanged: true", (host, other_host)).await;
        scene.suffers([("updates", &refused), ("sets", &refused)]).await;
        scene.follows_link(SIGN_OUT).await;
    }
}

/// A link brings no cookie, so what it leads to may store nothing: the sign-in page does not.
async fn cross_site_makes_no_session_strict(framework: Framework) {
    let refused = json!("cross_site");
    let scene = Scene::new(framework, "cookie: {same_site: strict}", TRUSTED).await;
    scene.suffers([("updates", &refused), ("sets", &refused)]).await;
    scene.follows_link(SIGN_IN).await;
}

/// The cookie comes with everything, so that it is the user's own session that is used.
async fn cross_site_makes_no_session_none(framework: Framework) {
    let yaml = "save_unchanged: true\ncookie: {same_site: none}";
    let scene = Scene::new(framework, yaml, TRUSTED).await;
    let (used, asked_for) = (json!({ "value": 1 }), json!("requested"));
    scene.suffers([("updates", &used), ("sets", &asked_for)]).await;
    scene.follows_link(SIGN_OUT).await;
}

async fn cross_site_makes_no_session_over_plain_http(framework: Framework) {
    let refused = json!("cross_site");
    for (yaml, sees) in [("", SIGN_OUT), ("cookie: {same_site: strict}", SIGN_IN)] {
        let scene = Scene::new(framework, yaml, UNTRUSTED).await;
        scene.suffers([("updates", &refused), ("sets", &refused)]).await;
        scene.follows_link(sees).await;
    }
}

/// What all of this would prove nothing without: a browser does hold the cookie back, and takes the
/// one that it is given.
async fn without_the_law_a_form_signs_out(framework: Framework) {
    for hosts in [TRUSTED, UNTRUSTED] {
        let scene = Scene::new(framework, "cross_site_sessions: allow", hosts).await;
        assert_eq!(scene.sends("updates").await, json!({ "value": 1 }));
        assert_eq!(scene.person.session().await["user_id"], Value::Null);
    }
}
