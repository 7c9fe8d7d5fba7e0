//! What a backend answers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::admin::ExpiredSession;
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::lifetime::Lifetime;
use crate::record::SessionData;

/// What [`SessionBackend::create`](crate::SessionBackend::create) made.
#[derive(Debug, Clone)]
pub struct Created {
    /// The record as it is stored, data included.
    pub session: Arc<SessionData>,
    /// The sessions that were evicted for it, even if a lowered cap makes them many.
    pub evicted: Vec<SessionId>,
    /// Whether the session to replace was live, and ended in this step.
    pub replaced: bool,
}

/// What a token stands for.
#[derive(Debug, Clone)]
pub enum Found {
    /// A live session, of which this is the current token.
    Live {
        /// The session.
        session: Arc<SessionData>,
        /// Whether the token was marked as seen: see
        /// [`SessionChange::presented`](crate::SessionChange::presented).
        token_seen: bool,
    },
    /// A live session, of which this was the token before a plain rotation. It still works until
    /// the moment given.
    Grace {
        /// The session.
        session: Arc<SessionData>,
        /// When the token stops working.
        until: Timestamp,
    },
    /// Nothing any more: the token was once good.
    Ended {
        /// The session that it belonged to. With [`EndedBy::Rotated`] it may be live under another
        /// token.
        id: SessionId,
        /// What ended the token, or its session since.
        how: EndedBy,
        /// When: after a rotation, the end of its grace.
        at: Timestamp,
        /// Whether a token that was made from this one, by a rotation, a re-authentication or a
        /// sign-in, was marked as seen since.
        successor_seen: bool,
    },
}

/// What ended a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndedBy {
    /// The session got another token and goes on.
    Rotated,
    /// A sign-in made another session in its place.
    Replaced,
    /// Its user signed out: here, or everywhere.
    SignedOut,
    /// It was ended from elsewhere: by its user, an administrator, or a fingerprint mismatch.
    Revoked,
    /// It was the least recently active when its user reached the cap.
    Evicted,
}

impl EndedBy {
    /// The name under which a backend stores it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::Replaced => "replaced",
            Self::SignedOut => "signed_out",
            Self::Revoked => "revoked",
            Self::Evicted => "evicted",
        }
    }
}

impl fmt::Display for EndedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no [`EndedBy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownEnd;

impl fmt::Display for UnknownEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a way for a session token to end")
    }
}

impl std::error::Error for UnknownEnd {}

impl FromStr for EndedBy {
    type Err = UnknownEnd;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Rotated, Self::Replaced, Self::SignedOut, Self::Revoked, Self::Evicted]
            .into_iter()
            .find(|how| how.as_str() == text)
            .ok_or(UnknownEnd)
    }
}

/// What [`SessionBackend::update`](crate::SessionBackend::update) did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updated {
    /// The change applied.
    Applied(Applied),
    /// There is no such live session, or the token given is neither its current one nor in grace;
    /// nothing was left behind.
    Missing,
    /// The session is at another version; nothing was changed.
    Conflict,
    /// The session goes on under a token that is not the one to rotate from; nothing was changed.
    Superseded,
}

/// How a change applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The data's version now.
    pub version: u64,
    /// What became of the token that was presented, as it was when the change applied. After a
    /// rotation [`Current`](TokenState::Current): the new one.
    pub token: TokenState,
    /// Whether the touch was due, and so happened.
    pub touched: bool,
    /// The end of the session's life as it is stored now.
    pub expires_at: Timestamp,
    /// The session's own lifetime as it is stored now.
    pub lifetime: Lifetime,
    /// The sessions that ended with it, in the order of their ids: see
    /// [`Reauthentication::end_others`](crate::Reauthentication::end_others).
    pub ended: Vec<SessionId>,
}

/// Whether a token is its session's current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It is.
    Current,
    /// The session goes on under another one (or none was given).
    Grace,
}

/// What one batch of [`SessionBackend::purge_expired`](crate::SessionBackend::purge_expired) did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Purged {
    /// How many expired sessions were deleted. Tombstones are not counted.
    pub removed: u64,
    /// Whether more may be due, sessions or tombstones.
    pub more: bool,
    /// The sessions that were deleted, in no order, if [`PurgeReport::Sessions`](crate::PurgeReport::Sessions)
    /// was asked for; else empty.
    pub expired: Vec<ExpiredSession>,
}
