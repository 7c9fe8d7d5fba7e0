//! The headers of a response: one cookie of the session's name, and what caches are told.

use session_core::{SameSite, SessionToken, UserId};

use crate::http::browser::MAX_SET_COOKIE;
use crate::http::harness::JAR;
use crate::http::lab::Lab;
use crate::http::site::Site;

/// At most one Set-Cookie for the name, whatever the request did to its session, the handler's own
/// and those of the framework's jar included; other cookies stay. Never over 4096 bytes.
pub async fn one_cookie_per_response(lab: &Lab) {
    let site = Site::open(lab).await;
    for (first, path) in [
        ("/get.a", "/set.a.1"),
        ("/get.a", "/set.a.1/save/set.b.2"),
        ("/get.a", "/login.ann/rotate/reauthenticate/rotate/set.a.1"),
        ("/get.a", "/login.ann/login.bob/login.ann"),
        ("/get.a", "/login.ann/logout"),
        ("/login.ann", "/rotate/rotate/rotate"),
        ("/login.ann", "/logout/login.ann/logout/set.a.1"),
        ("/login.ann", "/logout/login.ann/rotate"),
        ("/login.ann", "/rotate/logout"),
        ("/set.a.1", "/login.ann/logout-all/set.a.1/login.bob"),
    ] {
        for prefix in ["", JAR] {
            let name = format!("{first}, then {prefix}{path}");
            let browser = site.browser();
            browser.go(first).await.ok();
            let answer = browser
                .ask(&format!("{prefix}{path}"))
                .answers_with("set-cookie", "theme=dark; Path=/")
                .answers_with("set-cookie", "_session=handler; Path=/")
                .answers_with("set-cookie", "_session2=other")
                .answers_with("set-cookie", "_session=; Max-Age=0")
                .answers_with("set-cookie", "my_session=other")
                .send()
                .await
                .ok();
            assert_eq!(answer.cookies().len(), 1, "{name}: cookies of the session's name");
            let value = answer.cookie().map(|cookie| cookie.value().to_owned());
            let is_ours = value.is_some_and(|value| {
                value.is_empty() || SessionToken::parse(value.as_bytes()).is_some()
            });
            assert!(is_ours, "{name}: the library's own cookie counts");
            let others = answer.set_cookies();
            for other in ["theme=dark; Path=/", "_session2=other", "my_session=other"] {
                let count = others.iter().filter(|line| **line == other).count();
                assert_eq!(count, 1, "{name}: {other} stays");
            }
            browser.receive(&answer);
            let expected = match answer.new_token() {
                Some(token) => site.live(&token).await.map(|session| session.id.to_string()),
                None => None,
            };
            let next = browser.go("/get.a").await.ok();
            assert_eq!(next.id(), expected, "{name}: the session behind the cookie");
            assert_eq!(next.id().is_some(), answer.new_token().is_some(), "{name}: a session");
        }
    }
    // Where the library has nothing to say, nobody else speaks in its name: a handler would sign its
    // user out.
    for prefix in ["", JAR] {
        let browser = site.signed_in("ann").await;
        let answer = browser
            .ask(&format!("{prefix}/get.a"))
            .answers_with("set-cookie", "_session=handler; Path=/")
            .answers_with("set-cookie", "_session=again; Path=/")
            .send()
            .await
            .signed_in("ann");
        browser.receive(&answer.no_cookie());
        browser.go("/get.a").await.signed_in("ann");
    }

    // As long as each part may be.
    let name = format!("__Secure-{}", "n".repeat(119));
    let site = Site::with(lab, |config| {
        config.cookie_name.clone_from(&name);
        config.cookie.path = format!("/{}", "p".repeat(1023));
        config.cookie.domain = Some(format!("{0}.{0}.{0}.{1}", "d".repeat(63), "d".repeat(61)));
        config.cookie.same_site = SameSite::None;
        config.cookie.partitioned = true;
    })
    .await;
    let answer = site.browser().ask("/login.ann").send().await.ok();
    let removal = site.browser().ask("/login.ann/logout").send().await.ok();
    for answer in [answer, removal] {
        assert_eq!(answer.cookies().len(), 1, "one cookie of the longest name");
        let longest = answer.set_cookies().iter().map(|line| line.len()).max();
        assert!(longest <= Some(MAX_SET_COOKIE), "{longest:?} bytes in a Set-Cookie");
    }
}

