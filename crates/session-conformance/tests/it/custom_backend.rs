//! A backend of one's own: sessions in one JSON file, shared by every process that opens it.
//!
//! `docs/custom-backends.md` walks through this file; its test module `backend_laws::custom` holds
//! it to every law.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::net::IpAddr;
use std::ops::Bound;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use session_core::{
    Applied, BackendError, BackendErrorKind, CARRY_LIFETIME, Created, Data, DeviceType, EndedBatch,
    EndedBy, ExpiredSession, Fingerprint, Found, Impersonator, MAX_GRACES, NewSession, PurgeReport,
    Purged, Rotation, SessionBackend, SessionChange, SessionCount, SessionData, SessionId,
    SessionRef, Timestamp, TokenHash, TokenState, Updated, UserId, sessions_to_evict,
    tombstone_expiry,
};

// [quote: tables]
#[derive(Default, Serialize, Deserialize)]
struct Tables {
    sessions: BTreeMap<SessionId, Row>,
    /// What each token was that is no longer current.
    tombstones: BTreeMap<Hash, Tombstone>,
}

/// A token's hash in hexadecimal. The token itself never comes this far.
type Hash = String;

#[derive(Serialize, Deserialize)]
struct Row {
    token: Hash,
    /// Whether a browser is known to have it.
    token_seen: bool,
    #[serde(with = "Columns")]
    session: SessionData,
}

#[derive(Serialize, Deserialize)]
struct Tombstone {
    session: SessionId,
    how: EndedBy,
    at: Timestamp,
    grace_until: Option<Timestamp>,
    expires_at: Timestamp,
    /// Later than every earlier one of the session's, also where the clock says the same.
    number: u64,
    /// Whose token was made from this one: after a rotation the session itself.
    successor: SessionId,
    successor_seen: bool,
    /// What a sign-in found when it replaced the session, and whose sign-in that was.
    left: Option<(UserId, Data)>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "SessionData")]
struct Columns {
    id: SessionId,
    user_id: Option<UserId>,
    impersonator: Option<Box<Impersonator>>,
    ip_address: Option<IpAddr>,
    last_ip_address: Option<IpAddr>,
    user_agent: Option<String>,
    device_name: String,
    device_type: DeviceType,
    fingerprint: Option<Fingerprint>,
    data: Data,
    version: u64,
    idle_ttl_secs: Option<u64>,
    cookie_persistent: Option<bool>,
    created_at: Timestamp,
    authenticated_at: Option<Timestamp>,
    last_active_at: Timestamp,
    expires_at: Timestamp,
    absolute_expires_at: Option<Timestamp>,
    not_after: Option<Timestamp>,
}
// [end]

// [quote: queries]
impl Tables {
    /// What has expired is absent, whether or not it was purged.
    fn live(&self, id: &SessionId, now: Timestamp) -> Option<&Row> {
        self.sessions.get(id).filter(|row| row.session.expires_at > now)
    }

    fn live_of(&self, user: &UserId, now: Timestamp) -> impl Iterator<Item = &SessionData> {
        let sessions = self.sessions.values().map(|row| &row.session);
        sessions.filter(move |s| s.user_id.as_ref() == Some(user) && s.expires_at > now)
    }

    fn holder(&self, token: &Hash) -> Option<&Row> {
        self.sessions.values().find(|row| row.token == *token)
    }

    fn knows(&self, token: &Hash) -> bool {
        self.holder(token).is_some() || self.tombstones.contains_key(token)
    }

    /// The live session of a token in grace, and until when.
    fn in_grace(&self, token: &Hash, now: Timestamp) -> Option<(&Row, Timestamp)> {
        let tombstone = self.tombstones.get(token)?;
        let until = tombstone.grace_until.filter(|until| *until > now)?;
        Some((self.live(&tombstone.session, now)?, until))
    }

    /// The live session, if the token that came with its name has still the right to act for it.
    fn acting(&self, session: &SessionRef, now: Timestamp) -> Option<&Row> {
        let token = session.token.as_ref().map(hash)?;
        let row = self.live(&session.id, now)?;
        let in_grace = self.in_grace(&token, now).map(|(row, _)| row.session.id);
        (row.token == token || in_grace == Some(session.id)).then_some(row)
    }

