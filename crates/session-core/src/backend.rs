//! The contract between the core and a database: [`SessionBackend`].
//!
//! A backend stores records under the hash of their token, and keeps a tombstone of each token that
//! ended. It decides nothing: ids, tokens, lifetimes and patches come from the core, and so does
//! `now`; a backend never reads a clock and never draws a random number.
//!
//! The laws named here are tests of the crate `session-conformance`; a backend is one when it
//! passes them. `docs/custom-backends.md` walks through a complete one.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::device::DeviceType;
use crate::error::BackendError;
use crate::id::{SessionId, UserId};
use crate::patch::Patch;
use crate::record::SessionData;
use crate::token::TokenHash;

/// What a database must do to hold sessions.
///
/// Every method is atomic: under any interleaving with other calls, from any number of processes,
/// it happens wholly or not at all, and a call sees everything that calls before it acknowledged.
/// A method's future may be dropped at any point; what it leaves is then wholly changed or wholly
/// unchanged, and the connection it used is fit for the next call (law `cancel_is_safe`).
///
/// A session is *live* while it exists and `expires_at > now`. One that is not live is absent for
/// every method but [`purge_expired`](Self::purge_expired), whether purged or not (law
/// `expired_is_absent`). Of a token the backend stores its hash and nothing else (law
/// `hash_only_at_rest`).
///
/// Every end of a token leaves a *tombstone* in the same step: hash, session id, how, when, and
/// until when it still works. It is kept until [`tombstone_expiry`] and is then absent too (law
/// `ended_token_is_known`).
///
/// # Errors
///
/// Each method returns, within the configured time and never as "absent" (law
/// `failure_is_an_error`):
/// - [`Unavailable`](crate::BackendErrorKind::Unavailable) where the database cannot be reached, is
///   too slow or too busy. The call may still have happened; each method says why that is harmless.
/// - [`Corrupt`](crate::BackendErrorKind::Corrupt) where what is stored cannot be read.
/// - [`Other`](crate::BackendErrorKind::Other) for the rest.
///
/// `Conflict` and `TooLarge` come only from the methods that say so.
#[async_trait]
pub trait SessionBackend: Send + Sync + 'static {
    /// Makes a session, with everything that belongs to making it, in one step.
    ///
    /// In this order: end the session to replace and copy its data, apply the patch, store the
    /// record under its token hash, evict above the cap.
    /// - What was created is found, every field equal (law `create_then_find`).
    /// - The old session's data is read in this very step, so writes acknowledged before are
    ///   carried; one that is not live is no error and carries nothing (law
    ///   `sign_in_carries_every_write`). Its token ends as [`EndedBy::Replaced`], without grace, and
    ///   so does every token of it that was in grace. Never are both live (law
    ///   `create_replaces_atomically`).
    /// - With a cap, as many of the user's live sessions as are above it are ended as
    ///   [`EndedBy::Evicted`]: the least recently active, ties the smallest id, never the new one
    ///   (laws `cap_is_exact`, `evicts_least_recently_active`). Expired ones do not count and may be
    ///   deleted. Creates for one user are in a line; creates for several are not.
    ///
    /// # Errors
    /// [`Conflict`](crate::BackendErrorKind::Conflict) where the id or the hash is in use, live or
    /// not; nothing is changed (law `create_never_overwrites`).
    /// [`TooLarge`](crate::BackendErrorKind::TooLarge) where the data would pass
    /// [`NewSession::max_bytes`]; nothing is changed (law `size_is_bounded`).
    ///
    /// # Cancellation
    /// A dropped call may have made the session. Nobody has its token, so it is idle until it
    /// expires; where it replaced one, that one's user has to sign in again.
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError>;

    /// Finds what a token stands for: one read.
    /// - The current token of a live session is [`Found::Live`].
    /// - A rotated token is [`Found::Grace`] while its grace lasts (`grace_until > now`) and its
    ///   session is live.
    /// - Any other token with a tombstone is [`Found::Ended`] (law `ended_token_is_known`).
    /// - A token never issued is `None` (law `expired_is_absent` for one whose session expired).
    ///
    /// # Cancellation
    /// It only reads.
    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError>;

    /// Changes a live session: data, touch, rotation, re-authentication, in one statement.
    ///
    /// The session is found by [`SessionRef::id`]; the hash that was presented decides only what
    /// the answer's [`token`](Applied::token) says and whether a rotation applies. Conditions are
    /// looked at in this order, and where one fails nothing at all is changed:
    /// - No live session: [`Updated::Missing`] (laws `update_never_creates`, `expired_is_absent`).
    /// - [`if_version`](SessionChange::if_version) names another version: [`Updated::Conflict`]
    ///   (law `compare_and_set`).
    /// - The rotation does not apply: [`Updated::Superseded`] (law `rotation_has_one_winner`).
    /// - The data would pass [`max_bytes`](SessionChange::max_bytes): the error `TooLarge` (law
    ///   `size_is_bounded`).
    ///
    /// Then:
    /// - The patch is merged with what is stored at that moment, never with what was read before
    ///   (laws `patches_commute`, `patch_is_exact`), and the version moves by one; without a patch
    ///   it stays.
    /// - The touch applies where it is due: see [`Touch`] (law `touch_is_monotonic`). One that is
    ///   not due is skipped and no reason to skip the rest.
    /// - Rotation and re-authentication: see [`Rotation`] and [`Reauthentication`].
    ///
    /// # Errors
    /// [`TooLarge`](crate::BackendErrorKind::TooLarge) as said;
    /// [`Conflict`](crate::BackendErrorKind::Conflict) where the new token's hash is in use.
    ///
    /// # Cancellation
    /// A dropped call may have applied. A patch or a touch that applied is what was asked for; a
    /// plain rotation leaves the token before in grace; after a re-authentication whose answer was
    /// lost the user signs in again.
    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError>;

    /// Ends one live session; `true` where there was one. With an `owner`, only where the session is
    /// that user's, decided in the same step (law `remove_is_scoped`). A missing one is no error.
    ///
    /// # Cancellation
    /// A dropped call may have ended the session, which is what was asked for.
    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError>;

    /// Ends every session of a user, but `except` where one is named; returns the ids of those that
    /// were live.
    /// - When it returns, every session of that user whose `create` had returned before the call is
    ///   gone; a racing `create` falls wholly before or wholly after (law
    ///   `remove_user_is_complete`).
    ///
    /// # Cancellation
    /// A dropped call may have ended all of them or none.
    async fn remove_user(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError>;

    /// The live sessions of a user, most recently active first, the larger id first among equals
    /// (law `list_is_ordered`).
    ///
    /// # Cancellation
    /// It only reads.
    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError>;

    /// Deletes expired sessions and tombstones: one bounded batch.
    /// - Looks at no more than `limit` due sessions, and at no more than `limit` tombstones (law
    ///   `purge_is_bounded`); `limit` 0 counts as 1.
    /// - Never deletes a session that is live, however its lifetime was renewed meanwhile.
    /// - Several servers may call it at once.
    /// - Says that more may be due where it stopped at the limit; calling until it says no more
    ///   ends.
    ///
    /// # Cancellation
    /// A dropped call may have deleted its batch.
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, BackendError>;

    /// Whether the database answers: one round trip, for health checks.
    async fn ping(&self) -> Result<(), BackendError>;
}

