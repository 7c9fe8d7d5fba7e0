//! Signing in.

use super::make::TakesOver;
use super::{Live, Loaded, Session};
use crate::backend::{Carry, EndedBy, Replace};
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::id::{InvalidUserId, SessionId, UserId};
use crate::lifecycle::{Absence, Refusal};
use crate::patch::Patch;
use crate::session::SignIn;

impl Session {
    /// Signs `user` in with the defaults of [`SignIn`]: see
    /// [`authenticate_with`](Self::authenticate_with).
    ///
    /// # Errors
    /// As there.
    pub async fn authenticate<U>(&self, user: U) -> Result<(), Error>
    where
        U: TryInto<UserId, Error: Into<InvalidUserId>>,
    {
        self.authenticate_with(SignIn::new(user)).await
    }

    /// Signs a user in: makes a new session with a new id and a new token, in the place of the one
    /// that was there, which is dead at once (laws `sign_in_rotates`, `create_replaces_atomically`).
    ///
    /// - What an anonymous session, or one of the same user, holds is carried over as
    ///   [`SignIn::carry`] says, with this request's buffered writes; what another user's holds is
    ///   not, and neither are writes buffered for it.
    /// - A form that was sent twice loses nothing: the second sign-in carries, for 10 s, what the session
    ///   held that the first one took the place of.
    /// - If the user has `max_sessions_per_user` already, the least recently active ones end.
    /// - If the request presented several live sessions, all of them end, and nothing is carried. So they
    ///   do if another user signs in, or the next request would be ambiguous.
    /// - It works whatever token came, and from another site too: it belongs behind a cross-site check.
    /// - The response's cookie carries the new token, whatever else becomes of the response. To a program it
    ///   is handed by [`take_bearer_token`](Self::take_bearer_token).
    /// - If an outage kept the session from being loaded, it is looked up once more, so that its token
    ///   ends like any other. If it still cannot be read, the user is signed in all the same, and the
    ///   session before goes on until it expires.
    ///
    /// # Errors
    /// [`InvalidData`](ErrorKind::InvalidData) if it is no user id, or a lifetime that cannot be;
    /// [`Misconfigured`](ErrorKind::Misconfigured) if it is for a [bearer](SignIn::bearer) and the layer
    /// accepts none;
    /// [`SessionEnded`](ErrorKind::SessionEnded) if the same user's session that this request had loaded
    /// was signed out, revoked or evicted meanwhile: a slow request does not renew itself, the next one
    /// may sign in;
    /// [`TooLarge`](ErrorKind::TooLarge) if what is carried and what is added pass `max_data_bytes`;
    /// [`LateWrite`](ErrorKind::LateWrite) after the response was decided; if the backend fails, its
    /// error: the user may have been signed in all the same. The response looks again, and carries the
    /// token if so.
    ///
    /// # Cancellation
    /// A dropped call may have made the session. Whatever has the next turn looks, the response too,
    /// and then the cookie carries its token; after the response, nobody has it.
    pub async fn authenticate_with(&self, sign_in: SignIn) -> Result<(), Error> {
        let SignIn { user, patch: first, carry, lifetime: chosen, as_bearer } = sign_in;
        let user = user?;
        if as_bearer {
            self.accepts_bearer()?;
        }
        let mut turn = self.turn().await?;
        self.not_decided()?;
        self.unsettled().stays_out = false;
        if self.is_unknown() {
            // Signed in all the same, if it is still not known.
            let _ = Box::pin(self.look_up_again(turn.told())).await;
        }
        let presented = self.presented().hashes;
        if self.unsettled().refusal() == Some(Refusal::Ambiguous) {
            Box::pin(self.end_presented(&mut turn, &presented, EndedBy::Replaced, false)).await?;
        }
        // Boxed: few sign in with the first request of a token.
        Box::pin(self.mark_seen()).await;
        let (before, buffer, visitors, left) = {
            let state = self.state();
            let before = match &state.loaded {
                Loaded::Without(_) => None,
                Loaded::With(live) => Some(live.clone()),
            };
            let left = state.left_after(&state.buffer);
            (before, state.buffer.clone(), state.visitors_patch(), left)
        };
        // Also of a session that ended while this request ran: what is buffered was written for its user.
        let session_before = match &before {
            Some(live) => Some((live.session.id, live.session.user_id.clone())),
            None => self.ended_session(),
        };
        let user_before = session_before.as_ref().and_then(|(_, user)| user.as_ref());
        let switches_user = user_before.is_some_and(|before| *before != user);
        let carry = if switches_user { Carry::Nothing } else { carry };
        let mut patch = visitors;
        patch.extend(buffer.patch().clone());
        patch.carry(&carry);
        if carry != Carry::All {
            patch.extend(left);
            patch.extend(buffer.patch().flashes());
        }
        patch.extend(first);
        self.check_carried(before.as_ref(), &carry, &patch)?;

        let lifetime = chosen.over(buffer.lifetime().filter(|_| carry != Carry::Nothing));
        lifetime.check(self.inner.store.now())?;
        let (record, mut minted) = self.new_record(Some(user.clone()), lifetime)?;
        minted.as_bearer = as_bearer;
        if switches_user && presented.len() > 1 {
            // Those of the user before, under other paths, would make the next request ambiguous.
            let own = before.as_ref().map(|live| live.hash);
            let others: Vec<_> =
                presented.iter().copied().filter(|hash| Some(*hash) != own).collect();
            Box::pin(self.end_presented(&mut turn, &others, EndedBy::Replaced, false)).await?;
        }
        let takes_over = TakesOver { replaces: self.replaces(before.as_ref(), carry), presented };
        let created = self.create((record, minted), patch, &buffer, takes_over).await;
        let created = created.map_err(|error| self.or_ended(error))?;

        let made = self.made(&mut turn, created.session, created.minted, &buffer, true).await;
        // A sign-out that gave up waiting for this came first.
        self.unsettled().stays_out = false;
        // Before anything else may fail: their streams wait for it.
        for evicted in created.evicted {
            turn.tell(EventKind::Evicted, evicted, Some(&user));
        }
        if let Some((id, user)) = session_before.filter(|_| switches_user && !buffer.is_empty()) {
            turn.tell(EventKind::DataDroppedOnUserSwitch, id, user.as_ref());
        }
        if let Some(before) = before.as_ref().filter(|live| live.session.impersonator.is_some()) {
            // Nobody comes back from it any more.
            Box::pin(self.end_staff(&mut turn, &before.session, EndedBy::Replaced)).await?;
        }
        made
    }

