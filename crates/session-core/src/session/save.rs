//! Writing data through: [`Session::save`], and what other writes share with it.

use std::sync::Arc;

use super::buffer::Buffer;
use super::make::TakesOver;
use super::turn::Turn;
use super::unanswered::Unanswered;
use super::{Live, Loaded, Session};
use crate::backend::{Applied, SessionChange, SessionRef, TokenState, Touch, Updated};
use crate::clock::Timestamp;
use crate::error::{BackendError, Error, ErrorKind};
use crate::expiry;
use crate::lifecycle::{self, Absence, Client, Plan};
use crate::record::SessionData;
use crate::settings::Settings;

impl Session {
    /// Writes what is buffered to the backend now; a visitor's first data makes their session. For
    /// before an effect that cannot be taken back. Without anything buffered it does nothing; what is
    /// buffered is sent, also if it changes nothing.
    ///
    /// Reads see afterwards what this request wrote, on top of what it had loaded.
    ///
    /// # Errors
    /// [`SessionEnded`](ErrorKind::SessionEnded) if the session ended meanwhile; [`LateWrite`](ErrorKind::LateWrite) if it would make a session after the response was
    /// decided; [`TooLarge`](ErrorKind::TooLarge) if parallel requests together passed four times
    /// `max_data_bytes`; the backend's. What could not be saved stays buffered, so the response will
    /// report it too.
    ///
    /// # Cancellation
    /// A dropped call may have saved. What it wrote is still buffered then, and is written once more
    /// unless the stored data shows it.
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
            Loaded::Without(absence) if let Some(sealing) = self.sealing(absence) => {
                if decided {
                    return Err(Error::from_kind(ErrorKind::LateWrite));
                }
                let now = self.inner.store.now();
                self.keep(&mut self.unsettled(), sealing, (&buffer, &buffer), now)
            }
            Loaded::Without(absence) => match self.plan_without(absence, &buffer) {
                Plan::Create if decided => Err(Error::from_kind(ErrorKind::LateWrite)),
                plan => self.carry_out_without(&mut turn, &plan, &buffer).await,
            },
            Loaded::With(live) => match self.write(&live, buffer, self.inner.store.now()) {
                Some(write) => self.carry_out(&write).await?.or_ended(self),
                None => Ok(()),
            },
        }
    }

    /// Marks a token as seen that this request is the first to present, before it ends: the browser has
    /// it, and without the mark the token before it would be a visitor's in 10 s. What fails here is nobody's
    /// error: who signs out is signed out all the same, and whether the session ended meanwhile the next call
    /// finds out.
    pub(super) async fn mark_seen(&self) {
        let live = self.live().ok().filter(Live::is_first);
        let now = self.inner.store.now();
        let Some(write) = live.and_then(|live| self.write(&live, Buffer::default(), now)) else {
            return;
        };
        match self.send(&write).await {
            Ok(Updated::Applied(applied)) => self.applied(&write, &applied),
            Ok(_) => self.unsettled().unanswered = None,
            Err(_) => {}
        }
    }

    /// The same for a token that the request presents beside its own.
    pub(super) async fn mark(&self, target: &SessionRef, session: &SessionData) {
        let store = &self.inner.store;
        let touch = Touch {
            due_before: session.last_active_at,
            // What the session has already.
            expires_at: session.expires_at,
            ip_address: session.last_ip_address,
            agent: None,
        };
        let change = SessionChange { presented: true, ..SessionChange::touch(touch) };
        let _ = store.call(store.backend().update(target, &change, store.now())).await;
    }

    pub(super) fn plan_without(&self, absence: Absence, buffer: &Buffer) -> Plan {
        let settings = self.inner.store.settings();
        lifecycle::without_session(settings, absence, buffer, buffer.lifetime())
    }

    pub(super) fn snapshot(&self) -> (Loaded, Buffer, bool) {
        let state = self.state();
        (state.loaded.clone(), state.buffer.clone(), state.decided)
    }

    /// What a request with a session asks of the backend: this patch, and the touch if it is due, in
    /// one call. `None`: nothing.
    pub(super) fn write(&self, live: &Live, changed: Buffer, now: Timestamp) -> Option<Write> {
        let settings = self.inner.store.settings();
        let client =
            Client { meta: self.meta(), is_newer: live.newer_agent, is_first: live.is_first() };
        let session = &live.session;
        let lifetime = changed.lifetime();
        let plan = lifecycle::with_session(settings, session, &client, &changed, lifetime, now);
        let Plan::Update { touch, lifetime } = plan else { return None };
        let max_bytes = settings.ceiling(session.is_authenticated());
        let presented = live.is_presented();
        let change = SessionChange {
            patch: changed.patch().clone(),
            touch,
            lifetime,
            max_bytes,
            presented,
            ..SessionChange::default()
        };
        let acts_for_another = session.impersonator.is_some();
        Some(Write {
            target: live.reference(),
            change,
            buffered: changed,
            acts_for_another,
            at: now,
        })
    }

    pub(super) async fn carry_out_without(
        &self,
        turn: &mut Turn<'_>,
        plan: &Plan,
        buffer: &Buffer,
    ) -> Result<(), Error> {
        match plan {
            Plan::Refuse(kind) => Err(Error::refused(*kind)),
            // Boxed: most requests make no session, and do not carry room for it.
            Plan::Create => Box::pin(self.create_anonymous(turn, buffer.clone(), buffer)).await,
            Plan::Nothing | Plan::Update { .. } => Ok(()),
        }
    }

    /// Makes a visitor's session. `buffered` is what of the patch came out of the buffer.
    pub(super) async fn create_anonymous(
        &self,
        turn: &mut Turn<'_>,
        changed: Buffer,
        buffered: &Buffer,
    ) -> Result<(), Error> {
        let record = self.new_record(None, changed.lifetime().unwrap_or_default())?;
        let patch = changed.patch().clone();
        let created = self.create(record, patch, buffered, TakesOver::default()).await?;
        self.made(turn, created.session, created.minted, buffered, false).await
    }

    /// Asks the backend for the change, and takes the answer in.
    pub(super) async fn carry_out(&self, write: &Write) -> Result<Changed, Error> {
        if write.acts_for_another && !write.only_touches() {
            // Boxed: few requests are an impersonation's.
            Box::pin(async { self.check_acts(&self.live()?).await }).await?;
        }
        let applied = match self.send(write).await? {
            Updated::Applied(applied) => applied,
            Updated::Missing => return Err(self.ended_meanwhile()),
            Updated::Conflict | Updated::Superseded => {
                self.unsettled().unanswered = None;
                return Ok(Changed::Conflict);
            }
        };
        self.applied(write, &applied);
        Ok(Changed::Applied)
    }

    fn send<'a>(
        &'a self,
        write: &'a Write,
    ) -> impl Future<Output = Result<Updated, BackendError>> + 'a {
        let Write { target, change, at, .. } = write;
        let note = Unanswered::Change {
            patch: change.patch.clone(),
            buffered: write.buffered.clone(),
            touches: change.touch.is_some(),
            at: *at,
        };
        self.ask(note, self.inner.store.backend().update(target, change, *at))
    }

    fn applied(&self, write: &Write, applied: &Applied) {
        let mut state = self.unsettled();
        state.unanswered = None;
        state.slid |= applied.touched;
        state.stored_of(&write.buffered);
        state.relived |= write.change.lifetime.is_some();
        if let Loaded::With(live) = &mut state.loaded {
            live.take_in(self.inner.store.settings(), &write.change, applied, write.at);
        }
    }
}