/// How long a tombstone is kept at least. Longer than any request that began with the token should
/// take; the law asks for 60 seconds.
pub const TOMBSTONE_LIFETIME: Duration = Duration::from_secs(300);

/// When the tombstone of a token that ended at `now` may be forgotten: [`TOMBSTONE_LIFETIME`] after
/// its end, and no sooner than that after its grace.
#[must_use]
pub fn tombstone_expiry(now: Timestamp, grace_until: Option<Timestamp>) -> Timestamp {
    grace_until.map_or(now, |until| until.max(now)).plus(TOMBSTONE_LIFETIME)
}

/// What [`SessionBackend::create`] is to make.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewSession {
    /// Every field of the new record but its data, which is empty here: the backend puts in what is
    /// carried, with the patch applied.
    pub record: SessionData,
    /// The hash of the new session's token.
    pub token: TokenHash,
    /// What changes in the data that is carried.
    pub patch: Patch,
    /// The ceiling for the data in bytes of the backend's own encoding: four times what the
    /// configuration allows, so that no honest write meets it and no race passes it far.
    pub max_bytes: u64,
    /// How many live sessions the record's user may have, this one counted. `None` evicts nothing;
    /// so does a record without a user.
    pub cap: Option<NonZeroU32>,
    /// The session that this one takes the place of.
    pub replaces: Option<Replace>,
}

