//! Cookies that are signed: a forged one ends before the database.

use session_core::{
    BackendErrorKind, CookieConfig, CookieRules, CookieSecret, SessionConfig, SessionToken, Signing,
};

use crate::backends::Calls;
use crate::http::browser::Browser;
use crate::http::harness::Mount;
use crate::http::lab::Lab;
use crate::http::site::Site;

const TOKEN: usize = session_core::TOKEN_TEXT_LEN;
const NOTHING: Calls = Calls::NONE;
const READ: Calls = Calls { find: 1, ..NOTHING };

fn secret(letter: char) -> CookieSecret {
    CookieSecret::new(letter.to_string().repeat(64))
}

/// A signature that somebody else made: with other secrets, or for a cookie of another name.
fn signed_elsewhere(name: &str, letter: char, token: &str) -> String {
    let rules = CookieRules::new(name, &CookieConfig::default())
        .expect("a cookie's name")
        .signed(&[secret(letter)], None)
        .expect("a long secret");
    rules.value(&token.parse::<SessionToken>().expect("a token"))
}

/// If cookies are signed, one that is not rightly signed is no session and costs no backend call,
/// also while the backend is down: unsigned, signed wrong, signed for another token, for another
/// cookie, with another secret, or spelt otherwise. It is left alone, and takes the place of none that
/// is good. The first secret signs and all verify; unsigned cookies are accepted only if
/// `signing` says so, and if it is off a signature is ignored.
pub async fn forged_cookie_costs_nothing(lab: &Lab) {
    for mount in [Mount::Once, Mount::Eager] {
        forged(lab, mount).await;
    }
    beside_a_good_one(lab).await;
    stores_as_a_visitor(lab).await;
    signing(lab).await;
}

async fn signed(lab: &Lab, mount: Mount, change: impl FnOnce(&mut SessionConfig)) -> Site {
    let config = |config: &mut SessionConfig| {
        config.secrets = vec![secret('b'), secret('a')];
        change(config);
    };
    Site::mounted(lab, mount, config).await
}

/// The values that must not pass, made of one that is good.
async fn forgeries(site: &Site, good: &str) -> Vec<(&'static str, String)> {
    let (token, signature) = (&good[..TOKEN], &good[TOKEN + 1..]);
    let other = site.signed_in("mallory").await.present_token();
    let last = if signature.ends_with('A') { 'B' } else { 'A' };
    vec![
        ("no signature", token.to_owned()),
        ("an empty signature", format!("{token}.")),
        ("zeros", format!("{token}.{}", "A".repeat(43))),
        ("another token's", format!("{token}.{}", &other[TOKEN + 1..])),
        ("another token under it", format!("{}.{signature}", &other[..TOKEN])),
        ("another server's", signed_elsewhere("_session", 'c', token)),
        ("for another cookie", signed_elsewhere("_session2", 'b', token)),
        ("a token of mallory's own", {
            let token = SessionToken::generate().expect("randomness").expose();
            format!("{token}.{signature}")
        }),
        ("its last character", format!("{token}.{}{last}", &signature[..42])),
        ("cut", good[..good.len() - 1].to_owned()),
        ("too long", format!("{good}A")),
        ("padded", format!("{good}=")),
        ("twice", format!("{good}.{signature}")),
        ("without the dot", format!("{token}{signature}")),
        ("in capitals", format!("{}.{signature}", token.to_uppercase())),
        ("in quotes", format!("\"{good}\"")),
    ]
}

async fn forged(lab: &Lab, mount: Mount) {
    let site = signed(lab, mount, |_| {}).await;
    let victim = site.come_back("ann").await;
    let good = victim.present_token();
    let is_signed = good.len() == TOKEN + 1 + 43 && good.as_bytes()[TOKEN] == b'.';
    assert!(is_signed, "{mount:?}: a token, a dot and a signature");
    let forgeries = forgeries(&site, &good).await;
    site.probe.take_calls();
    for is_down in [false, true] {
        if is_down {
            site.probe.fail(BackendErrorKind::Unavailable);
        }
        for (name, value) in &forgeries {
            let name = format!("{mount:?}: {name}, the backend is down: {is_down}");
            let answer = site.ask("/get.a").token(value).send().await.no_session().no_cookie();
            assert_eq!(site.probe.take_calls(), NOTHING, "{name}: looked up");
            assert!(answer.header("vary").is_some(), "{name}: used all the same");
        }
    }
    site.probe.recover();
    victim.go("/get.a").await.signed_in("ann");
    assert_eq!(site.probe.take_calls(), READ, "{mount:?}: a good one costs one read");

    // Either key of the ring.
    let before = signed_elsewhere("_session", 'a', &good[..TOKEN]);
    assert_ne!(before, good, "the first secret signs");
    for value in [&before, &good] {
        site.ask("/get.a").token(value).send().await.signed_in("ann");
    }
}