    fn check(&self, acting: Option<&SessionRef>, now: Timestamp) -> Result<()> {
        match acting {
            Some(session) if self.acting(session, now).is_none() => Err(acting_ended()),
            _ => Ok(()),
        }
    }
}
// [end]

// [quote: ends]
impl Tables {
    /// The tombstones of a session's tokens.
    fn tokens_of(&mut self, id: SessionId) -> impl Iterator<Item = (&Hash, &mut Tombstone)> {
        self.tombstones.iter_mut().filter(move |(_, tombstone)| tombstone.session == id)
    }

    /// The token's session goes on without it.
    fn bury(&mut self, token: Hash, id: SessionId, grace: Option<Timestamp>, now: Timestamp) {
        let number = self.tokens_of(id).map(|(_, before)| before.number + 1).max().unwrap_or(0);
        let tombstone = Tombstone {
            session: id,
            how: EndedBy::Rotated,
            at: now,
            grace_until: grace,
            expires_at: tombstone_expiry(now, grace),
            number,
            successor: id,
            successor_seen: false,
            left: None,
        };
        self.tombstones.insert(token, tombstone);
    }

    /// The session goes on under another token, and few of those before it still work.
    fn rotate(&mut self, before: Hash, id: SessionId, rotation: &Rotation, now: Timestamp) {
        self.bury(before, id, rotation.grace_until(), now);
        let graces = match rotation {
            Rotation::Graceful { .. } => MAX_GRACES,
            Rotation::Immediate { .. } => 0,
        };
        let in_grace = |t: &&mut Tombstone| t.grace_until.is_some_and(|until| until > now);
        let mut in_grace: Vec<_> = self.tokens_of(id).map(|(_, t)| t).filter(in_grace).collect();
        in_grace.sort_by_key(|tombstone| std::cmp::Reverse(tombstone.number));
        for tombstone in in_grace.into_iter().skip(graces) {
            (tombstone.at, tombstone.grace_until) = (now, None);
        }
    }

    /// Ends a live session with all its tokens, of which `by` asked for it.
    fn end(
        &mut self,
        id: SessionId,
        how: EndedBy,
        by: Option<&TokenHash>,
        now: Timestamp,
    ) -> Option<Row> {
        self.live(&id, now)?;
        let row = self.sessions.remove(&id)?;
        self.bury(row.token.clone(), id, None, now);
        let by = by.map(hash);
        for (token, tombstone) in self.tokens_of(id) {
            let is_told = how == EndedBy::SignedOut && by.as_ref() != Some(token);
            tombstone.how = if is_told { EndedBy::Revoked } else { how };
            (tombstone.at, tombstone.grace_until) = (now, None);
            tombstone.expires_at = tombstone.expires_at.max(tombstone_expiry(now, None));
        }
        Some(row)
    }

    fn end_all(
        &mut self,
        user: &UserId,
        except: Option<&SessionId>,
        how: EndedBy,
        by: Option<&TokenHash>,
        now: Timestamp,
    ) -> Vec<SessionId> {
        let ids = self.live_of(user, now).map(|session| session.id);
        let ids: Vec<_> = ids.filter(|id| Some(id) != except).collect();
        for id in &ids {
            self.end(*id, how, by, now);
        }
        ids
    }
}
// [end]

// [quote: left]
impl Tables {
    /// The data that this user's sign-in finds in the session that it replaces.
    fn left_for(&self, user: Option<&UserId>, old: &SessionRef, now: Timestamp) -> Result<Data> {
        if let Some(row) = self.acting(old, now) {
            return Ok(row.session.data.clone());
        }
        let tombstone = old.token.as_ref().and_then(|token| self.tombstones.get(&hash(token)));
        if let Some(t) = tombstone.filter(|t| (t.session, t.how) == (old.id, EndedBy::Replaced)) {
            // Another sign-in was here first: a double click, if it was the same user's just now.
            let left = t.left.as_ref().filter(|_| t.at.plus(CARRY_LIFETIME) > now);
            let left = left.filter(|(of, _)| Some(of) == user).map(|(_, data)| data.clone());
            return Ok(left.unwrap_or_default());
        }
        let has_expired =
            self.sessions.get(&old.id).is_some_and(|row| row.session.expires_at <= now);
        if user.is_some() && old.user.as_ref() == user && !has_expired {
            return Err(acting_ended());
        }
        Ok(Data::new())
    }
}
// [end]

