//! Values for the unit tests of this crate.

use crate::client::device::DeviceType;
use crate::clock::Timestamp;
use crate::data::Data;
use crate::id::SessionId;
use crate::record::SessionData;

/// An anonymous session made at `now`, for as long as the default configuration gives it.
pub(crate) fn record(now: Timestamp) -> SessionData {
    SessionData {
        id: SessionId::generate(now).unwrap(),
        user_id: None,
        ip_address: None,
        last_ip_address: None,
        user_agent: None,
        device_name: "Unknown device".to_owned(),
        device_type: DeviceType::Unknown,
        fingerprint: None,
        data: Data::new(),
        version: 1,
        idle_ttl_secs: None,
        cookie_persistent: None,
        created_at: now,
        authenticated_at: None,
        last_active_at: now,
        expires_at: now.plus(std::time::Duration::from_secs(86_400)),
        absolute_expires_at: None,
    }
}
