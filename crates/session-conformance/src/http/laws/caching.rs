//! What caches are told of an answer.

use session_core::UserId;

use crate::http::exchange::{Answer, Ask};
use crate::http::harness::{LOOKS, Mount, UNTOUCHED};
use crate::http::lab::Lab;
use crate::http::site::Site;

/// `Vary: Cookie` when the session was used: somebody asked for it, or who is signed in; loading eagerly
/// alone is no use. With every Set-Cookie `Cache-Control: no-store`, unless the handler's own says
/// `no-store` or `private`. An answer that used a session and says nothing itself gets `no-store` if
/// somebody was signed in (`no_store_when_signed_in`), and `private` for a visitor's session.
pub async fn caches_are_told(lab: &Lab) {
    varies(lab).await;
    with_a_cookie(lab).await;
    without_a_cookie(lab).await;
    signed_in_once(lab).await;
}

/// How often an answer says `Vary: Cookie`.
fn times(answer: &Answer) -> usize {
    let lines = answer.headers.get_all("vary").iter();
    let words = lines.flat_map(|line| line.to_str().unwrap_or("").split(','));
    words.filter(|word| word.trim().eq_ignore_ascii_case("cookie")).count()
}

fn cache_control(answer: &Answer) -> Vec<&str> {
    let lines = answer.headers.get_all("cache-control").iter();
    lines.filter_map(|line| line.to_str().ok()).collect()
}

async fn varies(lab: &Lab) {
    for mount in [Mount::Once, Mount::Eager] {
        let site = Site::mounted(lab, mount, |_| {}).await;
        let browser = site.signed_in("ann").await;
        browser.go("/get.a").await.ok();
        let is_eager = mount == Mount::Eager;
        let asks: [(&str, Ask, bool); 16] = [
            ("somebody who looks", browser.ask("/get.a"), true),
            ("somebody who writes", browser.ask("/set.a.1"), true),
            ("a visitor who looks", site.ask("/get.a"), true),
            ("a visitor who stores", site.ask("/set.a.1"), true),
            ("a malformed cookie", site.ask("/get.a").token("x"), true),
            ("a handler that only asks", browser.ask("/"), true),
            ("not found", browser.ask("/get.a/status.404"), true),
            ("a handler that failed", browser.ask("/get.a/status.500"), true),
            ("it says so already", browser.ask("/").answers_with("vary", "accept, cookie"), true),
            ("it says another", browser.ask("/").answers_with("vary", "accept"), true),
            // Who is not known without the session does not depend on it.
            ("who is signed in", browser.ask(LOOKS), is_eager),
            ("who is signed in: nobody", site.ask(LOOKS), is_eager),
            ("deeper down", browser.ask(&format!("{LOOKS}/status.404")), is_eager),
            ("nobody asks", browser.ask(UNTOUCHED), false),
            ("nobody asks of nobody", site.ask(UNTOUCHED), false),
            ("nobody asks, and fails", browser.ask(&format!("{UNTOUCHED}/status.500")), false),
        ];
        for (name, ask, expected) in asks {
            let answer = ask.send().await;
            let name = format!("{mount:?}: {name}");
            assert_eq!(times(&answer), usize::from(expected), "{name}: `Vary: Cookie`, once");
            if !expected {
                assert_eq!(cache_control(&answer), [""; 0], "{name}: Cache-Control");
            }
        }
        let answer = browser.ask("/").answers_with("vary", "accept").send().await.ok();
        let lines = answer.headers.get_all("vary").iter();
        let said = lines.filter_map(|line| line.to_str().ok()).collect::<Vec<_>>().join(",");
        assert!(said.contains("accept"), "the handler's own Vary stays: {said}");
        let all = browser.ask("/").answers_with("vary", "*").send().await.ok();
        assert!(all.headers.get_all("vary").iter().any(|line| line == "*"), "`Vary: *` stays");
    }
}