// [quote: file]
type Result<T> = std::result::Result<T, BackendError>;

/// Sessions in one JSON file. A call locks the file, reads it, and if it changed something
/// writes another and renames it over the first.
pub(crate) struct FileBackend {
    path: PathBuf,
    patience: Duration,
}

impl FileBackend {
    /// Sessions in the file `path`, which the first write makes. A call waits for other processes
    /// for at most `patience`.
    pub(crate) fn new(path: PathBuf, patience: Duration) -> Self {
        Self { path, patience }
    }

    async fn read<T>(&self, look: impl FnOnce(&Tables) -> T) -> Result<T> {
        let _lock = self.lock().await?;
        Ok(look(&self.load()?))
    }

    /// Wholly or not at all: if `change` fails nothing is written, and from the lock to the
    /// rename nothing is awaited, so a caller that goes away cannot stop it half way.
    async fn write<T>(&self, change: impl FnOnce(&mut Tables) -> Result<T>) -> Result<T> {
        let _lock = self.lock().await?;
        let mut tables = self.load()?;
        let answer = change(&mut tables)?;
        let draft = self.path.with_extension("draft");
        let text = serde_json::to_vec(&tables).map_err(std::io::Error::from);
        text.and_then(|text| fs::write(&draft, text))
            .and_then(|()| fs::rename(&draft, &self.path))
            .map_err(unavailable)?;
        Ok(answer)
    }

    /// A lock that other processes see; given back when the file is dropped.
    async fn lock(&self) -> Result<File> {
        let file = File::create(self.path.with_extension("lock")).map_err(unavailable)?;
        let attempts = async {
            let mut again = tokio::time::interval(Duration::from_millis(1));
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => _ = again.tick().await,
                    Err(TryLockError::Error(error)) => return Err(unavailable(error)),
                }
            }
        };
        tokio::time::timeout(self.patience, attempts).await.map_err(unavailable)??;
        Ok(file)
    }

    fn load(&self) -> Result<Tables> {
        let text = match fs::read(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Tables::default());
            }
            text => text.map_err(unavailable)?,
        };
        // Data may nest 128 deep, below what is around it here; the core has checked that.
        let mut json = serde_json::Deserializer::from_slice(&text);
        json.disable_recursion_limit();
        let tables = Tables::deserialize(&mut json);
        tables.map_err(|error| BackendError::new(BackendErrorKind::Corrupt, error))
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> BackendError {
    BackendError::new(BackendErrorKind::Unavailable, error)
}

fn acting_ended() -> BackendError {
    BackendError::from_kind(BackendErrorKind::ActingEnded)
}

