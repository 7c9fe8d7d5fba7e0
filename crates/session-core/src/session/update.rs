//! Changing a value by what it is: [`Session::update`].

use std::convert::Infallible;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::buffer::Buffer;
use super::read::read;
use super::save::Changed;
use super::unanswered::Now;
use super::{Live, Loaded, Session};
use crate::cookie::Sealing;
use crate::data::{check_key, check_value, invalid};
use crate::error::{Error, ErrorKind};
use crate::key::KeyFor;
use crate::lifecycle::Absence;
use crate::patch::Patch;

/// How often a change is tried while others write to the same session. Of those who race, one gets
/// through each time, so this is how many may race on one session at one moment.
const TRIES: u32 = 1000;

impl Session {
    /// Changes the value under `key` by what it is now, without losing what other requests write to
    /// it at the same time: compare-and-set, tried again until it holds, a thousand times at most. What
    /// else is buffered is saved with it.
    ///
    /// `change` gets the present value (`None` if there is none) and returns the new one; it may be
    /// called several times, so it should do nothing else. Returns the new value.
    ///
    /// ```
    /// # use session_core::{Error, Session};
    /// # async fn run(session: &Session) -> Result<(), Error> {
    /// let visits = session.update("visits", |n: Option<u64>| n.unwrap_or(0) + 1).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// If the type of what is stored may have changed since,
    /// [`get_or_discard`](Self::get_or_discard) first takes away what does not fit.
    ///
    /// # Errors
    /// As [`get`](Self::get), [`set`](Self::set) (at once, before `change` is called) and
    /// [`save`](Self::save), except that nothing stays buffered of it; [`Unavailable`](ErrorKind::Unavailable) if others wrote to the session in each
    /// of the thousand tries.
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
        self.check_may_store()?;
        for tries in 0..TRIES {
            // What the application brings runs before the turn, which is why the turn looks again.
            let seen = self.look(&key).await?;
            let present = seen.as_ref().map(|value| read(&key, value)).transpose()?;
            let value = match change(present) {
                Ok(value) => value,
                Err(refused) => return Ok(Err(refused)),
            };
            let json = serde_json::to_value(&value)
                .map_err(|_| invalid(format!("the value for {key:?} cannot be written as JSON")))?;
            check_value(&json)?;
            if self.put(&key, seen.as_ref(), json, tries > 0).await? == Put::Done {
                return Ok(Ok(value));
            }
        }
        Err(Error::from_kind(ErrorKind::Unavailable).with_context(format!(
            "the value under {key:?} could not be changed: others wrote to the session {TRIES} times \
             meanwhile"
        )))
    }

    /// What is under the key, to be changed: read anew if another request has written since.
    async fn look(&self, key: &str) -> Result<Option<Value>, Error> {
        {
            let state = self.state();
            let is_exact = !matches!(&state.loaded, Loaded::With(live) if !live.is_exact);
            if is_exact {
                return Ok(state.value(key).cloned());
            }
        }
        let turn = self.turn().await?;
        if let Ok(live) = self.live()
            && !live.is_exact
        {
            self.reload(&live).await?;
        }
        drop(turn);
        Ok(self.state().value(key).cloned())
    }

    /// Stores the value if the one before is still the one that was seen.
    async fn put(
        &self,
        key: &str,
        seen: Option<&Value>,
        value: Value,
        again: bool,
    ) -> Result<Put, Error> {
        // Who has just seen what is there goes before those who wait, or it would be stale each time.
        let again = if again { self.turn_again() } else { None };
        let mut turn = match again {
            Some(turn) => turn,
            None => self.turn().await?,
        };
        let (loaded, buffer, decided) = self.snapshot();
        let is_as_seen = self.state().value(key) == seen;
        let mut changed = buffer.clone();
        changed.set(key, value);
        match loaded {
            Loaded::Without(Absence::Refused(refusal)) => Err(Error::refused(refusal.error_kind())),
            Loaded::Without(_) if decided => Err(Error::from_kind(ErrorKind::LateWrite)),
            Loaded::Without(_) if !is_as_seen => Ok(Put::Stale),
            Loaded::Without(absence) if let Some(sealing) = self.sealing(absence) => {
                self.put_into_cookie(sealing, &changed, &buffer)?;
                Ok(Put::Done)
            }
            Loaded::Without(_) => {
                // Nobody else can know this session yet, so nothing can race.
                self.check_size(None, &changed)?;
                Box::pin(self.create_anonymous(&mut turn, changed, &buffer)).await?;
                Ok(Put::Done)
            }
            // Data that is not exact has no version that stands for it.
            Loaded::With(live) if !is_as_seen || !live.is_exact => Ok(Put::Stale),
            Loaded::With(live) => self.put_into(&live, changed, &buffer).await,
        }
    }

    /// The same for a visitor without a row.
    fn put_into_cookie(
        &self,
        sealing: &Sealing,
        changed: &Buffer,
        buffer: &Buffer,
    ) -> Result<(), Error> {
        // Not under the lock: a `Clock` may be the application's code.
        let now = self.inner.store.now();
        let mut state = self.unsettled();
        let mut data = state.stored();
        let before = data.json_len();
        changed.apply(&mut data);
        if data.json_len() > self.max_data(&state) && data.json_len() > before {
            return Err(Error::from_kind(ErrorKind::TooLarge));
        }
        self.keep(&mut state, sealing, (changed, buffer), now)
    }

    async fn put_into(&self, live: &Live, changed: Buffer, buffer: &Buffer) -> Result<Put, Error> {
        self.check_size(Some(live), &changed)?;
        let Some(mut write) = self.write(live, changed, self.inner.store.now()) else {
            return Ok(Put::Done);
        };
        write.change.if_version = Some(live.version);
        write.buffered = buffer.clone();
        match self.carry_out(&write).await? {
            Changed::Applied => Ok(Put::Done),
            Changed::Conflict => {
                self.reload(live).await?;
                Ok(Put::Stale)
            }
        }
    }

    /// Whether the data may become as large as this patch makes it.
    fn check_size(&self, live: Option<&Live>, patch: &Patch) -> Result<(), Error> {
        let mut data = live.map(|live| live.data.clone()).unwrap_or_default();
        let before = data.json_len();
        patch.apply(&mut data);
        let signed_in = live.is_some_and(|live| live.session.is_authenticated());
        let (after, limit) = (data.json_len(), self.inner.store.settings().max_data(signed_in));
        if after > limit && after > before {
            return Err(Error::from_kind(ErrorKind::TooLarge));
        }
        Ok(())
    }

    /// Reads the session again, after another request changed it.
    async fn reload(&self, live: &Live) -> Result<(), Error> {
        match self.stands_for(&live.hash).await? {
            Some(Now::Goes { session, found_as }) => {
                self.unsettled().replace(live.read_anew(session, found_as));
                Ok(())
            }
            Some(Now::Ended { .. }) | None => Err(self.ended_meanwhile()),
        }
    }
}

/// What became of a value that was to be stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Put {
    Done,
    /// Another value is there than the one that was seen.
    Stale,
}
