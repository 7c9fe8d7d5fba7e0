//! Who is signed in: operations that the database must answer now.

use std::sync::Arc;

use super::{Cookie, Live, Loaded, Session, Token};
use crate::backend::{
    Carry, Created, EndedBy, NewSession, Reauthentication, Replace, Rotation, SessionChange,
    Updated,
};
use crate::error::{BackendErrorKind, Error, ErrorKind};
use crate::event::EventKind;
use crate::expiry;
use crate::id::{InvalidUserId, SessionId, UserId};
use crate::lifecycle::{Absence, Refusal};
use crate::patch::Patch;
use crate::record::SessionData;
use crate::session::SignIn;
use crate::token::SessionToken;

/// How often a new session is tried under another id and token where the backend says that they are
/// in use. With 256 random bits the first try that is needed is one too many.
const MINTINGS: usize = 3;

impl Session {
    /// Signs `user` in with the defaults of [`SignIn`]: see
    /// [`authenticate_with`](Self::authenticate_with).
    ///
    /// # Errors
    /// As there, and [`InvalidData`](ErrorKind::InvalidData) where it is no user id.
    pub async fn authenticate<U>(&self, user: U) -> Result<(), Error>
    where
        U: TryInto<UserId, Error: Into<InvalidUserId>>,
    {
        let user = user.try_into().map_err(Into::into)?;
        self.authenticate_with(SignIn::new(user)).await
    }

    /// Signs a user in: makes a new session with a new id and a new token, in the place of the one
    /// that was there, which is dead at once (laws `sign_in_rotates`, `create_replaces_atomically`).
    ///
    /// - What an anonymous session, or one of the same user, holds is carried over as
    ///   [`SignIn::carry`] says, with this request's buffered writes; what another user's holds is
    ///   not, and neither are writes buffered for it.
    /// - Where the user has `max_sessions_per_user` already, the least recently active ones end.
    /// - The response's cookie carries the new token, whatever else becomes of the response.
    ///
    /// # Errors
    /// [`TooLarge`](ErrorKind::TooLarge) where what is carried and what is added pass
    /// `max_data_bytes`; [`LateWrite`](ErrorKind::LateWrite) after the response was decided; where
    /// the backend fails, its error: the user may then have been signed in without a cookie that
    /// says so, and signs in again.
    ///
    /// # Cancellation
    /// A dropped call may have made the session. Nobody has its token, and the session before is
    /// then over.
    pub async fn authenticate_with(&self, sign_in: SignIn) -> Result<(), Error> {
        let (before, buffer) = {
            let state = self.state();
            self.not_decided(state.decided)?;
            let before = match &state.loaded {
                Loaded::Without(_) => None,
                Loaded::With(live) => Some(live.clone()),
            };
            (before, state.buffer.clone())
        };
        let user_before = before.as_ref().and_then(|live| live.session.user_id.as_ref());
        let switches_user = user_before.is_some_and(|before| *before != sign_in.user);
        let carry = if switches_user { Carry::Nothing } else { sign_in.carry };
        let mut patch = buffer.clone();
        patch.carry(&carry);
        patch.extend(sign_in.patch);
        self.check_carried(before.as_ref(), &carry, &patch)?;

        let replaces = before.as_ref().map(|live| Replace { session: live.reference(), carry });
        let mut record = self.new_record(Some(sign_in.user), sign_in.idle_ttl_secs)?;
        record.cookie_persistent = sign_in.cookie_persistent;
        let created = self.create(record, patch, replaces).await?;

        let id = created.session.id;
        let user = created.session.user_id.clone();
        let late = self.issued(created.session, created.token, &buffer);
        self.emit(EventKind::Created, id, user.as_ref());
        self.emit(EventKind::Authenticated, id, user.as_ref());
        for evicted in created.evicted {
            self.emit(EventKind::Evicted, evicted, user.as_ref());
        }
        if let Some(before) = before.filter(|_| switches_user && !buffer.is_empty()) {
            let (id, user) = (before.session.id, before.session.user_id.as_ref());
            self.emit(EventKind::DataDroppedOnUserSwitch, id, user);
        }
        self.not_decided(late)
    }

