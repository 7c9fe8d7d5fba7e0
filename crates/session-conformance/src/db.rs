//! What the laws share: a database with two clients, and short ways to name sessions and changes.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use session_core::{
    Applied, BackendError, BackendErrorKind, Created, EndedBy, Found, NewSession, Patch, Purged,
    Reauthentication, Replace, Rotation, SessionBackend, SessionChange, SessionData, SessionId,
    SessionRef, SessionToken, Timestamp, TokenHash, Touch, Updated, UserId,
};

use crate::subject::{Fresh, TestBackend};

/// When the laws begin: a whole second, so that only the laws about microseconds have any.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);

/// How long a session lives if a law does not say.
pub(crate) const LIFE: i64 = 3600;

/// So many seconds after [`NOW`].
pub(crate) const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)
}

/// The microsecond before.
pub(crate) const fn just_before(moment: Timestamp) -> Timestamp {
    Timestamp::from_micros(moment.as_micros() - 1)
}

/// The microsecond after.
pub(crate) const fn just_after(moment: Timestamp) -> Timestamp {
    Timestamp::from_micros(moment.as_micros() + 1)
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::new(name).expect("a user id")
}

pub(crate) fn cap(sessions: u32) -> NonZeroU32 {
    NonZeroU32::new(sessions).expect("a cap of one or more")
}

/// The hash of a token that nobody else has.
pub(crate) fn token() -> TokenHash {
    SessionToken::generate().expect("randomness").hash()
}

/// An anonymous session made at `now`.
pub(crate) fn visitor(now: Timestamp) -> NewSession {
    let id = SessionId::generate(now).expect("randomness");
    let record = SessionData::new(id, now, secs(LIFE.unsigned_abs()));
    NewSession::new(SessionData { version: 0, ..record }, token())
}

/// A session of `name`, made at `now`.
pub(crate) fn signed_in(name: &str, now: Timestamp) -> NewSession {
    let mut new = visitor(now);
    new.record.user_id = Some(user(name));
    new.record.authenticated_at = Some(now);
    new
}

pub(crate) fn with_data(mut new: NewSession, key: &str, value: impl Into<Value>) -> NewSession {
    new.patch.set(key, value.into());
    new
}

pub(crate) fn with_cap(mut new: NewSession, sessions: u32) -> NewSession {
    new.cap = Some(cap(sessions));
    new
}

pub(crate) fn expiring(mut new: NewSession, expires_at: Timestamp) -> NewSession {
    new.record.expires_at = expires_at;
    new
}

pub(crate) fn replacing(mut new: NewSession, old: &SessionRef) -> NewSession {
    new.replaces = Some(Replace { session: old.clone(), carry: session_core::Carry::All });
    new
}

/// The session as a request that presented its token would name it.
pub(crate) fn named(new: &NewSession) -> SessionRef {
    SessionRef { id: new.record.id, token: Some(new.token), user: new.record.user_id.clone() }
}

/// The hash that `session` was presented with.
pub(crate) fn hash(session: &SessionRef) -> TokenHash {
    session.token.expect("a session that was named with its token")
}

/// The same session, presented with another token.
pub(crate) fn presenting(session: &SessionRef, token: TokenHash) -> SessionRef {
    SessionRef { token: Some(token), ..session.clone() }
}

/// A change that puts one value under one key.
pub(crate) fn setting(key: &str, value: impl Into<Value>) -> SessionChange {
    let mut patch = Patch::new();
    patch.set(key, value.into());
    SessionChange::patch(patch)
}

/// A touch at `now`, due if the session was last active before.
pub(crate) fn touch(now: Timestamp, expires_at: Timestamp) -> Touch {
    Touch { due_before: now, expires_at, ip_address: None, agent: None }
}

pub(crate) fn touching(now: Timestamp, expires_at: Timestamp) -> SessionChange {
    SessionChange::touch(touch(now, expires_at))
}

/// A plain rotation to this token; the one before works until then.
pub(crate) fn rotating(token: TokenHash, grace_until: Timestamp) -> SessionChange {
    SessionChange::rotation(Rotation::Graceful { token, grace_until })
}

