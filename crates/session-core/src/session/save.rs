//! Writing data through: [`Session::save`] and [`Session::update`].

use std::convert::Infallible;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::read::read;
use super::{Live, Loaded, Session};
use crate::backend::{Applied, Found, SessionChange, TokenState, Touch, Updated};
use crate::clock::Timestamp;
use crate::data::{KeyFor, check_key, check_value, invalid};
use crate::error::{Error, ErrorKind};
use crate::event::EventKind;
use crate::lifecycle::{self, Absence, Client, Plan};
use crate::patch::Patch;
use crate::record::SessionData;

impl Session {
    /// Writes what is buffered to the backend now; a visitor's first data makes his session. For
    /// before an effect that cannot be taken back. Without anything buffered it does nothing.
    ///
    /// Reads see afterwards what this request wrote, on top of what it had loaded.
    ///
    /// # Errors
    /// [`SessionEnded`](ErrorKind::SessionEnded) where the session ended meanwhile or its token was
    /// refused; [`LateWrite`](ErrorKind::LateWrite) where it would make a session after the response
    /// was decided; [`TooLarge`](ErrorKind::TooLarge) where parallel requests together passed four
    /// times `max_data_bytes`; the backend's. What could not be saved stays buffered, so the
    /// response will report it too.
    ///
    /// # Cancellation
    /// A dropped call may have saved; saving again changes nothing.
    pub async fn save(&self) -> Result<(), Error> {
        let (loaded, buffer, decided) = self.snapshot();
        match loaded {
            _ if buffer.is_empty() => Ok(()),
            Loaded::Without(absence) => {
                match lifecycle::without_session(self.inner.store.settings(), absence, &buffer) {
                    Plan::Create if decided => Err(Error::from_kind(ErrorKind::LateWrite)),
                    plan => self.carry_out_without(plan, &buffer).await,
                }
            }
            Loaded::With(live) => {
                let now = self.inner.store.now();
                match self.plan(&live, &buffer, now) {
                    Plan::Update(touch) => {
                        let patch = buffer.clone();
                        let change = self.change(&live, patch, touch, None);
                        self.apply_change(&live, change, &buffer, now).await
                    }
                    Plan::Nothing | Plan::Create | Plan::Refuse(_) => Ok(()),
                }
            }
        }
    }

    /// Changes the value under `key` by what it is now, without losing what other requests write to
    /// it at the same time: compare-and-set, tried again until it holds. What else is buffered is
    /// saved with it.
    ///
    /// `change` gets the present value (`None` where there is none) and returns the new one; it may
    /// be called several times, so it should do nothing else. Returns the new value.
    ///
    /// ```
    /// # use session_core::{Error, Session};
    /// # async fn run(session: &Session) -> Result<(), Error> {
    /// let visits = session.update("visits", |n: Option<u64>| n.unwrap_or(0) + 1).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`get`](Self::get), [`set`](Self::set) and [`save`](Self::save).
    ///
    /// # Cancellation
    /// A dropped call may have changed the value.
    pub async fn update<T, F>(&self, key: impl KeyFor<T>, mut change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        let changed = self.try_update(key, |value| Ok::<T, Infallible>(change(value))).await?;
        match changed {
            Ok(value) => Ok(value),
            Err(never) => match never {},
        }
    }