    /// The user proved again who he is: the session keeps its id and data, gets a new token (the one
    /// before is dead at once, in its grace period too), and its lifetime starts anew.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) where nobody is signed in;
    /// [`SessionEnded`](ErrorKind::SessionEnded) where the session ended meanwhile, or another
    /// re-authentication took the token first; [`LateWrite`](ErrorKind::LateWrite); the backend's.
    ///
    /// # Cancellation
    /// A dropped call may have changed the token; the user then signs in again.
    pub async fn reauthenticate(&self) -> Result<(), Error> {
        let (live, user) = self.signed_in()?;
        self.not_decided(self.state().decided)?;
        let store = &self.inner.store;
        let now = store.now();
        let life = expiry::from_now(store.settings(), true, live.session.idle_ttl_secs, now);
        let again = Reauthentication {
            expires_at: life.expires_at,
            absolute_expires_at: life.absolute_expires_at,
            ip_address: self.meta().ip_address(),
        };
        let token = SessionToken::generate()?;
        let hash = token.hash();
        let change = SessionChange {
            rotation: Some(Rotation::Immediate { token: hash }),
            reauthentication: Some(again.clone()),
            ..SessionChange::default()
        };
        match store.call(store.backend().update(&live.reference(), &change, now)).await? {
            Updated::Applied(_) => {}
            Updated::Missing | Updated::Superseded | Updated::Conflict => {
                return Err(self.ended_meanwhile(&live));
            }
        }
        let mut session = SessionData::clone(&live.session);
        session.authenticated_at = Some(now);
        session.last_active_at = session.last_active_at.max(now);
        session.last_ip_address = again.ip_address;
        session.expires_at = again.expires_at;
        session.absolute_expires_at = again.absolute_expires_at;
        let late = self.rotated(&live, session.into(), token);
        self.emit(EventKind::Reauthenticated, live.session.id, Some(&user));
        self.not_decided(late)
    }

    /// Gives the session a new token and keeps everything else: after a change of privileges, or now
    /// and then. The token before works for `rotation_grace_secs` more, for requests under way.
    ///
    /// `true` where this call did it; `false` where the request's token had been rotated away
    /// already, so that a new one is on its way to the browser (law `rotation_has_one_winner`).
    ///
    /// # Errors
    /// [`NoSession`](ErrorKind::NoSession); [`SessionEnded`](ErrorKind::SessionEnded) where it ended
    /// meanwhile; [`LateWrite`](ErrorKind::LateWrite); the backend's.
    ///
    /// # Cancellation
    /// A dropped call may have changed the token; the one before is then in its grace period.
    pub async fn rotate(&self) -> Result<bool, Error> {
        let live = self.live()?.ok_or(Error::from_kind(ErrorKind::NoSession))?;
        self.not_decided(self.state().decided)?;
        if !live.current {
            return Ok(false);
        }
        let store = &self.inner.store;
        let now = store.now();
        let token = SessionToken::generate()?;
        let grace_until = now.plus(store.settings().rotation_grace());
        let rotation = Rotation::Graceful { token: token.hash(), grace_until };
        let change = SessionChange { rotation: Some(rotation), ..SessionChange::default() };
        match store.call(store.backend().update(&live.reference(), &change, now)).await? {
            Updated::Applied(_) => {}
            Updated::Superseded => {
                self.superseded(&live);
                return Ok(false);
            }
            Updated::Missing | Updated::Conflict => return Err(self.ended_meanwhile(&live)),
        }
        let late = self.rotated(&live, live.session.clone(), token);
        self.emit(EventKind::Rotated, live.session.id, live.session.user_id.as_ref());
        self.not_decided(late)?;
        Ok(true)
    }

