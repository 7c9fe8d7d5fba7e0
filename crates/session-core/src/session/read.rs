//! Reading values, and what becomes of one whose type no longer fits.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Session, reason};
use crate::error::{Error, ErrorKind};
use crate::key::KeyFor;

impl Session {
    /// The value under `key`, as this request sees it; `None` if there is none.
    ///
    /// # Errors
    /// [`WrongType`](ErrorKind::WrongType) if what is there is no `T`, such as after a release that
    /// changed the type. The message names the key and what does not fit, and never the value. It stays
    /// so until something else is written: [`get_or_discard`](Self::get_or_discard) is for values that
    /// can be made anew.
    pub fn get<T: DeserializeOwned>(&self, key: impl KeyFor<T>) -> Result<Option<T>, Error> {
        // Read outside the lock: a `Deserialize` is the application's code.
        let (data, buffer) = self.view();
        let key = key.key_name();
        let value = buffer.get(key).unwrap_or_else(|| data.get(key));
        value.map(|value| read(key, value)).transpose()
    }

    /// The value under `key`, as [`get`](Self::get) has it; but one that is no `T` counts as absent,
    /// is taken away, and is told to the log with its key and what does not fit. For what can be made
    /// anew, such as a cache or a preference, so that a release which changed a type locks nobody out.
    ///
    /// The removal is buffered like any other. Once the response is decided nothing is removed, and
    /// the value only reads as absent.
    ///
    /// ```
    /// # use session_core::{Error, Session};
    /// # fn run(session: &Session) -> Result<(), Error> {
    /// let page_size: u32 = session.get_or_discard("page_size").unwrap_or(20);
    /// # Ok(()) }
    /// ```
    pub fn get_or_discard<T: DeserializeOwned>(&self, key: impl KeyFor<T>) -> Option<T> {
        let (data, buffer) = self.view();
        let key = key.key_name();
        let value = buffer.get(key).unwrap_or_else(|| data.get(key))?;
        match read(key, value) {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::warn!(
                    target: "session",
                    error = &error as &dyn std::error::Error,
                    "discarding a stored value"
                );
                self.discard(key, value);
                None
            }
        }
    }

    /// Takes `value` away, unless somebody has written another one meanwhile.
    fn discard(&self, key: &str, value: &Value) {
        let Ok(mut state) = self.writable() else { return };
        if state.value(key) == Some(value) {
            state.remove(key);
        }
    }
}

/// A stored value as a `T`.
pub(super) fn read<T: DeserializeOwned>(key: &str, value: &Value) -> Result<T, Error> {
    T::deserialize(value).map_err(|error| {
        let mut message =
            format!("the value under {key:?} is not a {}", std::any::type_name::<T>());
        // Serde's own message may repeat the value.
        if let Some(reason) = reason::reason(&error.to_string(), value) {
            message.push_str(": ");
            message.push_str(&reason);
        }
        Error::from_kind(ErrorKind::WrongType).with_context(message)
    })
}
