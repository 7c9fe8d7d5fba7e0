//! Acting in a user's place: for support staff, in a session of its own that names both.

use std::sync::Arc;

use super::buffer::Buffer;
use super::make::TakesOver;
use super::turn::Turn;
use super::unanswered::{Now, Unanswered};
use super::{Live, Minted, Session};
use crate::backend::{EndedBy, Rotation, SessionChange, SessionRef, Updated};
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::expiry;
use crate::id::{InvalidUserId, SessionId, UserId};
use crate::impersonator::Impersonator;
use crate::lifetime::Lifetime;
use crate::patch::Patch;
use crate::record::SessionData;
use crate::token::TokenHash;

impl Session {
    /// Goes on as another user, in a session of its own that names both: for support staff who have to
    /// see what a customer sees. Whether they may, the application decides before it calls this.
    ///
    /// - Their own session stays, and [`end_impersonation`](Self::end_impersonation) comes back to it. A
    ///   [`logout`](Self::logout) ends both.
    /// - The new session carries nothing over. What was buffered is saved before, into their own.
    /// - It is on the user's list of devices, with [`impersonator`](crate::DeviceView::impersonator), and
    ///   each event that is about it [names](crate::SessionEvent::impersonator) them. The user may end it
    ///   like any other.
    /// - It takes none of the user's `max_sessions_per_user`: nobody is evicted by it or because of it.
    /// - It proves nothing of the user: [`authenticated_within`](Self::authenticated_within) is `false`,
    ///   and it can be neither re-authenticated nor impersonate in its turn.
    /// - It lives no longer than their own session can, and is over as soon as that one is, also for requests
    ///   and streams under way: a request costs one more read for it, and so does each write, and what acts on
    ///   the user's sessions.
    ///
    /// # Errors
    /// [`InvalidData`](ErrorKind::InvalidData) if it is no user id;
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) if nobody is signed in;
    /// [`Impersonation`](ErrorKind::Impersonation) if this session is one already;
    /// [`SessionEnded`](ErrorKind::SessionEnded) if their own session ended meanwhile, or has a newer token
    /// than the request's;
    /// [`LateWrite`](ErrorKind::LateWrite) after the response was decided; those of
    /// [`save`](Self::save); the backend's.
    ///
    /// # Cancellation
    /// A dropped call may have made the session. Whatever has the next turn looks, the response too,
    /// and then the cookie carries its token; after the response, nobody has it.
    pub async fn impersonate<U>(&self, user: U) -> Result<(), Error>
    where
        U: TryInto<UserId, Error: Into<InvalidUserId>>,
    {
        let user = user.try_into().map_err(Into::into)?;
        self.not_impersonating()?;
        self.save().await?;
        let mut turn = self.turn().await?;
        let (live, staff) = self.signed_in()?;
        self.not_decided()?;
        self.not_impersonating()?;
        if !live.current {
            // It would be over with the token's grace.
            return Err(Error::from_kind(ErrorKind::SessionEnded)
                .with_context("the session has a newer token: ask again with that"));
        }
        Box::pin(self.mark_seen()).await;
        let own = &live.session;
        let ends = [own.absolute_expires_at, own.not_after].into_iter().flatten().min();
        let lifetime = Lifetime { not_after: ends, ..Lifetime::default() };
        let (mut record, minted) = self.new_record(Some(user), lifetime)?;
        record.impersonator = Some(Box::new(Impersonator::new(own.id, live.hash, staff)));
        let nothing = Buffer::default();
        let made =
            self.create((record, minted), Patch::new(), &nothing, TakesOver::default()).await?;
        // After it: their own session is good now, so it was when this one was made by its right.
        if self.over(&made.session, made.minted.hash).await?.is_some() {
            return Err(self.ended_meanwhile());
        }
        let (id, user) = (made.session.id, made.session.user_id.clone());
        self.made(&mut turn, made.session, made.minted, &nothing, false).await?;
        turn.tell(EventKind::Impersonated, id, user.as_ref());
        Ok(())
    }

    /// Comes back from [`impersonate`](Self::impersonate): ends this session, and goes on in the one of
    /// whoever began it, under a new token. `false` if that one has ended meanwhile: then nobody is
    /// signed in any more.
    ///
    /// What is buffered is dropped, but for [`flash`](Self::flash) messages.
    ///
    /// # Errors
    /// [`Impersonation`](ErrorKind::Impersonation) if this session is none;
    /// [`SessionEnded`](ErrorKind::SessionEnded) if another request, such as a second click, came back
    /// first: the browser has its cookie, and this response leaves it alone;
    /// [`LateWrite`](ErrorKind::LateWrite) after the response was decided; the backend's.
    ///
    /// # Cancellation
    /// A dropped call may have come back. Whatever has the next turn looks, the response too, and then
    /// the cookie carries the token.
    pub async fn end_impersonation(&self) -> Result<bool, Error> {
        let mut turn = self.turn().await?;
        let (live, _) = self.signed_in()?;
        self.not_decided()?;
        let Some(staff) = live.session.impersonator.clone() else {
            return Err(Error::from_kind(ErrorKind::Impersonation)
                .with_context("this session is nobody's impersonation"));
        };
        let store = &self.inner.store;
        let own = match self.own_session(&staff).await? {
            Own::Good(own) => own,
            Own::Renewed => return Err(self.ended_meanwhile()),
            Own::Ended => {
                self.end_this(&mut turn).await?;
                return Ok(false);
            }
        };
        let now = store.now();
        let minted = Minted::new()?;
        let change = SessionChange::rotation(Rotation::Immediate { token: minted.hash });
        let buffered = self.unsettled().buffer.clone();
        let note = Unanswered::Back { token: minted.token.clone(), buffered: buffered.clone() };
        let target = staff.reference();
        let call = store.backend().update(&target, &change, now);
        match self.ask(note, call).await? {
            Updated::Applied(_) => {}
            // Since a moment ago: by a second click, or for good.
            Updated::Missing | Updated::Superseded | Updated::Conflict => {
                return Err(self.ended_meanwhile());
            }
        }
        self.came_back(&mut turn, &live, own, minted, &buffered).await?;
        Ok(true)
    }

    /// Puts the own session of whoever acted in this one in its place. `buffered` goes with this one.
    pub(super) async fn came_back(
        &self,
        turn: &mut Turn<'_>,
        live: &Live,
        own: Arc<SessionData>,
        minted: Minted,
        buffered: &Buffer,
    ) -> Result<(), Error> {
        turn.tell(EventKind::Rotated, own.id, own.user_id.as_ref());
        self.rotated(live, own, minted);
        {
            let mut state = self.unsettled();
            state.saved(buffered);
            state.keep_flashes(buffered);
        }
        // Its token is worth nothing by now, because the staff's has changed; this only takes it off the list.
        let store = &self.inner.store;
        let (target, now) = (live.reference(), store.now());
        let removal = store.backend().remove(&target, None, None, EndedBy::SignedOut, now);
        if store.call(removal).await? {
            let user = live.session.user_id.as_ref();
            turn.tell(EventKind::SignedOut, live.session.id, user);
        }
        Ok(())
    }

    /// Who acts here in the user's place; `None` if it is the user.
    #[must_use]
    pub fn impersonator(&self) -> Option<UserId> {
        self.with_current(|session| Some(session.impersonator.as_ref()?.user.clone())).flatten()
    }

    /// For what an impersonation may not do.
    pub(super) fn not_impersonating(&self) -> Result<(), Error> {
        match self.impersonator() {
            Some(_) => Err(Error::from_kind(ErrorKind::Impersonation)),
            None => Ok(()),
        }
    }

    /// Ends a session that is over.
    async fn undo(
        &self,
        session: &SessionData,
        token: TokenHash,
        how: EndedBy,
    ) -> Result<(), Error> {
        let target =
            SessionRef { id: session.id, token: Some(token), user: session.user_id.clone() };
        let store = &self.inner.store;
        let removal = store.backend().remove(&target, None, None, how, store.now());
        store.call(removal).await.map(drop)
    }

    /// Ends the own session of whoever acted in this one, which this browser gives up with it; whether it
    /// did.
    pub(super) async fn end_staff(
        &self,
        turn: &mut Turn<'_>,
        session: &SessionData,
        how: EndedBy,
    ) -> Result<bool, Error> {
        let Some(staff) = &session.impersonator else { return Ok(false) };
        let store = &self.inner.store;
        let target = staff.reference();
        let ended =
            store.call(store.backend().remove(&target, None, None, how, store.now())).await?;
        if ended {
            turn.tell(EventKind::SignedOut, staff.session, Some(&staff.user));
        }
        Ok(ended)
    }

    /// Whether a session in which somebody acts for its user is over, and how: it goes on only while
    /// their own session does. If so it ends, and this is the moment.
    pub(super) async fn over(
        &self,
        session: &SessionData,
        token: TokenHash,
    ) -> Result<Option<EndedBy>, Error> {
        let Some(staff) = &session.impersonator else { return Ok(None) };
        let how = match self.own_session(staff).await? {
            Own::Good(_) => return Ok(None),
            // They came back, and the browser has a newer cookie, or is about to get it.
            Own::Renewed => EndedBy::SignedOut,
            Own::Ended => EndedBy::Revoked,
        };
        self.undo(session, token, how).await?;
        Ok(Some(how))
    }

    /// Refuses what an impersonation asks for that is over. A moment before it is done, and not in the same
    /// step: the own session may be in another part of the backend.
    pub(super) async fn check_acts(&self, live: &Live) -> Result<(), Error> {
        match self.over(&live.session, live.hash).await? {
            None => Ok(()),
            Some(_) => Err(self.ended_meanwhile()),
        }
    }

    /// Whether the session from which somebody acts in this one goes on. It only looks.
    pub(super) async fn goes_on(&self, session: &SessionData) -> Result<bool, Error> {
        let Some(staff) = &session.impersonator else { return Ok(true) };
        Ok(matches!(self.own_session(staff).await?, Own::Good(_)))
    }

    /// The session from which somebody acts.
    async fn own_session(&self, staff: &Impersonator) -> Result<Own, Error> {
        let store = &self.inner.store;
        // Tightened lifetimes hold at once, whatever the record says.
        let is_live = |session: &SessionData| expiry::end(store.settings(), session) > store.now();
        Ok(match self.stands_for(&staff.token).await? {
            Some(Now::Goes { session, .. }) if session.id == staff.session && is_live(&session) => {
                Own::Good(session)
            }
            Some(Now::Ended { how: EndedBy::Rotated, .. }) => Own::Renewed,
            _ => Own::Ended,
        })
    }

    /// Who acts in the session of this id, if it is the request's.
    pub(super) fn impersonator_of(&self, id: SessionId) -> Option<UserId> {
        let of = |session: &SessionData| {
            let staff = session.impersonator.as_ref().filter(|_| session.id == id)?;
            Some(staff.user.clone())
        };
        self.with_current(of).flatten()
    }
}

/// What became of the session from which somebody acts.
enum Own {
    Good(Arc<SessionData>),
    /// It goes on under a newer token.
    Renewed,
    Ended,
}

impl Impersonator {
    fn reference(&self) -> SessionRef {
        SessionRef { id: self.session, token: Some(self.token), user: Some(self.user.clone()) }
    }
}
