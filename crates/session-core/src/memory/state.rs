//! What the memory backend holds, and every operation on it as a plain function under its lock.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::backend::{
    Applied, Created, EndedBy, Found, NewSession, Purged, Rotation, SessionChange, SessionRef,
    TokenState, Updated, tombstone_expiry,
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

#[derive(Default)]
pub(super) struct State {
    capacity: usize,
    anonymous: usize,
    /// By the hash of the current token, so that the request path is one look-up.
    sessions: HashMap<TokenHash, Stored, AlreadyHashed>,
    tokens: HashMap<SessionId, TokenHash>,
    /// Each in the order of ids: a user has few sessions, and a new one is usually the last.
    users: HashMap<UserId, Vec<SessionId>>,
    /// When each session is looked at by the purge: its expiry when it was made, moved only by the
    /// purge, so that a touch moves nothing here.
    due: BTreeSet<(Timestamp, SessionId)>,
    tombstones: HashMap<TokenHash, Tombstone, AlreadyHashed>,
    tombstones_due: BTreeSet<(Timestamp, TokenHash)>,
}

/// A token's hash is one already: eight of its bytes are as good as any. Keys are hashes of tokens
/// that this server drew, so nobody can choose them to collide.
#[derive(Default)]
struct FirstBytes(u64);

type AlreadyHashed = BuildHasherDefault<FirstBytes>;

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Stored {
    session: Arc<SessionData>,
    purge_after: Timestamp,
    /// Earlier tokens that may still be in grace.
    graces: Vec<TokenHash>,
}

struct Tombstone {
    id: SessionId,
    how: EndedBy,
    at: Timestamp,
    grace_until: Option<Timestamp>,
    expires_at: Timestamp,
}

const fn live(session: &SessionData, now: Timestamp) -> bool {
    session.expires_at.as_micros() > now.as_micros()
}

