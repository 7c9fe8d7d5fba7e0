//! The headers of a response: one cookie of the session's name.

use session_core::{SameSite, SessionToken};

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
                value.is_empty()
                    || SessionToken::parse(value.as_bytes()).is_some()
                    || site.is_sealed(&value)
            });
            assert!(is_ours, "{name}: the library's own cookie counts");
            let others = answer.set_cookies();
            for other in ["theme=dark; Path=/", "_session2=other", "my_session=other"] {
                let count = others.iter().filter(|line| **line == other).count();
                assert_eq!(count, 1, "{name}: {other} stays");
            }
            browser.receive(&answer);
            // A visitor whose data is in the cookie has no session.
            let issued = answer.new_token().filter(|value| !site.is_sealed(value));
            let is_issued = issued.is_some();
            let expected = match issued {
                Some(token) => site.live(&token).await.map(|session| session.id.to_string()),
                None => None,
            };
            let next = browser.go("/get.a").await.ok();
            assert_eq!(next.id(), expected, "{name}: the session behind the cookie");
            assert_eq!(next.id().is_some(), is_issued, "{name}: a session");
        }
    }
    // If the library has nothing to say, nobody else speaks in its name: a handler would sign its
    // user out.
    for prefix in ["", JAR] {
        let browser = site.come_back("ann").await;
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