    /// Ends this session, signed in or anonymous, and clears the cookie; `true` where there was one
    /// and this call ended it. Buffered writes are dropped with it; what is written afterwards goes
    /// into a fresh anonymous session.
    ///
    /// # Errors
    /// The backend's, also where it failed when the session was loaded. The session may have ended
    /// all the same; the cookie is left alone.
    ///
    /// # Cancellation
    /// A dropped call may have ended the session.
    pub async fn logout(&self) -> Result<bool, Error> {
        let Some(live) = self.live()? else {
            let mut state = self.state();
            // Not known to be signed out, so not to be told so.
            if let Loaded::Without(Absence::Refused(Refusal::BackendFailed)) = state.loaded {
                return Err(Error::from_kind(ErrorKind::Unavailable));
            }
            state.forget_buffer();
            return Ok(false);
        };
        let ended = self.end(&live, None, EndedBy::SignedOut).await?;
        self.gone(&live, ended);
        if ended {
            self.emit(EventKind::SignedOut, live.session.id, live.session.user_id.as_ref());
        }
        Ok(ended)
    }

    /// Ends every session of the user, this one included, and clears the cookie; returns their ids.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated); the backend's: all may then have ended, or
    /// none.
    ///
    /// # Cancellation
    /// A dropped call may have ended all of them, or none.
    pub async fn logout_all(&self) -> Result<Vec<SessionId>, Error> {
        let (live, user) = self.signed_in()?;
        let ended = self.end_all(&user, None, EndedBy::SignedOut).await?;
        self.gone(&live, ended.contains(&live.session.id));
        for id in &ended {
            self.emit(EventKind::SignedOut, *id, Some(&user));
        }
        Ok(ended)
    }

    /// Ends every other session of the user; returns their ids.
    ///
    /// # Errors
    /// As [`logout_all`](Self::logout_all).
    ///
    /// # Cancellation
    /// A dropped call may have ended all of them, or none.
    pub async fn logout_others(&self) -> Result<Vec<SessionId>, Error> {
        let (live, user) = self.signed_in()?;
        let ended = self.end_all(&user, Some(&live.session.id), EndedBy::Revoked).await?;
        for id in &ended {
            self.emit(EventKind::Revoked, *id, Some(&user));
        }
        Ok(ended)
    }

    /// Ends one of the user's sessions; `true` where it was live and the user's own. Where it is this
    /// one, that is a sign-out.
    ///
    /// # Errors
    /// As [`logout_all`](Self::logout_all).
    ///
    /// # Cancellation
    /// A dropped call may have ended the session.
    pub async fn revoke(&self, id: SessionId) -> Result<bool, Error> {
        let (live, user) = self.signed_in()?;
        if id == live.session.id {
            return self.logout().await;
        }
        let mut target = crate::SessionRef::by_id(id);
        target.user = Some(user.clone());
        let store = &self.inner.store;
        let removal = store.backend().remove(&target, Some(&user), EndedBy::Revoked, store.now());
        let ended = store.call(removal).await?;
        if ended {
            self.emit(EventKind::Revoked, id, Some(&user));
        }
        Ok(ended)
    }

    /// The user's live sessions, this one among them, most recently active first.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated); the backend's.
    pub async fn list(&self) -> Result<Vec<SessionData>, Error> {
        let (_, user) = self.signed_in()?;
        self.inner.store.list(&user).await
    }

