//! Signed cookies from outside: the ring of secrets, switching in every direction, and values that
//! nobody should send.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use proptest::prelude::*;
use session_core::{
    CookieConfig, CookieRules, CookieSecret, ManualClock, MemoryBackend, SessionConfig,
    SessionStore, SessionToken, SignIn, Signing, Timestamp, UserId,
};

use crate::support::Request;

/// A secret that consists of one letter.
fn secret(letter: char) -> CookieSecret {
    CookieSecret::new(letter.to_string().repeat(64))
}

fn secrets(letters: &str) -> Vec<CookieSecret> {
    letters.chars().map(secret).collect()
}

/// One database and one clock, under configurations that change.
struct Site {
    backend: Arc<MemoryBackend>,
    clock: Arc<ManualClock>,
}

impl Site {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000)));
        Self { backend: Arc::new(MemoryBackend::new()), clock }
    }

    fn store(&self, letters: &str, signing: Option<Signing>) -> SessionStore {
        let config =
            SessionConfig { secrets: secrets(letters), signing, ..SessionConfig::default() };
        SessionStore::shared(self.backend.clone(), config).unwrap().with_clock(self.clock.clone())
    }
}

async fn request(store: &SessionStore, value: &str) -> Request {
    Request::with_cookie(store, &format!("_session={value}")).await
}

/// The cookie that the response sets: its value, and whether it says how long it lives.
async fn finish(request: &Request) -> Option<(String, bool)> {
    let cookie = request.finish().await.unwrap()?;
    let value = cookie.strip_prefix("_session=")?.split(';').next()?.to_owned();
    Some((value, cookie.contains("Max-Age=")))
}

async fn sign_in(store: &SessionStore) -> String {
    let session = request(store, "").await;
    session.authenticate("ann").await.unwrap();
    finish(&session).await.unwrap().0
}

async fn is_signed_in(store: &SessionStore, value: &str) -> bool {
    request(store, value).await.is_authenticated()
}

#[tokio::test]
async fn every_way_of_switching() {
    use Signing::{AcceptUnsigned, Off, Required};
    for (name, (letters, signing), (letters_now, signing_now), stays) in [
        ("on, at once", ("", None), ("a", None), false),
        ("on, gently", ("", None), ("a", Some(AcceptUnsigned)), true),
        ("on, the second step", ("a", Some(AcceptUnsigned)), ("a", Some(Required)), true),
        ("on, by leaving it out", ("a", Some(AcceptUnsigned)), ("a", None), true),
        ("off, with the secrets", ("a", None), ("a", Some(Off)), true),
        ("off, without them", ("a", None), ("", None), true),
        ("off, from halfway", ("a", Some(AcceptUnsigned)), ("", Some(Off)), true),
        ("back to halfway", ("a", Some(Required)), ("a", Some(AcceptUnsigned)), true),
        ("rotated", ("a", None), ("ba", None), true),
        ("rotated twice", ("a", None), ("cba", None), true),
        ("rotated the other way round", ("ba", None), ("ab", None), true),
        ("dropped", ("a", None), ("b", None), false),
        (
            "dropped, and unsigned ones are accepted",
            ("a", None),
            ("b", Some(AcceptUnsigned)),
            false,
        ),
        ("dropped, and off", ("a", None), ("b", Some(Off)), true),
    ] {
        let site = Site::new();
        let value = sign_in(&site.store(letters, signing)).await;
        let now = site.store(letters_now, signing_now);
        assert_eq!(is_signed_in(&now, &value).await, stays, "{name}");
        // Whoever is not signed in signs in, and whoever is goes on: both with what is sent now.
        let value = if stays {
            site.clock.advance(Duration::from_secs(400));
            finish(&request(&now, &value).await).await.unwrap().0
        } else {
            sign_in(&now).await
        };
        let is_signed = !letters_now.is_empty() && signing_now != Some(Off);
        assert_eq!(value.len(), if is_signed { 108 } else { 64 }, "{name}: what is sent now");
        assert!(is_signed_in(&now, &value).await, "{name}: what is sent now is good");
    }
}