fn hash(token: &TokenHash) -> Hash {
    token.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
// [end]

#[async_trait]
impl SessionBackend for FileBackend {
    // [quote: create]
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created> {
        self.write(|tables| {
            let (token, mut session) = (hash(&new.token), new.record);
            if tables.sessions.contains_key(&session.id) || tables.knows(&token) {
                return Err(BackendError::from_kind(BackendErrorKind::Conflict));
            }
            // End the session to replace and take its data, ...
            let user = session.user_id.as_ref();
            let mut replaced = false;
            if let Some(replace) = new.replaces {
                let old = replace.session;
                session.data = tables.left_for(user, &old, now)?;
                if tables.acting(&old, now).is_some()
                    && let Some(row) = tables.end(old.id, EndedBy::Replaced, None, now)
                {
                    replaced = true;
                    // Another user's data is nobody's to carry once more.
                    let owner = row.session.user_id;
                    let heir = user.filter(|user| owner.is_none_or(|owner| owner == **user));
                    for (_, tombstone) in tables.tokens_of(old.id) {
                        tombstone.successor = session.id;
                        tombstone.left = heir.map(|heir| (heir.clone(), session.data.clone()));
                    }
                }
                replace.carry.apply(&mut session.data);
            }
            for token in new.presented.iter().map(hash) {
                if let Some(tombstone) = tables.tombstones.get_mut(&token) {
                    tombstone.successor = session.id;
                }
            }
            // ... apply the patch, ...
            new.patch.apply(&mut session.data);
            if session.data.json_len() as u64 > new.max_bytes {
                return Err(BackendError::from_kind(BackendErrorKind::TooLarge));
            }
            // ... evict above the cap (the newcomer is not there yet, so it cannot be chosen), ...
            let mut evicted = Vec::new();
            if let (Some(user), Some(cap)) = (&session.user_id, new.cap) {
                // Whoever acts in the user's place takes none.
                let others = tables.live_of(user, now).filter(|other| other.impersonator.is_none());
                let others = others.map(|other| (other.last_active_at, other.id));
                evicted = sessions_to_evict(others.collect(), cap);
            }
            for id in &evicted {
                tables.end(*id, EndedBy::Evicted, None, now);
            }
            // ... and store the record under its token's hash.
            let row = Row { token, token_seen: false, session: session.clone() };
            tables.sessions.insert(session.id, row);
            Ok(Created { session: session.into(), evicted, replaced })
        })
        .await
    }
    // [end]

    // [quote: find]
    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>> {
        self.read(|tables| {
            let token = hash(token);
            if let Some(row) = tables.holder(&token) {
                let (session, token_seen) = (row.session.clone().into(), row.token_seen);
                let is_live = row.session.expires_at > now;
                return is_live.then_some(Found::Live { session, token_seen });
            }
            if let Some((row, until)) = tables.in_grace(&token, now) {
                return Some(Found::Grace { session: row.session.clone().into(), until });
            }
            let ended = tables.tombstones.get(&token).filter(|ended| ended.expires_at > now)?;
            if ended.grace_until.is_some_and(|until| until > now) {
                // In grace, and without its session: that has expired.
                return None;
            }
            Some(Found::Ended {
                id: ended.session,
                how: ended.how,
                at: ended.grace_until.unwrap_or(ended.at),
                successor_seen: ended.successor_seen,
            })
        })
        .await
    }
    // [end]

    // [quote: update]
    async fn update(
        &self,
        target: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated> {
        self.write(|tables| {
            // The conditions, in their order; if one fails nothing is changed.
            let row = match &target.token {
                Some(_) => tables.acting(target, now),
                None => tables.live(&target.id, now),
            };
            let Some(Row { token, token_seen, session }) = row else {
                return Ok(Updated::Missing);
            };
            let is_current = target.token.as_ref().map(hash).as_ref() == Some(token);
            if change.if_version.is_some_and(|version| version != session.version) {
                return Ok(Updated::Conflict);
            }
            if let Some(rotation) = &change.rotation {
                let is_immediate = matches!(rotation, Rotation::Immediate { .. });
                if !(is_current || is_immediate && target.token.is_some()) {
                    return Ok(Updated::Superseded);
                }
                if tables.knows(&hash(rotation.token())) {
                    return Err(BackendError::from_kind(BackendErrorKind::Conflict));
                }
            }
            let (mut token, mut session) = (token.clone(), session.clone());
            let is_first_seen = change.presented && is_current && !token_seen;
            let mut token_seen = *token_seen;
            let touched = change.apply(&mut session, is_first_seen, now);
            if !change.patch.is_empty() && session.data.json_len() as u64 > change.max_bytes {
                return Err(BackendError::from_kind(BackendErrorKind::TooLarge));
            }
            // Nothing stands in the way any more. Whoever has this token has had those before it.
            let again = change.reauthentication.as_ref();
            if is_first_seen && (touched || change.rotation.is_some() || again.is_some()) {
                token_seen = true;
                let before = tables.tombstones.values_mut();
                before.filter(|t| t.successor == target.id).for_each(|t| t.successor_seen = true);
            }
            if let Some(rotation) = &change.rotation {
                let before = std::mem::replace(&mut token, hash(rotation.token()));
                token_seen = false;
                tables.rotate(before, target.id, rotation, now);
            }
            let mut ended = Vec::new();
            if let (Some(user), true) = (&session.user_id, again.is_some_and(|a| a.end_others)) {
                ended = tables.end_all(user, Some(&target.id), EndedBy::Revoked, None, now);
            }
            let is_current = is_current || change.rotation.is_some();
            let applied = Applied {
                version: session.version,
                token: if is_current { TokenState::Current } else { TokenState::Grace },
                touched,
                expires_at: session.expires_at,
                lifetime: session.lifetime(),
                ended,
            };
            tables.sessions.insert(target.id, Row { token, token_seen, session });
            Ok(Updated::Applied(applied))
        })
        .await
    }
    // [end]

    // [quote: remove]
    async fn remove(
        &self,
        target: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool> {
        self.write(|tables| {
            tables.check(acting, now)?;
            let theirs = |row: &Row| owner.is_none() || row.session.user_id.as_ref() == owner;
            let is_theirs = tables.live(&target.id, now).is_some_and(theirs);
            let by = target.token.as_ref();
            Ok(is_theirs && tables.end(target.id, how, by, now).is_some())
        })
        .await
    }

    async fn remove_user(
        &self,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>> {
        self.write(|tables| {
            tables.check(acting, now)?;
            let by = acting.and_then(|acting| acting.token.as_ref());
            Ok(tables.end_all(user, except, how, by, now))
        })
        .await
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>> {
        self.read(|tables| {
            let mut sessions: Vec<_> = tables.live_of(user, now).cloned().collect();
            sessions.sort_by_key(|session| (session.last_active_at, session.id));
            sessions.reverse();
            sessions
        })
        .await
    }
    // [end]

    // [quote: admin]
    async fn get(&self, id: &SessionId, now: Timestamp) -> Result<Option<SessionData>> {
        self.read(|tables| tables.live(id, now).map(|row| row.session.clone())).await
    }

    async fn live(&self, ids: &[SessionId], now: Timestamp) -> Result<Vec<SessionId>> {
        self.read(|tables| {
            let live: BTreeSet<_> =
                ids.iter().filter(|id| tables.live(id, now).is_some()).collect();
            live.into_iter().copied().collect()
        })
        .await
    }

    async fn count(&self, now: Timestamp) -> Result<SessionCount> {
        self.read(|tables| {
            let live = || tables.sessions.values().filter(|row| row.session.expires_at > now);
            let users = || live().filter_map(|row| row.session.user_id.as_ref());
            SessionCount {
                live: live().count() as u64,
                signed_in: users().count() as u64,
                users: users().collect::<BTreeSet<_>>().len() as u64,
            }
        })
        .await
    }

    async fn end_all(
        &self,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<EndedBatch> {
        let limit = limit.max(1) as usize;
        self.write(|tables| {
            let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
            let rest = tables.sessions.range((begin, Bound::Unbounded));
            let batch: Vec<_> = rest.map(|(id, _)| *id).take(limit).collect();
            let next = batch.last().filter(|_| batch.len() == limit).copied();
            let is_ended = |id: &SessionId| tables.end(*id, how, None, now).is_some();
            Ok(EndedBatch { ended: batch.into_iter().filter(is_ended).collect(), next })
        })
        .await
    }
    // [end]

    // [quote: purge]
    async fn purge_expired(
        &self,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged> {
        let limit = limit.max(1) as usize;
        self.write(|tables| {
            let due = |row: &mut Row| row.session.expires_at <= now;
            let gone = tables.sessions.extract_if(.., |_, row| due(row)).take(limit);
            let mut expired: Vec<_> =
                gone.map(|(id, row)| ExpiredSession { id, user_id: row.session.user_id }).collect();
            let over = |tombstone: &mut Tombstone| tombstone.expires_at <= now;
            let ended = tables.tombstones.extract_if(.., |_, t| over(t)).take(limit).count();
            let (removed, more) = (expired.len(), expired.len() == limit || ended == limit);
            if report == PurgeReport::Count {
                expired.clear();
            }
            Ok(Purged { removed: removed as u64, more, expired })
        })
        .await
    }

    async fn ping(&self) -> Result<()> {
        self.read(|_| ()).await
    }
    // [end]
}
