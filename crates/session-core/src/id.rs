//! Names that may be seen: [`SessionId`] and [`UserId`].

mod user;

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;

pub use self::user::{InvalidUserId, UserId};
use crate::clock::Timestamp;
use crate::error::Error;

/// The public name of a session: a ULID.
///
/// Safe in logs, URLs and device lists; it grants nothing. Ids that one process mints are in the
/// order of their making, also within a millisecond, so that ties between sessions made at one
/// moment are broken the same way everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Ulid);

impl SessionId {
    /// Mints an id for a session made at `now`.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the operating system gives no
    /// randomness.
    pub fn generate(now: Timestamp) -> Result<Self, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(Error::no_randomness)?;
        Ok(Self::of(now, random))
    }

    /// Mints an id for a session made at `now`, of random bytes.
    pub(crate) fn of(now: Timestamp, random: [u8; 16]) -> Self {
        let fresh = Ulid::from_parts(now.as_unix_millis(), u128::from_be_bytes(random));
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let id = match *last {
            // A clock that jumped back makes ids of its own; the order goes on from the latest.
            Some(before) if fresh.timestamp_ms() < before.timestamp_ms() => return Self(fresh),
            // Within one millisecond the next number keeps the order; if a fresh one is already
            // larger it is taken as it is.
            Some(before) if before.timestamp_ms() == fresh.timestamp_ms() && fresh <= before => {
                before.increment().unwrap_or(fresh)
            }
            _ => fresh,
        };
        *last = Some(id);
        Self(id)
    }

    /// An id as a backend stored it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Ulid::from_bytes(bytes))
    }

    /// The 16 bytes of the id, which sort as the id does.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }
}

/// The last id that this process minted. Held for a comparison, never across an await.
static LAST: Mutex<Option<Ulid>> = Mutex::new(None);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({})", self.0)
    }
}

/// The text is no ULID: 26 characters of Crockford's base 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session id is a ULID: 26 characters of Crockford's base 32")
    }
}

impl std::error::Error for InvalidId {}

impl FromStr for SessionId {
    type Err = InvalidId;

    /// Reads a ULID in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = Ulid::from_string(text).map(Self).map_err(|_| InvalidId)?;
        // 26 such characters hold 130 bits and a ULID 128: what does not read back is none, or one
        // session would have several names.
        if id.to_string().eq_ignore_ascii_case(text) { Ok(id) } else { Err(InvalidId) }
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_millisecond_are_in_order() {
        let now = Timestamp::from_micros(1_795_305_600_123_456);
        let ids: Vec<_> = (0..1000).map(|_| SessionId::generate(now).unwrap()).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids[0].to_string().parse::<SessionId>().unwrap(), ids[0]);
        assert_eq!(SessionId::from_bytes(ids[0].to_bytes()), ids[0]);
    }

    #[test]
    fn an_id_has_one_name() {
        for (name, text, fine) in [
            ("the first", "00000000000000000000000000", true),
            ("the last", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", true),
            ("in small letters", "7zzzzzzzzzzzzzzzzzzzzzzzzz", true),
            ("more than 128 bits", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", false),
            ("all of 130 bits", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", false),
            ("no such digit", "UUUUUUUUUUUUUUUUUUUUUUUUUU", false),
            ("empty", "", false),
        ] {
            assert_eq!(text.parse::<SessionId>().is_ok(), fine, "{name}");
        }
    }
}
