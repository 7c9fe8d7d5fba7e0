//! What the memory backend holds, and every operation on it as a plain function under its lock.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;

use super::hashing::OfTokens;
use super::stored::{Linked, Seat, Stored, live};
use super::table::{MOST, Sessions};
use super::tombstone::{End, Old, Tombstone};
use crate::backend::{
    Applied, Created, EndedBy, Found, NewSession, PurgeReport, Rotation, SessionChange, SessionRef,
    TokenState, Updated,
};
use crate::clock::Timestamp;
use crate::data::Data;
use crate::error::{BackendError, BackendErrorKind};
use crate::eviction::sessions_to_evict;
use crate::id::{SessionId, UserId};
use crate::record::SessionData;
use crate::token::TokenHash;

/// How many due sessions a full backend looks at before it says that it is full. Bounds what one
/// `create` may cost.
const SWEEP: u32 = 64;

/// An id as it sorts: by itself it is a number of 16 bytes, which a pair of it and a moment pads to 32.
pub(super) type IdBytes = [u8; 16];

#[derive(Default)]
pub(super) struct State {
    pub(super) capacity: usize,
    pub(super) anonymous: usize,
    pub(super) sessions: Sessions,
    /// Each in the order of ids: a user has few sessions, and a new one is usually the last.
    pub(super) users: HashMap<UserId, Vec<Seat>>,
    /// When each session is looked at by the purge: its expiry when it was made, moved only by the
    /// purge, so that a touch moves nothing here.
    pub(super) due: BTreeSet<(Timestamp, IdBytes)>,
    pub(super) tombstones: HashMap<TokenHash, Tombstone, OfTokens>,
    pub(super) tombstones_due: BTreeSet<(Timestamp, TokenHash)>,
}

