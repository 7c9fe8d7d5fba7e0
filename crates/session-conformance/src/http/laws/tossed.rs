//! Several values under the cookie's name: planted from a sibling domain, or left behind by an older path.

use session_core::EventKind;

use super::ends::presenting;
use super::presented::forged;
use crate::http::lab::Lab;
use crate::http::site::Site;

/// Of several different well-formed values (at most 4 are looked up) the only live one counts,
/// wherever it stands; a value sent twice is one, two tokens of one session are no doubt, and of
/// several sessions of one user the last authenticated counts. Several other live ones are ambiguous:
/// refused, with an event, and all of them live on, until an explicit sign-in, a start over or a
/// sign-out ends every one of them; nothing is carried.
pub async fn tossed_cookie_loses(lab: &Lab) {
    one_counts(lab).await;
    of_one_user(lab).await;
    not_ambiguous_for_ever(lab).await;
}

async fn one_counts(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.come_back("ann").await;
    let live = browser.present_token();
    let look = async |name: &str, tokens: &[&str], expected: Option<&str>| {
        site.probe.take_calls();
        let mut together = browser.ask("/get.a").without("cookie");
        let mut apart = browser.ask("/get.a").without("cookie");
        let pairs: Vec<_> = tokens.iter().map(|token| format!("_session={token}")).collect();
        together = together.header("cookie", pairs.join("; "));
        for pair in pairs {
            apart = apart.header("cookie", pair);
        }
        for ask in [together, apart] {
            let answer = ask.send().await.ok();
            assert_eq!(answer.user().as_deref(), expected, "{name}");
            assert!(site.probe.take_calls().find <= 4, "{name}: looked up more than 4");
            answer.no_cookie();
        }
    };
    let [a, b, c, d] = [forged(), forged(), forged(), forged()];
    let ended = {
        let other = site.signed_in("bob").await;
        let token = other.present_token();
        other.go("/logout").await.ok();
        token
    };
    let ann = Some("ann");
    look("a stale one before it", &[&a, &live], ann).await;
    look("a stale one behind it", &[&live, &a], ann).await;
    look("an ended one before it", &[&ended, &live], ann).await;
    look("an ended one behind it", &[&live, &ended], ann).await;
    look("malformed ones do not count", &["x", "", "y", &a[..63], "z", &live], ann).await;
    look("a value sent twice is one", &[&a, &a, &a, &a, &a, &live, &live], ann).await;
    look("the fourth", &[&a, &b, &c, &live], ann).await;
    look("the fifth is not looked up", &[&a, &b, &c, &d, &live], None).await;
    assert!(!site.is_dead(&live).await, "it lives on all the same");

    // Two tokens of one session, the one before in its grace period.
    let answer = browser.go("/rotate").await.ok();
    let (old, live) = (live, answer.token());
    browser.come_back().await;
    look("its token before, too", &[&old, &live], ann).await;
    look("its token before behind it", &[&live, &old], ann).await;
    site.take_events();

    let planted = site.signed_in("mallory").await.present_token();
    let anonymous = site.visitor().await.present_token();
    for (name, tokens) in [
        ("another user's", [&planted, &live]),
        ("another user's behind it", [&live, &planted]),
        ("a visitor's", [&anonymous, &live]),
        ("one in grace", [&planted, &old]),
    ] {
        site.take_events();
        let line = tokens.map(|token| format!("_session={token}")).join("; ");
        let answer = browser.ask("/get.a").replace("cookie", line).send().await;
        answer.no_session().no_cookie();
        let events = site.take_events();
        assert!(events.contains(&EventKind::AmbiguousToken), "{name}: no event: {events:?}");
        for token in tokens {
            assert!(!site.is_dead(token).await, "{name}: a session was ended");
        }
    }
    browser.go("/get.a").await.signed_in("ann");
}

