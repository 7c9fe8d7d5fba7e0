//! Writing data through: [`Session::save`], and what other writes share with it.

use super::turn::Turn;
use super::unanswered::Unanswered;
use super::{Live, Loaded, Session};
use crate::backend::{Applied, SessionChange, TokenState, Touch, Updated};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::{self, Client, Plan};
use crate::patch::Patch;
use crate::record::SessionData;

impl Session {
    /// Writes what is buffered to the backend now; a visitor's first data makes their session. For
    /// before an effect that cannot be taken back. Without anything buffered it does nothing.
    ///
    /// Reads see afterwards what this request wrote, on top of what it had loaded.
    ///
    /// # Errors
    /// [`SessionEnded`](ErrorKind::SessionEnded) if the session ended meanwhile or its token was
    /// refused; [`LateWrite`](ErrorKind::LateWrite) if it would make a session after the response was
    /// decided; [`TooLarge`](ErrorKind::TooLarge) if parallel requests together passed four times
    /// `max_data_bytes`; the backend's. What could not be saved stays buffered, so the response will
    /// report it too.
    ///
    /// # Cancellation
    /// A dropped call may have saved; saving again changes nothing.
    pub async fn save(&self) -> Result<(), Error> {
        if self.unsettled().buffer.is_empty() {
            return Ok(());
        }
        let mut turn = self.turn().await?;
        let (loaded, buffer, decided) = self.snapshot();
        if buffer.is_empty() {
            return Ok(());
        }
        match loaded {
            Loaded::Without(absence) => {
                match lifecycle::without_session(self.inner.store.settings(), absence, &buffer) {
                    Plan::Create if decided => Err(Error::from_kind(ErrorKind::LateWrite)),
                    plan => self.carry_out_without(&mut turn, plan, &buffer).await,
                }
            }
            Loaded::With(live) => {
                let now = self.inner.store.now();
                match self.plan(&live, &buffer, now) {
                    Plan::Update(touch) => {
                        let change = self.change(&live, buffer.clone(), touch, None);
                        self.apply_change(&live, change, &buffer, now).await?.or_ended(self)
                    }
                    Plan::Nothing | Plan::Create | Plan::Refuse(_) => Ok(()),
                }
            }
        }
    }

    pub(super) fn snapshot(&self) -> (Loaded, Patch, bool) {
        let state = self.state();
        (state.loaded.clone(), state.buffer.clone(), state.decided)
    }

    pub(super) fn plan(&self, live: &Live, buffer: &Patch, now: Timestamp) -> Plan {
        let client = Client { meta: self.meta(), is_newer: live.newer_agent };
        let settings = self.inner.store.settings();
        lifecycle::with_session(settings, &live.session, &client, buffer, now)
    }

    pub(super) fn change(
        &self,
        live: &Live,
        patch: Patch,
        touch: Option<Touch>,
        if_version: Option<u64>,
    ) -> SessionChange {
        let max_bytes = self.inner.store.settings().ceiling(live.session.is_authenticated());
        SessionChange { patch, touch, if_version, max_bytes, ..SessionChange::default() }
    }

    pub(super) async fn carry_out_without(
        &self,
        turn: &mut Turn<'_>,
        plan: Plan,
        buffer: &Patch,
    ) -> Result<(), Error> {
        match plan {
            Plan::Refuse(kind) => Err(Error::from_kind(kind)),
            Plan::Create => self.create_anonymous(turn, buffer.clone(), buffer).await,
            Plan::Nothing | Plan::Update(_) => Ok(()),
        }
    }

    /// Makes a visitor's session. `buffered` is what of the patch came out of the buffer.
    pub(super) async fn create_anonymous(
        &self,
        turn: &mut Turn<'_>,
        patch: Patch,
        buffered: &Patch,
    ) -> Result<(), Error> {
        let record = self.new_record(None, None)?;
        let created = self.create(record, patch, buffered, None).await?;
        self.made(turn, created.session, created.token, buffered, false).await
    }

    /// Asks the backend for a change that neither rotates nor re-authenticates, and takes the answer
    /// in. `buffered` is what of the change came out of the buffer.
    pub(super) async fn apply_change(
        &self,
        live: &Live,
        change: SessionChange,
        buffered: &Patch,
        now: Timestamp,
    ) -> Result<Changed, Error> {
        let store = &self.inner.store;
        let target = live.reference();
        let note = Unanswered::Change {
            patch: change.patch.clone(),
            buffered: buffered.clone(),
            touches: change.touch.is_some(),
            at: now,
        };
        let update = store.backend().update(&target, &change, now);
        let applied = match self.ask(note, update).await? {
            Updated::Applied(applied) => applied,
            Updated::Missing => return Err(self.ended_meanwhile()),
            Updated::Conflict | Updated::Superseded => {
                self.unsettled().unanswered = None;
                return Ok(Changed::Conflict);
            }
        };
        let mut state = self.unsettled();
        state.saved(buffered);
        state.slid |= applied.touched;
        state.replace(after(live, change, applied, now));
        Ok(Changed::Applied)
    }
}

/// Whether a change applied.
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Changed {
    Applied,
    /// The session is at another version than the change asked for.
    Conflict,
}

impl Changed {
    /// For a change that asks for no version, so that there can be no conflict.
    pub(super) fn or_ended(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Applied => Ok(()),
            Self::Conflict => Err(session.ended_meanwhile()),
        }
    }
}

/// What the request knows of its session after a change: its own writes on top of what it loaded.
fn after(live: &Live, change: SessionChange, applied: Applied, now: Timestamp) -> Live {
    let mut session = SessionData::clone(&live.session);
    let touch = change.touch.filter(|_| applied.touched);
    let newer_agent = live.newer_agent && touch.as_ref().is_none_or(|touch| touch.agent.is_none());
    let writes = !change.patch.is_empty();
    let mut saved = live.saved.clone();
    saved.extend(change.patch);
    SessionChange { touch, patch: Patch::new(), ..change }.apply(&mut session, now);
    // Its own write moved the version by one; what moved it further was somebody else's.
    let own = if writes { 1 } else { 0 };
    let is_exact = live.is_exact && applied.version == live.session.version + own;
    session.version = applied.version;
    let current = applied.token == TokenState::Current;
    Live { session: session.into(), saved, current, newer_agent, is_exact, ..live.clone() }
}
