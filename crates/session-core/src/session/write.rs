//! Buffered writes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::read::read;
use super::{Loaded, Session, State};
use crate::data::{Size, check_key, check_value, invalid};
use crate::error::{Error, ErrorKind};
use crate::key::{KeyFor, KeyName};

impl Session {
    /// Puts a value under `key`. Buffered; the last one for a key counts.
    ///
    /// With a typed [`Key`](crate::Key) the value is of its very type: a clone, or an owned string. With
    /// a string for a key it may be anything that serialises, a reference too. An `Option` that is `None`
    /// is stored as `null`, which is a value.
    ///
    /// A visitor without a session gets one with the response, if there is then something to store.
    ///
    /// # Errors
    /// - [`InvalidData`](ErrorKind::InvalidData): the value cannot be written as JSON, nests more
    ///   than [128](crate::MAX_DEPTH) deep, or holds U+0000, as may the key.
    /// - [`TooLarge`](ErrorKind::TooLarge): the data would be larger than `max_data_bytes`, or
    ///   `anonymous_max_data_bytes`. What makes it smaller is never refused.
    /// - [`LateWrite`](ErrorKind::LateWrite).
    /// - If the request may not make a session (see [`may_store`](Self::may_store)):
    ///   [`SessionEnded`](ErrorKind::SessionEnded) if its token was refused or its session ended
    ///   meanwhile, [`CrossSite`](ErrorKind::CrossSite) if it comes from another site,
    ///   [`Unavailable`](ErrorKind::Unavailable) if an outage was told to go on as a visitor.
    pub fn set<T: Serialize>(&self, key: impl KeyFor<T>, value: T) -> Result<(), Error> {
        let key = key.key_name();
        check_key(key)?;
        // Outside the lock: a `Serialize` is the application's code.
        let value = serde_json::to_value(value).map_err(|_| {
            // Its message may hold what the application wrote into it.
            invalid(format!("the value for {key:?} cannot be written as JSON"))
        })?;
        check_value(&value)?;
        let mut state = self.writable()?;
        if let Some(refusal) = state.refusal() {
            return Err(Error::refused(refusal.error_kind()));
        }
        let before = state.size();
        let mut after = before;
        state.subtract(&mut after, key);
        after.add(key, &value);
        let limit = self.max_data(&state);
        if after.json_len() > limit && after.json_len() > before.json_len() {
            let error = Error::from_kind(ErrorKind::TooLarge);
            return Err(error.with_context(format!(
                "the session's data would be {} bytes, and {limit} are allowed",
                after.json_len()
            )));
        }
        state.size = Some(after);
        state.buffer.set(key, value);
        Ok(())
    }

    /// Takes away what is under `key`, if there is something. Buffered.
    ///
    /// # Errors
    /// [`LateWrite`](ErrorKind::LateWrite).
    pub fn remove(&self, key: impl KeyName) -> Result<(), Error> {
        // Named outside the lock: a `KeyName` may be the application's code.
        let key = key.key_name();
        self.writable()?.remove(key);
        Ok(())
    }

    /// Takes the value under `key` away and returns it. Buffered, so two requests that run in
    /// parallel may both get it.
    ///
    /// # Errors
    /// As [`get`](Self::get), and then the value stays; and as [`remove`](Self::remove).
    pub fn take<T: DeserializeOwned>(&self, key: impl KeyFor<T>) -> Result<Option<T>, Error> {
        let name = key.key_name();
        loop {
            let Some(value) = self.state().value(name).cloned() else {
                return self.writable().map(|_| None);
            };
            // Outside the lock: a `Deserialize` is the application's code.
            let taken = read(name, &value)?;
            let mut state = self.writable()?;
            // Unless a clone of the handle has written another one meanwhile.
            if state.value(name) == Some(&value) {
                state.remove(name);
                return Ok(Some(taken));
            }
        }
    }

    /// Takes everything away; the session stays. Buffered.
    ///
    /// # Errors
    /// [`LateWrite`](ErrorKind::LateWrite).
    pub fn clear(&self) -> Result<(), Error> {
        let mut state = self.writable()?;
        state.buffer.clear();
        state.size = Some(Size::default());
        Ok(())
    }

    /// For what would store.
    pub(super) fn check_may_store(&self) -> Result<(), Error> {
        match self.unsettled().refusal() {
            Some(refusal) => Err(Error::refused(refusal.error_kind())),
            None => Ok(()),
        }
    }

    pub(super) fn writable(&self) -> Result<std::sync::MutexGuard<'_, State>, Error> {
        let state = self.state();
        if state.decided {
            return Err(Error::from_kind(ErrorKind::LateWrite));
        }
        self.inner.phase.mark_written_to();
        Ok(state)
    }
}

impl State {
    pub(super) fn remove(&mut self, key: &str) {
        if let Some(mut size) = self.size {
            self.subtract(&mut size, key);
            self.size = Some(size);
        }
        self.buffer.remove(key);
    }

    /// Counted once, at the first write.
    pub(super) fn size(&mut self) -> Size {
        if let Some(size) = self.size {
            return size;
        }
        // By reference if nothing is buffered, so that what is read of the data stays with it.
        let size = match &self.loaded {
            Loaded::With(live) if self.buffer.is_empty() => Size::of(&live.data),
            _ => {
                let mut data = self.stored();
                self.buffer.apply(&mut data);
                Size::of(&data)
            }
        };
        self.size = Some(size);
        size
    }

    /// Takes out of `size` what is under `key`.
    fn subtract(&self, size: &mut Size, key: &str) {
        match self.buffer.get(key) {
            Some(Some(buffered)) => size.subtract(key, buffered),
            Some(None) => {}
            None => {
                if let Some(stored) = self.stored_value(key) {
                    size.subtract(key, stored);
                }
            }
        }
    }
}
