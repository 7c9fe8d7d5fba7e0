//! The secret in the cookie, and the hash of it that a backend keeps.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::id::SessionId;

/// Bytes of randomness in a token. OWASP asks for 64 bits of entropy at least; this is 256.
const TOKEN_BYTES: usize = 32;

/// Length of a token on the wire: 64 lower-case hexadecimal characters.
pub const TOKEN_TEXT_LEN: usize = TOKEN_BYTES * 2;

/// The secret that a browser keeps in its cookie: whoever has it has the session.
///
/// 32 random bytes; on the wire 64 lower-case hexadecimal characters and nothing else. `Debug` and
/// `Display` print `[redacted]`, memory is wiped on drop, and only [`expose`](Self::expose) gives
/// the text away. It serialises as its text, because it is meant to reach the client; never
/// serialise it to a place that is not the client.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(
    /// Words, because memory is wiped word by word.
    [u64; TOKEN_BYTES / 8],
);

impl SessionToken {
    /// A new token from the operating system's random source.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the operating system gives no
    /// randomness.
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(Error::no_randomness)?;
        Ok(Self::from_bytes(bytes))
    }

    /// A new token, and the id of the session that it is for, made at `now`: the operating system is asked
    /// once, which takes about as long for all of it as for a part.
    pub(crate) fn generate_with_id(now: Timestamp) -> Result<(Self, SessionId), Error> {
        let mut parts = [[0; TOKEN_BYTES / 2]; 3];
        getrandom::fill(parts.as_flattened_mut()).map_err(Error::no_randomness)?;
        let [first, second, id] = parts;
        let mut bytes = [0; TOKEN_BYTES];
        bytes.as_chunks_mut().0.copy_from_slice(&[first, second]);
        Ok((Self::from_bytes(bytes), SessionId::of(now, id)))
    }

    /// Reads the 64 characters of a cookie. Anything else, capitals included, is `None`: a token
    /// has one spelling.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text: &[u8; TOKEN_TEXT_LEN] = text.try_into().ok()?;
        is_lower_hex(text).then(|| Self::from_lower_hex(text))
    }

    /// Reads a text that [`is_lower_hex`]. For any other the token is one that nobody was issued.
    pub(crate) fn from_lower_hex(text: &[u8; TOKEN_TEXT_LEN]) -> Self {
        let mut token = Self([0; TOKEN_BYTES / 8]);
        let (chunks, _) = text.as_chunks::<16>();
        for (word, text) in token.0.iter_mut().zip(chunks) {
            let (halves, _) = text.as_chunks::<8>();
            *word = halves.iter().fold(0, |word, half| word << 32 | eight_digits(*half));
        }
        token
    }

    /// The text that goes into the cookie. Whoever reads it can sign in with it.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut text = [0; TOKEN_TEXT_LEN];
        for (digits, word) in text.as_chunks_mut::<16>().0.iter_mut().zip(self.0) {
            let (high, low) = (word >> 32, word & 0xffff_ffff);
            for (eight, half) in digits.as_chunks_mut::<8>().0.iter_mut().zip([high, low]) {
                *eight = to_eight_digits(half);
            }
        }
        // Digits are ASCII, so this cannot fail.
        let exposed = str::from_utf8(&text).unwrap_or_default().to_owned();
        text.zeroize();
        exposed
    }

    /// The form in which a backend knows this token.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.bytes()).into())
    }

    fn from_bytes(bytes: [u8; TOKEN_BYTES]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let mut token = Self([0; TOKEN_BYTES / 8]);
        for (word, bytes) in token.0.iter_mut().zip(words) {
            *word = u64::from_be_bytes(*bytes);
        }
        token
    }

    fn bytes(&self) -> [u8; TOKEN_BYTES] {
        let mut bytes = [0; TOKEN_BYTES];
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0) {
            *bytes = word.to_be_bytes();
        }
        bytes
    }
}

