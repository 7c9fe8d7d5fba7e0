//! The contract between the core and a database: [`SessionBackend`].
//!
//! A backend stores records under the hash of their token, and keeps a tombstone of each token that
//! ended. It decides nothing: ids, tokens, lifetimes and patches come from the core, and so does
//! `now`; a backend never reads a clock and never draws a random number.
//!
//! The laws named here are tests of the crate `session-conformance`; a backend is one when it
//! passes them. `docs/custom-backends.md` walks through a complete one.

mod answer;
mod request;

use std::time::Duration;

use async_trait::async_trait;

pub use self::answer::{Applied, Created, EndedBy, Found, Purged, TokenState, UnknownEnd, Updated};
pub use self::request::{
    Agent, Carry, NewSession, Reauthentication, Replace, Rotation, SessionChange, SessionRef, Touch,
};
use crate::clock::Timestamp;
use crate::error::BackendError;
use crate::id::{SessionId, UserId};
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session backend",
    label = "sessions cannot be stored in this",
    note = "use a backend such as `MemoryBackend` or `session_sqlite::SqliteBackend`, or implement `SessionBackend`",
    note = "a backend behind an `Arc` goes to `SessionStore::shared`"
)]
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
    ///   those of it that were in grace are over too. Never are both live (law
    ///   `create_replaces_atomically`).
    /// - With a cap, as many of the user's live sessions as are above it are ended as
    ///   [`EndedBy::Evicted`]: the least recently active, ties the smallest id, never the new one
    ///   (laws `cap_is_exact`, `evicts_least_recently_active`). Expired ones do not count and may be
    ///   deleted. Creates for one user are in a line; creates for several are not.
    ///
    /// # Errors
    /// [`Conflict`](crate::BackendErrorKind::Conflict) where the id or the hash is in use, by a
    /// session, live or not, or by a tombstone that is still kept; nothing is changed (law
    /// `create_never_overwrites`).
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

    /// Changes a live session: data, touch, rotation, re-authentication, in one step.
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
    /// [`Conflict`](crate::BackendErrorKind::Conflict) where the new token's hash is in use, as for
    /// [`create`](Self::create).
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
