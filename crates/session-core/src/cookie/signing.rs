//! Signatures on the cookie's value: whether there are any, the secrets they are made with, and the
//! ring of keys that makes and checks them.
//!
//! A signature lets a server refuse a forged cookie without asking the database. The security of a
//! session does not rest on it: a token is 256 random bits that only the database can vouch for.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::token::TOKEN_TEXT_LEN;

/// Characters of a signature: 32 bytes as unpadded base64url (RFC 4648 section 5).
pub(crate) const MAC_TEXT_LEN: usize = 43;

/// The least bytes of a secret. 32 random bytes as hexadecimal characters are 64.
pub(crate) const MIN_SECRET_BYTES: usize = 64;

/// What the key is for; the cookie's name follows. Another name, another key: a value that was signed
/// for one cookie does not pass for another's.
const PURPOSE: &[u8] = b"session cookie signature, version 1, for the cookie ";

/// What is asked of a cookie's signature. In configuration: `off`, `accept_unsigned` or `required`;
/// left out, `required` if there are `secrets`, else `off`.
///
/// To switch signing on without signing anybody out: `accept_unsigned` first, for as long as a cookie
/// may go without being sent anew (the longest lifetime of a session), then `required`. To switch it
/// off: `off`, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// Cookies are not signed, and a signature that is there is ignored.
    Off,
    /// Cookies are signed. One without a signature is accepted, one with a wrong signature refused.
    AcceptUnsigned,
    /// Cookies are signed, and no others are accepted.
    Required,
}

/// What cookies are signed with: at least 64 bytes of text, from a random source.
/// `openssl rand -hex 32` makes one.
///
/// `Debug`, `Display` and serialising show `[redacted]`, and memory is wiped on drop. What was
/// serialised is therefore no secret any more: read back, it is refused as too short. An error in
/// reading one does not repeat it either; a parser's own excerpt of the file may.
#[derive(Clone)]
pub struct CookieSecret(Zeroizing<String>);

impl CookieSecret {
    /// A secret. That it is long enough is checked with the rest of the configuration.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// To make a key of.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(crate) fn is_long_enough(&self) -> bool {
        self.0.len() >= MIN_SECRET_BYTES
    }
}

impl From<String> for CookieSecret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for CookieSecret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl PartialEq for CookieSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for CookieSecret {}

impl fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieSecret([redacted])")
    }
}

impl fmt::Display for CookieSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for CookieSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for CookieSecret {
    /// By hand, because a derived one repeats what it cannot read.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = CookieSecret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret as text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<CookieSecret, E> {
                Ok(CookieSecret::new(text))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<CookieSecret, E> {
                Ok(CookieSecret::new(text))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<CookieSecret, E> {
                Err(E::custom(NOT_TEXT))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<CookieSecret, E> {
                Err(E::custom(NOT_TEXT))
            }

            fn visit_i128<E: de::Error>(self, _: i128) -> Result<CookieSecret, E> {
                Err(E::custom(NOT_TEXT))
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<CookieSecret, E> {
                Err(E::custom(NOT_TEXT))
            }

            fn visit_u128<E: de::Error>(self, _: u128) -> Result<CookieSecret, E> {
                Err(E::custom(NOT_TEXT))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<CookieSecret, E> {
                Err(E::custom(NOT_TEXT))
            }
        }

        // Any, because a parser that is asked for text repeats what it found instead.
        deserializer.deserialize_any(Text)
    }
}

const NOT_TEXT: &str = "a secret is text, in quotes if it could be read as something else";

/// The list of secrets in a configuration: one secret alone is refused without repeating it.
pub(crate) fn list<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<CookieSecret>, D::Error> {
    struct List;

    impl<'de> de::Visitor<'de> for List {
        type Value = Vec<CookieSecret>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of secrets")
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut secrets = Vec::new();
            while let Some(secret) = items.next_element()? {
                secrets.push(secret);
            }
            Ok(secrets)
        }

        fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(E::custom("secrets is a list, even if there is only one"))
        }
    }

    deserializer.deserialize_any(List)
}

/// The keys, the first of which signs, and all of which verify.
#[derive(Clone)]
pub(crate) struct KeyRing {
    signs: Hmac<Sha256>,
    before: Vec<Hmac<Sha256>>,
}

impl KeyRing {
    /// `None` if there are no secrets.
    pub(crate) fn new(name: &str, secrets: &[CookieSecret]) -> Option<Self> {
        let mut keys = secrets.iter().map(|secret| key(name, secret));
        let signs = keys.next()??;
        Some(Self { signs, before: keys.collect::<Option<_>>()? })
    }

    /// The signature of a token's text.
    pub(crate) fn sign(&self, token: &[u8; TOKEN_TEXT_LEN]) -> [u8; MAC_TEXT_LEN] {
        mac(&self.signs, token)
    }

