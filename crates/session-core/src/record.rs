//! The full record of one session, as backends store it and device lists show it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::client::device::DeviceType;
use crate::client::fingerprint::Fingerprint;
use crate::clock::Timestamp;
use crate::data::Data;
use crate::id::{SessionId, UserId};

/// Everything that is known of one session, except its secret: neither the token nor its hash is
/// in here, so a record may be shown to its owner. Serialises without loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionData {
    /// The session's public name. It stays when the token rotates.
    pub id: SessionId,
    /// Who is signed in; `None` for an anonymous session. Never changes: another user is another
    /// session.
    pub user_id: Option<UserId>,
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
    /// When its user last proved who he is; `None` for an anonymous session.
    pub authenticated_at: Option<Timestamp>,
    /// When it was last touched: exact to the touch interval.
    pub last_active_at: Timestamp,
    /// From this moment on it is no session any more.
    pub expires_at: Timestamp,
    /// Where no activity can move `expires_at` beyond.
    pub absolute_expires_at: Option<Timestamp>,
}

impl SessionData {
    /// Whether somebody is signed in.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.user_id.is_some()
    }

    /// Whether its user proved who he is within the last `duration` before `now`.
    #[must_use]
    pub fn authenticated_within(&self, duration: Duration, now: Timestamp) -> bool {
        // A clock that jumped back makes an authentication in the future; that is recent.
        self.authenticated_at.is_some_and(|at| now.since(at) <= duration)
    }
}
