//! Faults in changing sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use session_conformance::async_trait;
use session_core::{
    BackendError, Created, Data, Found, NewSession, Patch, Rotation, SessionChange, SessionData,
    SessionId, SessionRef, SessionToken, Timestamp, TokenHash, Updated,
};

use super::{Db, Fault, round_trip};

/// Reads the data, changes it, and writes all of it back.
pub(super) struct ReadsModifiesWrites;

#[async_trait]
impl Fault for ReadsModifiesWrites {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let mut change = change.clone();
        if !change.patch.is_empty()
            && let Some(read) = db.peek(&session.id, now).await
        {
            let mut data = read.data.clone();
            change.patch.apply(&mut data);
            change.patch = Patch::new();
            change.patch.clear();
            for (key, value) in data.iter() {
                change.patch.set(key, value.clone());
            }
            round_trip().await;
        }
        db.update(session, &change, now).await
    }
}

/// A merge patch: null takes away.
pub(super) struct DropsNulls;

#[async_trait]
impl Fault for DropsNulls {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let mut change = change.clone();
        let sets = change.patch.sets().filter(|(_, value)| **value == Value::Null);
        let nulls: Vec<String> = sets.map(|(key, _)| key.to_owned()).collect();
        for key in nulls {
            change.patch.remove(key);
        }
        db.update(session, &change, now).await
    }
}

/// Compares the ceiling with what is written, not with what comes of it.
pub(super) struct MeasuresThePatch;

#[async_trait]
impl Fault for MeasuresThePatch {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let mut change = change.clone();
        let mut written = Data::new();
        change.patch.apply(&mut written);
        if written.json_len() as u64 <= change.max_bytes {
            change.max_bytes = u64::MAX;
        }
        db.update(session, &change, now).await
    }
}

/// Reads the version, and writes if it was the right one.
pub(super) struct ComparesThenSets;

#[async_trait]
impl Fault for ComparesThenSets {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let mut change = change.clone();
        if let Some(version) = change.if_version
            && let Some(read) = db.peek(&session.id, now).await
            && read.version == version
        {
            round_trip().await;
            change.if_version = None;
        }
        db.update(session, &change, now).await
    }
}

/// Says that the session is missing, and leaves one behind.
#[derive(Default)]
pub(super) struct Upserts {
    last: Mutex<HashMap<SessionId, SessionData>>,
}

#[async_trait]
impl Fault for Upserts {
    async fn create(
        &self,
        db: &Db,
        new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        let created = db.create(new, now).await?;
        let session = created.session.clone();
        self.last.lock().unwrap().insert(session.id, (*session).clone());
        Ok(created)
    }

    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let updated = db.update(session, change, now).await?;
        let last = self.last.lock().unwrap().get(&session.id).cloned();
        if updated == Updated::Missing
            && db.peek(&session.id, now).await.is_none()
            && !change.patch.is_empty()
            && let Some(record) = last.filter(|record| record.expires_at > now)
        {
            // Its own token has ended, and so is in use.
            let token = SessionToken::generate().unwrap().hash();
            db.create(NewSession::new(record, token), now).await?;
        }
        Ok(updated)
    }
}

/// Writes the end of life that a touch names, whatever was stored.
#[derive(Default)]
pub(super) struct TakesAnyEnd {
    ends: Mutex<HashMap<SessionId, Timestamp>>,
}

#[async_trait]
impl Fault for TakesAnyEnd {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let updated = db.update(session, change, now).await?;
        if let Updated::Applied(applied) = &updated {
            let mut ends = self.ends.lock().unwrap();
            match &change.touch {
                _ if change.lifetime.is_some() || change.reauthentication.is_some() => {
                    ends.remove(&session.id);
                }
                Some(touch) if applied.touched && !change.presented => {
                    ends.insert(session.id, touch.expires_at);
                }
                _ => {}
            }
        }
        Ok(updated)
    }

    async fn find(
        &self,
        db: &Db,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Found>, BackendError> {
        let mut found = db.find(token, now).await?;
        if let Some(Found::Live { session, .. } | Found::Grace { session, .. }) = &mut found {
            let end = self.ends.lock().unwrap().get(&session.id).copied();
            let session = Arc::make_mut(session);
            session.expires_at = end.map_or(session.expires_at, |end| end.min(session.expires_at));
        }
        Ok(found)
    }
}

