//! [`DeviceView`]: a session as its user sees it in a list of devices.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::client::DeviceType;
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::record::SessionData;

/// One of a user's sessions, for a page that lists their devices. It may be shown to that user as it
/// is: it has no data, no fingerprint, and nothing that grants anything. The names under which it is
/// serialised are kept; times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeviceView {
    /// For [`Session::revoke`](crate::Session::revoke).
    pub id: SessionId,
    /// Whether it is the session that asks.
    pub current: bool,
    /// Who acts in the user's place; left out of what is serialised if it is the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impersonator: Option<UserId>,
    /// For people, such as "Firefox on Windows".
    pub device_name: String,
    /// What the client runs on.
    pub device_type: DeviceType,
    /// The client's address when the session was made.
    pub ip_address: Option<IpAddr>,
    /// The client's address when the session was last touched.
    pub last_ip_address: Option<IpAddr>,
    /// When the session was made.
    pub created_at: Timestamp,
    /// When it was last touched: exact to the touch interval.
    pub last_active_at: Timestamp,
    /// When it ends, unless it is used before.
    pub expires_at: Timestamp,
}

impl DeviceView {
    /// This session in a list that the session `current` asked for; `None`: nobody's session did, as
    /// in an administrator's list.
    #[must_use]
    pub fn new(session: &SessionData, current: Option<SessionId>) -> Self {
        Self {
            id: session.id,
            current: current == Some(session.id),
            impersonator: session.impersonator.as_ref().map(|staff| staff.user.clone()),
            device_name: session.device_name.clone(),
            device_type: session.device_type,
            ip_address: session.ip_address,
            last_ip_address: session.last_ip_address,
            created_at: session.created_at,
            last_active_at: session.last_active_at,
            expires_at: session.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn its_names_are_kept_and_nothing_else_is_shown() {
        let mut session = testing::record(Timestamp::UNIX_EPOCH);
        session.data.insert("secret", "hidden".into());
        session.ip_address = "192.0.2.1".parse().ok();
        let view = DeviceView::new(&session, Some(session.id));
        let json = serde_json::json!({
            "id": session.id.to_string(),
            "current": true,
            "device_name": "Unknown device",
            "device_type": "unknown",
            "ip_address": "192.0.2.1",
            "last_ip_address": null,
            "created_at": "1970-01-01T00:00:00Z",
            "last_active_at": "1970-01-01T00:00:00Z",
            "expires_at": "1970-01-02T00:00:00Z",
        });
        assert_eq!(serde_json::to_value(&view).unwrap(), json);
        assert_eq!(serde_json::from_value::<DeviceView>(json).unwrap(), view);
        assert!(!DeviceView::new(&session, None).current);
    }
}
