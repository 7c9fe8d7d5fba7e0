//! Names that may be seen: [`SessionId`] and [`UserId`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};

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

/// The application's own user id: an opaque string of 1 to 255 bytes, without U+0000 (which one of
/// the databases cannot store). Cheap to clone. Compared byte for byte: `Alice` is not `alice`.
///
/// Every integer is one too, in decimal digits, and with the feature `uuid` every UUID, in the
/// hyphenated form and small letters. [`parse`](Self::parse) gives them back.
///
/// ```
/// use session_core::{Error, Session, UserId};
///
/// async fn sign_in(session: &Session, row_id: i64) -> Result<(), Error> {
///     // … check the password …
///     session.authenticate(row_id).await
/// }
///
/// fn row_id(session: &Session) -> Result<Option<i64>, Error> {
///     session.user_id().map(|user| user.parse()).transpose()
/// }
///
/// assert_eq!(UserId::from(42_i64).as_str(), "42");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// The longest user id, in UTF-8 bytes.
    pub const MAX_BYTES: usize = 255;

    /// Checks and takes a user id.
    ///
    /// # Errors
    /// [`InvalidUserId`] if it is empty, longer than [`MAX_BYTES`](Self::MAX_BYTES), or holds
    /// U+0000.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidUserId> {
        let text = text.as_ref();
        if text.is_empty() {
            Err(InvalidUserId("a user id must not be empty"))
        } else if text.len() > Self::MAX_BYTES {
            Err(InvalidUserId("a user id must not be longer than 255 bytes"))
        } else if text.contains('\0') {
            Err(InvalidUserId("a user id must not contain U+0000"))
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as what it was made from: an integer, a UUID, or whatever else is read from text.
    ///
    /// ```
    /// use session_core::UserId;
    ///
    /// let user = UserId::from(42_i64);
    /// assert_eq!(user.parse::<i64>()?, 42);
    /// # Ok::<(), session_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::WrongType`] if it is none. Not the type's own error, so that a handler passes it
    /// on with `?`, and as a 500: the id is the application's own, and no fault of the client.
    pub fn parse<T: FromStr>(&self) -> Result<T, Error> {
        self.0.parse().map_err(|_| {
            // An id may be shown; formatted for debugging it stays on one line.
            let wanted = std::any::type_name::<T>();
            let context = format!("the user id {:?} is not a {wanted}", self.as_str());
            Error::from_kind(ErrorKind::WrongType).with_context(context)
        })
    }
}

impl AsRef<str> for UserId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({:?})", &*self.0)
    }
}

/// Why a text is no [`UserId`]. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidUserId(&'static str);

impl fmt::Display for InvalidUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidUserId {}

impl From<InvalidUserId> for Error {
    fn from(error: InvalidUserId) -> Self {
        Self::from_kind(ErrorKind::InvalidData).with_context(error.to_string())
    }
}

impl FromStr for UserId {
    type Err = InvalidUserId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl TryFrom<&str> for UserId {
    type Error = InvalidUserId;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl TryFrom<String> for UserId {
    type Error = InvalidUserId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl TryFrom<&String> for UserId {
    type Error = InvalidUserId;

    fn try_from(text: &String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl TryFrom<&UserId> for UserId {
    type Error = InvalidUserId;

    fn try_from(user: &UserId) -> Result<Self, Self::Error> {
        Ok(user.clone())
    }
}

macro_rules! from_integers {
    ($($integer:ty)+) => {
        $(
            impl From<$integer> for UserId {
                /// In decimal digits.
                fn from(number: $integer) -> Self {
                    Self(number.to_string().into())
                }
            }
        )+
    };
}

from_integers! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

#[cfg(feature = "uuid")]
impl From<uuid::Uuid> for UserId {
    /// Hyphenated, in small letters (RFC 9562 section 4).
    ///
    /// ```
    /// use session_core::{Error, Session};
    /// use uuid::Uuid;
    ///
    /// async fn sign_in(session: &Session, account: Uuid) -> Result<(), Error> {
    ///     session.authenticate(account).await
    /// }
    /// ```
    fn from(uuid: uuid::Uuid) -> Self {
        let mut text = uuid::Uuid::encode_buffer();
        Self((&*uuid.hyphenated().encode_lower(&mut text)).into())
    }
}

/// What cannot fail converts too, so that [`Session::authenticate`](crate::Session::authenticate)
/// takes it.
impl From<std::convert::Infallible> for InvalidUserId {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(text).map_err(de::Error::custom)
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

    #[test]
    fn integers_there_and_back() {
        fn check<T>(number: T, text: &str)
        where
            T: Copy + PartialEq + fmt::Debug + FromStr + Into<UserId>,
        {
            let user: UserId = number.into();
            assert_eq!(user.as_str(), text);
            assert_eq!(user.parse::<T>().unwrap(), number, "{text}");
        }
        check(u8::MAX, "255");
        check(u16::MAX, "65535");
        check(u32::MAX, "4294967295");
        check(u64::MAX, "18446744073709551615");
        check(u128::MAX, "340282366920938463463374607431768211455");
        check(7_usize, "7");
        check(i8::MIN, "-128");
        check(i16::MIN, "-32768");
        check(i32::MIN, "-2147483648");
        check(i64::MIN, "-9223372036854775808");
        check(i128::MIN, "-170141183460469231731687303715884105728");
        check(0_isize, "0");
    }

    #[cfg(feature = "uuid")]
    #[test]
    fn uuids_there_and_back() {
        use uuid::Uuid;
        for text in [
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "0190163d-8694-739b-aea5-966c26f8ad91",
        ] {
            let uuid: Uuid = text.parse().unwrap();
            assert_eq!(UserId::from(uuid).as_str(), text);
            assert_eq!(UserId::from(uuid).parse::<Uuid>().unwrap(), uuid, "{text}");
        }
        assert!(UserId::from(7).parse::<Uuid>().is_err());
    }

    #[test]
    fn an_id_that_is_something_else_is_the_servers_fault() {
        for (name, user, wanted, said) in [
            ("a name", "alice", "i64", r#"the user id "alice" is not a i64"#),
            ("out of range", "256", "u8", r#"the user id "256" is not a u8"#),
            ("a line break", "4\n2", "u8", r#"the user id "4\n2" is not a u8"#),
        ] {
            let user = UserId::new(user).unwrap();
            let error = match wanted {
                "i64" => user.parse::<i64>().unwrap_err(),
                _ => user.parse::<u8>().unwrap_err(),
            };
            assert_eq!(error.kind(), ErrorKind::WrongType, "{name}");
            assert_eq!(error.to_string(), said, "{name}");
        }
    }

    #[test]
    fn user_ids_are_checked() {
        let longest = "é".repeat(127) + "x";
        for (name, text, fine) in [
            ("empty", "", false),
            ("one byte", "a", true),
            ("255 bytes", longest.as_str(), true),
            ("256 bytes", &"é".repeat(128), false),
            ("U+0000", "a\0b", false),
            ("anything else", "../😀'\"\n", true),
        ] {
            assert_eq!(UserId::new(text).is_ok(), fine, "{name}");
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<UserId>(&json).is_ok(), fine, "{name}");
        }
    }
}
