//! The contract between the core and a database: [`SessionBackend`].
//!
//! A backend stores records under the hash of their token, and keeps a tombstone of each token that
//! ended. It decides nothing: ids, tokens, lifetimes and patches come from the core, and so does
//! `now`; a backend never reads a clock and never draws a random number.
//!
//! The laws named here are tests of the crate `session-conformance`; a backend is one when it
//! passes them. `docs/custom-backends.md` walks through a complete one.

mod admin;
mod answer;
mod request;

use std::time::Duration;

use async_trait::async_trait;

pub use self::admin::{EndedBatch, ExpiredSession, MAX_LIVE_IDS, PurgeReport, SessionCount};
pub use self::answer::{Applied, Created, EndedBy, Found, Purged, TokenState, UnknownEnd, Updated};
pub use self::request::{
    Agent, Carry, NewLifetime, NewSession, Reauthentication, Replace, Rotation, SessionChange,
    SessionRef, Touch,
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
/// - When a session ends, those of its earlier tokens end with it: their tombstones take on the end's
///   kind and moment, without grace, and are kept as long as its own. A sign-out is
///   [`EndedBy::SignedOut`] for the token that asked for it, and [`EndedBy::Revoked`] for every other
///   token that it ended.
/// - A tombstone names the *successor*: the session that a sign-in made from the token. A rotated
///   token's is its session itself. When the successor's token is marked as seen (see
///   [`SessionChange::presented`]), so are, in the same step, all tombstones that name it, and they stay
///   so: [`Found::Ended`] says it.
///
/// A [`SessionRef`] with a token is good only while that token is the session's current one or in grace
/// (law `ended_session_has_no_power`): a request that goes on under a token that ended neither reads nor
/// changes anything. An *acting* session is one by whose right a call is made: if it is not live, or its
/// token is no longer good, the call is the error
/// [`ActingEnded`](crate::BackendErrorKind::ActingEnded), in the step that would have done it.
///
/// # Errors
///
/// Each method returns, within the configured time and never as "absent" (law
/// `failure_is_an_error`):
/// - [`Unavailable`](crate::BackendErrorKind::Unavailable) if the database cannot be reached, is
///   too slow or too busy. The call may still have happened; each method says why that is harmless.
/// - [`Corrupt`](crate::BackendErrorKind::Corrupt) if what is stored cannot be read.
/// - [`Other`](crate::BackendErrorKind::Other) for the rest.
///
/// `Conflict`, `TooLarge` and `ActingEnded` come only from the methods that say so.
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
    ///   carried (law `sign_in_carries_every_write`). Its tokens end as [`EndedBy::Replaced`], without
    ///   grace. Never are both live (law `create_replaces_atomically`).
    /// - If it was nobody's, or the same user's, a tombstone of it keeps, for [`CARRY_LIFETIME`] at least,
    ///   the data as it was then and the user of the new session. One to replace that was itself replaced
    ///   less than [`CARRY_LIFETIME`] ago, by a sign-in of the same user, is carried from there: a form
    ///   sent twice loses nothing. What was another user's is never carried so: whoever finds the session
    ///   ended does not know whose it was.
    /// - One to replace that is not live, or whose token is no longer good, is left alone and carries
    ///   nothing otherwise. If it was [loaded](Replace::session) as a session of the very user who
    ///   signs in, and is not known to have expired or ended as `Replaced`, the sign-in is refused: a slow
    ///   request must not renew itself after its session was ended (law `ended_never_returns`).
    /// - Every token of the session that was replaced, and each in [`NewSession::presented`] that has a
    ///   tombstone, names the new session as its successor.
    /// - With a cap, as many of the user's live sessions as are above it are ended as
    ///   [`EndedBy::Evicted`]: the least recently active, ties the smallest id, never the new one
    ///   (laws `cap_is_exact`, `evicts_least_recently_active`). One with an
    ///   [`impersonator`](crate::SessionData::impersonator) does not count, and is no victim (law
    ///   `impersonation_takes_no_place`). Expired ones do not count and may be
    ///   deleted. Creates for one user are in a line; creates for several are not.
    ///
    /// # Errors
    /// [`Conflict`](crate::BackendErrorKind::Conflict) if the id or the hash is in use, by a
    /// session, live or not, or by a tombstone that is still kept; nothing is changed (law
    /// `create_never_overwrites`).
    /// [`TooLarge`](crate::BackendErrorKind::TooLarge) if the data would pass
    /// [`NewSession::max_bytes`]; nothing is changed (law `size_is_bounded`).
    /// [`ActingEnded`](crate::BackendErrorKind::ActingEnded) as said; nothing is changed.
    ///
    /// # Cancellation
    /// A dropped call may have made the session. Nobody has its token, so it is idle until it
    /// expires; if it replaced one, that one's user has to sign in again.
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError>;

    /// Finds what a token stands for: one read.
    /// - The current token of a live session is [`Found::Live`].
    /// - A rotated token is [`Found::Grace`] while its grace lasts (`grace_until > now`) and its
    ///   session is live.
    /// - Any other token with a tombstone is [`Found::Ended`] (law `ended_token_is_known`).
    /// - A token never issued is `None`, and so is one in grace whose session has expired (law
    ///   `expired_is_absent`).
    ///
    /// # Cancellation
    /// It only reads.
    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError>;

    /// Changes a live session: data, touch, rotation, re-authentication, in one step.
    ///
    /// The session is found by [`SessionRef::id`]. Conditions are looked at in this order, and if
    /// one fails nothing at all is changed:
    /// - No live session, or a token that is neither its current one nor in grace:
    ///   [`Updated::Missing`] (laws `update_never_creates`, `expired_is_absent`,
    ///   `ended_session_has_no_power`).
    /// - [`if_version`](SessionChange::if_version) names another version: [`Updated::Conflict`]
    ///   (law `compare_and_set`).
    /// - The rotation does not apply: [`Updated::Superseded`] (law `rotation_has_one_winner`).
    /// - The new token's hash is in use: the error `Conflict`.
    /// - The data would pass [`max_bytes`](SessionChange::max_bytes): the error `TooLarge` (law
    ///   `size_is_bounded`).
    ///
    /// Then:
    /// - The patch is merged with what is stored at that moment, never with what was read before
    ///   (laws `patches_commute`, `patch_is_exact`), and the version moves by one; without a patch
    ///   it stays.
    /// - The lifetime is put in: see [`NewLifetime`].
    /// - The touch applies if it is due, or the token is seen for the first time: see [`Touch`] and
    ///   [`SessionChange::presented`] (law `touch_is_monotonic`). One that is not due is skipped and no
    ///   reason to skip the rest.
    /// - Rotation and re-authentication: see [`Rotation`] and [`Reauthentication`]. The new token has
    ///   not been seen. Of a session's tokens that are in grace the [`MAX_GRACES`] newest stay so, and
    ///   the grace of older ones ends now.
    ///
    /// # Errors
    /// [`TooLarge`](crate::BackendErrorKind::TooLarge) as said;
    /// [`Conflict`](crate::BackendErrorKind::Conflict) if the new token's hash is in use, as for
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

    /// Ends one live session; `true` if there was one. With an `owner`, only if the session is
    /// that user's, decided in the same step (law `remove_is_scoped`). A missing one is no error. The
    /// token in `session` says which one asked for a sign-out, and need not be good: whoever signs out
    /// must not stay signed in.
    ///
    /// # Errors
    /// [`ActingEnded`](crate::BackendErrorKind::ActingEnded) if an `acting` session is given and has
    /// no power any more; nothing is changed.
    ///
    /// # Cancellation
    /// A dropped call may have ended the session, which is what was asked for.
    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError>;

    /// Ends every session of a user, but `except` if one is named; returns the ids of those that
    /// were live, in their order.
    /// - When it returns, every session of that user whose `create` had returned before the call is
    ///   gone; a racing `create` falls wholly before or wholly after (law
    ///   `remove_user_is_complete`).
    /// - Of two sessions that act on each other at once exactly one succeeds. Locks are taken in the
    ///   order user, then ids. For a sign-out the `acting` session's token is the one that asked.
    ///
    /// # Errors
    /// [`ActingEnded`](crate::BackendErrorKind::ActingEnded) if an `acting` session is given and has
    /// no power any more; nothing is changed.
    ///
    /// # Cancellation
    /// A dropped call may have ended all of them or none.
    async fn remove_user(
        &self,
        user: &UserId,
        acting: Option<&SessionRef>,
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

    /// The live session of this id, with its data: one read, for administrators and jobs (law
    /// `get_finds_by_id`).
    ///
    /// # Cancellation
    /// It only reads.
    async fn get(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionData>, BackendError>;

    /// Which of these sessions are live, in the order of their ids, each once: one bounded read, by
    /// which streams learn that their session ended elsewhere (law `live_tells_the_ended`). Nobody asks
    /// for more than [`MAX_LIVE_IDS`] at once.
    ///
    /// # Cancellation
    /// It only reads.
    async fn live(&self, ids: &[SessionId], now: Timestamp)
    -> Result<Vec<SessionId>, BackendError>;

    /// How many live sessions there are, all as of one moment (law `count_is_exact`). It may read all
    /// of them: it is for an administrator or a metric, and not for requests.
    ///
    /// # Cancellation
    /// It only reads.
    async fn count(&self, now: Timestamp) -> Result<SessionCount, BackendError>;

    /// Ends every live session, whoever's it is: one bounded batch, in one step.
    /// - Looks at no more than `limit` sessions, live or not, that come after `after` in the order of
    ///   the ids (or in another one that does not change); `limit` 0 counts as 1. Begun at `None`, and
    ///   called again with [`EndedBatch::next`] until there is none, it has ended every session whose
    ///   `create` had returned before the first call (law `end_all_is_complete`). One that is made
    ///   meanwhile may be among them or stay.
    /// - Each session's tokens end as it does in [`remove`](Self::remove) without a token that asked.
    /// - What has expired stays for the purge, which tells of it.
    ///
    /// # Cancellation
    /// A dropped call may have ended its batch.
    async fn end_all(
        &self,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<EndedBatch, BackendError>;

    /// Deletes expired sessions and tombstones: one bounded batch.
    /// - Looks at no more than `limit` due sessions, and at no more than `limit` tombstones (law
    ///   `purge_is_bounded`); `limit` 0 counts as 1.
    /// - Never deletes a session that is live, however its lifetime was renewed meanwhile.
    /// - Several servers may call it at once.
    /// - Says that more may be due if it stopped at the limit; calling until it says no more
    ///   ends.
    /// - Names the sessions that went if it is asked to, and else spares itself the work.
    ///
    /// # Cancellation
    /// A dropped call may have deleted its batch; nobody is told of it then.
    async fn purge_expired(
        &self,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged, BackendError>;

    /// Whether the database answers: one round trip, for health checks.
    async fn ping(&self) -> Result<(), BackendError>;
}

/// How long a tombstone is kept at least. Longer than any request that began with the token should
/// take; the law asks for 60 seconds.
pub const TOMBSTONE_LIFETIME: Duration = Duration::from_secs(300);

/// How long the data of a session that a sign-in replaced can be carried by the same user's next sign-in
/// from it: `at + CARRY_LIFETIME > now`.
pub const CARRY_LIFETIME: Duration = Duration::from_secs(10);

/// How many tokens of a session may be in grace at the same moment.
pub const MAX_GRACES: usize = 8;

/// When the tombstone of a token that ended at `now` may be forgotten: [`TOMBSTONE_LIFETIME`] after
/// its end, and no sooner than that after its grace.
#[must_use]
pub fn tombstone_expiry(now: Timestamp, grace_until: Option<Timestamp>) -> Timestamp {
    grace_until.map_or(now, |until| until.max(now)).plus(TOMBSTONE_LIFETIME)
}
