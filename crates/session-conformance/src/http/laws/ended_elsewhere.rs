//! Requests whose token is dead and followed by none: a visitor's.

use serde_json::{Value, json};
use session_core::{EndedBy, SessionToken};

use super::ends::{BY_ITSELF, End, FROM_ELSEWHERE, presenting};
use crate::http::browser::Browser;
use crate::http::lab::Lab;
use crate::http::site::Site;

/// How long the answer to a browser's own request may be under way.
const ANSWER: u64 = 10;

/// A dead token that no newer one follows never stands in the way: what the request stores makes a new
/// session at once, after a revocation, an eviction, a sign-out on another device or an expiry as well as
/// after an answer that was lost 10 s ago; `ended` says how and when. A request that had loaded the session
/// while it lived gets 409.
pub async fn ended_elsewhere_starts_over(lab: &Lab) {
    for save_unchanged in [false, true] {
        let site = End::site(lab, save_unchanged).await;
        for (number, end) in FROM_ELSEWHERE.into_iter().enumerate() {
            each_path(&site, &format!("{number}"), end, 0).await;
            each_path(&site, &format!("{number}later"), end, 250).await;
        }
        for (number, end) in BY_ITSELF.into_iter().enumerate() {
            each_path(&site, &format!("{number}lost"), end, ANSWER).await;
        }
    }
    without_grace(lab).await;
    not_known(lab).await;
    while_it_ran(lab).await;
    password_reset(lab).await;
    how_it_ended(lab).await;
}

/// Ends the token of a browser once for each path, and looks at what its next request gets.
async fn each_path(site: &Site, users: &str, end: End, secs: u64) {
    for (number, path) in [
        "/set.a.1",
        "/may-store/set.a.1/get.a",
        "/update.a",
        "/set.a.1/save",
        "/set.a.1/status.303",
        "/start-over/set.a.1",
        "/logout/set.a.1",
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("u{users}x{number}");
        let browser = site.browser();
        browser.go(&format!("/login.{user}/set.mine.1")).await.ok();
        end.happen(site, &browser, &user).await;
        let at = site.now();
        site.advance(secs);
        let told = browser.ask("/ended/may-store/get.mine").send().await;
        let how = json!([{ "how": end.how(), "at": at.as_micros() }, true, null]);
        assert_eq!(told.ok().results(), how, "{end:?}, {secs} s ago: what it says");
        goes_on(site, &format!("{end:?}, {secs} s ago: {path}"), &browser, path).await;
    }
    let user = format!("u{users}");
    let browser = site.browser();
    browser.go(&format!("/login.{user}/set.mine.1")).await.ok();
    end.happen(site, &browser, &user).await;
    site.advance(secs);
    let answer = browser.go(&format!("/set.a.1/login.{user}")).await.signed_in(&user);
    assert_eq!(answer.data().to_string(), r#"{"a":1}"#, "{end:?}: what a sign-in carries");
    browser.go("/get.a").await.signed_in(&user);
}

/// The path stores `a` = 1 for a visitor, whose browser then has a session that works.
async fn goes_on(site: &Site, name: &str, browser: &Browser, path: &str) {
    let before = browser.token();
    let answer = browser.go(path).await;
    let made = answer.new_token();
    assert!(made.is_some() && made != before, "{name}: {}, no new session", answer.status);
    let session = site.live(&browser.present_token()).await;
    let session = session.unwrap_or_else(|| panic!("{name}: the new session is not there"));
    let stored = (session.user_id.clone(), session.data.to_json());
    assert_eq!(stored, (None, r#"{"a":1}"#.to_owned()), "{name}: a visitor's");
    let next = browser.go("/get.a/ended/set.b.2").await.ok();
    assert_eq!(next.results(), json!([1, null, null]), "{name}: the next request");
}

async fn without_grace(lab: &Lab) {
    let site = Site::with(lab, |config| config.rotation_grace_secs = 0).await;
    let browser = site.signed_in("ann").await;
    End::Rotates.happen(&site, &browser, "ann").await;
    site.advance(ANSWER);
    goes_on(&site, "a rotation without grace", &browser, "/set.a.1").await;
}

/// Tokens of which nobody knows that they were good.
async fn not_known(lab: &Lab) {
    let site = Site::open(lab).await;
    let unknown = SessionToken::generate().expect("randomness").expose();
    let visitor = site.visitor().await.present_token();
    site.advance(86_400);
    let browser = site.signed_in("ann").await;
    End::Revoked.happen(&site, &browser, "ann").await;
    let long_ago = browser.present_token();
    site.advance(301);
    site.store.purge().await.expect("a purge");
    for (name, token) in [("unknown", unknown), ("expired", visitor), ("long ago", long_ago)] {
        let answer = site.ask("/ended/may-store/set.a.1").token(&token).send().await.ok();
        assert_eq!(answer.results(), json!([null, true, null]), "{name}: what it says");
        assert!(site.live(&answer.token()).await.is_some(), "{name}: a new session");
    }
}

/// The session ended while a request that had loaded it was at work: that one is refused, and the next
/// one is not.
async fn while_it_ran(lab: &Lab) {
    for end in FROM_ELSEWHERE {
        let site = End::site(lab, false).await;
        let browser = site.signed_in("ann").await;
        let late = browser.begin("/hold.late/set.a.1");
        site.gate("late").arrival().await;
        end.happen(&site, &browser, "ann").await;
        site.gate("late").open();
        late.answer().await.refused_as_ended().no_cookie();
        goes_on(&site, &format!("{end:?}, the next one"), &browser, "/set.a.1").await;
    }
}

/// A password reset ends every session of the user, and tells of it in the same browser.
async fn password_reset(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    End::RevokedAll.happen(&site, &browser, "ann").await;
    let answer = browser.go("/set.flash.1/status.303").await.is(303);
    assert!(answer.new_token().is_some(), "a flash message is kept");
    let next = browser.go("/take.flash").await.ok();
    assert_eq!(next.results(), json!([1]), "and shown");

    let browser = site.signed_in("ann").await;
    browser.go("/logout-all/set.flash.1/status.303").await.is(303);
    assert_eq!(browser.go("/take.flash").await.ok().results(), json!([1]), "in one request");
}

/// The last of several ends is told; also of a token that is followed; and of none that is good.
async fn how_it_ended(lab: &Lab) {
    let site = End::site(lab, false).await;
    let (first, second) = (site.signed_in("ann").await, site.signed_in("bob").await);
    End::Revoked.happen(&site, &first, "ann").await;
    site.advance(1);
    End::Evicted.happen(&site, &second, "bob").await;
    let at = site.now().as_micros();
    let (one, other) = (first.present_token(), second.present_token());
    for tokens in [[&one, &other], [&other, &one]] {
        let tokens = tokens.map(String::as_str);
        let answer = presenting(&first, "/ended/set.a.1", &tokens).send().await.ok();
        let last = json!({ "how": EndedBy::Evicted, "at": at });
        assert_eq!(answer.results()[0], last, "the last of several");
        answer.token();
    }
    let browser = site.signed_in("eve").await;
    End::SignsIn.happen(&site, &browser, "eve").await;
    let told = browser.ask("/ended").send().await.ok().results()[0]["how"].clone();
    assert_eq!(told, json!(EndedBy::Replaced), "one that is followed");
    for (name, ask) in [
        ("a live one", site.signed_in("zoe").await.ask("/ended")),
        ("no cookie", site.ask("/ended")),
        ("malformed", site.ask("/ended").token("x")),
    ] {
        assert_eq!(ask.send().await.ok().results()[0], Value::Null, "{name}");
    }
}
