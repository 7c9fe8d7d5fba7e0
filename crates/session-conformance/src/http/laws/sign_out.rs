//! Signing out, while other requests are under way.

use session_core::{BackendErrorKind, UserId};

use crate::backends::{Fault, Gate, Method};
use crate::http::lab::Lab;
use crate::http::site::Site;
use crate::race::race;
use crate::run::rounds;

/// After sign-out returns, no request that was in flight can bring the session back; its buffered
/// data is refused with 409 `session_ended` and no Set-Cookie; a cookie still on its way is dead.
/// What is written behind a sign-out in the same request makes a fresh anonymous session.
pub async fn sign_out_wins(lab: &Lab) {
    in_flight(lab).await;
    at_the_backend(lab).await;
    on_its_way(lab).await;
    everywhere(lab).await;
    a_note_remains(lab).await;
    racing(lab).await;
}

/// The handler is at work when somebody signs out.
async fn in_flight(lab: &Lab) {
    for logout in ["/logout", "/logout-all"] {
        for (before, after, is_refused) in [
            ("/set.a.1", "", true),
            ("", "/set.a.1", true),
            ("/set.a.1", "/save", true),
            ("", "/update.n", true),
            ("/set.a.1", "/try.save", true),
            ("/set.a.1", "/try.save/try.set.b.2/try.update.n", true),
            ("", "/try.save/set.a.1", true),
            ("", "/login.ann", true),
            ("/set.a.1", "/login.ann", true),
            ("/remove.old", "", true),
            ("", "/clear", true),
            ("/set.a.1", "/try.rotate", true),
            ("", "/rotate", true),
            ("", "/reauthenticate", true),
            ("", "/get.a", false),
            ("/set.a.1", "/logout", false),
        ] {
            let name = format!("{before}, {logout} meanwhile, {after}");
            let site = Site::open(lab).await;
            let browser = site.browser();
            browser.go("/login.ann/set.old.1").await.ok();
            let token = browser.present_token();
            // Every write is a touch as well.
            site.advance(400);
            let late = browser.begin(&format!("{before}/hold.late{after}"));
            site.gate("late").arrival().await;
            browser.go(logout).await.ok().removal();
            assert_eq!(browser.token(), None, "{name}: the browser keeps a cookie");
            site.gate("late").open();
            let answer = late.answer().await;
            let answer = if is_refused { answer.refused_as_ended() } else { answer.ok() };
            browser.receive(&if after == "/logout" {
                answer.removal()
            } else {
                answer.no_cookie()
            });
            assert!(site.is_dead(&token).await, "{name}: the session is back");
            assert_eq!(site.sessions_of("ann").await, 0, "{name}: ann has a session");
            assert_eq!(browser.go("/get.a").await.user(), None, "{name}: signed in again");
        }
    }
}

/// The statement is on its way to the backend when somebody signs out.
async fn at_the_backend(lab: &Lab) {
    for path in ["/set.a.1", "/set.a.1/save", "/update.n", "/reauthenticate", "/rotate"] {
        let site = Site::open(lab).await;
        let browser = site.signed_in("ann").await;
        let token = browser.present_token();
        let stop = site.probe.stop(Method::Update, Gate::Before);
        let late = browser.begin(path);
        stop.arrived().await;
        browser.go("/logout").await.ok().removal();
        stop.pass();
        late.answer().await.refused_as_ended().no_cookie();
        assert!(site.is_dead(&token).await, "{path}: the session is back");
        assert_eq!(site.sessions_of("ann").await, 0, "{path}: ann has a session");
    }
}