/// Of several sessions of one user the last authenticated counts, and of several tokens of one session
/// the current one.
async fn of_one_user(lab: &Lab) {
    let site = Site::open(lab).await;
    let (first, second) = (site.come_back("ann").await, {
        site.advance(1);
        site.come_back("ann").await
    });
    let counts = async |name: &str, tokens: &[&str], expected: &str| {
        let expected = site.live(expected).await.expect("a live session").id.to_string();
        let mut tokens = tokens.to_vec();
        for _ in 0..2 {
            site.take_events();
            let answer = presenting(&first, "/get.a", &tokens).send().await.signed_in("ann");
            assert_eq!(answer.id(), Some(expected.clone()), "{name}: the session that counts");
            assert_eq!(site.take_events(), [], "{name}: no doubt");
            tokens.reverse();
        }
    };
    let (one, two) = (first.present_token(), second.present_token());
    counts("the last that signed in", &[&one, &two], &two).await;
    site.advance(1);
    let one = first.go("/reauthenticate").await.ok().token();
    counts("the last that proved it again", &[&one, &two], &one).await;
    site.advance(1);
    let old = two;
    let two = second.go("/rotate").await.ok().token();
    counts("a rotation proves nothing", &[&one, &two], &one).await;
    counts("one in grace", &[&one, &old], &one).await;
    counts("with its token before", &[&two, &old], &two).await;
    let visitor = site.visitor().await.present_token();
    for tokens in [[&one, &two, &visitor], [&visitor, &two, &one]] {
        let tokens = tokens.map(String::as_str);
        presenting(&first, "/get.a", &tokens).send().await.no_session();
    }
    // What is written goes into the one that counts, and its cookie says which that is.
    let answer = presenting(&first, "/rotate/set.a.1", &[&one, &two]).send().await.signed_in("ann");
    let session = site.live(&answer.token()).await.expect("a live session");
    assert_eq!(session.data.to_json(), r#"{"a":1}"#, "what is written");
}

/// Whoever asks for it has one session afterwards, and what was planted is dead.
async fn not_ambiguous_for_ever(lab: &Lab) {
    let site = Site::open(lab).await;
    for (path, user, data) in [
        ("/login.ann", Some("ann"), "{}"),
        ("/login.mallory", Some("mallory"), "{}"),
        ("/login.zoe/set.x.1", Some("zoe"), r#"{"x":1}"#),
        ("/start-over/set.x.1", None, r#"{"x":1}"#),
        ("/start-over/login.ann", Some("ann"), "{}"),
        ("/logout/set.x.1", None, r#"{"x":1}"#),
    ] {
        for is_fifth in [false, true] {
            let name = format!("{path}, behind what is looked up: {is_fifth}");
            let browser = site.browser();
            browser.go("/login.ann/set.mine.1").await.ok();
            let own = browser.present_token();
            let planted = site.signed_in_at("/login.mallory/set.planted.1").await.present_token();
            let visitor = site.visitor().await.present_token();
            let unknown: Vec<_> = (0..4).map(|_| forged()).collect();
            let mut tokens = vec![planted.as_str(), &own, &visitor];
            if is_fifth {
                tokens.splice(0..0, unknown.iter().map(String::as_str));
            }
            let refused = presenting(&browser, "/may-store/get.mine", &tokens).send().await;
            let said = refused.no_session().no_cookie().results();
            assert_eq!(said, serde_json::json!([false, null]), "{name}: refused");
            let answer = presenting(&browser, path, &tokens).send().await.ok();
            assert_eq!(answer.user().as_deref(), user, "{name}: who is signed in");
            assert_eq!(answer.data().to_string(), data, "{name}: nothing is carried");
            for token in [&planted, &own, &visitor] {
                assert!(site.is_dead(token).await, "{name}: one of them lives on");
            }
            let made = answer.token();
            let next = presenting(&browser, "/get.x", &[&planted, &made, &own]).send().await;
            assert_eq!(next.ok().user().as_deref(), user, "{name}: no doubt any more");
        }
    }
}