impl NewSession {
    /// A session to make, that replaces nothing, evicts nothing, and has no data.
    #[must_use]
    pub fn new(record: SessionData, token: TokenHash) -> Self {
        Self { record, token, patch: Patch::new(), max_bytes: u64::MAX, cap: None, replaces: None }
    }
}

/// The session that a new one takes the place of.
#[derive(Debug, Clone)]
pub struct Replace {
    /// Which.
    pub session: SessionRef,
    /// What of its data goes into the new one.
    pub carry: Carry,
}

/// What of a session's data goes into the one that takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Carry {
    /// Everything.
    #[default]
    All,
    /// These keys, where they exist.
    Keys(Vec<String>),
    /// Nothing.
    Nothing,
}

impl Carry {
    /// Leaves in `data` what is carried. For backends that hold the old session's data at hand.
    pub fn apply(&self, data: &mut crate::Data) {
        match self {
            Self::All => {}
            Self::Keys(keys) => data.retain(|key| keys.iter().any(|wanted| wanted == key)),
            Self::Nothing => *data = crate::Data::new(),
        }
    }
}

/// What [`SessionBackend::create`] made.
#[derive(Debug, Clone)]
pub struct Created {
    /// The record as it is stored, data included.
    pub session: SessionData,
    /// The sessions that were evicted for it, also where a lowered cap makes them many.
    pub evicted: Vec<SessionId>,
    /// Whether the session to replace was live, and ended in this step.
    pub replaced: bool,
}

/// What a token stands for.
#[derive(Debug, Clone)]
pub enum Found {
    /// A live session, of which this is the current token.
    Live(Arc<SessionData>),
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
        /// What ended the token.
        how: EndedBy,
        /// When.
        at: Timestamp,
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

/// Which session a call is about. The id alone names it; hash and user are there so that a backend
/// that spreads sessions over several places knows where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRef {
    /// The session's public name.
    pub id: SessionId,
    /// The hash of the token that was presented, where one was.
    pub token: Option<TokenHash>,
    /// The session's user, where known.
    pub user: Option<UserId>,
}

impl SessionRef {
    /// A session known by its name only.
    #[must_use]
    pub const fn by_id(id: SessionId) -> Self {
        Self { id, token: None, user: None }
    }
}

/// What [`SessionBackend::update`] is to change.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionChange {
    /// What changes in the data. Empty: the data and its version stay.
    pub patch: Patch,
    /// Change only where the stored version is this one.
    pub if_version: Option<u64>,
    /// The ceiling for the data, as in [`NewSession::max_bytes`]. Looked at only where the patch is
    /// not empty.
    pub max_bytes: u64,
    /// That the session was used.
    pub touch: Option<Touch>,
    /// A new token.
    pub rotation: Option<Rotation>,
    /// That the user proved again who he is.
    pub reauthentication: Option<Reauthentication>,
}