/// A response with a new token is on its way when somebody signs out with the token before.
async fn on_its_way(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    let late = browser.begin("/rotate/hold.late");
    site.gate("late").arrival().await;
    browser.go("/logout").await.ok().removal();
    site.gate("late").open();
    let answer = late.answer().await.ok();
    browser.receive(&answer);
    if let Some(token) = answer.new_token() {
        assert!(site.is_dead(&token).await, "a cookie that was on its way is alive");
    }
    assert_eq!(browser.go("/get.a").await.user(), None, "signed in by a cookie on its way");
    assert_eq!(site.sessions_of("ann").await, 0, "ann has a session");

    // The answer to a sign-out is lost, and the session is over all the same. The response looks, and
    // clears the cookie of what this request has ended.
    let browser = site.signed_in("ann").await;
    let token = browser.present_token();
    site.probe.fail(Fault::new(BackendErrorKind::Unavailable).only(Method::Remove).answer_lost());
    browser.go("/logout").await.refused_as_outage().removal();
    site.probe.recover();
    assert!(site.is_dead(&token).await, "it was signed out");
    browser.go("/get.a").await.no_session();
}

/// Another device is at work when its user signs out everywhere, or ends its session from a list.
async fn everywhere(lab: &Lab) {
    for end in ["/logout-all", "/logout-others", "/revoke"] {
        let site = Site::open(lab).await;
        let (desk, phone) = (site.signed_in("ann").await, site.signed_in("ann").await);
        let id = phone.go("/get.a").await.id().expect("a session");
        let token = phone.present_token();
        let late = phone.begin("/set.a.1/hold.late");
        site.gate("late").arrival().await;
        let path = if end == "/revoke" { format!("/revoke.{id}") } else { end.to_owned() };
        desk.go(&path).await.ok();
        site.gate("late").open();
        late.answer().await.refused_as_ended().no_cookie();
        assert!(site.is_dead(&token).await, "{end}: the other device's session is back");
        phone.go("/get.a").await.no_session();
        let stays = usize::from(end != "/logout-all");
        assert_eq!(site.sessions_of("ann").await, stays, "{end}: ann's sessions");
    }
}

async fn a_note_remains(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.browser();
    browser.go("/login.ann/set.a.1").await.ok();
    let token = browser.present_token();
    let answer = browser.go("/set.b.2/logout/set.note.3").await.ok();
    assert_eq!(answer.cookies().len(), 1, "a note behind a sign-out: cookies");
    assert_ne!(answer.token(), token, "a note behind a sign-out needs a token of its own");
    assert!(site.is_dead(&token).await, "the session that was signed out");
    let next = browser.go("/get.note").await.ok();
    assert_eq!(next.user(), None, "signed out");
    assert_eq!(next.data().to_string(), r#"{"note":3}"#, "the note, and nothing else");
}

/// Many requests write while one signs out.
async fn racing(lab: &Lab) {
    let site = Site::with(lab, |config| config.touch_interval_secs = Some(0)).await;
    let ann = UserId::new("ann").expect("a user id");
    for round in 0..rounds(8) {
        let browser = site.signed_in("ann").await;
        let token = browser.present_token();
        site.advance(1);
        let write = ["/set.a.1", "/update.n", "/rotate", "/set.a.1/save"][round as usize % 4];
        let mut asks: Vec<_> = (0..8).map(|_| browser.ask(write)).collect();
        let place = round as usize % 9;
        asks.insert(place, browser.ask("/logout"));
        let answers = race(asks.into_iter().map(|ask| async move { ask.send().await })).await;
        for (number, answer) in answers.iter().enumerate() {
            if number == place {
                continue;
            }
            let status = answer.status.as_u16();
            // There is nothing to rotate if the request came after the sign-out.
            let fits = [200, 409].contains(&status) || (write == "/rotate" && status == 401);
            assert!(fits, "{write} while signing out: {status}");
            assert!(status == 200 || answer.cookies().is_empty(), "{write}: refused with a cookie");
            if let Some(token) = answer.new_token() {
                let user = site.live(&token).await.and_then(|session| session.user_id.clone());
                assert_eq!(user, None, "{write}: a cookie that was on its way lives");
            }
        }
        assert!(site.is_dead(&token).await, "{write}: the session is back");
        let left = site.store.list(&ann).await.expect("a list").len();
        assert_eq!(left, 0, "{write}: ann has a session");
    }
}
