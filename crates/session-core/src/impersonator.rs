//! [`Impersonator`]: who acts in a user's place.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::id::{SessionId, UserId};
use crate::token::TokenHash;

/// Who acts in a session in its user's place: see [`Session::impersonate`](crate::Session::impersonate).
///
/// [`Display`](fmt::Display) and [`FromStr`], and with them serde, are the form in which a backend stores
/// it, which holds a hash: it is not for logs, nor for anybody to be shown. `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Impersonator {
    /// Their own session, into which they come back.
    pub session: SessionId,
    /// The hash of the token that stands for that session. Once it does not any more, because they signed
    /// out or were signed out, the impersonation is over too.
    pub(crate) token: TokenHash,
    /// Who they are.
    pub user: UserId,
}

impl Impersonator {
    /// This user, who acts from this session of theirs, for which this token stands. For tests, and for what
    /// brings sessions from elsewhere; the core makes them by itself.
    #[must_use]
    pub const fn new(session: SessionId, token: TokenHash, user: UserId) -> Self {
        Self { session, token, user }
    }
}

impl fmt::Debug for Impersonator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Impersonator")
            .field("session", &self.session)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Impersonator {
    /// The session's id, the hash in 64 hexadecimal digits, and the user, with a space between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.session)?;
        for byte in self.token.as_bytes() {
            write!(f, "{byte:02x}")?;
        }
        write!(f, " {}", self.user)
    }
}

/// That a stored text is no [`Impersonator`]. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidImpersonator;

impl fmt::Display for InvalidImpersonator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no impersonator")
    }
}

impl std::error::Error for InvalidImpersonator {}

impl FromStr for Impersonator {
    type Err = InvalidImpersonator;

    fn from_str(text: &str) -> Result<Self, InvalidImpersonator> {
        let mut parts = text.splitn(3, ' ');
        let mut part = || parts.next().ok_or(InvalidImpersonator);
        let (session, token, user) = (part()?, part()?, part()?);
        Ok(Self {
            session: session.parse().map_err(|_| InvalidImpersonator)?,
            token: hash(token).ok_or(InvalidImpersonator)?,
            user: UserId::new(user).map_err(|_| InvalidImpersonator)?,
        })
    }
}

impl Serialize for Impersonator {
    /// As its text, for a backend that keeps records as documents.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Impersonator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

fn hash(hex: &str) -> Option<TokenHash> {
    let digits = hex.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(TokenHash::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::SessionToken;

    fn staff(user: &str) -> Impersonator {
        let token = SessionToken::generate().unwrap().hash();
        Impersonator::new(SessionId::from_bytes([7; 16]), token, UserId::new(user).unwrap())
    }

    #[test]
    fn goes_through_its_text() {
        for user in ["eve", "a b  c", "7", "é\u{1F600}", " "] {
            let staff = staff(user);
            assert_eq!(staff.to_string().parse(), Ok(staff), "{user:?}");
        }
    }

    #[test]
    fn what_is_no_impersonator() {
        let good = staff("eve").to_string();
        let texts = ["", " ", "a b c", &good[1..], &good.replace(" eve", ""), &good[..60]];
        for text in texts {
            assert_eq!(text.parse::<Impersonator>(), Err(InvalidImpersonator), "{text:?}");
        }
        let shown = format!("{:?}", staff("eve"));
        assert!(!shown.contains("token") && shown.contains("eve"), "{shown}");
    }
}
