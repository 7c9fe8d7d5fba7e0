//! Ending sessions: this one, and the user's others.

use super::turn::Turn;
use super::unanswered::Unanswered;
use super::{Cookie, Loaded, Session};
use crate::backend::{EndedBy, SessionRef};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::id::SessionId;
use crate::lifecycle::{Absence, Refusal};
use crate::patch::Patch;
use crate::record::SessionData;

impl Session {
    /// Ends this session, signed in or anonymous, and clears the cookie; `true` if there was one and
    /// this call ended it. Buffered writes are dropped with it; what is written afterwards goes into a
    /// fresh anonymous session.
    ///
    /// # Errors
    /// The backend's, also if it failed when the session was loaded. The session may have ended all
    /// the same; the cookie is left alone until that is known.
    ///
    /// # Cancellation
    /// A dropped call may have ended the session. Whatever has the next turn looks, the response too,
    /// and then the cookie is cleared.
    pub async fn logout(&self) -> Result<bool, Error> {
        self.or_stay_out(async {
            let mut turn = self.turn().await?;
            self.end_this(&mut turn).await
        })
        .await
    }

    /// A sign-out that failed: the last word of the application was "out", so the response hands out no
    /// token that its browser does not have yet.
    async fn or_stay_out<T>(
        &self,
        end: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let ended = end.await;
        if let Err(error) = &ended
            && matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::BackendFailed)
        {
            self.unsettled().stays_out = true;
        }
        ended
    }

    async fn end_this(&self, turn: &mut Turn<'_>) -> Result<bool, Error> {
        let live = match self.live() {
            Ok(live) => live,
            Err(error) if error.kind() == ErrorKind::NoSession => {
                self.unsettled().forget_buffer();
                return Ok(false);
            }
            // Not known to be signed out, so not to be told so.
            Err(error) => return Err(error),
        };
        let store = &self.inner.store;
        let (target, now) = (live.reference(), store.now());
        let removal = store.backend().remove(&target, None, EndedBy::SignedOut, now);
        let note = self.note_end(false, now);
        let ended = self.ask(note, removal).await?;
        let buffered = self.unsettled().buffer.clone();
        self.gone(ended, &buffered);
        if ended {
            turn.tell(EventKind::SignedOut, live.session.id, live.session.user_id.as_ref());
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
    /// A dropped call may have ended all of them, or none. Whatever has the next turn looks, the
    /// response too, and then the cookie is cleared.
    pub async fn logout_all(&self) -> Result<Vec<SessionId>, Error> {
        self.or_stay_out(async {
            let mut turn = self.turn().await?;
            let (live, user) = self.signed_in()?;
            let store = &self.inner.store;
            let now = store.now();
            let removal = store.backend().remove_user(&user, None, EndedBy::SignedOut, now);
            let note = self.note_end(true, now);
            let ended = self.ask(note, removal).await?;
            let buffered = self.unsettled().buffer.clone();
            self.gone(ended.contains(&live.session.id), &buffered);
            for id in &ended {
                turn.tell(EventKind::SignedOut, *id, Some(&user));
            }
            Ok(ended)
        })
        .await
    }

    fn note_end(&self, everywhere: bool, at: Timestamp) -> Unanswered {
        Unanswered::End { everywhere, buffered: self.unsettled().buffer.clone(), at }
    }

    /// Ends every other session of the user; returns their ids.
    ///
    /// # Errors
    /// As [`logout_all`](Self::logout_all).
    ///
    /// # Cancellation
    /// A dropped call may have ended all of them, or none.
    pub async fn logout_others(&self) -> Result<Vec<SessionId>, Error> {
        let mut turn = self.turn().await?;
        let (live, user) = self.signed_in()?;
        let store = &self.inner.store;
        let except = Some(&live.session.id);
        let removal = store.backend().remove_user(&user, except, EndedBy::Revoked, store.now());
        let ended = store.call(removal).await?;
        for id in &ended {
            turn.tell(EventKind::Revoked, *id, Some(&user));
        }
        Ok(ended)
    }

    /// Ends one of the user's sessions; `true` if it was live and the user's own. If it is this one,
    /// that is a sign-out.
    ///
    /// # Errors
    /// As [`logout_all`](Self::logout_all).
    ///
    /// # Cancellation
    /// A dropped call may have ended the session.
    pub async fn revoke(&self, id: SessionId) -> Result<bool, Error> {
        let mut turn = self.turn().await?;
        let (live, user) = self.signed_in()?;
        if id == live.session.id {
            return self.or_stay_out(self.end_this(&mut turn)).await;
        }
        let mut target = SessionRef::by_id(id);
        target.user = Some(user.clone());
        let store = &self.inner.store;
        let removal = store.backend().remove(&target, Some(&user), EndedBy::Revoked, store.now());
        let ended = store.call(removal).await?;
        if ended {
            turn.tell(EventKind::Revoked, id, Some(&user));
        }
        Ok(ended)
    }

    /// The user's live sessions, this one among them, most recently active first.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated); the backend's.
    pub async fn list(&self) -> Result<Vec<SessionData>, Error> {
        let _turn = self.turn().await?;
        let (_, user) = self.signed_in()?;
        self.inner.store.list(&user).await
    }

    /// The session is gone: by this request, which then clears the cookie, or by another, which may
    /// have set a new one that must not be cleared (law `late_response_never_clobbers`).
    /// `buffered` goes with it; what was written since does not.
    pub(super) fn gone(&self, by_this_request: bool, buffered: &Patch) {
        let mut state = self.unsettled();
        state.saved(buffered);
        state.stays_out = false;
        state.slid = false;
        state.unanswered = None;
        if by_this_request {
            state.loaded = Loaded::Without(Absence::SignedOut);
            state.cookie = Cookie::Remove;
        } else {
            state.loaded = Loaded::Without(Absence::Refused(Refusal::Ended));
        }
    }
}
