//! A program's token in the body, and several accounts in one browser.

use std::collections::BTreeMap;

use http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE, USER_AGENT};
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::browser::{Browser, CHROME, Reply};
use crate::demo::Demo;

on_every_combination! {
    a_program_has_its_token_in_the_body
    a_bearer_beside_a_cookie
    accounts_are_switched
    an_account_that_cannot_be
}

async fn with_bearer(program: &mut Browser, method: Method, path: &str, token: &str) -> Reply {
    let authorization = format!("Bearer {token}");
    program.send_with(method, path, "", &[("authorization", &authorization)]).await
}

async fn issued(program: &mut Browser, user: &str) -> String {
    let reply = program.post("/api/token", &json!({ "user": user })).await;
    reply.check(200);
    assert!(reply.cookie().is_none(), "no cookie");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let body = reply.json();
    assert!(body["expires_at"].is_string(), "{body}");
    body["token"].as_str().unwrap().to_owned()
}

async fn a_program_has_its_token_in_the_body(demo: Demo) {
    let mut program = demo.browser();
    let first = issued(&mut program, "alice").await;
    let shown = with_bearer(&mut program, Method::GET, "/api/token", &first).await;
    assert_eq!(shown.check(200).json()["session"]["user_id"], "alice");
    let rotated = with_bearer(&mut program, Method::POST, "/api/token/rotate", &first).await;
    let second = rotated.check(200).json()["token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    // A browser of the same user sees it in the list.
    let mut browser = demo.browser();
    browser.login("alice").await;
    let listed = browser.get("/api/sessions").await.json();
    assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(2));
    let ended = with_bearer(&mut program, Method::DELETE, "/api/token", &second).await;
    assert_eq!(ended.check(200).json(), json!({ "ended": 1 }));
    for token in [&first, &second] {
        let shown = with_bearer(&mut program, Method::GET, "/api/token", token).await;
        assert_eq!(shown.check(200).json()["session"], Value::Null);
        let rotated = with_bearer(&mut program, Method::POST, "/api/token/rotate", token).await;
        rotated.check_error(401, "unauthenticated");
    }
    assert!(program.cookie.is_none(), "never a cookie");
    program.post("/api/token", &json!({})).await.check_error(400, "invalid_user");
    program.post("/api/token/rotate", &json!({})).await.check_error(401, "unauthenticated");
}

async fn a_bearer_beside_a_cookie(demo: Demo) {
    let mut browser = demo.browser();
    browser.login("bob").await;
    let token = issued(&mut demo.browser(), "alice").await;
    let both = with_bearer(&mut browser, Method::GET, "/api/token", &token).await;
    assert_eq!(both.check(200).json()["session"]["user_id"], "alice");
    let bad = with_bearer(&mut browser, Method::GET, "/api/token", "nonsense").await;
    assert_eq!(bad.check(200).json()["session"], Value::Null);
    let ended = with_bearer(&mut browser, Method::DELETE, "/api/token", &token).await;
    assert_eq!(ended.check(200).json(), json!({ "ended": 1 }));
    assert_eq!(browser.session().await["user_id"], "bob");
    // Elsewhere bearers are not read.
    let elsewhere = with_bearer(&mut demo.browser(), Method::GET, "/api/session", &token).await;
    assert_eq!(elsewhere.check(200).json()["session"], Value::Null);
}

/// A browser that keeps a cookie for each name.
struct Jar {
    browser: Browser,
    cookies: BTreeMap<String, String>,
}

impl Jar {
    async fn send(&mut self, method: Method, path: &str, fields: &str) -> Reply {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, v)| format!("{name}={v}")).collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.browser.host())
            .header(USER_AGENT, CHROME)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(COOKIE, cookies.join("; "));
        let request = request.body(Full::new(fields.to_owned().into())).unwrap();
        let reply = self.browser.exchange(request).await;
        for line in reply.headers.get_all(SET_COOKIE) {
            let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        reply
    }

    async fn sign_in(&mut self, slot: u8, user: &str) {
        let fields = format!("user={user}&password=demo");
        let reply = self.send(Method::POST, &format!("/u/{slot}/login"), &fields).await;
        reply.check(303);
        assert_eq!(reply.header("location"), Some(format!("/u/{slot}/accounts").as_str()));
    }

    async fn page(&mut self, slot: u8) -> String {
        self.send(Method::GET, &format!("/u/{slot}/accounts"), "").await.check(200).page()
    }
}

async fn accounts_are_switched(demo: Demo) {
    let mut jar = Jar { browser: demo.browser(), cookies: BTreeMap::new() };
    assert!(!jar.page(0).await.contains("Sign out of all"), "nobody is signed in");
    jar.sign_in(0, "alice").await;
    jar.sign_in(2, "bob").await;
    assert_eq!(jar.cookies.keys().collect::<Vec<_>>(), ["_session", "_session-2"]);
    for (slot, user) in [(0, "alice"), (2, "bob")] {
        let page = jar.page(slot).await;
        assert!(page.contains("alice") && page.contains("bob"), "{page}");
        assert!(page.contains(&format!("Account {slot}: <span class=\"name\">{user}")), "{page}");
    }
    assert!(jar.page(1).await.contains("Sign in to account 1"));
    // The other pages are account 0's.
    let page = jar.send(Method::GET, "/", "").await.check(200).page();
    assert!(page.contains("alice") && !page.contains("bob"));
    let wrong = jar.send(Method::POST, "/u/1/login", "user=eve&password=x").await;
    assert!(wrong.check(401).page().contains("role=\"alert\""));

    jar.send(Method::POST, "/u/2/logout", "").await.check(303);
    assert_eq!(jar.cookies.keys().collect::<Vec<_>>(), ["_session"]);
    jar.sign_in(3, "eve").await;
    jar.send(Method::POST, "/u/1/logout-accounts", "").await.check(303);
    assert!(jar.cookies.is_empty(), "all are signed out");
    let page = jar.page(0).await;
    assert!(!page.contains("alice") && !page.contains("eve"), "{page}");
}

async fn an_account_that_cannot_be(demo: Demo) {
    let mut browser = demo.browser();
    browser.login("alice").await;
    for slot in ["4", "10", "256", "-1", "01", "one", ""] {
        for (method, path) in [
            (Method::GET, "accounts"),
            (Method::POST, "login"),
            (Method::POST, "logout"),
            (Method::POST, "logout-accounts"),
        ] {
            let reply = browser.send(method, &format!("/u/{slot}/{path}"), "").await;
            reply.check(404);
            assert!(reply.cookie().is_none(), "{slot}: {path}");
        }
    }
    assert_eq!(browser.session().await["user_id"], "alice");
}
