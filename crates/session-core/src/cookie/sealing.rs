//! What a visitor stored, encrypted and authenticated in the cookie itself: the `cookie` crate's private
//! jar (AES-256-GCM), under keys of its own.

use std::fmt;

use ::cookie::{Cookie, CookieJar, Key};
use hkdf::Hkdf;
use http::HeaderValue;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::CookieRules;
use super::signing::CookieSecret;

/// What a sealed value begins with. A token never does: `v` is no hexadecimal digit.
const PREFIX: &str = "v1.";

/// What the key is for; the cookie's name follows. Another name, another key; the name is also bound in
/// each value, by the private jar.
const PURPOSE: &[u8] = b"session visitor data, version 1, for the cookie ";

/// The longest sealed value. Browsers keep 4096 bytes of a cookie, name and attributes included.
const MAX_VALUE_BYTES: usize = 3500;

/// The longest header that sets a cookie (law `one_cookie_per_response`).
const MAX_HEADER_BYTES: usize = 4096;

/// A nonce and a tag, which the private jar puts beside what it encrypts.
const NONCE_AND_TAG: usize = 12 + 16;

/// How many different sealed values of one request are opened: each costs a decryption.
const MAX_OPENED: usize = 4;

/// The keys: the first seals, and all open.
#[derive(Clone)]
pub(crate) struct Sealing {
    name: String,
    seals: Key,
    before: Vec<Key>,
    longest: usize,
}

impl Sealing {
    /// `None` if there are no secrets.
    pub(crate) fn new(rules: &CookieRules, secrets: &[CookieSecret]) -> Option<Self> {
        let name = rules.name().to_owned();
        let mut keys = secrets.iter().map(|secret| key(&name, secret));
        let seals = keys.next()??;
        let before = keys.collect::<Option<_>>()?;
        let room = MAX_HEADER_BYTES.saturating_sub(rules.around_value());
        Some(Self { name, seals, before, longest: room.min(MAX_VALUE_BYTES) })
    }

    /// How many bytes of text fit into a cookie.
    pub(crate) const fn room(&self) -> usize {
        // Base64 writes four characters for three bytes.
        let sealed = (self.longest.saturating_sub(PREFIX.len()) / 4) * 3;
        sealed.saturating_sub(NONCE_AND_TAG)
    }

    /// A text as a cookie's value; `None` if it does not fit.
    pub(crate) fn seal(&self, text: String) -> Option<String> {
        if text.len() > self.room() {
            return None;
        }
        let mut jar = CookieJar::new();
        jar.private_mut(&self.seals).add(Cookie::new(self.name.clone(), text));
        Some(format!("{PREFIX}{}", jar.get(&self.name)?.value()))
    }

    /// The texts of a request's sealed values that are ours, in the order sent, four at most. What is cut,
    /// changed, of another key or for another cookie is not.
    pub(crate) fn open<'h>(
        &self,
        rules: &CookieRules,
        lines: impl Iterator<Item = &'h HeaderValue>,
    ) -> Vec<Zeroizing<String>> {
        let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        let mut values: Vec<&str> = Vec::new();
        for value in pairs.filter_map(|pair| rules.value_in(pair)) {
            let Some(sealed) = sealed(value).filter(|value| !values.contains(value)) else {
                continue;
            };
            values.push(sealed);
            if values.len() == MAX_OPENED {
                break;
            }
        }
        values.into_iter().filter_map(|value| self.open_one(value)).collect()
    }

    fn open_one(&self, value: &str) -> Option<Zeroizing<String>> {
        if value.len() > MAX_VALUE_BYTES {
            return None;
        }
        let open = |key| {
            let cookie = Cookie::new(self.name.clone(), value.to_owned());
            CookieJar::new().private(key).decrypt(cookie)
        };
        let opened = std::iter::once(&self.seals).chain(&self.before).find_map(open)?;
        Some(Zeroizing::new(opened.value().to_owned()))
    }
}

/// What a value holds if it is spelt as a sealed one is.
fn sealed(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()?.strip_prefix(PREFIX)
}

