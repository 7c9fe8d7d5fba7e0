//! A session as the maps hold it.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::record::SessionData;
use crate::token::TokenHash;

pub(super) struct Stored {
    pub(super) session: Arc<SessionData>,
    /// Whether the current token was presented.
    pub(super) token_seen: bool,
    pub(super) purge_after: Timestamp,
    /// Its earlier tokens that have a tombstone, the oldest first.
    pub(super) earlier: Vec<TokenHash>,
    /// The tombstones that name it as their successor.
    pub(super) predecessors: Vec<TokenHash>,
}

pub(super) const fn live(session: &SessionData, now: Timestamp) -> bool {
    session.expires_at.as_micros() > now.as_micros()
}