/// `Vary: Cookie` when the session was used, whatever came of it; with every Set-Cookie
/// `Cache-Control: no-store`, unless the handler's own says `no-store` or `private`. Where no cookie
/// is set, the handler's own word stands.
pub async fn caches_are_told(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    let varies = |answer: &crate::http::exchange::Answer| {
        let lines = answer.headers.get_all("vary").iter();
        let words = lines.flat_map(|line| line.to_str().unwrap_or("").split(','));
        words.filter(|word| word.trim().eq_ignore_ascii_case("cookie")).count()
    };
    for (name, ask) in [
        ("somebody who looks", browser.ask("/get.a")),
        ("somebody who writes", browser.ask("/set.a.1")),
        ("a visitor who looks", site.ask("/get.a")),
        ("a visitor who stores", site.ask("/set.a.1")),
        ("a malformed cookie", site.ask("/get.a").token("x")),
        ("a handler that only asks", browser.ask("/")),
        ("not found", browser.ask("/get.a/status.404")),
        ("a handler that failed", browser.ask("/get.a/status.500")),
        ("a handler that says it", browser.ask("/").answers_with("vary", "accept, cookie")),
        ("a handler that says another", browser.ask("/").answers_with("vary", "accept")),
    ] {
        let answer = ask.send().await;
        assert_eq!(varies(&answer), 1, "{name}: `Vary: Cookie`, once");
    }
    let answer = browser.ask("/").answers_with("vary", "accept").send().await.ok();
    let lines = answer.headers.get_all("vary").iter();
    let said = lines.filter_map(|line| line.to_str().ok()).collect::<Vec<_>>().join(",");
    assert!(said.contains("accept"), "the handler's own Vary stays: {said}");
    let all = browser.ask("/").answers_with("vary", "*").send().await.ok();
    assert!(all.headers.get_all("vary").iter().any(|line| line == "*"), "`Vary: *` stays");

    for (handler, expected) in [
        ("", "no-store"),
        ("no-store", "no-store"),
        ("private", "private"),
        ("private, max-age=60", "private, max-age=60"),
        ("max-age=0, Private", "max-age=0, Private"),
        ("max-age=60,NO-STORE", "max-age=60,NO-STORE"),
        ("public, max-age=3600", "no-store"),
        ("no-cache", "no-store"),
        ("private=\"x-secret\", max-age=60", "no-store"),
        ("x-private", "no-store"),
    ] {
        for (why, ask) in [
            ("a new session", site.ask("/set.a.1")),
            ("a sign-in", site.ask("/login.ann")),
            ("a sign-out", site.signed_in("ann").await.ask("/logout")),
        ] {
            let ask =
                if handler.is_empty() { ask } else { ask.answers_with("cache-control", handler) };
            let answer = ask.send().await.ok();
            assert_eq!(answer.cookies().len(), 1, "{why}: a cookie");
            let lines: Vec<_> = answer.headers.get_all("cache-control").iter().collect();
            assert_eq!(lines, [expected], "{why}: Cache-Control, the handler's own: {handler:?}");
        }
    }
    for handler in ["public, max-age=3600", "no-cache"] {
        let answer = browser.ask("/get.a").answers_with("cache-control", handler).send().await;
        let answer = answer.ok().no_cookie();
        assert_eq!(answer.header("cache-control"), Some(handler), "no cookie: the handler's own");
    }
    assert_eq!(browser.go("/get.a").await.ok().header("cache-control"), None, "no cookie: nothing");
    site.advance(400);
    let slid = browser.go("/get.a").await.ok();
    assert!(slid.new_token().is_some(), "the cookie slid");
    assert_eq!(slid.header("cache-control"), Some("no-store"), "a cookie that slid");
    assert_eq!(varies(&slid), 1, "a cookie that slid");

    // An answer of the library's own in the place of the handler's.
    let late = browser.begin("/set.a.1/hold.late");
    site.gate("late").arrival().await;
    site.store.revoke_all(&UserId::new("ann").expect("a user id")).await.expect("a revocation");
    site.gate("late").open();
    let answer = late.answer().await.is(409);
    assert_eq!(varies(&answer), 1, "an answer of the library's own");
}