impl State {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.min(MOST), ..Self::default() }
    }

    pub(super) fn create(
        &mut self,
        new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        let NewSession { mut record, token, patch, max_bytes, cap, replaces, presented } = new;
        if self.sessions.by_id(&record.id).is_some() || self.in_use(&token) {
            return Err(BackendError::from_kind(BackendErrorKind::Conflict));
        }
        let old = match &replaces {
            Some(replace) => self.to_replace(replace, record.user_id.as_ref(), now)?,
            None => Old::Gone,
        };
        let replaced = matches!(old, Old::Live(_));
        record.data = match (old, &replaces) {
            (Old::Live(mut data) | Old::Buried(mut data), Some(replace)) => {
                replace.carry.apply(&mut data);
                data
            }
            _ => Data::new(),
        };
        patch.apply(&mut record.data);
        record.data.pack();
        check_size(&record.data, max_bytes)?;
        if !replaced {
            self.make_room(&record, now)?;
        }

        // From here on nothing fails.
        let mut predecessors = Vec::new();
        if let Some(replace) = replaces.filter(|_| replaced) {
            let successor = Some((record.id, record.user_id.as_ref()));
            let end = End { how: EndedBy::Replaced, by: replace.session.token, successor, at: now };
            if let Some((last, earlier)) = self.end(&replace.session.id, end) {
                predecessors = earlier;
                predecessors.push(last);
            }
        }
        for hash in presented {
            if let Some(tombstone) = self.tombstones.get_mut(&hash) {
                tombstone.successor = Some(record.id);
                if !predecessors.contains(&hash) {
                    predecessors.push(hash);
                }
            }
        }
        let evicted = match (&record.user_id, cap) {
            (Some(user), Some(cap)) => self.above_cap(user, cap, now),
            _ => Vec::new(),
        };
        for id in &evicted {
            self.end(id, End { how: EndedBy::Evicted, by: None, successor: None, at: now });
        }
        // A user's sessions share the id.
        let known = record.user_id.as_ref().and_then(|user| self.users.get_key_value(user));
        if let Some((user, _)) = known {
            record.user_id = Some(user.clone());
        }
        let session = Arc::new(record);
        self.insert(token, session.clone(), predecessors);
        Ok(Created { session, evicted, replaced })
    }

    /// Which of a user's sessions go for a new one.
    fn above_cap(&self, user: &UserId, cap: NonZeroU32, now: Timestamp) -> Vec<SessionId> {
        let room = usize::try_from(cap.get() - 1).unwrap_or(usize::MAX);
        match self.users.get(user) {
            Some(seats) if seats.len() > room => {
                let live = seats.iter().filter(|seat| seat.takes_a_place && seat.expires_at > now);
                sessions_to_evict(live.map(|seat| (seat.last_active_at, seat.id)).collect(), cap)
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn find(&self, token: &TokenHash, now: Timestamp) -> Option<Found> {
        if let Some(stored) = self.sessions.get(token) {
            let found =
                || Found::Live { session: stored.session.clone(), token_seen: stored.token_seen };
            return live(&stored.session, now).then(found);
        }
        let tombstone = self.tombstones.get(token).filter(|t| t.expires_at > now)?;
        if let Some(until) = tombstone.grace_until.filter(|until| *until > now) {
            // An end would have taken the grace away: without its session, that has expired.
            let session = self.live_by_id(&tombstone.id, now)?.session.clone();
            return Some(Found::Grace { session, until });
        }
        Some(Found::Ended {
            id: tombstone.id,
            how: tombstone.how,
            at: tombstone.grace_until.unwrap_or(tombstone.at),
            successor_seen: tombstone.successor_seen,
        })
    }

    pub(super) fn update(
        &mut self,
        target: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let Some(current) = self.sessions.by_id(&target.id).map(|stored| stored.token) else {
            return Ok(Updated::Missing);
        };
        let is_current = target.token == Some(current);
        let stored = if target.token.is_some() {
            self.powerful(target, now)
        } else {
            self.live_by_id(&target.id, now)
        };
        let Some(stored) = stored else { return Ok(Updated::Missing) };
        if change.if_version.is_some_and(|version| version != stored.session.version) {
            return Ok(Updated::Conflict);
        }
        if let Some(rotation) = &change.rotation {
            let applies = match rotation {
                Rotation::Graceful { .. } => is_current,
                Rotation::Immediate { .. } => target.token.is_some(),
            };
            if !applies {
                return Ok(Updated::Superseded);
            }
            if self.in_use(rotation.token()) {
                return Err(BackendError::from_kind(BackendErrorKind::Conflict));
            }
        }
        let is_first_seen = change.presented && is_current && !stored.token_seen;
        // A touch that is not due changes nothing, and then nothing is copied.
        let touch = change.touch.as_ref();
        let touches = touch.is_some_and(|touch| is_first_seen || touch.is_due(&stored.session));
        let changes = touches
            || !change.patch.is_empty()
            || change.lifetime.is_some()
            || change.reauthentication.is_some();
        let mut touched = false;
        let mut record = stored.session.clone();
        if changes {
            let record = Arc::make_mut(&mut record);
            touched = change.apply(record, is_first_seen, now);
            record.data.pack();
            if !change.patch.is_empty() {
                check_size(&record.data, change.max_bytes)?;
            }
        }

        // From here on nothing fails.
        if is_first_seen
            && (touched || change.rotation.is_some() || change.reauthentication.is_some())
        {
            self.mark_seen(&current);
        }
        if changes && let Some(stored) = self.sessions.get_mut(&current) {
            let before = std::mem::replace(&mut stored.session, record.clone());
            self.seat_anew(&before, &record);
        }
        if let Some(rotation) = &change.rotation {
            self.rotate(current, rotation, now);
        }
        let others = change.reauthentication.as_ref().is_some_and(|again| again.end_others);
        let ended = match record.user_id.as_ref().filter(|_| others) {
            Some(user) => {
                let end = End { how: EndedBy::Revoked, by: None, successor: None, at: now };
                self.end_all(user, Some(&record.id), end)
            }
            None => Vec::new(),
        };
        let token = if is_current || change.rotation.is_some() {
            TokenState::Current
        } else {
            TokenState::Grace
        };
        Ok(Updated::Applied(Applied {
            version: record.version,
            token,
            touched,
            expires_at: record.expires_at,
            lifetime: record.lifetime(),
            ended,
        }))
    }

    pub(super) fn remove(
        &mut self,
        target: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        self.check_acting(acting, now)?;
        let is_theirs = self.live_by_id(&target.id, now).is_some_and(|stored| {
            owner.is_none_or(|owner| stored.session.user_id.as_ref() == Some(owner))
        });
        if is_theirs {
            self.end(&target.id, End { how, by: target.token, successor: None, at: now });
        }
        Ok(is_theirs)
    }

    pub(super) fn remove_user(
        &mut self,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        self.check_acting(acting, now)?;
        let by = acting.and_then(|acting| acting.token);
        Ok(self.end_all(user, except, End { how, by, successor: None, at: now }))
    }

    fn check_acting(
        &self,
        acting: Option<&SessionRef>,
        now: Timestamp,
    ) -> Result<(), BackendError> {
        match acting {
            Some(acting) if self.powerful(acting, now).is_none() => {
                Err(BackendError::from_kind(BackendErrorKind::ActingEnded))
            }
            _ => Ok(()),
        }
    }

    /// A live session, if the token given is its current one or in grace.
    pub(super) fn powerful(&self, session: &SessionRef, now: Timestamp) -> Option<&Stored> {
        let token = session.token?;
        let stored = self.live_by_id(&session.id, now)?;
        let is_good = stored.token == token
            || self.tombstones.get(&token).is_some_and(|tombstone| {
                tombstone.id == session.id && tombstone.grace_until.is_some_and(|until| until > now)
            });
        is_good.then_some(stored)
    }

    pub(super) fn list(&self, user: &UserId, now: Timestamp) -> Vec<SessionData> {
        let mut sessions: Vec<_> = self.live_of(user, now).cloned().collect();
        sessions.sort_unstable_by_key(|s| std::cmp::Reverse((s.last_active_at, s.id)));
        sessions
    }

    pub(super) fn live_by_id(&self, id: &SessionId, now: Timestamp) -> Option<&Stored> {
        let stored = self.sessions.by_id(id)?;
        live(&stored.session, now).then_some(stored)
    }

    fn live_of(&self, user: &UserId, now: Timestamp) -> impl Iterator<Item = &SessionData> {
        let seats = self.users.get(user).into_iter().flatten();
        seats.filter_map(move |seat| Some(&*self.live_by_id(&seat.id, now)?.session))
    }

    fn in_use(&self, token: &TokenHash) -> bool {
        self.sessions.get(token).is_some() || self.tombstones.contains_key(token)
    }

    fn make_room(&mut self, record: &SessionData, now: Timestamp) -> Result<(), BackendError> {
        let anonymous = record.user_id.is_none();
        let full = |state: &Self| {
            state.sessions.len() >= state.capacity
                || (anonymous && state.anonymous >= state.capacity - state.capacity / 10)
        };
        if full(self) {
            self.purge_expired(now, SWEEP, PurgeReport::Count);
        }
        if full(self) {
            let error = BackendError::from_kind(BackendErrorKind::Unavailable);
            return Err(error.with_context("the memory backend is full"));
        }
        Ok(())
    }

    fn insert(
        &mut self,
        token: TokenHash,
        session: Arc<SessionData>,
        predecessors: Vec<TokenHash>,
    ) {
        let (id, purge_after) = (session.id, session.expires_at);
        match &session.user_id {
            Some(user) => {
                let seats = self.users.entry(user.clone()).or_default();
                if let Err(place) = seats.binary_search_by_key(&id, |seat| seat.id) {
                    // Most users have few sessions, and a vector doubles its room, from four on.
                    if seats.len() == seats.capacity() {
                        seats.reserve_exact(seats.len() / 8 + 1);
                    }
                    seats.insert(place, Seat::of(&session));
                }
            }
            None => self.anonymous += 1,
        }
        self.due.insert((purge_after, id.to_bytes()));
        let linked = if predecessors.is_empty() {
            None
        } else {
            Some(Box::new(Linked { earlier: Vec::new(), predecessors }))
        };
        self.sessions.insert(Stored { token, session, token_seen: false, purge_after, linked });
    }

    /// What is known of a session where its user's are, after a change of it.
    fn seat_anew(&mut self, before: &SessionData, session: &SessionData) {
        let moment = |session: &SessionData| (session.last_active_at, session.expires_at);
        if moment(before) == moment(session) {
            return;
        }
        let seats = session.user_id.as_ref().and_then(|user| self.users.get_mut(user));
        if let Some(seats) = seats
            && let Ok(place) = seats.binary_search_by_key(&session.id, |seat| seat.id)
            && let Some(seat) = seats.get_mut(place)
        {
            *seat = Seat::of(session);
        }
    }

    /// Takes a session out of every index, live or not; returns it.
    pub(super) fn delete(&mut self, id: &SessionId) -> Option<Stored> {
        let stored = self.sessions.remove(id)?;
        self.due.remove(&(stored.purge_after, id.to_bytes()));
        match &stored.session.user_id {
            Some(user) => {
                if let Some(seats) = self.users.get_mut(user) {
                    if let Ok(place) = seats.binary_search_by_key(id, |seat| seat.id) {
                        seats.remove(place);
                    }
                    if seats.is_empty() {
                        self.users.remove(user);
                    }
                }
            }
            None => self.anonymous -= 1,
        }
        Some(stored)
    }
}

fn check_size(data: &Data, max_bytes: u64) -> Result<(), BackendError> {
    let bytes = u64::try_from(data.json_len()).unwrap_or(u64::MAX);
    if bytes > max_bytes {
        return Err(BackendError::from_kind(BackendErrorKind::TooLarge));
    }
    Ok(())
}
