//! Faults in making sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use session_conformance::async_trait;
use session_core::{
    BackendError, BackendErrorKind, Carry, Created, EndedBy, Found, NewSession, Patch, SessionData,
    SessionRef, Timestamp, TokenHash,
};

use super::{Db, Fault, round_trip};

/// Keeps when a session was made to the millisecond.
pub(super) struct KeepsMilliseconds;

#[async_trait]
impl Fault for KeepsMilliseconds {
    async fn find(
        &self,
        db: &Db,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Found>, BackendError> {
        let mut found = db.find(token, now).await?;
        if let Some(Found::Live { session, .. } | Found::Grace { session, .. }) = &mut found {
            let session = Arc::make_mut(session);
            let micros = session.created_at.as_micros();
            session.created_at = Timestamp::from_micros(micros - micros.rem_euclid(1000));
        }
        Ok(found)
    }
}

/// `INSERT OR REPLACE`: a token hash already in use takes its session's place.
pub(super) struct OverwritesByHash;

#[async_trait]
impl Fault for OverwritesByHash {
    async fn create(
        &self,
        db: &Db,
        new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        match db.create(new.clone(), now).await {
            Err(error) if error.kind() == BackendErrorKind::Conflict => {
                let Some(Found::Live { session: old, .. }) = db.find(&new.token, now).await? else {
                    return Err(error);
                };
                db.remove(&SessionRef::by_id(old.id), None, None, EndedBy::Replaced, now).await?;
                db.create(new, now).await
            }
            done => done,
        }
    }
}

/// Two statements: the new session is there before the old one is gone.
#[derive(Default)]
pub(super) struct EndsTheOldOneLater {
    lingering: Mutex<HashMap<TokenHash, Arc<SessionData>>>,
}

/// Ends it at last, even if the call is dropped.
struct Lingers<'a>(&'a EndsTheOldOneLater, TokenHash);

impl Drop for Lingers<'_> {
    fn drop(&mut self) {
        self.0.lingering.lock().unwrap().remove(&self.1);
    }
}

#[async_trait]
impl Fault for EndsTheOldOneLater {
    async fn create(
        &self,
        db: &Db,
        new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        let Some(id) = new.replaces.as_ref().map(|replace| replace.session.id) else {
            return db.create(new, now).await;
        };
        let (Some(token), Some(old)) = (db.token(&id), db.peek(&id, now).await) else {
            return db.create(new, now).await;
        };
        self.lingering.lock().unwrap().insert(token, old);
        let _lingers = Lingers(self, token);
        let created = db.create(new, now).await?;
        round_trip().await;
        Ok(created)
    }

    async fn find(
        &self,
        db: &Db,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Found>, BackendError> {
        let lingering = self.lingering.lock().unwrap().get(token).cloned();
        match lingering {
            Some(old) => Ok(Some(Found::Live { session: old, token_seen: false })),
            None => db.find(token, now).await,
        }
    }
}

/// Reads the old session's data, and carries that.
pub(super) struct CarriesWhatItRead;

#[async_trait]
impl Fault for CarriesWhatItRead {
    async fn create(
        &self,
        db: &Db,
        mut new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        if let Some(replace) = &mut new.replaces
            && db.is_good(&replace.session, now).await
            && let Some(old) = db.peek(&replace.session.id, now).await
        {
            let mut data = old.data.clone();
            std::mem::replace(&mut replace.carry, Carry::Nothing).apply(&mut data);
            new.patch.apply(&mut data);
            new.patch = Patch::new();
            for (key, value) in data.iter() {
                new.patch.set(key, value.clone());
            }
            round_trip().await;
        }
        db.create(new, now).await
    }
}

/// Looks whether there is room before it has the lock.
pub(super) struct CountsBeforeItLocks;

#[async_trait]
impl Fault for CountsBeforeItLocks {
    async fn create(
        &self,
        db: &Db,
        mut new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        if let (Some(user), Some(cap), None) = (&new.record.user_id, new.cap, &new.replaces) {
            let seen = db.list(user, now).await?.len();
            round_trip().await;
            if seen < cap.get() as usize {
                new.cap = None;
            }
        }
        db.create(new, now).await
    }
}

/// Evicts who signed in first, however active.
pub(super) struct EvictsTheOldest;

#[async_trait]
impl Fault for EvictsTheOldest {
    async fn create(
        &self,
        db: &Db,
        new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        let mut victims = Vec::new();
        if let (Some(user), Some(cap), None) = (&new.record.user_id, new.cap, &new.replaces) {
            let listed = db.list(user, now).await?;
            let places = listed.iter().filter(|session| session.impersonator.is_none());
            let mut ids: Vec<_> = places.map(|session| session.id).collect();
            ids.sort_unstable();
            let surplus = (ids.len() + 1).saturating_sub(cap.get() as usize);
            for id in ids.into_iter().take(surplus) {
                if db.remove(&SessionRef::by_id(id), None, None, EndedBy::Evicted, now).await? {
                    victims.push(id);
                }
            }
        }
        let mut created = db.create(new, now).await?;
        created.evicted.extend(victims);
        Ok(created)
    }
}

/// The cap counts whoever acts in the user's place.
pub(super) struct CountsImpersonations;

#[async_trait]
impl Fault for CountsImpersonations {
    async fn create(
        &self,
        db: &Db,
        new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        let (user, cap) = (new.record.user_id.clone(), new.cap);
        let mut created = db.create(new, now).await?;
        let (Some(user), Some(cap)) = (user, cap) else { return Ok(created) };
        let all = db.list(&user, now).await?;
        let cap = usize::try_from(cap.get()).unwrap_or(usize::MAX);
        for session in all.iter().rev().take(all.len().saturating_sub(cap)) {
            if session.impersonator.is_some() {
                let target = SessionRef::by_id(session.id);
                db.remove(&target, None, None, EndedBy::Evicted, now).await?;
                created.evicted.push(session.id);
            }
        }
        Ok(created)
    }
}
