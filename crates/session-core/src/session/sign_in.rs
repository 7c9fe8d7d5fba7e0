//! [`SignIn`]: who signs in, and what the new session is to be.

use std::time::Duration;

use serde::Serialize;

use crate::backend::Carry;
use crate::data::{check_key, check_value, invalid};
use crate::error::Error;
use crate::id::{InvalidUserId, UserId};
use crate::key::KeyFor;
use crate::patch::Patch;

/// A sign-in with its options.
///
/// ```
/// # use std::time::Duration;
/// # use session_core::{Carry, SignIn};
/// # fn run() -> Result<SignIn, session_core::Error> {
/// let sign_in = SignIn::new("alice")
///     .data("theme", "dark")?
///     .carry(Carry::keys(&[&"cart"]))
///     .lifetime(Duration::from_secs(90 * 24 * 3600)); // "remember me"
/// # Ok(sign_in) }
/// # run().unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "a sign-in happens when it is passed to `Session::authenticate_with`"]
pub struct SignIn {
    /// Said when it is used, so that a sign-in is written in one chain.
    pub(super) user: Result<UserId, InvalidUserId>,
    pub(super) patch: Patch,
    pub(super) carry: Carry,
    pub(super) idle_ttl_secs: Option<u64>,
    pub(super) cookie_persistent: Option<bool>,
}

impl SignIn {
    /// Signs this user in, carries everything over, and lives as long as the configuration says. Takes
    /// what [`Session::authenticate`](crate::Session::authenticate) takes; what is no user id is an
    /// error of the sign-in.
    pub fn new<U>(user: U) -> Self
    where
        U: TryInto<UserId, Error: Into<InvalidUserId>>,
    {
        Self {
            user: user.try_into().map_err(Into::into),
            patch: Patch::new(),
            carry: Carry::All,
            idle_ttl_secs: None,
            cookie_persistent: None,
        }
    }

    /// Stores a first value. It wins over what is carried under the same key.
    ///
    /// # Errors
    /// As [`Session::set`](crate::Session::set) says of keys and values; the size is checked at the
    /// sign-in.
    pub fn data<T: Serialize>(mut self, key: impl KeyFor<T>, value: T) -> Result<Self, Error> {
        let key = key.key_name();
        check_key(key)?;
        let value = serde_json::to_value(value)
            .map_err(|_| invalid(format!("the value for {key:?} cannot be written as JSON")))?;
        check_value(&value)?;
        self.patch.set(key, value);
        Ok(self)
    }

    /// What of the session before goes into the new one: of an anonymous one, or of the same user's.
    /// Another user's data is never carried, whatever this says. Default [`Carry::All`].
    ///
    /// An anonymous session's data is what its visitor chose, and its cookie may have been planted
    /// by somebody else: name the keys you want where that matters.
    pub fn carry(mut self, carry: Carry) -> Self {
        self.carry = carry;
        self
    }

    /// An idle lifetime of this session's own, in whole seconds: at least one, at most 400 days. The
    /// absolute lifetime of the configuration still bounds it.
    pub fn lifetime(mut self, idle: Duration) -> Self {
        self.idle_ttl_secs = Some(idle.as_secs().max(1));
        self
    }

    /// Whether the cookie outlives the browser (`true`), or ends with it, whatever the configuration
    /// says. The session itself ends at its expiry either way.
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.cookie_persistent = Some(persistent);
        self
    }
}