    /// [`update`](Self::update) with a change that may refuse: its error is returned inside, and
    /// nothing is changed.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    ///
    /// # Cancellation
    /// A dropped call may have changed the value.
    pub async fn try_update<T, E, F>(
        &self,
        key: impl KeyFor<T>,
        mut change: F,
    ) -> Result<Result<T, E>, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> Result<T, E>,
    {
        let key = key.key_name().to_owned();
        check_key(&key)?;
        loop {
            let (loaded, buffer, decided) = self.snapshot();
            let live = match loaded {
                Loaded::Without(Absence::Refused(refusal)) => {
                    return Err(Error::from_kind(refusal.error_kind()));
                }
                Loaded::Without(_) if decided => {
                    return Err(Error::from_kind(ErrorKind::LateWrite));
                }
                Loaded::Without(_) => {
                    // Nobody else can know this session yet, so nothing can race.
                    let value = match change(self.get(&key)?) {
                        Ok(value) => value,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    self.set(&key, &value)?;
                    self.save().await?;
                    return Ok(Ok(value));
                }
                Loaded::With(live) => live,
            };
            let present = match buffer.get(&key) {
                Some(buffered) => buffered,
                None => live.session.data.get(&key),
            };
            let value = match change(present.map(|value| read(&key, value)).transpose()?) {
                Ok(value) => value,
                Err(refused) => return Ok(Err(refused)),
            };
            let patch = self.patch_with(&live, &buffer, &key, &value)?;
            let now = self.inner.store.now();
            let touch = match self.plan(&live, &patch, now) {
                Plan::Update(touch) => touch,
                Plan::Nothing | Plan::Create | Plan::Refuse(_) => None,
            };
            let change = self.change(&live, patch, touch, Some(live.session.version));
            match self.apply_change(&live, change, &buffer, now).await {
                Err(error) if error.kind() == ErrorKind::Conflict => self.reload(&live).await?,
                done => return done.map(|()| Ok(value)),
            }
        }
    }

    /// The buffer with one more value in it, if it may be stored.
    fn patch_with<T: Serialize>(
        &self,
        live: &Live,
        buffer: &Patch,
        key: &str,
        value: &T,
    ) -> Result<Patch, Error> {
        let value = serde_json::to_value(value)
            .map_err(|_| invalid(format!("the value for {key:?} cannot be written as JSON")))?;
        check_value(&value)?;
        let mut patch = buffer.clone();
        patch.set(key, value);
        let before = live.session.data.json_len();
        let mut data = live.session.data.clone();
        patch.apply(&mut data);
        let (after, limit) = (
            data.json_len(),
            self.inner.store.settings().max_data(live.session.is_authenticated()),
        );
        if after > limit && after > before {
            return Err(Error::from_kind(ErrorKind::TooLarge));
        }
        Ok(patch)
    }

    /// Reads the session again, after another request changed it.
    async fn reload(&self, live: &Live) -> Result<(), Error> {
        let store = &self.inner.store;
        let found = store.call(store.backend().find(&live.hash, store.now())).await?;
        let (session, current) = match found {
            Some(Found::Live(session)) => (session, true),
            Some(Found::Grace { session, .. }) => (session, false),
            Some(Found::Ended { .. }) | None => return Err(self.ended_meanwhile(live)),
        };
        let mut state = self.state();
        if state.holds(live) {
            state.replace(Live { session, current, ..Live::clone(live) });
        }
        Ok(())
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

    pub(super) async fn carry_out_without(&self, plan: Plan, buffer: &Patch) -> Result<(), Error> {
        match plan {
            Plan::Refuse(kind) => Err(Error::from_kind(kind)),
            Plan::Create => {
                let record = self.new_record(None, None)?;
                let created = self.create(record, buffer.clone(), None).await?;
                let id = created.session.id;
                self.issued(created.session, created.token, buffer);
                self.emit(EventKind::Created, id, None);
                Ok(())
            }
            Plan::Nothing | Plan::Update(_) => Ok(()),
        }
    }

    /// Asks the backend for a change that neither rotates nor re-authenticates, and takes the answer
    /// in. `buffered` is what of the change came out of the buffer.
    pub(super) async fn apply_change(
        &self,
        live: &Live,
        change: SessionChange,
        buffered: &Patch,
        now: Timestamp,
    ) -> Result<(), Error> {
        let store = &self.inner.store;
        let target = live.reference();
        let update = store.backend().update(&target, &change, now);
        let applied = match store.call(update).await? {
            Updated::Applied(applied) => applied,
            Updated::Missing => return Err(self.ended_meanwhile(live)),
            Updated::Conflict | Updated::Superseded => {
                return Err(Error::from_kind(ErrorKind::Conflict));
            }
        };
        let mut state = self.unsettled();
        if state.holds(live) {
            state.saved(buffered);
            state.slid |= applied.touched;
            state.replace(after(live, change, applied, now));
        }
        Ok(())
    }
}

/// What the request knows of its session after a change: its own writes on top of what it loaded.
fn after(live: &Live, change: SessionChange, applied: Applied, now: Timestamp) -> Live {
    let mut session = SessionData::clone(&live.session);
    let touch = change.touch.filter(|_| applied.touched);
    let newer_agent = live.newer_agent && touch.as_ref().is_none_or(|touch| touch.agent.is_none());
    let mut saved = live.saved.clone();
    saved.extend(change.patch);
    SessionChange { touch, patch: Patch::new(), ..change }.apply(&mut session, now);
    session.version = applied.version;
    let current = applied.token == TokenState::Current;
    Live { session: session.into(), saved, current, newer_agent, ..live.clone() }
}
