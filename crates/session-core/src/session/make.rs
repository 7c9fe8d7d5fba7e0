//! Making a session, anonymous or signed in.

use std::sync::Arc;

use super::buffer::Buffer;
use super::turn::Turn;
use super::unanswered::Unanswered;
use super::{Cookie, Live, Loaded, Session};
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
    pub(super) session: SessionData,
    pub(super) token: SessionToken,
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
    /// A record for this request's client, made now.
    pub(super) fn new_record(
        &self,
        user: Option<UserId>,
        lifetime: Lifetime,
    ) -> Result<SessionData, Error> {
        let store = &self.inner.store;
        let now = store.now();
        let meta = self.meta();
        let life = expiry::from_now(store.settings(), user.is_some(), lifetime, now);
        Ok(SessionData {
            id: SessionId::generate(now)?,
            authenticated_at: user.as_ref().map(|_| now),
            user_id: user,
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
        })
    }

    /// Makes a session under a fresh token. `buffered` is what of the patch came out of the buffer.
    pub(super) async fn create(
        &self,
        record: SessionData,
        patch: Patch,
        buffered: &Buffer,
        takes_over: TakesOver,
    ) -> Result<Issued, Error> {
        let store = &self.inner.store;
        let now = record.created_at;
        let signs_in = record.is_authenticated();
        let mut token = SessionToken::generate()?;
        let mut new = NewSession::new(record, token.hash());
        new.cap = new.record.user_id.as_ref().map(|_| store.settings().cap);
        new.max_bytes = store.settings().ceiling(signs_in);
        new.patch = patch;
        new.replaces = takes_over.replaces;
        new.presented = takes_over.presented;
        let mut tries = 1;
        loop {
            let note =
                Unanswered::New { token: token.clone(), buffered: buffered.clone(), signs_in };
            match self.ask(note, store.backend().create(new.clone(), now)).await {
                Ok(Created { session, evicted, .. }) => {
                    return Ok(Issued { session, token, evicted });
                }
                Err(error) if error.kind() == BackendErrorKind::Conflict && tries < MINTINGS => {
                    tries += 1;
                    new.record.id = SessionId::generate(now)?;
                    token = SessionToken::generate()?;
                    new.token = token.hash();
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
        session: SessionData,
        token: SessionToken,
        buffered: &Buffer,
        signs_in: bool,
    ) -> Result<(), Error> {
        let session = Arc::new(session);
        turn.tell(EventKind::Created, session.id, session.user_id.as_ref());
        if signs_in {
            turn.tell(EventKind::Authenticated, session.id, session.user_id.as_ref());
        }
        {
            let mut state = self.state();
            if !state.decided || turn.is_the_response() {
                state.saved(buffered);
                state.replace(Live::issued(session, token));
                (state.cookie, state.is_told) = (Cookie::Issue, false);
                state.slid = false;
                return Ok(());
            }
        }
        let target =
            SessionRef { id: session.id, token: Some(token.hash()), user: session.user_id.clone() };
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
