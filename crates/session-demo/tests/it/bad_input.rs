//! What no well-meaning client sends: odd cookies, keys, numbers and bodies.

use http::header::{CONTENT_LENGTH, COOKIE, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::browser::{CHROME, Reply};
use crate::demo::Demo;

on_every_combination! {
    cookies_of_any_bytes
    keys_of_any_kind
    numbers_at_their_edges
    as_large_as_allowed
    larger_than_anything
    broken_connections
}

/// Sends a request with these cookie headers.
async fn with_cookies(demo: &Demo, path: &str, cookies: &[Vec<u8>]) -> Reply {
    let browser = demo.browser();
    let mut request = Request::get(path).header(HOST, browser.host()).header(USER_AGENT, CHROME);
    for cookie in cookies {
        request = request.header(COOKIE, HeaderValue::from_bytes(cookie).unwrap());
    }
    browser.exchange(request.body(Full::default()).unwrap()).await
}

async fn cookies_of_any_bytes(mut demo: Demo) {
    let mut browser = demo.signed_in("alice").await;
    let token = browser.cookie.clone().unwrap();
    let ours = format!("_session={token}").into_bytes();
    let bytes = |text: &str| text.as_bytes().to_vec();

    for (name, cookies) in [
        ("among others", vec![bytes("a=1; b=\"x;y\""), ours.clone(), bytes("__session=x")]),
        ("behind odd bytes", vec![[&b"bad=\xff\xfe; "[..], &ours].concat()]),
        ("after an odd header", vec![b"\xff\xff=\x80".to_vec(), ours.clone()]),
        ("behind a malformed one", vec![[&b"_session=zz; "[..], &ours].concat()]),
        ("behind a stale one", vec![bytes(&format!("_session={}", "0".repeat(64))), ours.clone()]),
        ("twice", vec![ours.clone(), ours.clone()]),
        ("in the last of many headers", {
            let mut many = vec![bytes("x=y"); 60];
            many.push(ours.clone());
            many
        }),
    ] {
        let reply = with_cookies(&demo, "/api/me", &cookies).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        assert!(reply.cookie().is_none(), "{name}");
    }
    for (name, cookies) in [
        ("empty", vec![bytes("_session=")]),
        ("no value", vec![bytes("_session")]),
        ("short", vec![bytes(&format!("_session={}", &token[..63]))]),
        ("long", vec![bytes(&format!("_session={token}0"))]),
        ("in capitals", vec![bytes(&format!("_session={}", token.to_uppercase()))]),
        ("another name", vec![bytes(&format!("_Session={token}"))]),
        ("a longer name", vec![bytes(&format!("x_session={token}"))]),
        ("odd bytes", vec![b"_session=\x80\xff".to_vec()]),
        ("huge", vec![bytes(&format!("_session={}", "a".repeat(60_000)))]),
        ("only separators", vec![bytes(";;; ; =; ==")]),
    ] {
        let reply = with_cookies(&demo, "/api/session", &cookies).await;
        assert_eq!(reply.check(200).json(), json!({ "session": null }), "{name}");
        let text = reply.text();
        assert!(!text.contains(&token), "{name}");
        assert!(reply.cookie().is_none(), "{name}: left alone");
    }
    // Two sessions at once are nobody's.
    let other = demo.signed_in("bob").await.cookie.unwrap();
    let both = [ours, format!("_session={other}").into_bytes()];
    with_cookies(&demo, "/api/me", &both).await.check_error(401, "unauthenticated");
    // And all of it told nobody who reads the log anything that signs in.
    browser.get("/api/me").await.check(200);
    demo.signal("TERM").await;
    demo.ended().await;
    let log = demo.rest_of_log().await;
    assert!(!log.contains(&token) && !log.contains(&other), "{log}");
}

async fn keys_of_any_kind(demo: Demo) {
    let mut browser = demo.signed_in("alice").await;
    let long = "k".repeat(1000);
    let keys = [
        ("", ""),
        ("%20", " "),
        ("a.b", "a.b"),
        ("a%2Fb", "a/b"),
        ("%2F", "/"),
        ("..", ".."),
        ("%2e%2e", ".."),
        ("..%2F..%2Fetc", "../../etc"),
        (".", "."),
        ("%22", "\""),
        ("%27", "'"),
        ("%5C", "\\"),
        ("$", "$"),
        ("$.a%5B0%5D", "$.a[0]"),
        ("%F0%9F%8D%AA", "🍪"),
        ("100%25", "100%"),
        ("a+b", "a+b"),
        ("a%0Ab", "a\nb"),
        ("%7F", "\u{7f}"),
        ("%3F%23", "?#"),
        ("null", "null"),
        ("__proto__", "__proto__"),
        (&long, &long),
    ];
    for (path, key) in keys {
        let path = format!("/api/data/{path}");
        let value = json!({ key: [key] });
        browser.put(&path, &value).await.check(200);
        assert_eq!(browser.get(&path).await.check(200).json(), value, "{key:?}");
        assert_eq!(browser.get("/api/data").await.json()[key], value, "{key:?}");
    }
    for (path, key) in keys {
        browser.delete(&format!("/api/data/{path}")).await.check(200);
        assert_eq!(browser.get("/api/data").await.json().get(key), None, "{key:?}");
    }
    for path in ["/api/increment/..", "/api/increment/a%2Fb"] {
        assert_eq!(browser.post(path, &Value::Null).await.json(), json!({ "value": 1 }));
    }
    browser.put("/api/slow/..%2F?ms=0", &json!(1)).await.check(200);
    assert_eq!(browser.get("/api/data").await.json(), json!({ "..": 1, "a/b": 1, "../": 1 }));
}

async fn numbers_at_their_edges(demo: Demo) {
    let mut browser = demo.signed_in("alice").await;
    for text in [
        "0",
        "-9223372036854775808",
        "9223372036854775807",
        "18446744073709551615",
        "0.1",
        "1.7976931348623157e308",
        "5e-324",
        "2.2250738585072014e-308",
        "-1.5",
        "9007199254740993",
        "123456.789e-20",
    ] {
        browser.send(Method::PUT, "/api/data/n", text).await.check(200);
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(browser.get("/api/data/n").await.json(), value, "{text}");
    }
    for (text, next) in [
        ("-9223372036854775808", Some(i64::MIN + 1)),
        ("9223372036854775806", Some(i64::MAX)),
        ("9223372036854775807", None),
        ("18446744073709551615", None),
        ("1e300", None),
        ("0.5", None),
        ("\"1\"", None),
        ("true", None),
    ] {
        browser.send(Method::PUT, "/api/data/n", text).await.check(200);
        let reply = browser.post("/api/increment/n", &Value::Null).await;
        match next {
            Some(next) => assert_eq!(reply.check(200).json(), json!({ "value": next })),
            None => {
                reply.check_error(409, "not_a_number");
                let value: Value = serde_json::from_str(text).unwrap();
                assert_eq!(browser.get("/api/data/n").await.json(), value);
            }
        }
    }
}

/// What a map with only this key takes besides its string: `{"k":""}`.
const AROUND: usize = 8;

async fn as_large_as_allowed(demo: Demo) {
    for (user, limit) in [(None, 8192), (Some("alice"), 65_536)] {
        let mut browser = demo.browser();
        if let Some(user) = user {
            browser.login(user).await;
        }
        let text = "x".repeat(limit - AROUND);
        browser.put("/api/data/k", &json!(text)).await.check(200);
        browser
            .put("/api/data/k", &json!(format!("{text}x")))
            .await
            .check_error(413, "data_too_large");
        browser.put("/api/data/l", &json!(1)).await.check_error(413, "data_too_large");
        browser.post("/api/increment/l", &Value::Null).await.check_error(413, "data_too_large");
        // The same text, six times as long on the way, with white space around it.
        let escaped = format!(" \"{}\" ", "\\u0078".repeat(limit - AROUND));
        browser.send(Method::PUT, "/api/data/k", escaped).await.check(200);
        assert_eq!(browser.get("/api/data/k").await.json(), json!(text));
        // A refused write changed nothing, and what makes room is not refused.
        browser.delete("/api/data/k").await.check(200);
        browser.put("/api/data/l", &json!(1)).await.check(200);
        assert_eq!(browser.get("/api/data").await.json(), json!({ "l": 1 }));
    }
}

async fn larger_than_anything(demo: Demo) {
    let mut browser = demo.signed_in("alice").await;
    let body = vec![b' '; 8 * 1024 * 1024];
    for path in ["/api/data/k", "/api/slow/k"] {
        browser.send(Method::PUT, path, body.clone()).await.check_error(413, "data_too_large");
    }
    browser.send(Method::POST, "/api/login", body).await.check_error(413, "data_too_large");
    // One that is only announced is refused before it is sent.
    let mut stream = tokio::net::TcpStream::connect(demo.address).await.unwrap();
    let head =
        format!("PUT /api/data/k HTTP/1.1\r\n{HOST}: x\r\n{CONTENT_LENGTH}: 1000000000000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    tokio::time::timeout(crate::demo::TOO_LONG, stream.read_exact(&mut start))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
    browser.get("/api/me").await.check(200);
}

/// What is no HTTP, and what leaves in the middle, ends only its own connection.
async fn broken_connections(demo: Demo) {
    for bytes in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET \xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PUT /api/data/k HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n123",
        b"PUT /api/data/k HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"",
    ] {
        let mut stream = tokio::net::TcpStream::connect(demo.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(crate::demo::TOO_LONG, read).await.unwrap().ok();
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(bytes));
    }
    demo.browser().get("/healthz").await.check(200);
}
