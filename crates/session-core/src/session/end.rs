//! Ending sessions: this one, and the user's others.

use super::buffer::Buffer;
use super::load::Request;
use super::turn::Turn;
use super::unanswered::{Now, Unanswered};
use super::{Cookie, Loaded, Session};
use crate::backend::{EndedBy, SessionRef};
use crate::clock::Timestamp;
use crate::device_view::DeviceView;
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::id::SessionId;
use crate::lifecycle::{Absence, Refusal};

impl Session {
    /// Signs out: ends every live session whose token the request presented, signed in or anonymous,
    /// and removes the cookie; returns how many it ended (law `logout_always_ends`).
    ///
    /// That is nearly always the request's session, or none. One in which somebody acts in a user's place
    /// ([`impersonate`](Self::impersonate)) ends together with their own.
    /// It is also one that the request may not use:
    /// another browser's, one of several, or one that a re-authentication or a rotation gave another token
    /// less than 10 s ago. The cookie is removed whenever one of its name came, whatever it holds: who signs
    /// out must not stay signed in. Buffered writes are dropped, but for [`flash`](Self::flash) messages;
    /// what is written afterwards goes into a fresh anonymous session.
    ///
    /// # Errors
    /// The backend's. The session may have ended all the same; the cookie is left alone until that is
    /// known.
    ///
    /// # Cancellation
    /// A dropped call may have ended the session. Whatever has the next turn looks, the response too,
    /// and then the cookie is removed.
    pub async fn logout(&self) -> Result<usize, Error> {
        self.or_stay_out(async {
            let mut turn = self.turn().await?;
            self.end_this(&mut turn).await
        })
        .await
    }

    /// A sign-out that failed: the last word of the application was "out", so the response hands out no
    /// token that its browser does not have yet.
    pub(super) async fn or_stay_out<T>(
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

    pub(super) async fn end_this(&self, turn: &mut Turn<'_>) -> Result<usize, Error> {
        Box::pin(self.mark_seen()).await;
        let live = self.live().ok();
        let was_bearer = live.as_ref().is_some_and(|live| live.as_bearer);
        let mut presented = self.presented();
        let mut buffered = self.unsettled().buffer.clone();
        let mut ended = 0;
        if let Some(live) = &live {
            presented.hashes.retain(|hash| *hash != live.hash);
            // First, because this one is over with it: a sign-out that stops between the two has ended both.
            if Box::pin(self.end_staff(turn, &live.session, EndedBy::SignedOut)).await? {
                ended += 1;
            }
            let store = &self.inner.store;
            let (target, now) = (live.reference(), store.now());
            let removal = store.backend().remove(&target, None, None, EndedBy::SignedOut, now);
            let note = self.note_end(now);
            let is_ended = self.ask(note, removal).await?;
            buffered = self.unsettled().buffer.clone();
            self.gone(is_ended, &buffered);
            if is_ended {
                ended += 1;
                turn.tell(EventKind::SignedOut, live.session.id, live.session.user_id.as_ref());
            }
        }
        if !presented.hashes.is_empty() {
            // Boxed: most requests present the token of their session and no other.
            let others = self.end_presented(turn, &presented.hashes, EndedBy::SignedOut, true);
            ended += Box::pin(others).await?;
        }
        let removes = presented.named || (ended > 0 && !was_bearer);
        self.signed_out(ended, removes, &buffered);
        Ok(ended)
    }

    /// Nobody is signed in any more, whoever ended the session.
    fn signed_out(&self, ended: usize, removes: bool, buffered: &Buffer) {
        let is_cross_site = self.request().is_some_and(Request::is_cross_site);
        let mut state = self.unsettled();
        let had_visitor = state.visitor.is_some();
        state.stays_out = false;
        state.saved(buffered);
        if removes || state.cookie == Cookie::Issue {
            state.cookie = Cookie::Remove;
        }
        // The cookie may have been held back, and is then still good.
        let is_held_back = ended == 0 && !had_visitor && is_cross_site;
        let held_back = Absence::Refused(Refusal::CrossSite);
        state.leave(if is_held_back { held_back } else { self.after_sign_out() });
        state.keep_flashes(buffered);
        // Nothing is carried from before a sign-out. A session that ended otherwise is not forgotten, or a
        // sign-in of this request's would renew it.
        if let Some(past) = &mut state.past {
            past.session.take_if(|session| session.user.is_none());
        }
    }

    /// Ends every session of the user, this one included, and clears the cookie; returns their ids.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated); [`SessionEnded`](ErrorKind::SessionEnded) if this
    /// session ended meanwhile, or its token was replaced: it has no power over the others then; the
    /// backend's: all may then have ended, or none.
    ///
    /// # Cancellation
    /// A dropped call may have ended all of them, or none. Whatever has the next turn looks, the
    /// response too, and then the cookie is cleared.
    pub async fn logout_all(&self) -> Result<Vec<SessionId>, Error> {
        self.or_stay_out(async {
            let mut turn = self.turn().await?;
            let (live, user) = self.signed_in()?;
            Box::pin(self.mark_seen()).await;
            if live.session.impersonator.is_some() {
                // One that has ended has no power over the own session either.
                if !matches!(self.stands_for(&live.hash).await?, Some(Now::Goes { .. })) {
                    return Err(self.ended_meanwhile());
                }
                Box::pin(self.check_acts(&live)).await?;
                // First, as at a sign-out.
                Box::pin(self.end_staff(&mut turn, &live.session, EndedBy::SignedOut)).await?;
            }
            let store = &self.inner.store;
            let (acting, now) = (live.reference(), store.now());
            let removal =
                store.backend().remove_user(&user, Some(&acting), None, EndedBy::SignedOut, now);
            let note = self.note_end(now);
            let ended = self.ask(note, removal).await.map_err(|error| self.or_ended(error))?;
            let buffered = self.unsettled().buffer.clone();
            self.gone(ended.contains(&live.session.id), &buffered);
            for id in &ended {
                turn.tell(EventKind::SignedOut, *id, Some(&user));
            }
            Ok(ended)
        })
        .await
    }

    /// What is written after a sign-out makes a fresh session, but not for a program, which would not be told
    /// of it.
    fn after_sign_out(&self) -> Absence {
        if self.is_bearer() { Absence::Refused(Refusal::Ended) } else { Absence::SignedOut }
    }

    fn note_end(&self, at: Timestamp) -> Unanswered {
        Unanswered::End { buffered: self.unsettled().buffer.clone(), at }
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
        if live.session.impersonator.is_some() {
            Box::pin(self.check_acts(&live)).await?;
        }
        let store = &self.inner.store;
        let except = Some(&live.session.id);
        let acting = live.reference();
        let removal = store.backend().remove_user(
            &user,
            Some(&acting),
            except,
            EndedBy::Revoked,
            store.now(),
        );
        let ended = store.call(removal).await.map_err(|error| self.or_ended(error))?;
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
            return self.or_stay_out(self.end_this(&mut turn)).await.map(|ended| ended > 0);
        }
        if live.session.impersonator.is_some() {
            Box::pin(self.check_acts(&live)).await?;
        }
        let mut target = SessionRef::by_id(id);
        target.user = Some(user.clone());
        let store = &self.inner.store;
        let acting = live.reference();
        let removal = store.backend().remove(
            &target,
            Some(&user),
            Some(&acting),
            EndedBy::Revoked,
            store.now(),
        );
        let ended = store.call(removal).await.map_err(|error| self.or_ended(error))?;
        if ended {
            turn.tell(EventKind::Revoked, id, Some(&user));
        }
        Ok(ended)
    }