impl State {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, ..Self::default() }
    }

    pub(super) fn create(
        &mut self,
        new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        let NewSession { mut record, token, patch, max_bytes, cap, replaces } = new;
        if self.tokens.contains_key(&record.id) || self.in_use(&token) {
            return Err(BackendError::from_kind(BackendErrorKind::Conflict));
        }
        let old = replaces.as_ref().and_then(|replace| {
            let old = self.live_by_id(&replace.session.id, now)?;
            Some((replace, old.session.data.clone()))
        });
        let replaced = old.is_some();
        record.data = old.map_or_else(Data::new, |(replace, mut data)| {
            replace.carry.apply(&mut data);
            data
        });
        patch.apply(&mut record.data);
        check_size(&record.data, max_bytes)?;
        if !replaced {
            self.make_room(&record, now)?;
        }

        // From here on nothing fails.
        if let Some(replace) = replaces {
            self.remove(&replace.session.id, None, EndedBy::Replaced, now);
        }
        let evicted = match (&record.user_id, cap) {
            (Some(user), Some(cap)) => {
                let others = self.live_of(user, now);
                let others = others.map(|other| (other.last_active_at, other.id)).collect();
                sessions_to_evict(others, cap)
            }
            _ => Vec::new(),
        };
        for id in &evicted {
            self.remove(id, None, EndedBy::Evicted, now);
        }
        self.insert(token, record.clone());
        Ok(Created { session: record, evicted, replaced })
    }

    pub(super) fn find(&self, token: &TokenHash, now: Timestamp) -> Option<Found> {
        if let Some(stored) = self.sessions.get(token) {
            return live(&stored.session, now).then(|| Found::Live(stored.session.clone()));
        }
        let tombstone = self.tombstones.get(token).filter(|t| t.expires_at > now)?;
        if let Some(until) = tombstone.grace_until.filter(|until| *until > now)
            && let Some(stored) = self.live_by_id(&tombstone.id, now)
        {
            return Some(Found::Grace { session: stored.session.clone(), until });
        }
        Some(Found::Ended { id: tombstone.id, how: tombstone.how, at: tombstone.at })
    }

    pub(super) fn update(
        &mut self,
        target: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let Some(&current) = self.tokens.get(&target.id) else {
            return Ok(Updated::Missing);
        };
        let Some(stored) = self.sessions.get(&current) else {
            return Ok(Updated::Missing);
        };
        if !live(&stored.session, now) {
            return Ok(Updated::Missing);
        }
        if change.if_version.is_some_and(|version| version != stored.session.version) {
            return Ok(Updated::Conflict);
        }
        let presented_is_current = target.token == Some(current);
        if let Some(rotation) = &change.rotation {
            let applies = match rotation {
                Rotation::Graceful { .. } => presented_is_current,
                Rotation::Immediate { .. } => presented_is_current || self.in_grace(target, now),
            };
            if !applies {
                return Ok(Updated::Superseded);
            }
            if self.in_use(rotation.token()) {
                return Err(BackendError::from_kind(BackendErrorKind::Conflict));
            }
        }
        // A touch that is not due changes nothing, and then nothing is copied.
        let touches = change.touch.as_ref().is_some_and(|touch| touch.is_due(&stored.session));
        let (mut version, mut touched) = (stored.session.version, false);
        let mut changed = None;
        if touches || !change.patch.is_empty() || change.reauthentication.is_some() {
            let mut record = SessionData::clone(&stored.session);
            touched = change.apply(&mut record, now);
            if !change.patch.is_empty() {
                check_size(&record.data, change.max_bytes)?;
            }
            version = record.version;
            changed = Some(Arc::new(record));
        }

        // From here on nothing fails.
        if let Some((stored, record)) = self.sessions.get_mut(&current).zip(changed) {
            stored.session = record;
        }
        if let Some(rotation) = &change.rotation {
            self.rotate(current, rotation, now);
        }
        let token = if presented_is_current || change.rotation.is_some() {
            TokenState::Current
        } else {
            TokenState::Replaced
        };
        Ok(Updated::Applied(Applied { version, token, touched }))
    }

    pub(super) fn remove(
        &mut self,
        id: &SessionId,
        owner: Option<&UserId>,
        how: EndedBy,
        now: Timestamp,
    ) -> bool {
        let is_theirs = self.live_by_id(id, now).is_some_and(|stored| {
            owner.is_none_or(|owner| stored.session.user_id.as_ref() == Some(owner))
        });
        if !is_theirs {
            return false;
        }
        if let Some(token) = self.delete(id) {
            self.bury(token, *id, how, None, now);
        }
        true
    }

    pub(super) fn remove_user(
        &mut self,
        user: &UserId,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Vec<SessionId> {
        let ids: Vec<_> = self.users.get(user).into_iter().flatten().copied().collect();
        let mut removed = Vec::with_capacity(ids.len());
        for id in ids.into_iter().filter(|id| Some(id) != except) {
            if self.remove(&id, None, how, now) {
                removed.push(id);
            } else {
                self.delete(&id);
            }
        }
        removed
    }

    pub(super) fn list(&self, user: &UserId, now: Timestamp) -> Vec<SessionData> {
        let mut sessions: Vec<_> = self.live_of(user, now).cloned().collect();
        sessions.sort_unstable_by_key(|s| std::cmp::Reverse((s.last_active_at, s.id)));
        sessions
    }

    pub(super) fn purge_expired(&mut self, now: Timestamp, limit: u32) -> Purged {
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        let looked_at = |due: &BTreeSet<(Timestamp, SessionId)>| {
            due.iter().take_while(|(at, _)| *at <= now).take(limit).copied().collect::<Vec<_>>()
        };
        let batch = looked_at(&self.due);
        let mut removed = 0;
        for (at, id) in &batch {
            match self.live_by_id(id, now).map(|stored| stored.session.expires_at) {
                Some(renewed) => {
                    self.due.remove(&(*at, *id));
                    self.due.insert((renewed, *id));
                    if let Some(stored) =
                        self.tokens.get(id).and_then(|token| self.sessions.get_mut(token))
                    {
                        stored.purge_after = renewed;
                    }
                }
                None => {
                    self.delete(id);
                    removed += 1;
                }
            }
        }
        let forgotten = self.forget_tombstones(now, limit);
        Purged { removed, more: batch.len() == limit || forgotten == limit }
    }

    pub(super) fn dump(&self) -> String {
        let mut text = String::new();
        for (token, stored) in &self.sessions {
            let json = serde_json::to_string(&*stored.session).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:?} {json}", token.as_bytes());
        }
        for (token, tombstone) in &self.tombstones {
            let _ = writeln!(text, "{:?} {} {}", token.as_bytes(), tombstone.id, tombstone.how);
        }
        text
    }

    fn live_by_id(&self, id: &SessionId, now: Timestamp) -> Option<&Stored> {
        let stored = self.sessions.get(self.tokens.get(id)?)?;
        live(&stored.session, now).then_some(stored)
    }

    fn live_of(&self, user: &UserId, now: Timestamp) -> impl Iterator<Item = &SessionData> {
        let ids = self.users.get(user).into_iter().flatten();
        ids.filter_map(move |id| Some(&*self.live_by_id(id, now)?.session))
    }

    fn in_use(&self, token: &TokenHash) -> bool {
        self.sessions.contains_key(token) || self.tombstones.contains_key(token)
    }

    fn in_grace(&self, target: &SessionRef, now: Timestamp) -> bool {
        target.token.and_then(|token| self.tombstones.get(&token)).is_some_and(|tombstone| {
            tombstone.id == target.id && tombstone.grace_until.is_some_and(|until| until > now)
        })
    }

    fn make_room(&mut self, record: &SessionData, now: Timestamp) -> Result<(), BackendError> {
        let anonymous = record.user_id.is_none();
        let full = |state: &Self| {
            state.sessions.len() >= state.capacity
                || (anonymous && state.anonymous >= state.capacity - state.capacity / 10)
        };
        if full(self) {
            self.purge_expired(now, SWEEP);
        }
        if full(self) {
            let error = BackendError::from_kind(BackendErrorKind::Unavailable);
            return Err(error.with_context("the memory backend is full"));
        }
        Ok(())
    }

    fn insert(&mut self, token: TokenHash, record: SessionData) {
        let (id, purge_after) = (record.id, record.expires_at);
        match &record.user_id {
            Some(user) => {
                let ids = self.users.entry(user.clone()).or_default();
                if let Err(place) = ids.binary_search(&id) {
                    // Most users have one session, and a vector begins with room for four.
                    if ids.is_empty() {
                        ids.reserve_exact(1);
                    }
                    ids.insert(place, id);
                }
            }
            None => self.anonymous += 1,
        }
        self.due.insert((purge_after, id));
        self.tokens.insert(id, token);
        let stored = Stored { session: Arc::new(record), purge_after, graces: Vec::new() };
        self.sessions.insert(token, stored);
    }

    /// Takes a session out of every index, live or not; returns the hash of its token.
    fn delete(&mut self, id: &SessionId) -> Option<TokenHash> {
        let token = self.tokens.remove(id)?;
        let stored = self.sessions.remove(&token)?;
        self.due.remove(&(stored.purge_after, *id));
        match &stored.session.user_id {
            Some(user) => {
                if let Some(ids) = self.users.get_mut(user) {
                    if let Ok(place) = ids.binary_search(id) {
                        ids.remove(place);
                    }
                    if ids.is_empty() {
                        self.users.remove(user);
                    }
                }
            }
            None => self.anonymous -= 1,
        }
        Some(token)
    }

    fn rotate(&mut self, current: TokenHash, rotation: &Rotation, now: Timestamp) {
        let Some(mut stored) = self.sessions.remove(&current) else { return };
        let id = stored.session.id;
        match rotation {
            Rotation::Graceful { .. } => {
                let tombstones = &self.tombstones;
                stored.graces.retain(|token| {
                    let grace = tombstones.get(token).and_then(|t| t.grace_until);
                    grace.is_some_and(|until| until > now)
                });
                stored.graces.push(current);
            }
            Rotation::Immediate { .. } => {
                for token in stored.graces.drain(..) {
                    if let Some(tombstone) = self.tombstones.get_mut(&token) {
                        tombstone.grace_until = None;
                    }
                }
            }
        }
        self.bury(current, id, EndedBy::Rotated, rotation.grace_until(), now);
        self.tokens.insert(id, *rotation.token());
        self.sessions.insert(*rotation.token(), stored);
    }

    fn bury(
        &mut self,
        token: TokenHash,
        id: SessionId,
        how: EndedBy,
        grace_until: Option<Timestamp>,
        now: Timestamp,
    ) {
        // Two out for one in: so they stay few where nobody purges.
        self.forget_tombstones(now, 2);
        let expires_at = tombstone_expiry(now, grace_until);
        self.tombstones_due.insert((expires_at, token));
        self.tombstones.insert(token, Tombstone { id, how, at: now, grace_until, expires_at });
    }

    fn forget_tombstones(&mut self, now: Timestamp, limit: usize) -> usize {
        let mut forgotten = 0;
        while forgotten < limit {
            match self.tombstones_due.first() {
                Some(&(at, token)) if at <= now => {
                    self.tombstones_due.pop_first();
                    self.tombstones.remove(&token);
                    forgotten += 1;
                }
                _ => break,
            }
        }
        forgotten
    }
}

fn check_size(data: &Data, max_bytes: u64) -> Result<(), BackendError> {
    let bytes = u64::try_from(data.json_len()).unwrap_or(u64::MAX);
    if bytes > max_bytes {
        return Err(BackendError::from_kind(BackendErrorKind::TooLarge));
    }
    Ok(())
}