/// A re-authentication: under this token, and for that long.
pub(crate) fn reauthenticating(token: TokenHash, expires_at: Timestamp) -> SessionChange {
    let mut change = SessionChange::rotation(Rotation::Immediate { token });
    change.reauthentication = Some(Reauthentication {
        expires_at,
        absolute_expires_at: None,
        ip_address: None,
        end_others: false,
    });
    change
}

/// The same, and every other session of the user ends.
pub(crate) fn ending_others(token: TokenHash, expires_at: Timestamp) -> SessionChange {
    let mut change = reauthenticating(token, expires_at);
    if let Some(again) = &mut change.reauthentication {
        again.end_others = true;
    }
    change
}

/// The change as a request makes it whose browser sent the token.
pub(crate) fn presented(mut change: SessionChange) -> SessionChange {
    change.presented = true;
    change
}

/// A touch that is never due, by a browser that sent the token.
pub(crate) fn showing() -> SessionChange {
    let mut change = presented(touching(NOW, NOW));
    if let Some(touch) = &mut change.touch {
        touch.due_before = Timestamp::MIN;
    }
    change
}

/// One fresh database with two clients. Calls made through it take turns between the two, because
/// every promise holds whichever of them asks.
pub(crate) struct Db {
    pub(crate) subject: Box<dyn TestBackend>,
    clients: [Arc<dyn SessionBackend>; 2],
    turn: AtomicUsize,
}

/// What the calls answer, or a panic that says which call failed.
impl Db {
    pub(crate) async fn open(fresh: &Fresh) -> Self {
        let subject = fresh.make().await;
        let clients = [subject.backend(), subject.reopen().await];
        Self { subject, clients, turn: AtomicUsize::new(0) }
    }

    /// One of the two clients, to take along into a task.
    pub(crate) fn client(&self, number: usize) -> Arc<dyn SessionBackend> {
        Arc::clone(&self.clients[number % 2])
    }

    pub(crate) fn next(&self) -> &dyn SessionBackend {
        &*self.clients[self.turn.fetch_add(1, Ordering::Relaxed) % 2]
    }

    pub(crate) async fn create(&self, new: NewSession, now: Timestamp) -> Created {
        self.next().create(new, now).await.or_panic("create")
    }

    /// Makes a session and gives its name.
    pub(crate) async fn make(&self, new: NewSession, now: Timestamp) -> SessionRef {
        let session = named(&new);
        self.create(new, now).await;
        session
    }

    pub(crate) async fn find(&self, token: &TokenHash, now: Timestamp) -> Option<Found> {
        self.next().find(token, now).await.or_panic("find")
    }

    /// The live session of which this is the current token.
    pub(crate) async fn live(&self, token: &TokenHash, now: Timestamp) -> Arc<SessionData> {
        live(self.find(token, now).await)
    }

    /// Whether this is the current token of a live session.
    pub(crate) async fn is_live(&self, session: &SessionRef, now: Timestamp) -> bool {
        matches!(self.find(&hash(session), now).await, Some(Found::Live { .. }))
    }

    pub(crate) async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Updated {
        self.next().update(session, change, now).await.or_panic("update")
    }

    /// Whether the current token of a live session was seen.
    pub(crate) async fn token_seen(&self, token: &TokenHash, now: Timestamp) -> bool {
        match self.find(token, now).await {
            Some(Found::Live { token_seen, .. }) => token_seen,
            other => panic!("expected a live session, found {}", describe(other.as_ref())),
        }
    }

    /// Whether a token that was made from this one, which has to be over, was seen.
    pub(crate) async fn successor_seen(&self, token: &TokenHash, now: Timestamp) -> bool {
        match self.find(token, now).await {
            Some(Found::Ended { successor_seen, .. }) => successor_seen,
            other => panic!("expected a token that ended, found {}", describe(other.as_ref())),
        }
    }

