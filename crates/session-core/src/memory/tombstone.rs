//! What is kept of tokens that ended, and how a session ends.

use crate::backend::EndedBy;
use crate::clock::Timestamp;
use crate::data::Data;
use crate::id::{SessionId, UserId};
use crate::token::TokenHash;

/// What is kept of a token that ended.
pub(super) struct Tombstone {
    pub(super) id: SessionId,
    pub(super) how: EndedBy,
    pub(super) at: Timestamp,
    pub(super) grace_until: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
    pub(super) successor: Option<SessionId>,
    pub(super) successor_seen: bool,
    /// What the session held when it was replaced, and the user whom it went to.
    pub(super) replaced: Option<Box<(UserId, Data)>>,
}

/// How a session ends.
#[derive(Clone, Copy)]
pub(super) struct End<'e> {
    pub(super) how: EndedBy,
    /// The token that asked for it.
    pub(super) by: Option<TokenHash>,
    /// The session that takes its place, and its user.
    pub(super) successor: Option<(SessionId, Option<&'e UserId>)>,
    pub(super) at: Timestamp,
}

/// What became of a session that is to be replaced.
pub(super) enum Old {
    Live(Data),
    /// Another sign-in of the same user has just replaced it.
    Buried(Data),
    Gone,
}
