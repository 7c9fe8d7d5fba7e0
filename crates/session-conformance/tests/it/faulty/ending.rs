//! Faults in ending sessions, in listing and finding them, and in what is left of them.

use std::cmp::Reverse;
use std::sync::Mutex;

use session_conformance::async_trait;
use session_conformance::laws::tokens_at_rest;
use session_core::{
    BackendError, Created, EndedBy, Found, NewSession, PurgeReport, Purged, SessionChange,
    SessionData, SessionId, SessionRef, Timestamp, TokenHash, Updated, UserId,
};

use super::{Db, Fault, round_trip};

/// A loop with a statement for each session, that a dropped call leaves half way.
pub(super) struct EndsOneByOne;

#[async_trait]
impl Fault for EndsOneByOne {
    async fn remove_user(
        &self,
        db: &Db,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        if acting.is_some() {
            return db.remove_user(user, acting, except, how, now).await;
        }
        let mut ended = Vec::new();
        for session in
            db.list(user, now).await?.iter().filter(|session| Some(&session.id) != except)
        {
            if db.remove(&SessionRef::by_id(session.id), None, acting, how, now).await? {
                ended.push(session.id);
            }
            tokio::task::yield_now().await;
        }
        Ok(ended)
    }
}

/// Leaves the owner to the caller.
pub(super) struct AsksNoOwner;

#[async_trait]
impl Fault for AsksNoOwner {
    async fn remove(
        &self,
        db: &Db,
        session: &SessionRef,
        _: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        db.remove(session, None, acting, how, now).await
    }
}

/// Ends the first twenty, as many as a page has.
pub(super) struct EndsOnePage;

#[async_trait]
impl Fault for EndsOnePage {
    async fn remove_user(
        &self,
        db: &Db,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        let sessions = db.list(user, now).await?;
        if sessions.len() <= 20 {
            return db.remove_user(user, acting, except, how, now).await;
        }
        let mut ended = Vec::new();
        for session in sessions.iter().filter(|session| Some(&session.id) != except).take(20) {
            if db.remove(&SessionRef::by_id(session.id), None, acting, how, now).await? {
                ended.push(session.id);
            }
        }
        Ok(ended)
    }
}

/// Asks whether the acting session lives, and not whether its token is good.
pub(super) struct ActsByName;

#[async_trait]
impl Fault for ActsByName {
    async fn remove(
        &self,
        db: &Db,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        let Some(acting) = acting else {
            return db.remove(session, owner, None, how, now).await;
        };
        let acting = db.by_name(acting, now).await;
        db.remove(session, owner, Some(&acting), how, now).await
    }
}

/// The same, for the end of all of a user's sessions.
pub(super) struct ActsOnAllByName;

#[async_trait]
impl Fault for ActsOnAllByName {
    async fn remove_user(
        &self,
        db: &Db,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        match acting {
            Some(session) if !db.is_good(session, now).await => {
                let acting = db.by_name(session, now).await;
                db.remove_user(user, Some(&acting), except, how, now).await
            }
            _ => db.remove_user(user, acting, except, how, now).await,
        }
    }
}

/// Asks whether the acting session has the right, and then ends the others.
pub(super) struct LooksWhoActs;

#[async_trait]
impl Fault for LooksWhoActs {
    async fn remove_user(
        &self,
        db: &Db,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        match acting {
            // Who signs out everywhere has to be known to the tombstones.
            Some(session) if how == EndedBy::Revoked && db.is_good(session, now).await => {
                round_trip().await;
                db.remove_user(user, None, except, how, now).await
            }
            _ => db.remove_user(user, acting, except, how, now).await,
        }
    }
}

/// Ends the others, and then asks whether the re-authentication applies.
pub(super) struct EndsTheOthersFirst;

#[async_trait]
impl Fault for EndsTheOthersFirst {
    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        let mut change = change.clone();
        let mut others = Vec::new();
        if let Some(again) = &mut change.reauthentication
            && std::mem::take(&mut again.end_others)
            && let Some(read) = db.peek(&session.id, now).await
            && let Some(user) = &read.user_id
        {
            let (except, how) = (Some(&session.id), EndedBy::Revoked);
            others = db.remove_user(user, None, except, how, now).await?;
        }
        let mut updated = db.update(session, &change, now).await?;
        if let Updated::Applied(applied) = &mut updated {
            applied.ended = others;
        }
        Ok(updated)
    }
}

/// Evicts without a tombstone.
pub(super) struct BuriesNoVictims;

#[async_trait]
impl Fault for BuriesNoVictims {
    async fn find(
        &self,
        db: &Db,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Found>, BackendError> {
        let found = db.find(token, now).await?;
        Ok(found.filter(|found| !matches!(found, Found::Ended { how: EndedBy::Evicted, .. })))
    }
}

/// `expires_at >= now` in one place, and `>` in the others.
pub(super) struct ListsTheLastMicrosecond;

#[async_trait]
impl Fault for ListsTheLastMicrosecond {
    async fn list(
        &self,
        db: &Db,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<SessionData>, BackendError> {
        db.list(user, Timestamp::from_micros(now.as_micros() - 1)).await
    }
}

/// Among equals the smaller id first.
pub(super) struct ListsOldestFirst;

#[async_trait]
impl Fault for ListsOldestFirst {
    async fn list(
        &self,
        db: &Db,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<SessionData>, BackendError> {
        let mut sessions = db.list(user, now).await?;
        sessions.sort_by_key(|session| (Reverse(session.last_active_at), session.id));
        Ok(sessions)
    }
}

/// Goes by the expiry that each session was made with.
#[derive(Default)]
pub(super) struct PurgesTheRenewed {
    due: Mutex<Vec<(Timestamp, SessionId)>>,
}

#[async_trait]
impl Fault for PurgesTheRenewed {
    async fn create(
        &self,
        db: &Db,
        new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        let due = (new.record.expires_at, new.record.id);
        let created = db.create(new, now).await?;
        self.due.lock().unwrap().push(due);
        Ok(created)
    }

    async fn purge_expired(
        &self,
        db: &Db,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged, BackendError> {
        let due: Vec<_> = self.due.lock().unwrap().extract_if(.., |(at, _)| *at <= now).collect();
        let purged = db.purge_expired(now, limit, report).await?;
        round_trip().await;
        for (_, id) in due {
            db.remove(&SessionRef::by_id(id), None, None, EndedBy::Revoked, now).await?;
        }
        Ok(purged)
    }
}

/// `.ok().flatten()` on a look-up.
pub(super) struct TakesAnOutageForNothing;

#[async_trait]
impl Fault for TakesAnOutageForNothing {
    async fn find(
        &self,
        db: &Db,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Found>, BackendError> {
        Ok(db.find(token, now).await.ok().flatten())
    }
}

/// Keeps the tokens themselves. A backend never sees one; this one knows which the law issues.
#[derive(Default)]
pub(super) struct KeepsTokens {
    seen: Mutex<Vec<TokenHash>>,
}

#[async_trait]
impl Fault for KeepsTokens {
    async fn create(
        &self,
        db: &Db,
        new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        self.seen.lock().unwrap().push(new.token);
        db.create(new, now).await
    }

    fn dump(&self, db: &Db) -> String {
        let seen = self.seen.lock().unwrap();
        let mut dump = db.memory.dangerous_dump();
        for token in tokens_at_rest().iter().filter(|token| seen.contains(&token.hash())) {
            dump.push_str(&token.expose());
        }
        dump
    }
}
