//! What the backend was asked to change, until its answer is known.
//!
//! A future may be dropped, and a call may fail or take too long, when the backend has done its work
//! already. What was asked stays noted; whoever has the next turn reads what became of it, as far as
//! the backend shows it by then, and puts it in as the answer would have been. So a new token is not
//! lost with the future that asked for it.

use std::sync::Arc;

use super::buffer::Buffer;
use super::turn::{Told, Turn};
use super::{FoundAs, Live, Loaded, Minted, Session};
use crate::backend::{EndedBy, Found};
use crate::clock::Timestamp;
use crate::error::{BackendError, Error, ErrorKind};
use crate::event::EventKind;
use crate::patch::Patch;
use crate::record::SessionData;
use crate::token::{SessionToken, TokenHash};

/// A change that was asked for.
#[derive(Clone)]
pub(super) enum Unanswered {
    /// Of the data, or a touch.
    Change {
        patch: Patch,
        /// What of the patch came out of the buffer.
        buffered: Buffer,
        touches: bool,
        at: Timestamp,
    },
    /// A new token for the session.
    Token { token: SessionToken, kind: EventKind },
    /// A new token for the own session of whoever acts in this one, into which they come back.
    Back {
        token: SessionToken,
        /// What was in the buffer, and goes with this session.
        buffered: Buffer,
    },
    /// A new session, in the place of the one that is there.
    New { token: SessionToken, buffered: Buffer, signs_in: bool, as_bearer: bool },
    /// The session's end, by a sign-out.
    End {
        /// What was in the buffer, and goes with the session.
        buffered: Buffer,
        at: Timestamp,
    },
}

impl Unanswered {
    /// Whether the response's cookie depends on it.
    pub(super) const fn concerns_cookie(&self) -> bool {
        !matches!(self, Self::Change { .. })
    }

    /// Whether another user may be signed in by it.
    pub(super) const fn concerns_user(&self) -> bool {
        matches!(self, Self::New { signs_in: true, .. } | Self::Back { .. })
    }
}