    /// All keys are tried, and each is compared in constant time, so that the time taken tells nothing
    /// about how near a guess was. Compared as text: a signature has one spelling.
    pub(crate) fn verify(&self, token: &[u8; TOKEN_TEXT_LEN], signature: &[u8]) -> bool {
        let is_of = |key| mac(key, token).as_slice().ct_eq(signature);
        self.before.iter().fold(is_of(&self.signs), |found, key| found | is_of(key)).into()
    }
}

/// HKDF-SHA256 (RFC 5869): extracted without salt, expanded for this purpose and cookie.
fn key(name: &str, secret: &CookieSecret) -> Option<Hmac<Sha256>> {
    let mut key = Zeroizing::new([0; 32]);
    let secret = Hkdf::<Sha256>::new(None, secret.0.as_bytes());
    // Neither fails: 32 bytes are a length that both take.
    secret.expand_multi_info(&[PURPOSE, name.as_bytes()], key.as_mut_slice()).ok()?;
    Hmac::new_from_slice(key.as_slice()).ok()
}

fn mac(key: &Hmac<Sha256>, token: &[u8; TOKEN_TEXT_LEN]) -> [u8; MAC_TEXT_LEN] {
    let mac = key.clone().chain_update(token).finalize().into_bytes();
    let mut text = [0; MAC_TEXT_LEN];
    // 32 bytes are 43 characters. Were it otherwise, no signature would ever be right.
    let _ = URL_SAFE_NO_PAD.encode_slice(mac, &mut text);
    text
}

/// Whether a text is spelt as a signature is.
pub(crate) fn is_signature(text: &[u8]) -> bool {
    text.len() == MAC_TEXT_LEN
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("keys", &(1 + self.before.len())).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &[u8; TOKEN_TEXT_LEN] =
        b"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn secret(letter: char) -> CookieSecret {
        CookieSecret::new(letter.to_string().repeat(MIN_SECRET_BYTES))
    }

    fn ring(name: &str, letters: &str) -> KeyRing {
        let secrets: Vec<_> = letters.chars().map(secret).collect();
        KeyRing::new(name, &secrets).unwrap()
    }

    #[test]
    fn a_signature_is_what_it_is_documented_to_be() {
        // Computed apart, with Python's hmac and hashlib: see RFC 5869 for the two steps.
        let expected = "XXPOzfZ4h8G3PPzFo-wPwU-C7BQkduE-fnNvPFEvgA0";
        let signature = ring("_session", "a").sign(TOKEN);
        assert_eq!(std::str::from_utf8(&signature).unwrap(), expected);
        assert!(is_signature(&signature));
    }

    #[test]
    fn the_first_signs_and_all_verify() {
        for (name, signs, verifies, expected) in [
            ("one key", "a", "a", true),
            ("the first of two", "ab", "ac", true),
            ("now the second", "a", "ba", true),
            ("now the fourth", "a", "bcda", true),
            ("the second never signs", "ab", "b", false),
            ("dropped", "a", "b", false),
            ("twice in the ring", "a", "aa", true),
        ] {
            let signature = ring("s", signs).sign(TOKEN);
            assert_eq!(ring("s", verifies).verify(TOKEN, &signature), expected, "{name}");
        }
    }

    #[test]
    fn a_signature_is_for_one_token_and_one_name() {
        let ring = ring("s", "a");
        let signature = ring.sign(TOKEN);
        let other = [b'0'; TOKEN_TEXT_LEN];
        assert!(!ring.verify(&other, &signature));
        for name in ["t", "S", "__Host-s", "s "] {
            let elsewhere = self::ring(name, "a");
            assert!(!elsewhere.verify(TOKEN, &signature), "{name}");
        }
        for end in 0..MAC_TEXT_LEN {
            assert!(!ring.verify(TOKEN, &signature[..end]), "cut to {end}");
        }
        for at in 0..MAC_TEXT_LEN {
            for bit in 0..8 {
                let mut wrong = signature;
                wrong[at] ^= 1 << bit;
                assert!(!ring.verify(TOKEN, &wrong), "bit {bit} at {at}");
            }
        }
    }

    #[test]
    fn nothing_prints_a_secret() {
        let secret = secret('x');
        let ring = ring("s", "xy");
        let json = serde_json::to_string(&secret).unwrap();
        let printed = format!("{secret} {secret:?} {:#?} {ring:?} {ring:#?} {json}", [&secret]);
        assert!(!printed.contains("xx"), "{printed}");
        assert_eq!(printed.matches("[redacted]").count(), 4);
    }

    #[test]
    fn what_cannot_be_read_is_not_repeated() {
        for text in ["12345678901", "-12345678901", "12345678901.5", "true", "[\"12345678901\"]"] {
            let error = serde_json::from_str::<CookieSecret>(text).unwrap_err().to_string();
            assert!(!error.contains("12345") && !error.contains("true"), "{text}: {error}");
        }
        assert!(serde_json::from_str::<CookieSecret>("\"text\"").unwrap() == "text".into());
    }
}