/// Forged ones are not among the four that are looked up, and are no doubt about the good one.
async fn beside_a_good_one(lab: &Lab) {
    let site = signed(lab, Mount::Once, |_| {}).await;
    let browser = site.come_back("ann").await;
    let good = browser.present_token();
    let forgeries = forgeries(&site, &good).await;
    let ask = |pairs: &[String]| {
        let pairs: Vec<_> = pairs.iter().map(|value| format!("_session={value}")).collect();
        site.ask("/get.a").header("cookie", pairs.join("; "))
    };
    let mut values: Vec<_> = forgeries.into_iter().map(|(_, value)| value).collect();
    values.push(good);
    for _ in 0..2 {
        site.probe.take_calls();
        ask(&values).send().await.signed_in("ann").no_cookie();
        assert_eq!(site.probe.take_calls(), READ, "one read, for the good one");
        values.reverse();
    }
}

/// Somebody who brings a forged cookie and stores something is a visitor, and gets a cookie of their own.
async fn stores_as_a_visitor(lab: &Lab) {
    let site = signed(lab, Mount::Once, |_| {}).await;
    let victim = site.signed_in("ann").await;
    let good = victim.present_token();
    let bare = &good[..TOKEN];
    for value in [bare.to_owned(), format!("{bare}.{}", "A".repeat(43))] {
        site.probe.take_calls();
        let answer = site.ask("/set.a.1").token(&value).send().await.ok();
        let calls = site.probe.take_calls();
        assert_eq!(calls, site.visitor_made(), "made, and nothing was looked up");
        let issued = answer.token();
        assert_ne!(&issued[..TOKEN], bare, "the forged one came back");
        let answer = site.ask("/get.a").token(&issued).send().await.ok();
        assert_eq!(answer.data()["a"], 1, "what is issued is good");
    }
    assert_eq!(victim.go("/get.a").await.signed_in("ann").data()["a"], serde_json::Value::Null);
}

/// What each way of signing accepts, and what every cookie that is sent carries.
async fn signing(lab: &Lab) {
    use Signing::{AcceptUnsigned, Off, Required};
    for (signing, unsigned, wrong) in
        [(Off, true, true), (AcceptUnsigned, true, false), (Required, false, false)]
    {
        let site = signed(lab, Mount::Once, |config| config.signing = Some(signing)).await;
        let browser = site.come_back("ann").await;
        let token = browser.present_token()[..TOKEN].to_owned();
        for (name, value, passes) in [
            ("unsigned", token.clone(), unsigned),
            ("right", signed_elsewhere("_session", 'b', &token), true),
            ("right, by the second key", signed_elsewhere("_session", 'a', &token), true),
            ("wrong", signed_elsewhere("_session", 'c', &token), wrong),
        ] {
            site.probe.take_calls();
            let answer = site.ask("/get.a").token(&value).send().await.ok();
            let expected = if passes { (Some("ann"), READ) } else { (None, NOTHING) };
            let found = (answer.user(), site.probe.take_calls());
            assert_eq!((found.0.as_deref(), found.1), expected, "{signing:?}: {name}");
            answer.no_cookie();
        }
        every_cookie(&site, signing, &browser).await;
    }
}

async fn every_cookie(site: &Site, signing: Signing, browser: &Browser) {
    for path in ["/get.a", "/rotate", "/reauthenticate", "/login.ann", "/logout/set.a.1"] {
        site.advance(400);
        let value = browser.go(path).await.ok().token();
        if site.is_sealed(&value) {
            // It has no signature, and is authenticated by itself.
            assert!(site.live(&value).await.is_some(), "{signing:?}: {path}: what is sent is good");
            continue;
        }
        let token = &value[..TOKEN];
        let expected = match signing {
            Signing::Off => token.to_owned(),
            _ => signed_elsewhere("_session", 'b', token),
        };
        assert_eq!(value, expected, "{signing:?}: {path}: what is sent");
        assert!(site.live(&value).await.is_some(), "{signing:?}: {path}: what is sent is good");
    }
}