impl Session {
    /// Notes what is asked, then asks.
    pub(super) fn ask<T>(
        &self,
        unanswered: Unanswered,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> impl Future<Output = Result<T, BackendError>> {
        {
            let mut state = self.unsettled();
            state.unanswered = Some(unanswered);
            state.call_failed = false;
        }
        async {
            let answer = self.inner.store.call_raw(call).await;
            if let Err(error) = &answer {
                let mut state = self.unsettled();
                state.call_failed = true;
                if error.kind().says_that_nothing_happened() {
                    // Nothing has happened, says the contract.
                    state.unanswered = None;
                }
            }
            answer
        }
    }

    /// Reads what became of a call whose answer was lost.
    pub(super) async fn reconcile(&self, turn: &mut Turn<'_>) -> Result<(), Error> {
        let (unanswered, live) = {
            let state = self.state();
            let live = match &state.loaded {
                Loaded::With(live) => Some(live.clone()),
                Loaded::Without(_) => None,
            };
            (state.unanswered.clone(), live)
        };
        match (unanswered, live) {
            (Some(Unanswered::New { token, buffered, signs_in, as_bearer }), live) => {
                let minted = Minted { as_bearer, ..Minted::from(token) };
                self.reconcile_new(turn, live, minted, &buffered, signs_in).await
            }
            (Some(Unanswered::Token { token, kind }), Some(live)) => {
                self.reconcile_token(turn, &live, token, kind).await
            }
            (Some(Unanswered::Back { token, buffered }), Some(live)) => {
                self.reconcile_back(turn, &live, token, &buffered).await
            }
            (Some(Unanswered::Change { patch, buffered, touches, at }), Some(live)) => {
                let touched_at = touches.then_some(at);
                self.reconcile_change(&live, &patch, &buffered, touched_at).await
            }
            (Some(Unanswered::End { buffered, at }), Some(live)) => {
                self.reconcile_end(turn, &live, &buffered, at).await
            }
            (_, None) | (None, _) => {
                self.nothing_happened();
                Ok(())
            }
        }
    }

    async fn reconcile_new(
        &self,
        turn: &mut Turn<'_>,
        live: Option<Live>,
        minted: Minted,
        buffered: &Buffer,
        signs_in: bool,
    ) -> Result<(), Error> {
        let session = match self.stands_for(&minted.hash).await? {
            Some(Now::Goes { session, .. }) => session,
            Some(Now::Ended { .. }) => {
                self.ended_meanwhile();
                return Ok(());
            }
            None => {
                self.nothing_happened();
                return Ok(());
            }
        };
        if self.over(&session, minted.hash).await?.is_some() {
            self.ended_meanwhile();
            return Ok(());
        }
        let is_another_user = live.is_some_and(|live| {
            live.session.is_authenticated() && live.session.user_id != session.user_id
        });
        // What was written since was written for the user before.
        let drops = is_another_user && self.drop_writes_since(turn, buffered);
        let acts_in =
            session.impersonator.is_some().then(|| Told::of(EventKind::Impersonated, &session));
        // Whoever acts in a user's place has not signed that user in.
        let signs_in = signs_in && acts_in.is_none();
        let made = self.made(turn, session, minted, buffered, signs_in).await;
        if made.is_ok() {
            turn.told().extend(acts_in);
        }
        match made {
            Ok(()) if drops => Err(Error::from_kind(ErrorKind::Unavailable).with_context(
                "what was written after a sign-in whose answer was lost is not stored",
            )),
            // Ended again, because the response is decided: not the next one's error.
            Err(error) if !drops && error.kind() == ErrorKind::LateWrite => Ok(()),
            made => made,
        }
    }

    async fn reconcile_token(
        &self,
        turn: &mut Turn<'_>,
        live: &Live,
        token: SessionToken,
        kind: EventKind,
    ) -> Result<(), Error> {
        let minted = Minted::from(token);
        match self.stands_for(&minted.hash).await? {
            Some(Now::Goes { session, .. }) => {
                turn.tell(kind, session.id, session.user_id.as_ref());
                self.rotated(live, session, minted);
            }
            Some(Now::Ended { .. }) => drop(self.ended_meanwhile()),
            None => self.nothing_happened(),
        }
        Ok(())
    }

    async fn reconcile_back(
        &self,
        turn: &mut Turn<'_>,
        live: &Live,
        token: SessionToken,
        buffered: &Buffer,
    ) -> Result<(), Error> {
        let minted = Minted::from(token);
        match self.stands_for(&minted.hash).await? {
            Some(Now::Goes { session, .. }) => {
                // What was written since was written for the user before.
                let drops = self.drop_writes_since(turn, buffered);
                // What is left of the other session is worth nothing, and no reason to fail.
                let _ = self.came_back(turn, live, session, minted, buffered).await;
                if drops {
                    return Err(Error::from_kind(ErrorKind::Unavailable).with_context(
                        "what was written after a way back whose answer was lost is not stored",
                    ));
                }
            }
            Some(Now::Ended { .. }) => drop(self.ended_meanwhile()),
            None => self.nothing_happened(),
        }
        Ok(())
    }

    async fn reconcile_change(
        &self,
        live: &Live,
        patch: &Patch,
        buffered: &Buffer,
        touched_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        match self.stands_for(&live.hash).await? {
            Some(Now::Goes { session, found_as }) => {
                // A write moves the version, whatever it writes; a lifetime does not.
                let is_in = session.version != live.version
                    && patch.changes_nothing_in(&session.data)
                    && buffered.lifetime().is_none_or(|lifetime| lifetime == session.lifetime());
                let mut state = self.unsettled();
                if is_in {
                    state.stored_of(buffered);
                } else {
                    state.doubts = true;
                }
                state.slid |= touched_at == Some(session.last_active_at);
                state.relived |= session.lifetime() != live.session.lifetime();
                state.replace(live.read_anew(session, found_as));
            }
            Some(Now::Ended { .. }) | None => drop(self.ended_meanwhile()),
        }
        Ok(())
    }

    async fn reconcile_end(
        &self,
        turn: &mut Turn<'_>,
        live: &Live,
        buffered: &Buffer,
        asked: Timestamp,
    ) -> Result<(), Error> {
        match self.stands_for(&live.hash).await? {
            Some(Now::Goes { .. }) => self.nothing_happened(),
            Some(Now::Ended { how, at }) => {
                // To the microsecond: another request's sign-out may have been followed by a cookie
                // that this one must not clear.
                let is_ours = how == EndedBy::SignedOut && at == asked;
                if is_ours {
                    turn.told().push(Told::of(EventKind::SignedOut, &live.session));
                }
                self.gone(is_ours, buffered);
            }
            None => self.gone(false, buffered),
        }
        Ok(())
    }

    /// Drops what was written after a call, if anything was; whether it was.
    fn drop_writes_since(&self, turn: &mut Turn<'_>, buffered: &Buffer) -> bool {
        let mut state = self.unsettled();
        let mut since = state.buffer.clone();
        since.subtract(buffered);
        if since.is_empty() {
            return false;
        }
        state.buffer = buffered.clone();
        state.size = None;
        if let Loaded::With(live) = &state.loaded {
            turn.told().push(Told::of(EventKind::DataDroppedOnUserSwitch, &live.session));
        }
        true
    }

    fn nothing_happened(&self) {
        self.unsettled().unanswered = None;
    }

    /// What a token stands for now.
    pub(super) async fn stands_for(&self, token: &TokenHash) -> Result<Option<Now>, Error> {
        let store = &self.inner.store;
        let found = store.call(store.backend().find(token, store.now())).await?;
        Ok(found.map(Now::from))
    }
}

/// What a token that was once good stands for.
pub(super) enum Now {
    Goes { session: Arc<SessionData>, found_as: FoundAs },
    Ended { how: EndedBy, at: Timestamp },
}

impl From<Found> for Now {
    fn from(found: Found) -> Self {
        match found {
            Found::Live { session, token_seen } => {
                Self::Goes { session, found_as: FoundAs::Current { seen: token_seen } }
            }
            Found::Grace { session, .. } => Self::Goes { session, found_as: FoundAs::InGrace },
            Found::Ended { how, at, .. } => Self::Ended { how, at },
        }
    }
}