/// Rotating the secrets: the new one in front, and after a lifetime the old one away.
#[tokio::test]
async fn rotation_signs_nobody_out() {
    for persistent in [true, false] {
        let site = Site::new();
        let store = site.store("a", None);
        let session = request(&store, "").await;
        let user = UserId::new("ann").unwrap();
        session.authenticate_with(SignIn::new(user).persistent(persistent)).await.unwrap();
        let (first, _) = finish(&session).await.unwrap();
        // The first that brings a token tells so.
        let _ = finish(&request(&store, &first).await).await;

        let store = site.store("ba", None);
        // Nothing is sent before the next touch: no cookie without one.
        let session = request(&store, &first).await;
        assert!(session.is_authenticated());
        assert_eq!(finish(&session).await, None);
        site.clock.advance(Duration::from_secs(400));
        let (second, has_age) = finish(&request(&store, &first).await).await.unwrap();
        assert_eq!(has_age, persistent, "the cookie keeps its kind");
        assert_eq!(second[..64], first[..64], "the same token");
        assert_ne!(second[64..], first[64..], "another signature");

        site.clock.advance(Duration::from_secs(400));
        let again = finish(&request(&store, &second).await).await;
        assert_eq!(again, Some((second.clone(), persistent)), "what a slide sends");

        let store = site.store("b", None);
        assert!(is_signed_in(&store, &second).await, "signed anew");
        assert!(!is_signed_in(&store, &first).await, "the one before is not");
    }
}

/// What is on its way while signing is switched on: a live unsigned session is signed at its next
/// slide, and every token that is issued at once.
#[tokio::test]
async fn live_sessions_are_signed_when_they_slide() {
    let site = Site::new();
    let unsigned = site.store("", None);
    let value = sign_in(&unsigned).await;
    assert_eq!(value.len(), 64);
    let _ = finish(&request(&unsigned, &value).await).await;
    let store = site.store("a", Some(Signing::AcceptUnsigned));
    assert_eq!(finish(&request(&store, &value).await).await, None, "not before a touch");
    site.clock.advance(Duration::from_secs(400));
    let (slid, _) = finish(&request(&store, &value).await).await.unwrap();
    assert_eq!((slid.len(), &slid[..64]), (108, &*value));
    let session = request(&store, &value).await;
    assert!(session.rotate().await.unwrap());
    let (rotated, _) = finish(&session).await.unwrap();
    assert_eq!(rotated.len(), 108);
    let store = site.store("a", None);
    for value in [&slid, &rotated] {
        assert!(is_signed_in(&store, value).await);
    }
    assert!(!is_signed_in(&store, &value).await, "unsigned, where signatures are required");
}

#[tokio::test]
async fn a_refused_cookie_is_left_alone() {
    let site = Site::new();
    let store = site.store("a", None);
    let value = sign_in(&store).await;
    for forged in [&value[..64], &format!("{}.{}", &value[..64], "A".repeat(43))] {
        let session = request(&store, forged).await;
        assert!(session.id().is_none());
        assert_eq!(finish(&session).await, None, "neither removed nor replaced");
        let session = request(&store, forged).await;
        session.set("cart", 1).unwrap();
        let (issued, _) = finish(&session).await.unwrap();
        assert_ne!(issued[..64], value[..64], "a visitor's own token");
    }
    assert!(is_signed_in(&store, &value).await);
}

