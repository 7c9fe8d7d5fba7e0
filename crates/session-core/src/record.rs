//! The full record of one session, as backends store it and device lists show it.

use std::net::IpAddr;
use std::time::Duration;

use crate::client::fingerprint::Fingerprint;
use crate::client::{DeviceType, device};
use crate::clock::Timestamp;
use crate::data::Data;
use crate::id::{SessionId, UserId};
use crate::impersonator::Impersonator;
use crate::lifetime::Lifetime;

/// Everything that is known of one session, except its secret: neither its token nor the hash of it is in
/// here. It holds what the application stored, and goes through serde only field by field: what its
/// user may be shown is a [`DeviceView`](crate::DeviceView).
#[derive(Debug, Clone, PartialEq)]
pub struct SessionData {
    /// The session's public name. It stays when the token rotates.
    pub id: SessionId,
    /// Who is signed in; `None` for an anonymous session. Never changes: another user is another
    /// session.
    pub user_id: Option<UserId>,
    /// Who acts in the user's place; `None` if it is the user. Never changes.
    pub impersonator: Option<Box<Impersonator>>,
    /// The client's address when the session was made.
    pub ip_address: Option<IpAddr>,
    /// The client's address when the session was last touched.
    pub last_ip_address: Option<IpAddr>,
    /// The client's User-Agent, cut to 512 bytes.
    pub user_agent: Option<String>,
    /// For people, such as "Firefox on Windows".
    pub device_name: String,
    /// What the client runs on.
    pub device_type: DeviceType,
    /// What a later request's browser is compared with.
    pub fingerprint: Option<Fingerprint>,
    /// What the application stored.
    pub data: Data,
    /// Moves with every write to `data`, and with nothing else.
    pub version: u64,
    /// The session's own idle lifetime in seconds; `None` is whatever the configuration says, also
    /// when it changes.
    pub idle_ttl_secs: Option<u64>,
    /// Whether the cookie outlives the browser; `None` is whatever the configuration says.
    pub cookie_persistent: Option<bool>,
    /// When the session was made.
    pub created_at: Timestamp,
    /// When its user last proved who they are; `None` for an anonymous session.
    pub authenticated_at: Option<Timestamp>,
    /// When it was last touched: exact to the touch interval.
    pub last_active_at: Timestamp,
    /// From this moment on it is no session any more.
    pub expires_at: Timestamp,
    /// Activity never moves `expires_at` beyond this moment.
    pub absolute_expires_at: Option<Timestamp>,
    /// Neither activity nor a re-authentication moves `expires_at` beyond this moment: the session's own
    /// choice, such as the end of what an identity provider vouches for.
    pub not_after: Option<Timestamp>,
}

impl SessionData {
    /// An anonymous session that is made at `now` and, unless somebody uses it, ends after `lifetime`.
    ///
    /// It has no data, at version 1, and nothing is known of its client ("Unknown device"); whatever
    /// the configuration says holds for its lifetime and its cookie, and no absolute end does. Set
    /// what is to be otherwise. For tests and for what brings sessions from elsewhere: a record read
    /// from a database is better made field by field, so that a new one is not forgotten.
    ///
    /// ```
    /// use std::time::Duration;
    /// use session_core::{SessionData, SessionId, Timestamp, UserId};
    ///
    /// # fn main() -> Result<(), session_core::Error> {
    /// let now = Timestamp::from_micros(1_800_000_000_000_000);
    /// let session = SessionData {
    ///     user_id: Some(UserId::from(42)),
    ///     authenticated_at: Some(now),
    ///     ..SessionData::new(SessionId::generate(now)?, now, Duration::from_secs(3600))
    /// };
    /// # assert_eq!(session.expires_at, now.plus(Duration::from_secs(3600)));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn new(id: SessionId, now: Timestamp, lifetime: Duration) -> Self {
        Self {
            id,
            user_id: None,
            impersonator: None,
            ip_address: None,
            last_ip_address: None,
            user_agent: None,
            device_name: device::UNKNOWN.to_owned(),
            device_type: DeviceType::Unknown,
            fingerprint: None,
            data: Data::new(),
            version: 1,
            idle_ttl_secs: None,
            cookie_persistent: None,
            created_at: now,
            authenticated_at: None,
            last_active_at: now,
            expires_at: now.plus(lifetime),
            absolute_expires_at: None,
            not_after: None,
        }
    }

    /// What the session chose for itself.
    #[must_use]
    pub const fn lifetime(&self) -> Lifetime {
        Lifetime {
            idle_ttl_secs: self.idle_ttl_secs,
            cookie_persistent: self.cookie_persistent,
            not_after: self.not_after,
        }
    }

    /// This end, or what bounds it.
    pub(crate) fn bounded(&self, end: Timestamp) -> Timestamp {
        [self.absolute_expires_at, self.not_after].into_iter().flatten().fold(end, Timestamp::min)
    }

    /// Whether somebody is signed in.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.user_id.is_some()
    }

    /// Whether its user proved who they are within the last `duration` before `now`. Never so if somebody
    /// acts in their place.
    #[must_use]
    pub fn authenticated_within(&self, duration: Duration, now: Timestamp) -> bool {
        // A clock that jumped back makes an authentication in the future; that is recent.
        self.impersonator.is_none()
            && self.authenticated_at.is_some_and(|at| now.since(at) <= duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_one_is_a_visitors_for_its_lifetime() {
        let now = Timestamp::from_micros(1_800_000_000_123_456);
        let id = SessionId::from_bytes([7; 16]);
        let hour = Duration::from_secs(3600);
        let session = SessionData::new(id, now, hour);
        assert!(!session.is_authenticated() && session.data.is_empty());
        assert_eq!((session.id, session.created_at, session.last_active_at), (id, now, now));
        assert_eq!((session.expires_at, session.absolute_expires_at), (now.plus(hour), None));
        assert_eq!(device::describe("").name, session.device_name);
        assert_eq!(device::describe("").kind, session.device_type);
    }
}