async fn with_a_cookie(lab: &Lab) {
    let site = Site::open(lab).await;
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
            ("a visitor's sign-out", site.visitor().await.ask("/logout")),
        ] {
            let ask =
                if handler.is_empty() { ask } else { ask.answers_with("cache-control", handler) };
            let answer = ask.send().await.ok();
            assert_eq!(answer.cookies().len(), 1, "{why}: a cookie");
            let said = cache_control(&answer);
            assert_eq!(said, [expected], "{why}: Cache-Control, the handler's own: {handler:?}");
        }
    }
    let browser = site.signed_in("ann").await;
    site.advance(400);
    let slid = browser.go("/get.a").await.ok();
    assert!(slid.new_token().is_some(), "the cookie slid");
    assert_eq!(cache_control(&slid), ["no-store"], "a cookie that slid");
    assert_eq!(times(&slid), 1, "a cookie that slid");
}

async fn without_a_cookie(lab: &Lab) {
    for no_store in [true, false] {
        let site = Site::with(lab, |config| config.no_store_when_signed_in = no_store).await;
        let (ann, visitor) = (site.signed_in("ann").await, site.visitor().await);
        for browser in [&ann, &visitor] {
            browser.go("/get.a").await.ok();
        }
        let users: &[&str] = if no_store { &["no-store"] } else { &["private"] };
        let told = ("cache-control", "public, max-age=60");
        let expires = ("expires", "Thu, 01 Jan 2026 00:00:00 GMT");
        let asks: [(&str, Ask, &[&str]); 13] = [
            ("a user's page", ann.ask("/get.a"), users),
            ("that asks and looks at nothing", ann.ask("/"), users),
            ("that writes", ann.ask("/set.a.5"), users),
            ("that is not found", ann.ask("/status.404"), users),
            ("that failed", ann.ask("/status.500"), users),
            ("that the handler published", ann.ask("/").answers_with(told.0, told.1), &[told.1]),
            ("that is checked", ann.ask("/").answers_with(told.0, "no-cache"), &["no-cache"]),
            ("that expires", ann.ask("/").answers_with(expires.0, expires.1), &[]),
            ("a visitor's page", visitor.ask("/get.a"), &["private"]),
            ("that they published", visitor.ask("/").answers_with(told.0, told.1), &[told.1]),
            ("that expires too", visitor.ask("/").answers_with(expires.0, expires.1), &[]),
            ("nobody's page", site.ask("/get.a"), &[]),
            ("a malformed cookie's", site.ask("/get.a").token("x"), &[]),
        ];
        for (name, ask, expected) in asks {
            let answer = ask.send().await.no_cookie();
            assert_eq!(cache_control(&answer), expected, "{name}, no-store: {no_store}");
        }
    }
}

/// Somebody was signed in when the page was made, and is not any more.
async fn signed_in_once(lab: &Lab) {
    for (no_store, expected) in [(true, "no-store"), (false, "private")] {
        let site = Site::with(lab, |config| config.no_store_when_signed_in = no_store).await;
        // It ended while the request ran, which found out by itself or was told.
        for (path, status) in [("/hold.late/try.list", 200), ("/set.a.1/hold.late", 409)] {
            let browser = site.signed_in("ann").await;
            let late = browser.begin(path);
            site.gate("late").arrival().await;
            let ann = UserId::new("ann").expect("a user id");
            site.store.revoke_all(&ann).await.expect("a revocation");
            site.gate("late").open();
            let answer = late.answer().await.is(status).no_cookie();
            assert_eq!(times(&answer), 1, "{path}: an answer without its session");
            let said = cache_control(&answer);
            // An adapter's answer to an error may say `no-store` whatever is configured.
            let may_be_stricter = status == 409 && said == ["no-store"];
            assert!(said == [expected] || may_be_stricter, "{path}: Cache-Control: {said:?}");
        }
        let answer = site.signed_in("ann").await.go("/logout/set.note.1").await.ok();
        assert_eq!(cache_control(&answer), ["no-store"], "a note behind a sign-out");
    }
}