    /// The user's live sessions, this one among them, most recently active first, as they may be shown to
    /// the user. What else is known of them, an application asks [`SessionStore::list`](crate::SessionStore::list).
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated); [`SessionEnded`](ErrorKind::SessionEnded) if this
    /// session ended meanwhile, or its token was replaced; the backend's.
    pub async fn list(&self) -> Result<Vec<DeviceView>, Error> {
        let _turn = self.turn().await?;
        let (live, user) = self.signed_in()?;
        let sessions = self.inner.store.list_untold(&user).await?;
        // After it: a token that is good now was so when the list was read.
        match self.stands_for(&live.hash).await? {
            Some(Now::Goes { .. }) => {}
            Some(Now::Ended { .. }) | None => return Err(self.ended_meanwhile()),
        }
        if live.session.impersonator.is_some() {
            Box::pin(self.check_acts(&live)).await?;
        }
        let current = Some(live.session.id);
        Ok(sessions.iter().map(|session| DeviceView::new(session, current)).collect())
    }

    /// The session is gone: by this request, which then clears the cookie, or by another, which may
    /// have set a new one that must not be cleared (law `late_response_never_clobbers`).
    /// `buffered` goes with it; what was written since does not.
    pub(super) fn gone(&self, by_this_request: bool, buffered: &Buffer) {
        let mut state = self.unsettled();
        state.saved(buffered);
        state.stays_out = false;
        state.slid = false;
        state.relived = false;
        state.unanswered = None;
        if by_this_request {
            // A cookie speaks of no token that a program was to be handed.
            let was_bearer = matches!(&state.loaded, Loaded::With(live) if live.as_bearer);
            state.leave(Absence::SignedOut);
            state.loaded = Loaded::Without(self.after_sign_out());
            state.cookie = if was_bearer { Cookie::Keep } else { Cookie::Remove };
            state.keep_flashes(buffered);
        } else {
            state.leave(Absence::Refused(Refusal::Ended));
        }
    }
}
