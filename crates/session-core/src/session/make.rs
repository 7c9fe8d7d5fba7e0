//! Making a session, anonymous or signed in.

use std::sync::Arc;

use super::buffer::Buffer;
use super::turn::Turn;
use super::unanswered::Unanswered;
use super::{Cookie, Live, Loaded, Minted, Session};
use crate::backend::{Created, EndedBy, NewSession, Replace, SessionRef};
use crate::error::{BackendErrorKind, Error, ErrorKind};
use crate::event::EventKind;
use crate::expiry;
use crate::id::{SessionId, UserId};
use crate::lifecycle::{Absence, Refusal};
use crate::lifetime::Lifetime;
use crate::patch::Patch;
use crate::record::SessionData;
use crate::token::{SessionToken, TokenHash};

/// How often a new session is tried under another id and token if the backend says that they are in
/// use. With 256 random bits the first try that is needed is one too many.
const MINTINGS: usize = 3;

/// A session that was made, with the secret that stands for it.
pub(super) struct Issued {
    pub(super) session: Arc<SessionData>,
    pub(super) minted: Minted,
    pub(super) evicted: Vec<SessionId>,
}

/// What a new session takes the place of.
#[derive(Default)]
pub(super) struct TakesOver {
    pub(super) replaces: Option<Replace>,
    /// The tokens that came with the request.
    pub(super) presented: Vec<TokenHash>,
}

impl Session {
    /// A record for this request's client, made now, and a token for it.
    pub(super) fn new_record(
        &self,
        user: Option<UserId>,
        lifetime: Lifetime,
    ) -> Result<(SessionData, Minted), Error> {
        let store = &self.inner.store;
        let now = store.now();
        let meta = self.meta();
        let life = expiry::from_now(store.settings(), user.is_some(), lifetime, now);
        let (token, id) = SessionToken::generate_with_id(now)?;
        let record = SessionData {
            id,
            authenticated_at: user.as_ref().map(|_| now),
            user_id: user,
            impersonator: None,
            ip_address: meta.ip_address(),
            last_ip_address: meta.ip_address(),
            user_agent: meta.user_agent().map(Into::into),
            device_name: meta.device_name().to_owned(),
            device_type: meta.device_type(),
            fingerprint: Some(meta.fingerprint()),
            data: crate::Data::new(),
            version: 1,
            idle_ttl_secs: lifetime.idle_ttl_secs,
            cookie_persistent: lifetime.cookie_persistent,
            created_at: now,
            last_active_at: now,
            expires_at: life.expires_at,
            absolute_expires_at: life.absolute_expires_at,
            not_after: lifetime.not_after,
        };
        Ok((record, Minted::from(token)))
    }

    /// Makes a session of a new record. `buffered` is what of the patch came out of the buffer.
    pub(super) async fn create(
        &self,
        (mut record, mut minted): (SessionData, Minted),
        patch: Patch,
        buffered: &Buffer,
        takes_over: TakesOver,
    ) -> Result<Issued, Error> {
        let store = &self.inner.store;
        let (user, lifetime) = (record.user_id.clone(), record.lifetime());
        let impersonator = record.impersonator.clone();
        let takes_a_place = impersonator.is_none();
        let as_bearer = minted.as_bearer;
        let TakesOver { replaces, presented } = takes_over;
        let mut tries = 1;
        loop {
            let (now, signs_in) = (record.created_at, record.is_authenticated());
            let new = NewSession {
                cap: user.as_ref().filter(|_| takes_a_place).map(|_| store.settings().cap),
                max_bytes: store.settings().ceiling(signs_in),
                patch: patch.clone(),
                replaces: replaces.clone(),
                presented: presented.clone(),
                ..NewSession::new(record, minted.hash)
            };
            let token = minted.token.clone();
            let note = Unanswered::New { token, buffered: buffered.clone(), signs_in, as_bearer };
            match self.ask(note, store.backend().create(new, now)).await {
                Ok(Created { session, evicted, replaced }) => {
                    // No event names it.
                    if let Some(replaces) = replaces.filter(|_| replaced) {
                        store.wake_streams(&replaces.session.id);
                    }
                    return Ok(Issued { session, minted, evicted });
                }
                Err(error) if error.kind() == BackendErrorKind::Conflict && tries < MINTINGS => {
                    tries += 1;
                    (record, minted) = self.new_record(user.clone(), lifetime)?;
                    record.impersonator.clone_from(&impersonator);
                    minted.as_bearer = as_bearer;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Puts a session that this request made in the place of what it had. If the response was decided
    /// meanwhile (without waiting for this any longer), nobody can be told of its token: it ends.
    pub(super) async fn made(
        &self,
        turn: &mut Turn<'_>,
        session: Arc<SessionData>,
        minted: Minted,
        buffered: &Buffer,
        signs_in: bool,
    ) -> Result<(), Error> {
        turn.tell(EventKind::Created, session.id, session.user_id.as_ref());
        if signs_in {
            turn.tell(EventKind::Authenticated, session.id, session.user_id.as_ref());
        }
        {
            let mut state = self.state();
            if !state.decided || turn.is_the_response() {
                state.stored_of(buffered);
                state.replace(Live::issued(session, minted));
                (state.cookie, state.is_told) = (Cookie::Issue, false);
                state.slid = false;
                return Ok(());
            }
        }
        let target =
            SessionRef { id: session.id, token: Some(minted.hash), user: session.user_id.clone() };
        let store = &self.inner.store;
        store
            .call(store.backend().remove(&target, None, None, EndedBy::Revoked, store.now()))
            .await?;
        turn.tell(EventKind::Revoked, session.id, session.user_id.as_ref());
        {
            let mut state = self.unsettled();
            state.unanswered = None;
            if matches!(state.loaded, Loaded::With(_)) {
                // The one that it took the place of.
                state.leave(Absence::Refused(Refusal::Ended));
            }
        }
        Err(Error::from_kind(ErrorKind::LateWrite))
    }
}
