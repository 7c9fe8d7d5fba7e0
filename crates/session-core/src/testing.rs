//! Values for the unit tests of this crate.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::record::SessionData;

/// An anonymous session made at `now`, for as long as the default configuration gives it.
pub(crate) fn record(now: Timestamp) -> SessionData {
    SessionData::new(SessionId::generate(now).unwrap(), now, Duration::from_secs(86_400))
}