    /// The session that a sign-in takes the place of: the one that is there, or one that is not any more,
    /// of which the backend knows whether it may still be carried.
    fn replaces(&self, before: Option<&Live>, carry: Carry) -> Option<Replace> {
        let session = match before {
            Some(live) => live.reference(),
            None => self.unsettled().past.as_ref()?.session.clone()?,
        };
        Some(Replace { session, carry })
    }

    /// The session that was there, and whose, if it ended while this request ran.
    fn ended_session(&self) -> Option<(SessionId, Option<UserId>)> {
        let state = self.unsettled();
        // After a sign-out, or if it started over, nothing is left that was written for it.
        let session = match state.refusal() {
            Some(Refusal::Ended) => state.past.as_ref()?.session.as_ref()?,
            _ => return None,
        };
        Some((session.id, session.user.clone()))
    }

    /// Whether it is not known what the request's token stands for, because the backend failed.
    fn is_unknown(&self) -> bool {
        let unknown = Absence::Refused(Refusal::BackendFailed);
        matches!(self.unsettled().loaded, Loaded::Without(absence) if absence == unknown)
    }

    fn check_carried(
        &self,
        before: Option<&Live>,
        carry: &Carry,
        patch: &Patch,
    ) -> Result<(), Error> {
        let mut data = before.map(|live| live.data.clone()).unwrap_or_default();
        carry.apply(&mut data);
        if patch.is_empty() && before.is_some_and(|live| live.data == data) {
            // Nothing is added to what was stored before.
            return Ok(());
        }
        patch.apply(&mut data);
        if data.json_len() > self.inner.store.settings().max_data(true) {
            return Err(Error::from_kind(ErrorKind::TooLarge));
        }
        Ok(())
    }
}
