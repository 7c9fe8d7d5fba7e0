//! A new token for the session that is there.

use std::sync::Arc;

use super::save::take_in_life;
use super::turn::Turn;
use super::unanswered::Unanswered;
use super::{Cookie, Live, Loaded, Minted, Session};
use crate::backend::{Reauthentication, Rotation, SessionChange, Updated};
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::expiry;
use crate::id::SessionId;
use crate::lifecycle::Plan;
use crate::record::SessionData;

impl Session {
    /// The user proved again who they are: the session keeps its id and data, gets a new token (the
    /// one before is dead at once, in its grace period too), and its lifetime starts anew.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) if nobody is signed in;
    /// [`Impersonation`](ErrorKind::Impersonation) if somebody acts in the user's place;
    /// [`SessionEnded`](ErrorKind::SessionEnded) if the session ended meanwhile, or another request's
    /// re-authentication took the token first; [`LateWrite`](ErrorKind::LateWrite) after the response
    /// was decided; the backend's.
    ///
    /// # Cancellation
    /// A dropped call may have changed the token. Whatever has the next turn looks, the response too,
    /// and then the cookie carries it; if nothing does, the user signs in again.
    pub async fn reauthenticate(&self) -> Result<(), Error> {
        self.prove_again(false).await.map(drop)
    }

    /// [`reauthenticate`](Self::reauthenticate), and ends every other session of the user in the same
    /// step; returns their ids. For a change of password.
    ///
    /// Store the new password before this call: whoever knows the old one could sign in between. If this
    /// call then fails, the other devices are still signed in, so answer with the error, and call it again
    /// when the user tries again.
    ///
    /// # Errors
    /// As [`reauthenticate`](Self::reauthenticate): if it is one, nothing has happened, unless it is the
    /// backend's.
    ///
    /// # Cancellation
    /// As [`reauthenticate`](Self::reauthenticate): either both have happened or neither.
    pub async fn reauthenticate_and_end_others(&self) -> Result<Vec<SessionId>, Error> {
        self.prove_again(true).await
    }

    async fn prove_again(&self, end_others: bool) -> Result<Vec<SessionId>, Error> {
        let mut turn = self.turn().await?;
        let (mut live, user) = self.signed_in()?;
        self.not_impersonating()?;
        self.not_decided()?;
        let store = &self.inner.store;
        let now = store.now();
        let life = expiry::from_now(store.settings(), true, live.session.lifetime(), now);
        let again = Reauthentication {
            expires_at: life.expires_at,
            absolute_expires_at: life.absolute_expires_at,
            ip_address: self.meta().ip_address(),
            end_others,
        };
        let minted = Minted::new()?;
        let change = SessionChange {
            rotation: Some(Rotation::Immediate { token: minted.hash }),
            reauthentication: Some(again),
            presented: live.is_presented(),
            ..SessionChange::default()
        };
        let note =
            Unanswered::Token { token: minted.token.clone(), kind: EventKind::Reauthenticated };
        let target = live.reference();
        let applied = match self.ask(note, store.backend().update(&target, &change, now)).await? {
            Updated::Applied(applied) => applied,
            Updated::Missing | Updated::Superseded | Updated::Conflict => {
                return Err(self.ended_meanwhile());
            }
        };
        let mut session = live.shown();
        change.apply(Arc::make_mut(&mut session), false, now);
        take_in_life(&mut session, store.settings(), &applied, now);
        self.rotated(&live, session, minted);
        turn.tell(EventKind::Reauthenticated, live.session.id, Some(&user));
        for other in &applied.ended {
            turn.tell(EventKind::Revoked, *other, Some(&user));
        }
        self.not_decided()?;
        Ok(applied.ended)
    }

    /// Gives the session a new token and keeps everything else: after a change of privileges, or now
    /// and then. The token before works for `rotation_grace_secs` more, for requests under way.
    ///
    /// `true` if this call gave out a new token. `false` if the request's token had been rotated away
    /// already, so that a new one is on its way to the browser (law `rotation_has_one_winner`), and if
    /// there is nothing to rotate, which [`id`](Self::id) tells apart. A visitor's first data is saved,
    /// which makes their session and its token.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) also if an outage was told to go on as a visitor,
    /// because nobody knows then whether there is a session; [`SessionEnded`](ErrorKind::SessionEnded)
    /// if it ended meanwhile; [`LateWrite`](ErrorKind::LateWrite) after the response was decided;
    /// the backend's.
    ///
    /// # Cancellation
    /// A dropped call may have changed the token; the one before is then in its grace period. Whatever
    /// has the next turn looks, the response too, and then the cookie carries the new one.
    pub async fn rotate(&self) -> Result<bool, Error> {
        let mut turn = self.turn().await?;
        let mut live = match self.live() {
            Ok(live) => live,
            Err(error) if error.kind() == ErrorKind::NoSession => {
                // Boxed: most requests rotate a session that is there.
                return Box::pin(self.save_the_first(&mut turn)).await;
            }
            Err(error) => return Err(error),
        };
        self.not_decided()?;
        if !live.current {
            return Ok(false);
        }
        if live.session.impersonator.is_some() {
            Box::pin(self.check_acts(&live)).await?;
        }
        let store = &self.inner.store;
        let now = store.now();
        let minted = Minted::new()?;
        let grace_until = now.plus(store.settings().rotation_grace());
        let rotation = Rotation::Graceful { token: minted.hash, grace_until };
        let presented = live.is_presented();
        let change = SessionChange { presented, ..SessionChange::rotation(rotation) };
        let note = Unanswered::Token { token: minted.token.clone(), kind: EventKind::Rotated };
        let target = live.reference();
        let applied = match self.ask(note, store.backend().update(&target, &change, now)).await? {
            Updated::Applied(applied) => applied,
            Updated::Superseded => {
                self.unsettled().replace(Live { current: false, ..live });
                return Ok(false);
            }
            Updated::Missing | Updated::Conflict => return Err(self.ended_meanwhile()),
        };
        let mut session = live.shown();
        take_in_life(&mut session, store.settings(), &applied, now);
        self.rotated(&live, session, minted);
        turn.tell(EventKind::Rotated, live.session.id, live.session.user_id.as_ref());
        self.not_decided()?;
        Ok(true)
    }

    /// Whether there was something to save, and so a session was made.
    async fn save_the_first(&self, turn: &mut Turn<'_>) -> Result<bool, Error> {
        let (loaded, buffer, _) = self.snapshot();
        let Loaded::Without(absence) = loaded else { return Ok(false) };
        if self.sealing(absence).is_some() {
            // A visitor without a row has no token that could rotate.
            return Ok(false);
        }
        let plan = match self.plan_without(absence, &buffer) {
            plan @ (Plan::Create | Plan::Refuse(_)) if !buffer.is_empty() => plan,
            _ => return Ok(false),
        };
        self.not_decided()?;
        self.carry_out_without(turn, &plan, &buffer).await?;
        Ok(true)
    }

    /// Puts a new token in.
    pub(super) fn rotated(&self, live: &Live, session: Arc<SessionData>, minted: Minted) {
        let Live { newer_agent, is_exact, as_bearer, .. } = *live;
        let mut state = self.unsettled();
        state.replace(Live { newer_agent, is_exact, as_bearer, ..Live::issued(session, minted) });
        (state.cookie, state.is_told) = (Cookie::Issue, false);
    }
}
