//! Signing in.

use super::{Live, Loaded, Session};
use crate::backend::{Carry, Replace};
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::id::{InvalidUserId, UserId};
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
    /// - If the user has `max_sessions_per_user` already, the least recently active ones end.
    /// - The response's cookie carries the new token, whatever else becomes of the response.
    /// - If an outage kept the session from being loaded, it is looked up once more, so that its token
    ///   ends like any other. If it still cannot be read, the user is signed in all the same, and the
    ///   session before goes on until it expires.
    ///
    /// # Errors
    /// [`InvalidData`](ErrorKind::InvalidData) if it is no user id;
    /// [`TooLarge`](ErrorKind::TooLarge) if what is carried and what is added pass `max_data_bytes`;
    /// [`LateWrite`](ErrorKind::LateWrite) after the response was decided; if the backend fails, its
    /// error: the user may have been signed in all the same. The response looks again, and carries the
    /// token if so.
    ///
    /// # Cancellation
    /// A dropped call may have made the session. Whatever has the next turn looks, the response too,
    /// and then the cookie carries its token; after the response, nobody has it.
    pub async fn authenticate_with(&self, sign_in: SignIn) -> Result<(), Error> {
        let user = sign_in.user?;
        let mut turn = self.turn().await?;
        self.not_decided()?;
        self.unsettled().stays_out = false;
        if self.is_unknown() {
            Box::pin(self.look_up_again(turn.told())).await;
        }
        let (before, buffer) = {
            let state = self.state();
            let before = match &state.loaded {
                Loaded::Without(_) => None,
                Loaded::With(live) => Some(live.clone()),
            };
            (before, state.buffer.clone())
        };
        let user_before = before.as_ref().and_then(|live| live.session.user_id.as_ref());
        let switches_user = user_before.is_some_and(|before| *before != user);
        let carry = if switches_user { Carry::Nothing } else { sign_in.carry };
        let mut patch = buffer.clone();
        patch.carry(&carry);
        patch.extend(sign_in.patch);
        self.check_carried(before.as_ref(), &carry, &patch)?;

        let replaces = before.as_ref().map(|live| Replace { session: live.reference(), carry });
        let mut record = self.new_record(Some(user.clone()), sign_in.idle_ttl_secs)?;
        record.cookie_persistent = sign_in.cookie_persistent;
        let created = self.create(record, patch, &buffer, replaces).await?;

        let made = self.made(&mut turn, created.session, created.token, &buffer, true).await;
        // A sign-out that gave up waiting for this came first.
        self.unsettled().stays_out = false;
        for evicted in created.evicted {
            turn.tell(EventKind::Evicted, evicted, Some(&user));
        }
        if let Some(before) = before.filter(|_| switches_user && !buffer.is_empty()) {
            let (id, user) = (before.session.id, before.session.user_id.as_ref());
            turn.tell(EventKind::DataDroppedOnUserSwitch, id, user);
        }
        made
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
}