impl Default for SessionChange {
    /// Changes nothing.
    fn default() -> Self {
        Self {
            patch: Patch::new(),
            if_version: None,
            max_bytes: u64::MAX,
            touch: None,
            rotation: None,
            reauthentication: None,
        }
    }
}

/// That a session was used.
///
/// Applies only where the stored `last_active_at <= due_before`, so that of many parallel requests
/// one writes. Then `last_active_at` becomes the later of `now` and what is stored, and
/// `expires_at` the later of [`expires_at`](Self::expires_at) and what is stored, but never beyond
/// the stored `absolute_expires_at`.
#[derive(Debug, Clone, PartialEq)]
pub struct Touch {
    /// Apply only where the session was last active at this moment or before. Never later than the
    /// call's `now`.
    pub due_before: Timestamp,
    /// The new end of the session's life.
    pub expires_at: Timestamp,
    /// The client's present address; becomes `last_ip_address`.
    pub ip_address: Option<IpAddr>,
    /// The client's present agent, where it is a newer one of the same kind. `None` leaves what is
    /// stored.
    pub agent: Option<Agent>,
}

/// What a client says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The User-Agent, cut to 512 bytes.
    pub user_agent: String,
    /// For people.
    pub device_name: String,
    /// What it runs on.
    pub device_type: DeviceType,
}

/// A new token for a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// A plain rotation. Applies only where the hash that was presented is the current one: of any
    /// number that race from one token exactly one applies. The token before gets a tombstone
    /// [`EndedBy::Rotated`] with grace.
    Graceful {
        /// The hash of the new token.
        token: TokenHash,
        /// Until when the token before still works.
        grace_until: Timestamp,
    },
    /// The rotation of a re-authentication. Applies where the hash that was presented is the current
    /// one or still in grace. The token before gets a tombstone [`EndedBy::Rotated`] without grace,
    /// and whatever grace the session's earlier tokens had is over.
    Immediate {
        /// The hash of the new token.
        token: TokenHash,
    },
}

impl Rotation {
    /// The hash of the new token.
    #[must_use]
    pub const fn token(&self) -> &TokenHash {
        match self {
            Self::Graceful { token, .. } | Self::Immediate { token } => token,
        }
    }

    /// Until when the token before still works, where it does.
    #[must_use]
    pub const fn grace_until(&self) -> Option<Timestamp> {
        match self {
            Self::Graceful { grace_until, .. } => Some(*grace_until),
            Self::Immediate { .. } => None,
        }
    }
}

/// That the user proved again who he is: `authenticated_at` becomes `now`, `last_active_at` the
/// later of `now` and what is stored, and the lifetime is set anew, also where that shortens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reauthentication {
    /// The new end of the session's life.
    pub expires_at: Timestamp,
    /// The new bound of it.
    pub absolute_expires_at: Option<Timestamp>,
    /// The client's present address; becomes `last_ip_address`.
    pub ip_address: Option<IpAddr>,
}

/// What [`SessionBackend::update`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// The change applied.
    Applied(Applied),
    /// There is no such live session; nothing was left behind.
    Missing,
    /// The session is at another version; nothing was changed.
    Conflict,
    /// The session goes on under a token that is not the one to rotate from; nothing was changed.
    Superseded,
}

/// How a change applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The data's version now.
    pub version: u64,
    /// What became of the token that was presented, as it was when the change applied. After a
    /// rotation [`Current`](TokenState::Current): the new one.
    pub token: TokenState,
    /// Whether the touch was due, and so happened.
    pub touched: bool,
}

/// Whether a token is its session's current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It is.
    Current,
    /// The session goes on under another one (or none was presented).
    Replaced,
}

/// What one batch of [`SessionBackend::purge_expired`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// How many expired sessions were deleted. Tombstones are not counted.
    pub removed: u64,
    /// Whether more may be due, sessions or tombstones.
    pub more: bool,
}
