//! Faults in what is known of tokens that ended.

use std::collections::HashSet;
use std::sync::Mutex;

use session_conformance::async_trait;
use session_core::{
    BackendError, Created, EndedBy, Found, NewSession, SessionChange, SessionId, SessionRef,
    Timestamp, TokenHash, Updated, UserId,
};

use super::{Db, Fault};

/// Buries the current token, and leaves those before it as they are.
#[derive(Default)]
pub(super) struct EndsOneToken {
    former: Mutex<HashSet<TokenHash>>,
}

#[async_trait]
impl Fault for EndsOneToken {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let before = db.token(&session.id);
        let updated = db.update(session, change, now).await?;
        if matches!(updated, Updated::Applied(_)) && change.rotation.is_some() {
            self.former.lock().unwrap().extend(before);
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
        if let Some(Found::Ended { how, .. }) = &mut found
            && self.former.lock().unwrap().contains(token)
        {
            *how = EndedBy::Rotated;
        }
        Ok(found)
    }
}

/// A session that was signed out says so to every token of it, and to every session beside it.
#[derive(Default)]
pub(super) struct SaysSignedOutOfAll {
    signed_out: Mutex<HashSet<SessionId>>,
}

#[async_trait]
impl Fault for SaysSignedOutOfAll {
    async fn remove(
        &self,
        db: &Db,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        let removed = db.remove(session, owner, acting, how, now).await?;
        if removed && how == EndedBy::SignedOut {
            self.signed_out.lock().unwrap().insert(session.id);
        }
        Ok(removed)
    }

    async fn remove_user(
        &self,
        db: &Db,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        let removed = db.remove_user(user, acting, except, how, now).await?;
        if how == EndedBy::SignedOut {
            self.signed_out.lock().unwrap().extend(&removed);
        }
        Ok(removed)
    }

    async fn find(
        &self,
        db: &Db,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Found>, BackendError> {
        let mut found = db.find(token, now).await?;
        if let Some(Found::Ended { id, how, .. }) = &mut found
            && self.signed_out.lock().unwrap().contains(id)
        {
            *how = EndedBy::SignedOut;
        }
        Ok(found)
    }
}

/// Names no session as the successor of a token that was over already.
pub(super) struct SeesNoSignIn;

#[async_trait]
impl Fault for SeesNoSignIn {
    async fn create(
        &self,
        db: &Db,
        mut new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        new.presented.clear();
        db.create(new, now).await
    }
}

/// Takes every touch for one by a browser that has the token.
pub(super) struct SeesEveryTouch;

#[async_trait]
impl Fault for SeesEveryTouch {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let mut change = change.clone();
        if let Some(touch) = &change.touch
            && let Some(read) = db.peek(&session.id, now).await
            && touch.is_due(&read)
        {
            change.presented = true;
        }
        db.update(session, &change, now).await
    }
}
