//! The demo's table of requests and answers: what one request is answered with, row by row, over
//! every backend.

use http::Method;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::demo::Demo;

on_every_combination! { of_the_service of_sessions of_data of_writes of_failures of_addresses }

/// Who asks.
#[derive(Debug, Clone, Copy)]
enum Who {
    /// Without a session.
    Visitor,
    /// With a session and nobody signed in.
    Anonymous,
    /// With somebody signed in.
    User,
}
use Who::{Anonymous, User, Visitor};

const EVERYBODY: [Who; 3] = [Visitor, Anonymous, User];

/// What the data of those with a session begin as.
fn data() -> Value {
    json!({ "n": 41, "text": "x", "half": 1.5, "null": null, "top": i64::MAX, "list": [1, {"a": 2}] })
}

enum Answer {
    Is(Value),
    Error(u16, &'static str),
}
use Answer::{Error, Is};

fn fine() -> Answer {
    Is(json!({ "ok": true }))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Cookie {
    None,
    Set,
    Removed,
}

async fn browser(demo: &Demo, who: Who) -> Browser {
    let mut browser = demo.browser();
    match who {
        Visitor => {}
        Anonymous => {
            for (key, value) in data().as_object().unwrap() {
                browser.put(&format!("/api/data/{key}"), value).await.check(200);
            }
        }
        User => {
            let body = json!({ "user": "alice", "data": data() });
            browser.post("/api/login", &body).await.check(200);
            // The first request with a new token is told its cookie once more.
            browser.session().await;
        }
    }
    browser
}

async fn check(demo: &Demo, who: Who, request: &str, body: &str, answer: &Answer, cookie: Cookie) {
    let mut browser = browser(demo, who).await;
    let (method, path) = request.split_once(' ').unwrap();
    let method: Method = method.parse().unwrap();
    let reply = browser.send(method.clone(), path, body.to_owned()).await;
    match answer {
        Is(value) => assert_eq!(&reply.check(200).json(), value, "{who:?} {request} {body}"),
        Error(status, code) => {
            reply.check_error(*status, code);
        }
    }
    let found = match reply.cookie() {
        None => Cookie::None,
        Some(cookie) if cookie.removes() => Cookie::Removed,
        Some(_) => Cookie::Set,
    };
    assert_eq!(found, cookie, "{who:?} {request} {body}");
}

async fn of_the_service(demo: Demo) {
    for who in EVERYBODY {
        for request in ["GET /healthz", "GET /api/public"] {
            check(&demo, who, request, "", &fine(), Cookie::None).await;
        }
        check(&demo, who, "POST /api/purge", "", &Is(json!({ "purged": 0 })), Cookie::None).await;
    }
    // Under the layer and untouched: not even `Vary` says that there are sessions.
    let mut user = demo.signed_in("bob").await;
    assert_eq!(user.get("/api/public").await.header("vary"), None);
    assert_eq!(user.get("/api/me").await.header("vary"), Some("Cookie"));
}

async fn of_sessions(demo: Demo) {
    let signed_out = || Error(401, "unauthenticated");
    let ended = |n: u8| Is(json!({ "ended": n }));
    let alice = || Is(json!({ "user_id": "alice" }));
    let unknown = "DELETE /api/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let no_ulid = "DELETE /api/sessions/nonsense";
    for (who, request, answer, cookie) in [
        (Visitor, "GET /api/session", Is(json!({ "session": null })), Cookie::None),
        (Visitor, "GET /api/me", signed_out(), Cookie::None),
        (Anonymous, "GET /api/me", signed_out(), Cookie::None),
        (User, "GET /api/me", alice(), Cookie::None),
        (Visitor, "GET /api/layer-user", signed_out(), Cookie::None),
        (Anonymous, "GET /api/layer-user", signed_out(), Cookie::None),
        (User, "GET /api/layer-user", alice(), Cookie::None),
        (Visitor, "POST /api/reauthenticate", signed_out(), Cookie::None),
        (Anonymous, "POST /api/reauthenticate", signed_out(), Cookie::None),
        (Visitor, "POST /api/rotate", signed_out(), Cookie::None),
        (Visitor, "POST /api/logout", ended(0), Cookie::None),
        (Anonymous, "POST /api/logout", ended(1), Cookie::Removed),
        (User, "POST /api/logout", ended(1), Cookie::Removed),
        (Visitor, "POST /api/logout-others", signed_out(), Cookie::None),
        (Anonymous, "POST /api/logout-others", signed_out(), Cookie::None),
        (Visitor, "POST /api/logout-all", signed_out(), Cookie::None),
        (Anonymous, "POST /api/logout-all", signed_out(), Cookie::None),
        (Visitor, "GET /api/sessions", signed_out(), Cookie::None),
        (Anonymous, "GET /api/sessions", signed_out(), Cookie::None),
        (Visitor, unknown, signed_out(), Cookie::None),
        (Visitor, no_ulid, signed_out(), Cookie::None),
        (Anonymous, no_ulid, signed_out(), Cookie::None),
        (User, no_ulid, Error(400, "invalid_id"), Cookie::None),
        (User, "DELETE /api/sessions/", Error(400, "invalid_id"), Cookie::None),
        (User, "DELETE /api/sessions/%ff", Error(400, "invalid_id"), Cookie::None),
        (
            User,
            "DELETE /api/sessions/UUUUUUUUUUUUUUUUUUUUUUUUUU",
            Error(400, "invalid_id"),
            Cookie::None,
        ),
        (
            User,
            "DELETE /api/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAVX",
            Error(400, "invalid_id"),
            Cookie::None,
        ),
        (
            User,
            "DELETE /api/sessions/ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
            Error(400, "invalid_id"),
            Cookie::None,
        ),
        (User, unknown, Error(404, "no_such_session"), Cookie::None),
        (Visitor, "GET /api/fresh?within=60", Error(403, "stale_authentication"), Cookie::None),
        (Anonymous, "GET /api/fresh?within=60", Error(403, "stale_authentication"), Cookie::None),
        (User, "GET /api/fresh?within=60", fine(), Cookie::None),
        (User, "GET /api/fresh", fine(), Cookie::None),
        (User, "GET /api/fresh?within=18446744073709551615", fine(), Cookie::None),
        (User, "GET /api/fresh?within=0", Error(403, "stale_authentication"), Cookie::None),
        (User, "GET /api/fresh?within=", Error(400, "invalid_query"), Cookie::None),
        (User, "GET /api/fresh?within=-1", Error(400, "invalid_query"), Cookie::None),
        (User, "GET /api/fresh?within=x", Error(400, "invalid_query"), Cookie::None),
        (User, "GET /api/fresh?within=1.5", Error(400, "invalid_query"), Cookie::None),
        (
            Visitor,
            "GET /api/fresh?within=18446744073709551616",
            Error(400, "invalid_query"),
            Cookie::None,
        ),
    ] {
        check(&demo, who, request, "", &answer, cookie).await;
    }
    for (body, code) in [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        (r#"{"user":"alice","data":[]}"#, "invalid_json"),
        (r#"{"user":"alice","data":null}"#, "invalid_json"),
        (r#"{"user":"alice","data":{"a":"\u0000"}}"#, "invalid_json"),
        ("{}", "invalid_user"),
        ("[]", "invalid_user"),
        (r#"{"user":7}"#, "invalid_user"),
        (r#"{"user":""}"#, "invalid_user"),
        (r#"{"user":"a\u0000"}"#, "invalid_user"),
        (&json!({ "user": "u".repeat(256) }).to_string(), "invalid_user"),
    ] {
        for request in ["POST /api/login", "POST /api/fail-login"] {
            check(&demo, Visitor, request, body, &Error(400, code), Cookie::None).await;
        }
    }
    for request in ["POST /api/goodbye", "POST /api/start-over"] {
        check(&demo, User, request, "{", &Error(400, "invalid_json"), Cookie::None).await;
    }
}

async fn of_data(demo: Demo) {
    for who in [Anonymous, User] {
        for (request, answer) in [
            ("GET /api/data", Is(data())),
            ("GET /api/data/n", Is(json!(41))),
            ("GET /api/data/null", Is(Value::Null)),
            ("GET /api/data/list", Is(json!([1, { "a": 2 }]))),
            ("GET /api/data/missing", Error(404, "no_such_key")),
            ("GET /api/data/", Error(404, "no_such_key")),
            ("GET /api/data/%ff", Error(400, "invalid_key")),
            ("GET /api/data/a%00b", Error(400, "invalid_key")),
            ("DELETE /api/data/n", fine()),
            ("DELETE /api/data/missing", fine()),
            ("DELETE /api/data/", fine()),
            ("DELETE /api/data/%ff", Error(400, "invalid_key")),
            ("DELETE /api/data/%00", Error(400, "invalid_key")),
            ("DELETE /api/data", fine()),
            ("POST /api/increment/n", Is(json!({ "value": 42 }))),
            ("POST /api/increment/missing", Is(json!({ "value": 1 }))),
            ("POST /api/increment/", Is(json!({ "value": 1 }))),
            ("POST /api/increment/text", Error(409, "not_a_number")),
            ("POST /api/increment/half", Error(409, "not_a_number")),
            ("POST /api/increment/null", Error(409, "not_a_number")),
            ("POST /api/increment/list", Error(409, "not_a_number")),
            ("POST /api/increment/top", Error(409, "not_a_number")),
            ("POST /api/increment/%ff", Error(400, "invalid_key")),
            ("POST /api/increment/%00", Error(400, "invalid_key")),
        ] {
            check(&demo, who, request, "", &answer, Cookie::None).await;
        }
    }
    for (request, answer, cookie) in [
        ("GET /api/data", Is(json!({})), Cookie::None),
        ("GET /api/data/x", Error(404, "no_such_key"), Cookie::None),
        ("DELETE /api/data/x", fine(), Cookie::None),
        ("DELETE /api/data", fine(), Cookie::None),
        ("POST /api/increment/x", Is(json!({ "value": 1 })), Cookie::Set),
    ] {
        check(&demo, Visitor, request, "", &answer, cookie).await;
    }
    // What was taken away stays away, and the session stays.
    let mut user = browser(&demo, User).await;
    let id = user.session().await["id"].clone();
    user.delete("/api/data/n").await.check(200);
    user.get("/api/data/n").await.check_error(404, "no_such_key");
    user.delete("/api/data").await.check(200);
    assert_eq!(user.get("/api/data").await.json(), json!({}));
    assert_eq!(user.session().await["id"], id);
}

async fn of_writes(demo: Demo) {
    let invalid = || Error(400, "invalid_json");
    let deep = |depth: usize| "[".repeat(depth) + "]".repeat(depth).as_str();
    for (request, body, answer) in [
        ("PUT /api/data/k", "1".to_owned(), fine()),
        ("PUT /api/data/k", " \t\n[1, 2.5, null, \"é\"]\r\n".to_owned(), fine()),
        ("PUT /api/data/k", deep(128), fine()),
        ("PUT /api/data/", "{}".to_owned(), fine()),
        ("PUT /api/data/k", deep(129), invalid()),
        ("PUT /api/data/k", "[".repeat(50_000), invalid()),
        ("PUT /api/data/k", String::new(), invalid()),
        ("PUT /api/data/k", "nul".to_owned(), invalid()),
        ("PUT /api/data/k", "1 2".to_owned(), invalid()),
        ("PUT /api/data/k", "1e400".to_owned(), invalid()),
        ("PUT /api/data/k", r#""\u0000""#.to_owned(), invalid()),
        ("PUT /api/data/k", r#"{"\u0000":1}"#.to_owned(), invalid()),
        ("PUT /api/data/k", r#""\ud800""#.to_owned(), invalid()),
        ("PUT /api/data/%00", "1".to_owned(), Error(400, "invalid_key")),
        ("PUT /api/data/%C3", "1".to_owned(), Error(400, "invalid_key")),
        ("PUT /api/data/k", json!("x".repeat(70_000)).to_string(), Error(413, "data_too_large")),
        ("PUT /api/data/k", json!("x".repeat(3_000_000)).to_string(), Error(413, "data_too_large")),
        ("PUT /api/slow/k?ms=0", "1".to_owned(), fine()),
        ("PUT /api/slow/?ms=0", "1".to_owned(), fine()),
        ("PUT /api/slow/k", "1".to_owned(), fine()),
        ("PUT /api/slow/k?ms=0", "{".to_owned(), invalid()),
        ("PUT /api/slow/k?ms=10001", "1".to_owned(), Error(400, "invalid_query")),
        ("PUT /api/slow/k?ms=-1", "1".to_owned(), Error(400, "invalid_query")),
        ("PUT /api/slow/k?ms=", "1".to_owned(), Error(400, "invalid_query")),
        ("PUT /api/slow/k?ms=x", "1".to_owned(), Error(400, "invalid_query")),
        ("PUT /api/slow/%ff?ms=0", "1".to_owned(), Error(400, "invalid_key")),
        (
            "PUT /api/slow/k?ms=0",
            json!("x".repeat(70_000)).to_string(),
            Error(413, "data_too_large"),
        ),
    ] {
        for who in EVERYBODY {
            // A visitor's session comes with what they store.
            let makes = matches!((who, &answer), (Visitor, Is(_)));
            let cookie = if makes { Cookie::Set } else { Cookie::None };
            check(&demo, who, request, &body, &answer, cookie).await;
        }
    }
}

async fn of_failures(demo: Demo) {
    for (request, body, answer, cookie) in [
        // What a client's mistake stores is kept, what a server's mistake stores is not.
        ("POST /api/fail/k", "1", Error(500, "requested"), Cookie::None),
        ("POST /api/fail/k?status=500", "1", Error(500, "requested"), Cookie::None),
        ("POST /api/fail/k?status=599", "1", Error(599, "requested"), Cookie::None),
        // What answers a time-out cut the handler off.
        ("POST /api/fail/k?status=408", "1", Error(408, "requested"), Cookie::None),
        ("POST /api/fail/k?status=400", "1", Error(400, "requested"), Cookie::Set),
        ("POST /api/fail/k?status=418", "1", Error(418, "requested"), Cookie::Set),
        ("POST /api/fail/?status=404", "1", Error(404, "requested"), Cookie::Set),
        ("POST /api/fail/k?status=399", "1", Error(400, "invalid_query"), Cookie::None),
        ("POST /api/fail/k?status=600", "1", Error(400, "invalid_query"), Cookie::None),
        ("POST /api/fail/k?status=x", "1", Error(400, "invalid_query"), Cookie::None),
        ("POST /api/fail/k?status=", "1", Error(400, "invalid_query"), Cookie::None),
        ("POST /api/fail/k?status=65937", "1", Error(400, "invalid_query"), Cookie::None),
        ("POST /api/fail/k?status=500", "{", Error(400, "invalid_json"), Cookie::None),
        ("POST /api/fail/%ff?status=500", "1", Error(400, "invalid_key"), Cookie::None),
        ("POST /api/panic", "", Error(500, "internal"), Cookie::None),
    ] {
        check(&demo, Visitor, request, body, &answer, cookie).await;
    }
    let mut user = browser(&demo, User).await;
    for (status, kept) in [(400, true), (408, false), (499, true), (500, false), (503, false)] {
        let path = format!("/api/fail/k{status}?status={status}");
        user.post(&path, &json!(1)).await.check(status);
        let after = user.get(&format!("/api/data/k{status}")).await;
        assert_eq!(after.status == 200, kept, "{status}");
    }
    // A panic ends nothing.
    user.post("/api/panic", &Value::Null).await.check_error(500, "internal");
    assert_eq!(user.get("/api/me").await.json(), json!({ "user_id": "alice" }));
    // Signing in has happened, whatever the answer says.
    let mut late = demo.browser();
    let reply = late.post("/api/fail-login", &json!({ "user": "carol" })).await;
    reply.check_error(500, "requested");
    assert!(reply.cookie().is_some_and(|cookie| !cookie.removes()));
    assert_eq!(late.get("/api/me").await.json(), json!({ "user_id": "carol" }));
}

async fn of_addresses(demo: Demo) {
    let mut visitor = demo.browser();
    for request in
        ["GET /nowhere", "GET /api", "GET /api/nothing", "POST /api/data/a/b", "GET //api/me"]
    {
        let (method, path) = request.split_once(' ').unwrap();
        let reply = visitor.send(method.parse().unwrap(), path, "").await;
        reply.check_error(404, "not_found");
    }
    for (request, allowed) in [
        ("DELETE /api/me", &["GET"][..]),
        ("POST /api/layer-user", &["GET"]),
        ("GET /api/login", &["POST"]),
        ("GET /api/panic", &["POST"]),
        ("PUT /api/data", &["GET", "DELETE"]),
        ("POST /api/data/k", &["GET", "PUT", "DELETE"]),
        ("POST /api/data/", &["GET", "PUT", "DELETE"]),
        ("GET /api/slow/k", &["PUT"]),
        ("GET /api/increment/k", &["POST"]),
        ("GET /api/sessions/x", &["DELETE"]),
        ("OPTIONS /api/me", &["GET"]),
        ("BREW /api/me", &["GET"]),
        ("POST /healthz", &["GET"]),
        ("GET /login", &["POST"]),
    ] {
        let (method, path) = request.split_once(' ').unwrap();
        let reply = visitor.send(method.parse().unwrap(), path, "").await;
        reply.check_error(405, "method_not_allowed");
        let allow = reply.header("allow").expect("Allow");
        for method in allowed {
            assert!(allow.split(',').any(|one| one.trim() == *method), "{request}: {allow}");
        }
        assert!(reply.cookie().is_none());
    }
    let head = visitor.send(Method::HEAD, "/api/session", "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}
