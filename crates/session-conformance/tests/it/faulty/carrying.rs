//! Faults in what a sign-in finds of the session that it replaces.

use std::collections::HashMap;
use std::sync::Mutex;

use session_conformance::async_trait;
use session_core::{BackendError, Created, Data, NewSession, Patch, SessionId, Timestamp, UserId};

use super::{Db, Fault, round_trip};

/// Does not ask whose session the request had.
pub(super) struct AsksNobody;

#[async_trait]
impl Fault for AsksNobody {
    async fn create(
        &self,
        db: &Db,
        mut new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        if let Some(replace) = &mut new.replaces {
            replace.session.user = None;
        }
        db.create(new, now).await
    }
}

/// Asks whether the session is still good, and then signs in.
pub(super) struct LooksBeforeItSignsIn;

#[async_trait]
impl Fault for LooksBeforeItSignsIn {
    async fn create(
        &self,
        db: &Db,
        mut new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        if let Some(replace) = &mut new.replaces
            && replace.session.user.is_some()
            && db.is_good(&replace.session, now).await
        {
            round_trip().await;
            replace.session.user = None;
        }
        db.create(new, now).await
    }
}

/// What it keeps of a session that was replaced, and for whom, and should not.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kept {
    ForAnyone,
    ForLong,
    /// Even if the session was another user's.
    OfAnother,
    /// What the session holds that took its place.
    ByTheHeir,
}

pub(super) struct Keeps {
    kept: Kept,
    replaced: Mutex<HashMap<SessionId, Replaced>>,
}

#[derive(Clone)]
struct Replaced {
    data: Data,
    owner: Option<UserId>,
    heir: (SessionId, Option<UserId>),
}

impl Keeps {
    pub(super) fn new(kept: Kept) -> Self {
        Self { kept, replaced: Mutex::default() }
    }

    async fn find(&self, db: &Db, new: &NewSession, now: Timestamp) -> Option<Data> {
        let old = new.replaces.as_ref()?.session.id;
        let Replaced { data, owner, heir } = self.replaced.lock().unwrap().get(&old).cloned()?;
        let user = &new.record.user_id;
        let is_heirs = *user == heir.1;
        let is_anothers = owner.is_some() && owner != heir.1;
        match self.kept {
            Kept::ForAnyone => (!is_heirs && !is_anothers).then_some(data),
            Kept::ForLong => (is_heirs && !is_anothers).then_some(data),
            Kept::OfAnother => (is_heirs && is_anothers).then_some(data),
            Kept::ByTheHeir if is_heirs => Some(db.peek(&heir.0, now).await?.data.clone()),
            Kept::ByTheHeir => None,
        }
    }
}

#[async_trait]
impl Fault for Keeps {
    async fn create(
        &self,
        db: &Db,
        mut new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        let heir = (new.record.id, new.record.user_id.clone());
        let old = match &new.replaces {
            Some(replace) => db.peek(&replace.session.id, now).await,
            None => None,
        };
        if let Some(mut data) = self.find(db, &new, now).await {
            if let Some(replace) = &new.replaces {
                replace.carry.apply(&mut data);
            }
            new.patch.apply(&mut data);
            new.patch = Patch::new();
            for (key, value) in data.iter() {
                new.patch.set(key, value.clone());
            }
        }
        let created = db.create(new, now).await?;
        if let Some(old) = old.filter(|_| created.replaced) {
            let (data, owner) = (old.data.clone(), old.user_id.clone());
            self.replaced.lock().unwrap().insert(old.id, Replaced { data, owner, heir });
        }
        Ok(created)
    }
}