    /// A record for this request's client, made now.
    pub(super) fn new_record(
        &self,
        user: Option<UserId>,
        idle_ttl_secs: Option<u64>,
    ) -> Result<SessionData, Error> {
        let store = &self.inner.store;
        let now = store.now();
        let meta = self.meta();
        let life = expiry::from_now(store.settings(), user.is_some(), idle_ttl_secs, now);
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
            idle_ttl_secs,
            cookie_persistent: None,
            created_at: now,
            last_active_at: now,
            expires_at: life.expires_at,
            absolute_expires_at: life.absolute_expires_at,
        })
    }

    /// Makes a session under a fresh token.
    pub(super) async fn create(
        &self,
        record: SessionData,
        patch: Patch,
        replaces: Option<Replace>,
    ) -> Result<Issued, Error> {
        let store = &self.inner.store;
        let now = record.created_at;
        let mut token = SessionToken::generate()?;
        let mut new = NewSession::new(record, token.hash());
        new.cap = new.record.user_id.as_ref().map(|_| store.settings().cap);
        new.max_bytes = store.settings().ceiling(new.record.is_authenticated());
        new.patch = patch;
        new.replaces = replaces;
        let mut tries = 1;
        loop {
            match store.call_raw(store.backend().create(new.clone(), now)).await {
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

    /// Puts a session that this request made in the place of what it had; says whether the response
    /// was decided meanwhile.
    pub(super) fn issued(&self, session: SessionData, token: SessionToken, saved: &Patch) -> bool {
        let hash = token.hash();
        let session = Arc::new(session);
        let mut state = self.state();
        state.saved(saved);
        state.replace(Live {
            session,
            saved: Patch::new(),
            token: Token::Issued(token),
            hash,
            current: true,
            newer_agent: false,
        });
        state.cookie = Cookie::Issue;
        state.slid = false;
        state.decided
    }

    /// Puts a new token in; says whether the response was decided meanwhile.
    fn rotated(&self, live: &Live, session: Arc<SessionData>, token: SessionToken) -> bool {
        let hash = token.hash();
        let mut state = self.state();
        if state.holds(live) {
            let newer_agent = live.newer_agent;
            state.replace(Live {
                session,
                saved: Patch::new(),
                token: Token::Issued(token),
                hash,
                current: true,
                newer_agent,
            });
            state.cookie = Cookie::Issue;
        }
        state.decided
    }

    fn superseded(&self, live: &Live) {
        let mut state = self.state();
        if state.holds(live) {
            state.replace(Live { current: false, ..live.clone() });
        }
    }

    async fn end(&self, live: &Live, owner: Option<&UserId>, how: EndedBy) -> Result<bool, Error> {
        let store = &self.inner.store;
        store.call(store.backend().remove(&live.reference(), owner, how, store.now())).await
    }

    async fn end_all(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
        how: EndedBy,
    ) -> Result<Vec<SessionId>, Error> {
        let store = &self.inner.store;
        store.call(store.backend().remove_user(user, except, how, store.now())).await
    }

    /// The session is gone: by this request, which then clears the cookie, or by another, which may
    /// have set a new one that must not be cleared (law `late_response_never_clobbers`).
    fn gone(&self, live: &Live, by_this_request: bool) {
        let mut state = self.state();
        if !state.holds(live) {
            return;
        }
        state.forget_buffer();
        state.slid = false;
        if by_this_request {
            state.loaded = Loaded::Without(Absence::SignedOut);
            state.cookie = Cookie::Remove;
        } else {
            state.loaded = Loaded::Without(Absence::Refused(Refusal::Ended));
        }
    }

    fn check_carried(
        &self,
        before: Option<&Live>,
        carry: &Carry,
        patch: &Patch,
    ) -> Result<(), Error> {
        let mut data = before.map(|live| live.session.data.clone()).unwrap_or_default();
        carry.apply(&mut data);
        if patch.is_empty() && before.is_some_and(|live| live.session.data == data) {
            // Nothing is added to what was stored before.
            return Ok(());
        }
        patch.apply(&mut data);
        if data.json_len() > self.inner.store.settings().max_data(true) {
            return Err(Error::from_kind(ErrorKind::TooLarge));
        }
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "reads as a question to the session")]
    fn not_decided(&self, decided: bool) -> Result<(), Error> {
        if decided { Err(Error::from_kind(ErrorKind::LateWrite)) } else { Ok(()) }
    }
}

/// A session that was made, with the secret that stands for it.
pub(super) struct Issued {
    pub(super) session: SessionData,
    pub(super) token: SessionToken,
    evicted: Vec<SessionId>,
}