impl Drop for SessionToken {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The number that eight lower-case hexadecimal digits write, all of them worked on at once.
const fn eight_digits(text: [u8; 8]) -> u64 {
    let text = u64::from_be_bytes(text);
    // The low half of a digit's code is its value, and of a letter's nine less; bit 6 tells them
    // apart.
    let values = (text & 0x0f0f_0f0f_0f0f_0f0f) + 9 * (text >> 6 & 0x0101_0101_0101_0101);
    // Moves the values together: to bytes, then pairs of them, then all four.
    let bytes = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
    (pairs | pairs >> 16) & 0xffff_ffff
}

/// The eight digits that write a number below 2³²: what [`eight_digits`] reads.
const fn to_eight_digits(number: u64) -> [u8; 8] {
    // Moves its digits apart, each into a byte of its own.
    let halves = (number | number << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff;
    let values = (bytes | bytes << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 in each byte whose value is a letter's: ten or more carries into bit 4.
    let letters = (values + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    (values + 0x3030_3030_3030_3030 + letters * 0x27).to_be_bytes()
}

/// Whether a text is spelt as a token is. Looks at all of it, wherever a wrong character is.
pub(crate) fn is_lower_hex(text: &[u8; TOKEN_TEXT_LEN]) -> bool {
    text.iter().fold(true, |fine, c| {
        fine & (c.wrapping_sub(b'0') < 10) | (fine & (c.wrapping_sub(b'a') < 6))
    })
}

impl FromStr for SessionToken {
    type Err = MalformedToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes()).ok_or(MalformedToken)
    }
}

/// The text is not 64 lower-case hexadecimal characters. It does not repeat the text, which may
/// hold most of a real token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedToken;

impl fmt::Display for MalformedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a session token is {TOKEN_TEXT_LEN} lower-case hexadecimal characters")
    }
}

impl std::error::Error for MalformedToken {}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken([redacted])")
    }
}

impl fmt::Display for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for SessionToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = self.expose();
        let done = serializer.serialize_str(&text);
        text.zeroize();
        done
    }
}

impl<'de> Deserialize<'de> for SessionToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let token = Self::parse(text.as_bytes()).ok_or_else(|| de::Error::custom(MalformedToken));
        text.zeroize();
        token
    }
}

/// SHA-256 of a token's 32 bytes: the only form of it that a backend ever sees.
///
/// The token has 256 bits of entropy, so a plain hash cannot be searched. Still not for logs:
/// `Debug` is redacted, because a log that names hashes can be matched with a stolen database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// A hash as a backend stored it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store and to look up by.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        let token = SessionToken::generate().unwrap();
        let text = token.expose();
        assert_eq!(text.len(), TOKEN_TEXT_LEN);
        let mixed = "0123456789abcdeffedcba98765432100f1e2d3c4b5a69788796a5b4c3d2e1f0";
        assert_eq!(mixed.parse::<SessionToken>().unwrap().expose(), mixed);
        assert!(text.parse::<SessionToken>().unwrap() == token);
        let longer = format!("{text}0");
        let capital = format!("A{}", &text[1..]);
        let not_hex = format!("g{}", &text[1..]);
        let wide = format!("é{}", &text[2..]);
        let sixty_three = &text[1..];
        for (name, text) in [
            ("empty", ""),
            ("a character short", sixty_three),
            ("a character long", &longer),
            ("a capital", &capital),
            ("not hexadecimal", &not_hex),
            ("not ASCII", &wide),
            ("a space before", &format!(" {sixty_three}")),
        ] {
            assert!(text.parse::<SessionToken>().is_err(), "{name}");
        }
    }

    #[test]
    fn nothing_prints_the_secret() {
        let token = SessionToken::parse(&[b'a'; 64]).unwrap();
        let hash = token.hash();
        let printed = format!("{token} {token:?} {:?} {hash:?} {hash:#?}", Some(&token));
        assert!(!printed.contains("aaaa"), "{printed}");
        assert_eq!(printed.matches("[redacted]").count(), 5);
    }

    #[test]
    fn hash_is_sha256_of_the_bytes() {
        // printf '\0%.0s' {1..32} | sha256sum
        let zeros = SessionToken::parse(&[b'0'; 64]).unwrap();
        let hex: String = zeros.hash().as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
    }
}