/// A change that neither rotates nor re-authenticates, ready to be asked for.
pub(super) struct Write {
    target: SessionRef,
    pub(super) change: SessionChange,
    /// What of it came out of the buffer.
    pub(super) buffered: Buffer,
    /// Whether somebody acts in the session in its user's place.
    acts_for_another: bool,
    at: Timestamp,
}

impl Write {
    /// Whether it says only that the session was used.
    pub(super) fn only_touches(&self) -> bool {
        self.change.patch.is_empty() && self.change.lifetime.is_none()
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

impl Live {
    /// What the request knows of its session after a change: its own writes on top of what it loaded.
    fn take_in(
        &mut self,
        settings: &Settings,
        change: &SessionChange,
        applied: &Applied,
        now: Timestamp,
    ) {
        if let Some(touch) = change.touch.as_ref().filter(|_| applied.touched) {
            touch.apply(Arc::make_mut(&mut self.session), now);
            self.newer_agent &= touch.agent.is_none();
            self.seen |= change.presented;
        }
        take_in_life(&mut self.session, settings, applied, now);
        // Its own write moved the version by one; what moved it further was somebody else's.
        let own = u64::from(!change.patch.is_empty());
        self.is_exact &= applied.version == self.version + own;
        self.version = applied.version;
        self.saved.extend(change.patch.clone());
        self.current = applied.token == TokenState::Current;
    }
}

/// How long the session is stored to live: another request may have used it, or given it another lifetime,
/// since this one read it, and the cookie tells what is stored (law `lifetime_is_kept`).
pub(super) fn take_in_life(
    session: &mut Arc<SessionData>,
    settings: &Settings,
    applied: &Applied,
    now: Timestamp,
) {
    if session.expires_at == applied.expires_at && session.lifetime() == applied.lifetime {
        return;
    }
    let session = Arc::make_mut(session);
    session.expires_at = applied.expires_at;
    session.idle_ttl_secs = applied.lifetime.idle_ttl_secs;
    session.cookie_persistent = applied.lifetime.cookie_persistent;
    session.not_after = applied.lifetime.not_after;
    // Whoever moved the end has used it then.
    let used = expiry::active_since(settings, session).min(now);
    session.last_active_at = session.last_active_at.max(used);
}
