//! A session as the maps hold it.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::record::SessionData;
use crate::token::TokenHash;

pub(super) struct Stored {
    /// The hash of the current token.
    pub(super) token: TokenHash,
    /// With its data as text.
    pub(super) session: Arc<SessionData>,
    /// Whether the current token was presented.
    pub(super) token_seen: bool,
    pub(super) purge_after: Timestamp,
    /// Most sessions have none, and a map has room for more entries than it holds.
    pub(super) linked: Option<Box<Linked>>,
}

/// The tombstones that have to do with a session.
#[derive(Default)]
pub(super) struct Linked {
    /// Its earlier tokens that have one, the oldest first.
    pub(super) earlier: Vec<TokenHash>,
    /// Those that name it as their successor.
    pub(super) predecessors: Vec<TokenHash>,
}

/// What is known of a session where its user's are: enough to say who has to go, without a look at each.
#[derive(Clone, Copy)]
pub(super) struct Seat {
    pub(super) id: SessionId,
    pub(super) last_active_at: Timestamp,
    pub(super) expires_at: Timestamp,
    /// Not so if somebody acts in the user's place.
    pub(super) takes_a_place: bool,
}

impl Seat {
    pub(super) fn of(session: &SessionData) -> Self {
        let SessionData { id, last_active_at, expires_at, .. } = *session;
        let takes_a_place = session.impersonator.is_none();
        Self { id, last_active_at, expires_at, takes_a_place }
    }
}

pub(super) const fn live(session: &SessionData, now: Timestamp) -> bool {
    session.expires_at.as_micros() > now.as_micros()
}