#[test]
fn secrets_are_read_and_never_shown() {
    let letters = "s3cr3t-".repeat(10);
    let json = format!(r#"{{"secrets": ["{letters}"], "signing": "accept_unsigned"}}"#);
    let config: SessionConfig = serde_json::from_str(&json).unwrap();
    assert_eq!(config.signing, Some(Signing::AcceptUnsigned));
    let written = serde_json::to_string(&config).unwrap();
    let store = SessionStore::new(MemoryBackend::new(), config.clone()).unwrap();
    let short = SessionConfig {
        secrets: vec![letters.as_str().into(), "s3cr3t".into()],
        ..SessionConfig::default()
    };
    let error = SessionStore::new(MemoryBackend::new(), short).unwrap_err();
    assert_eq!(error.key(), "secrets");
    assert!(error.to_string().contains("index 1"), "{error}");
    let one = format!(r#"{{"secrets": "{letters}"}}"#);
    let not_a_list = serde_json::from_str::<SessionConfig>(&one).unwrap_err();
    let printed =
        format!("{config:?} {config:#?} {store:?} {error} {error:?} {not_a_list} {written}");
    assert!(!printed.contains("s3cr3t"), "{printed}");

    // What was written is not a secret any more, and says so when it is used.
    let read: SessionConfig = serde_json::from_str(&written).unwrap();
    assert_eq!(SessionStore::new(MemoryBackend::new(), read).unwrap_err().key(), "secrets");
    let default = serde_json::to_string(&SessionConfig::default()).unwrap();
    assert!(!default.contains("secrets"), "{default}");
}

fn rules(letters: &str, signing: Signing) -> CookieRules {
    let rules = CookieRules::new("_session", &CookieConfig::default()).unwrap();
    rules.signed(&secrets(letters), Some(signing)).unwrap()
}

/// How many tokens are found in a value.
fn found(rules: &CookieRules, value: &[u8]) -> usize {
    let mut headers = HeaderMap::new();
    let line = [b"_session=", value].concat();
    headers.insert(header::COOKIE, HeaderValue::from_bytes(&line).unwrap());
    rules.candidates(&headers).len()
}

#[test]
fn work_for_forged_cookies_is_bounded() {
    let rules = rules("a", Signing::Required);
    let token = SessionToken::generate().unwrap();
    let good = rules.value(&token);
    let with_forged = |count: usize| {
        let forged = format!("_session={}.{}; ", token.expose(), "A".repeat(43));
        let line = format!("{}_session={good}", forged.repeat(count));
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, line.parse().unwrap());
        let found = rules.candidates(&headers);
        (found.len(), found.truncated())
    };
    assert_eq!(with_forged(15), (1, false), "forged ones do not take the place of a good one");
    assert_eq!(with_forged(16), (0, true));
    assert_eq!(with_forged(1000), (0, true));
}

/// Bytes that a header can hold.
fn header_byte() -> impl Strategy<Value = u8> {
    prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8]
        .prop_filter("separates", |b| *b != b';')
}

proptest! {
    /// Whatever is sent: only this very spelling is ours, and nothing panics.
    #[test]
    fn odd_values_are_not_ours(value in prop::collection::vec(header_byte(), 0..220)) {
        for signing in [Signing::Off, Signing::AcceptUnsigned, Signing::Required] {
            prop_assert_eq!(found(&rules("ab", signing), &value), 0);
        }
    }

    /// One byte of a good value changed, cut out or put in.
    #[test]
    fn nearly_right_is_wrong(at in 0_usize..108, byte in header_byte(), how in 0..3) {
        let rules = rules("ab", Signing::Required);
        let good = rules.value(&SessionToken::parse(&[b'7'; 64]).unwrap()).into_bytes();
        let mut value = good.clone();
        match how {
            0 => value[at] = byte,
            1 => drop(value.remove(at)),
            _ => value.insert(at, byte),
        }
        // White space around a value is not part of it.
        let is_same = value.trim_ascii() == good;
        prop_assert_eq!(found(&rules, &value), usize::from(is_same));
    }

    /// If signing is off, whatever is spelt as a signature is ignored, and nothing else is.
    #[test]
    fn off_ignores_a_signature(rest in prop::collection::vec(header_byte(), 0..50)) {
        let rules = rules("", Signing::Off);
        let value = [&[b'7'; 64], rest.as_slice()].concat();
        let trimmed = &value.trim_ascii()[64..];
        let is_signature = trimmed.strip_prefix(b".").is_some_and(|mac| {
            mac.len() == 43 && mac.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
        });
        let expected = usize::from(trimmed.is_empty() || is_signature);
        prop_assert_eq!(found(&rules, &value), expected);
    }

    #[test]
    fn a_signature_by_any_key_of_the_ring_is_right(bytes in prop::array::uniform32(any::<u8>()), key in 0_usize..3) {
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let token = SessionToken::parse(text.as_bytes()).unwrap();
        let signed = rules(&"abc"[key..=key], Signing::Required).value(&token);
        prop_assert_eq!(found(&rules("abc", Signing::Required), signed.as_bytes()), 1);
        prop_assert_eq!(found(&rules("d", Signing::Required), signed.as_bytes()), 0);
        prop_assert_eq!(found(&rules("d", Signing::AcceptUnsigned), signed.as_bytes()), 0);
    }
}
