//! A backend of one's own: sessions in one JSON file, shared by every process that opens it.
//!
//! `docs/custom-backends.md` walks through this file; its test module `backend_laws::custom` holds
//! it to every law.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use session_core::{
    Applied, BackendError, BackendErrorKind, Created, EndedBy, Found, NewSession, Purged, Rotation,
    SessionBackend, SessionChange, SessionData, SessionId, SessionRef, Timestamp, TokenHash,
    TokenState, Updated, UserId, sessions_to_evict, tombstone_expiry,
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
    session: SessionData,
}

#[derive(Serialize, Deserialize)]
struct Tombstone {
    session: SessionId,
    how: EndedBy,
    at: Timestamp,
    grace_until: Option<Timestamp>,
    expires_at: Timestamp,
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
    fn in_grace(&self, token: &Hash, now: Timestamp) -> Option<(&SessionData, Timestamp)> {
        let tombstone = self.tombstones.get(token)?;
        let until = tombstone.grace_until.filter(|until| *until > now)?;
        Some((&self.live(&tombstone.session, now)?.session, until))
    }

    fn bury(
        &mut self,
        token: Hash,
        session: SessionId,
        how: EndedBy,
        grace_until: Option<Timestamp>,
        at: Timestamp,
    ) {
        let expires_at = tombstone_expiry(at, grace_until);
        self.tombstones.insert(token, Tombstone { session, how, at, grace_until, expires_at });
    }

    /// Ends a session that is live. Its tokens in grace are over as well: a grace needs a live
    /// session.
    fn end(&mut self, id: &SessionId, how: EndedBy, now: Timestamp) -> bool {
        let is_live = self.live(id, now).is_some();
        if is_live && let Some(row) = self.sessions.remove(id) {
            self.bury(row.token, *id, how, None, now);
        }
        is_live
    }
}
// [end]

// [quote: file]
type Result<T> = std::result::Result<T, BackendError>;

/// Sessions in one JSON file. A call locks the file, reads it, and where it changed something
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

    /// Wholly or not at all: where `change` fails nothing is written, and from the lock to the
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
            let mut replaced = false;
            if let Some(replace) = new.replaces
                && let Some(old) = tables.live(&replace.session.id, now)
            {
                session.data = old.session.data.clone();
                replace.carry.apply(&mut session.data);
                replaced = tables.end(&replace.session.id, EndedBy::Replaced, now);
            }
            // ... apply the patch, ...
            new.patch.apply(&mut session.data);
            if session.data.json_len() as u64 > new.max_bytes {
                return Err(BackendError::from_kind(BackendErrorKind::TooLarge));
            }
            // ... evict above the cap (the newcomer is not there yet, so it cannot be chosen), ...
            let mut evicted = Vec::new();
            if let (Some(user), Some(cap)) = (&session.user_id, new.cap) {
                let others =
                    tables.live_of(user, now).map(|other| (other.last_active_at, other.id));
                evicted = sessions_to_evict(others.collect(), cap);
            }
            for id in &evicted {
                tables.end(id, EndedBy::Evicted, now);
            }
            // ... and store the record under its token's hash.
            tables.sessions.insert(session.id, Row { token, session: session.clone() });
            Ok(Created { session, evicted, replaced })
        })
        .await
    }
    // [end]

    // [quote: find]
    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>> {
        self.read(|tables| {
            let token = hash(token);
            if let Some(Row { session, .. }) = tables.holder(&token) {
                return (session.expires_at > now).then(|| Found::Live(session.clone().into()));
            }
            if let Some((session, until)) = tables.in_grace(&token, now) {
                return Some(Found::Grace { session: session.clone().into(), until });
            }
            let ended = tables.tombstones.get(&token).filter(|ended| ended.expires_at > now)?;
            Some(Found::Ended { id: ended.session, how: ended.how, at: ended.at })
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
        let presented = target.token.as_ref().map(hash).unwrap_or_default();
        self.write(|tables| {
            // The conditions, in their order; where one fails nothing is changed.
            let Some(row) = tables.live(&target.id, now) else {
                return Ok(Updated::Missing);
            };
            let mut session = row.session.clone();
            let mut token = row.token.clone();
            let is_current = presented == token;
            if change.if_version.is_some_and(|version| version != session.version) {
                return Ok(Updated::Conflict);
            }
            if let Some(rotation) = &change.rotation {
                let grace = tables.in_grace(&presented, now);
                let in_grace = grace.is_some_and(|(session, _)| session.id == target.id);
                let is_immediate = matches!(rotation, Rotation::Immediate { .. });
                if !(is_current || is_immediate && in_grace) {
                    return Ok(Updated::Superseded);
                }
                if tables.knows(&hash(rotation.token())) {
                    return Err(BackendError::from_kind(BackendErrorKind::Conflict));
                }
            }
            let touched = change.apply(&mut session, now);
            if !change.patch.is_empty() && session.data.json_len() as u64 > change.max_bytes {
                return Err(BackendError::from_kind(BackendErrorKind::TooLarge));
            }
            // Nothing stands in the way any more.
            if let Some(rotation) = &change.rotation {
                if matches!(rotation, Rotation::Immediate { .. }) {
                    let ended = tables.tombstones.values_mut();
                    ended.filter(|t| t.session == target.id).for_each(|t| t.grace_until = None);
                }
                let before = std::mem::replace(&mut token, hash(rotation.token()));
                tables.bury(before, target.id, EndedBy::Rotated, rotation.grace_until(), now);
            }
            let is_current = is_current || change.rotation.is_some();
            let applied = Applied {
                version: session.version,
                token: if is_current { TokenState::Current } else { TokenState::Replaced },
                touched,
            };
            tables.sessions.insert(target.id, Row { token, session });
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
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool> {
        self.write(|tables| {
            let theirs = |row: &Row| owner.is_none() || row.session.user_id.as_ref() == owner;
            let is_theirs = tables.live(&target.id, now).is_some_and(theirs);
            Ok(is_theirs && tables.end(&target.id, how, now))
        })
        .await
    }

    async fn remove_user(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>> {
        self.write(|tables| {
            let ids = tables.live_of(user, now).map(|session| session.id);
            let ids: Vec<_> = ids.filter(|id| Some(id) != except).collect();
            for id in &ids {
                tables.end(id, how, now);
            }
            Ok(ids)
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

    // [quote: purge]
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged> {
        let limit = limit.max(1) as usize;
        self.write(|tables| {
            let due = |row: &mut Row| row.session.expires_at <= now;
            let sessions = tables.sessions.extract_if(.., |_, row| due(row)).take(limit).count();
            let over = |tombstone: &mut Tombstone| tombstone.expires_at <= now;
            let ended = tables.tombstones.extract_if(.., |_, t| over(t)).take(limit).count();
            Ok(Purged { removed: sessions as u64, more: sessions == limit || ended == limit })
        })
        .await
    }

    async fn ping(&self) -> Result<()> {
        self.read(|_| ()).await
    }
    // [end]
}
