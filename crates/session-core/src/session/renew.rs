//! A new token for the session that is there.

use std::sync::Arc;

use super::unanswered::Unanswered;
use super::{Cookie, Live, Session};
use crate::backend::{Reauthentication, Rotation, SessionChange, Updated};
use crate::error::Error;
use crate::event::EventKind;
use crate::expiry;
use crate::record::SessionData;
use crate::token::SessionToken;

impl Session {
    /// The user proved again who they are: the session keeps its id and data, gets a new token (the
    /// one before is dead at once, in its grace period too), and its lifetime starts anew.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if nobody is signed in;
    /// [`SessionEnded`](crate::ErrorKind::SessionEnded) if the session ended meanwhile, or another request's
    /// re-authentication took the token first; [`LateWrite`](crate::ErrorKind::LateWrite) after the response
    /// was decided; the backend's.
    ///
    /// # Cancellation
    /// A dropped call may have changed the token. Whatever has the next turn looks, the response too,
    /// and then the cookie carries it; if nothing does, the user signs in again.
    pub async fn reauthenticate(&self) -> Result<(), Error> {
        let mut turn = self.turn().await?;
        let (live, user) = self.signed_in()?;
        self.not_decided()?;
        let store = &self.inner.store;
        let now = store.now();
        let life = expiry::from_now(store.settings(), true, live.session.idle_ttl_secs, now);
        let again = Reauthentication {
            expires_at: life.expires_at,
            absolute_expires_at: life.absolute_expires_at,
            ip_address: self.meta().ip_address(),
        };
        let token = SessionToken::generate()?;
        let change = SessionChange {
            rotation: Some(Rotation::Immediate { token: token.hash() }),
            reauthentication: Some(again.clone()),
            ..SessionChange::default()
        };
        let note = Unanswered::Token { token: token.clone(), kind: EventKind::Reauthenticated };
        let target = live.reference();
        match self.ask(note, store.backend().update(&target, &change, now)).await? {
            Updated::Applied(_) => {}
            Updated::Missing | Updated::Superseded | Updated::Conflict => {
                return Err(self.ended_meanwhile());
            }
        }
        let mut session = SessionData::clone(&live.session);
        session.authenticated_at = Some(now);
        session.last_active_at = session.last_active_at.max(now);
        session.last_ip_address = again.ip_address;
        session.expires_at = again.expires_at;
        session.absolute_expires_at = again.absolute_expires_at;
        self.rotated(&live, session.into(), token);
        turn.tell(EventKind::Reauthenticated, live.session.id, Some(&user));
        self.not_decided()
    }

    /// Gives the session a new token and keeps everything else: after a change of privileges, or now
    /// and then. The token before works for `rotation_grace_secs` more, for requests under way.
    ///
    /// `true` if this call did it; `false` if the request's token had been rotated away already, so
    /// that a new one is on its way to the browser (law `rotation_has_one_winner`).
    ///
    /// # Errors
    /// [`NoSession`](crate::ErrorKind::NoSession); [`Unavailable`](crate::ErrorKind::Unavailable) also if an outage
    /// was told to go on as a visitor, because nobody knows then whether there is a session;
    /// [`SessionEnded`](crate::ErrorKind::SessionEnded) if it ended meanwhile;
    /// [`LateWrite`](crate::ErrorKind::LateWrite) after the response was decided; the backend's.
    ///
    /// # Cancellation
    /// A dropped call may have changed the token; the one before is then in its grace period. Whatever
    /// has the next turn looks, the response too, and then the cookie carries the new one.
    pub async fn rotate(&self) -> Result<bool, Error> {
        let mut turn = self.turn().await?;
        let live = self.live()?;
        self.not_decided()?;
        if !live.current {
            return Ok(false);
        }
        let store = &self.inner.store;
        let now = store.now();
        let token = SessionToken::generate()?;
        let grace_until = now.plus(store.settings().rotation_grace());
        let rotation = Rotation::Graceful { token: token.hash(), grace_until };
        let change = SessionChange::rotation(rotation);
        let note = Unanswered::Token { token: token.clone(), kind: EventKind::Rotated };
        let target = live.reference();
        match self.ask(note, store.backend().update(&target, &change, now)).await? {
            Updated::Applied(_) => {}
            Updated::Superseded => {
                self.unsettled().replace(Live { current: false, ..live });
                return Ok(false);
            }
            Updated::Missing | Updated::Conflict => return Err(self.ended_meanwhile()),
        }
        self.rotated(&live, live.session.clone(), token);
        turn.tell(EventKind::Rotated, live.session.id, live.session.user_id.as_ref());
        self.not_decided()?;
        Ok(true)
    }

    /// Puts a new token in.
    pub(super) fn rotated(&self, live: &Live, session: Arc<SessionData>, token: SessionToken) {
        let Live { newer_agent, is_exact, .. } = *live;
        let mut state = self.unsettled();
        state.replace(Live { newer_agent, is_exact, ..Live::issued(session, token) });
        state.cookie = Cookie::Issue;
    }
}