    /// A change that has to apply.
    pub(crate) async fn apply(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Applied {
        applied(self.update(session, change, now).await)
    }

    pub(crate) async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        how: EndedBy,
        now: Timestamp,
    ) -> bool {
        self.next().remove(session, owner, None, how, now).await.or_panic("remove")
    }

    pub(crate) async fn remove_user(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Vec<SessionId> {
        self.next().remove_user(user, None, except, how, now).await.or_panic("remove_user")
    }

    pub(crate) async fn list(&self, user: &UserId, now: Timestamp) -> Vec<SessionData> {
        self.next().list(user, now).await.or_panic("list")
    }

    /// The ids of a user's live sessions, in the order of the ids.
    pub(crate) async fn ids(&self, user: &UserId, now: Timestamp) -> Vec<SessionId> {
        sorted(self.list(user, now).await.iter().map(|session| session.id))
    }

    pub(crate) async fn get(&self, id: &SessionId, now: Timestamp) -> Option<SessionData> {
        self.next().get(id, now).await.or_panic("get")
    }

    pub(crate) async fn live_ids(&self, ids: &[SessionId], now: Timestamp) -> Vec<SessionId> {
        self.next().live(ids, now).await.or_panic("live")
    }

    pub(crate) async fn purge(&self, now: Timestamp, limit: u32) -> Purged {
        self.next().purge_expired(now, limit, Default::default()).await.or_panic("purge_expired")
    }

    /// Purges until no more is due; returns how many sessions went.
    pub(crate) async fn purge_all(&self, now: Timestamp, limit: u32) -> u64 {
        let mut removed = 0;
        for _ in 0..1000 {
            let purged = self.purge(now, limit).await;
            removed += purged.removed;
            if !purged.more {
                return removed;
            }
        }
        panic!("after 1000 batches the purge still says that more is due");
    }
}

/// The session found, which has to be live.
pub(crate) fn live(found: Option<Found>) -> Arc<SessionData> {
    match found {
        Some(Found::Live { session, .. }) => session,
        other => panic!("expected a live session, found {}", describe(other.as_ref())),
    }
}

/// The session found, whose token has to be in grace.
pub(crate) fn in_grace(found: Option<Found>) -> (Arc<SessionData>, Timestamp) {
    match found {
        Some(Found::Grace { session, until }) => (session, until),
        other => panic!("expected a token in grace, found {}", describe(other.as_ref())),
    }
}

/// How and when the token found ended, which has to be over.
pub(crate) fn ended(found: Option<Found>) -> (SessionId, EndedBy, Timestamp) {
    match found {
        Some(Found::Ended { id, how, at, .. }) => (id, how, at),
        other => panic!("expected a token that ended, found {}", describe(other.as_ref())),
    }
}

/// What was found, in few words.
pub(crate) fn describe(found: Option<&Found>) -> String {
    match found {
        None => "nothing".to_owned(),
        Some(Found::Live { session, .. }) => format!("the live session {}", session.id),
        Some(Found::Grace { session, until }) => {
            format!("the session {} in grace until {until}", session.id)
        }
        Some(Found::Ended { id, how, at, .. }) => format!("the session {id} {how} at {at}"),
    }
}

pub(crate) fn applied(updated: Updated) -> Applied {
    match updated {
        Updated::Applied(applied) => applied,
        other => panic!("expected the change to apply, got {other:?}"),
    }
}

/// The kind of the error that a call has to answer with.
pub(crate) fn refused<T>(what: impl Display, result: Result<T, BackendError>) -> BackendErrorKind {
    match result {
        Ok(_) => panic!("{what}: expected an error, and it succeeded"),
        Err(error) => error.kind(),
    }
}

pub(crate) fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort_unstable();
    items
}

/// What a call has to succeed with.
pub(crate) trait OrPanic<T> {
    fn or_panic(self, what: &str) -> T;
}

impl<T> OrPanic<T> for Result<T, BackendError> {
    fn or_panic(self, what: &str) -> T {
        self.unwrap_or_else(|error| panic!("{what} failed: {:?}: {error}", error.kind()))
    }
}