/// If a rotation came too late, rotates from the token that is current by now.
pub(super) struct RotatesAgain;

#[async_trait]
impl Fault for RotatesAgain {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let updated = db.update(session, change, now).await?;
        if updated == Updated::Superseded
            && matches!(change.rotation, Some(Rotation::Graceful { .. }))
        {
            let session = SessionRef { token: db.token(&session.id), ..session.clone() };
            return db.update(&session, change, now).await;
        }
        Ok(updated)
    }
}

/// Knows the absolute end and no other.
#[derive(Default)]
pub(super) struct PassesTheFixedEnd {
    ends: Mutex<HashMap<SessionId, Timestamp>>,
}

#[async_trait]
impl Fault for PassesTheFixedEnd {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let updated = db.update(session, change, now).await?;
        if let Updated::Applied(applied) = &updated {
            let mut ends = self.ends.lock().unwrap();
            if change.lifetime.is_some() || change.reauthentication.is_some() {
                ends.remove(&session.id);
            } else if let Some(touch) = change.touch.as_ref().filter(|_| applied.touched) {
                ends.insert(session.id, touch.expires_at);
            }
        }
        Ok(updated)
    }

    async fn find(
        &self,
        db: &Db,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Found>, BackendError> {
        let mut found = db.find(token, now).await?;
        if let Some(Found::Live { session, .. } | Found::Grace { session, .. }) = &mut found
            && let Some(end) = self.ends.lock().unwrap().get(&session.id).copied()
        {
            let end = session.absolute_expires_at.map_or(end, |bound| bound.min(end));
            let session = Arc::make_mut(session);
            session.expires_at = session.expires_at.max(end);
        }
        Ok(found)
    }
}

/// Takes a new lifetime for a touch.
pub(super) struct NeverShortens;

#[async_trait]
impl Fault for NeverShortens {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let mut change = change.clone();
        if let Some(new) = &mut change.lifetime
            && let Some(read) = db.peek(&session.id, now).await
        {
            new.expires_at = new.expires_at.max(read.expires_at);
        }
        db.update(session, &change, now).await
    }
}

/// A lifetime moves the version, if one is named.
pub(super) struct CountsALifetime;

#[async_trait]
impl Fault for CountsALifetime {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let mut change = change.clone();
        if change.lifetime.is_some() && change.if_version.is_some() {
            change.patch.remove("nothing");
        }
        db.update(session, &change, now).await
    }
}

/// Writes to the session that is named, by whatever right.
pub(super) struct TakesAnyToken;

#[async_trait]
impl Fault for TakesAnyToken {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let updated = db.update(session, change, now).await?;
        if updated == Updated::Missing && change.rotation.is_none() {
            return db.update(&db.by_name(session, now).await, change, now).await;
        }
        Ok(updated)
    }
}

/// Ends no grace for being one too many.
#[derive(Default)]
pub(super) struct KeepsEveryGrace {
    graces: Mutex<HashMap<TokenHash, (SessionId, Timestamp)>>,
}

#[async_trait]
impl Fault for KeepsEveryGrace {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let before = db.token(&session.id);
        let updated = db.update(session, change, now).await?;
        if let (Updated::Applied(_), Some(before)) = (&updated, before) {
            let mut graces = self.graces.lock().unwrap();
            match &change.rotation {
                Some(Rotation::Graceful { grace_until, .. }) => {
                    graces.insert(before, (session.id, *grace_until));
                }
                Some(_) => graces.retain(|_, (id, _)| *id != session.id),
                None => {}
            }
        }
        Ok(updated)
    }

    async fn find(
        &self,
        db: &Db,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Found>, BackendError> {
        let found = db.find(token, now).await?;
        let grace = self.graces.lock().unwrap().get(token).copied();
        match (&found, grace) {
            (Some(Found::Ended { .. }), Some((id, until))) if until > now => {
                let session = db.peek(&id, now).await;
                Ok(session.map(|session| Found::Grace { session, until }).or(found))
            }
            _ => Ok(found),
        }
    }
}