/// HKDF-SHA256 (RFC 5869): extracted without salt, expanded for this purpose and cookie.
fn key(name: &str, secret: &CookieSecret) -> Option<Key> {
    let mut key = Zeroizing::new([0; 64]);
    let secret = Hkdf::<Sha256>::new(None, secret.as_bytes());
    // It does not fail: 64 bytes are a length that it takes.
    secret.expand_multi_info(&[PURPOSE, name.as_bytes()], key.as_mut_slice()).ok()?;
    Key::try_from(key.as_slice()).ok()
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing").field("keys", &(1 + self.before.len())).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::COOKIE;

    use super::super::rules_of;
    use super::*;

    fn secret(letter: char) -> CookieSecret {
        CookieSecret::new(letter.to_string().repeat(64))
    }

    fn sealing(name: &str, letters: &str) -> (CookieRules, Sealing) {
        let rules = rules_of(name, |_| {});
        let secrets: Vec<_> = letters.chars().map(secret).collect();
        let sealing = Sealing::new(&rules, &secrets).unwrap();
        (rules, sealing)
    }

    fn opened((rules, sealing): &(CookieRules, Sealing), line: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, line.parse().unwrap());
        let opened = sealing.open(rules, headers.get_all(COOKIE).iter());
        opened.iter().map(|text| text.to_string()).collect()
    }

    #[test]
    fn the_first_seals_and_all_open() {
        for (name, seals, opens, expected) in [
            ("one key", "a", "a", true),
            ("the first of two", "ab", "ac", true),
            ("now the second", "a", "ba", true),
            ("the second never seals", "ab", "b", false),
            ("dropped", "a", "b", false),
        ] {
            let value = sealing("s", seals).1.seal("text".to_owned()).unwrap();
            let found = opened(&sealing("s", opens), &format!("s={value}"));
            assert_eq!(found == ["text"], expected, "{name}");
        }
    }

    #[test]
    fn what_is_not_ours_does_not_open() {
        let ours = sealing("s", "a");
        let value = ours.1.seal("text".to_owned()).unwrap();
        assert!(!value.contains("text") && value != ours.1.seal("text".to_owned()).unwrap());
        for end in 0..value.len() {
            assert!(opened(&ours, &format!("s={}", &value[..end])).is_empty(), "cut to {end}");
        }
        for at in PREFIX.len()..value.len() {
            let mut wrong = value.clone().into_bytes();
            wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(wrong).unwrap();
            // The last character may hold bits that mean nothing; base64 refuses those.
            assert!(opened(&ours, &format!("s={wrong}")).is_empty(), "changed at {at}");
        }
        let other = sealing("t", "a");
        assert!(opened(&other, &format!("t={value}")).is_empty(), "for another name");
        for odd in ["v1.", "v1.=", "v1.\u{e4}", "v2.AAAA", "v1", &"v1.AAAA".repeat(2000)] {
            let line = HeaderValue::from_bytes(format!("s={odd}").as_bytes()).unwrap();
            assert!(ours.1.open(&ours.0, [&line].into_iter()).is_empty(), "{odd}");
        }
    }

    #[test]
    fn few_are_opened_and_the_same_one_once() {
        let ours = sealing("s", "a");
        let seal = |text: &str| format!("s={}", ours.1.seal(text.to_owned()).unwrap());
        let (one, two) = (seal("one"), seal("two"));
        assert_eq!(opened(&ours, &format!("{one}; x=1; {two}; {one}")), ["one", "two"]);
        let six: Vec<_> = "abcdef".chars().map(|c| seal(&c.to_string())).collect();
        assert_eq!(opened(&ours, &six.join("; ")), ["a", "b", "c", "d"]);
    }

    #[test]
    fn what_fits_is_what_is_said() {
        let plain = sealing("_session", "a");
        assert_eq!(plain.1.longest, MAX_VALUE_BYTES);
        let long = rules_of(&format!("__Secure-{}", "n".repeat(119)), |c| {
            c.path = format!("/{}", "p".repeat(1023));
            c.domain = Some(format!("{}com", "label.".repeat(41)));
            c.partitioned = true;
        });
        let long = (long.clone(), Sealing::new(&long, &[secret('a')]).unwrap());
        for (rules, sealing) in [plain, long] {
            let full = sealing.seal("x".repeat(sealing.room())).unwrap();
            assert!(full.len() <= sealing.longest && full.len() + 4 > sealing.longest);
            assert!(sealing.seal("x".repeat(sealing.room() + 1)).is_none());
            let age = Some(std::time::Duration::MAX);
            assert!(rules.set_sealed(&full, age, true, None).len() <= MAX_HEADER_BYTES);
        }
    }

    #[test]
    fn nothing_prints_a_key() {
        assert_eq!(format!("{:?}", sealing("s", "ab").1), "Sealing { keys: 2, .. }");
    }
}
