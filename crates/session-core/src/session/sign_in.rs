//! [`SignIn`]: who signs in, and what the new session is to be.

use std::time::Duration;

use serde::Serialize;

use crate::backend::Carry;
use crate::clock::Timestamp;
use crate::data::{check_key, check_value, invalid};
use crate::error::Error;
use crate::id::{InvalidUserId, UserId};
use crate::key::KeyFor;
use crate::lifetime::Lifetime;
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
    pub(super) lifetime: Chosen,
    pub(super) as_bearer: bool,
}

/// What a sign-in says of the new session's lifetime.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chosen(Lifetime);

impl Chosen {
    /// With what was buffered, if the sign-in says nothing.
    pub(super) fn over(self, buffered: Option<Lifetime>) -> Lifetime {
        let (chosen, buffered) = (self.0, buffered.unwrap_or_default());
        Lifetime {
            idle_ttl_secs: chosen.idle_ttl_secs.or(buffered.idle_ttl_secs),
            cookie_persistent: chosen.cookie_persistent.or(buffered.cookie_persistent),
            not_after: chosen.not_after.or(buffered.not_after),
        }
    }
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
            lifetime: Chosen::default(),
            as_bearer: false,
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
    /// by somebody else: name the keys you want if that matters.
    pub fn carry(mut self, carry: Carry) -> Self {
        self.carry = carry;
        self
    }

    /// An idle lifetime of this session's own, in whole seconds: at least one, at most 400 days, or the
    /// sign-in is an error. The absolute lifetime of the configuration still bounds it.
    pub fn lifetime(mut self, idle: Duration) -> Self {
        self.lifetime.0 = self.lifetime.0.idle(idle);
        self
    }

    /// Whether the cookie outlives the browser (`true`), or ends with it, whatever the configuration
    /// says. The session itself ends at its expiry either way.
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.lifetime.0 = self.lifetime.0.persistent(persistent);
        self
    }

    /// Issues the token to a program: it goes into the body, by
    /// [`Session::take_bearer_token`](crate::Session::take_bearer_token), and into no cookie. For the first
    /// sign-in of a native client; a request that brings a bearer signs in so anyway.
    ///
    /// Only behind a layer that accepts bearers, or the sign-in is an error. A cookie that came with the
    /// request is dead then, like that of any session that a sign-in takes the place of, and it is left alone.
    pub const fn bearer(mut self) -> Self {
        self.as_bearer = true;
        self
    }

    /// A fixed end, which no activity and no re-authentication moves, such as that of an identity
    /// provider's token. It must be in the future, or the sign-in is an error.
    pub fn until(mut self, end: Timestamp) -> Self {
        self.lifetime.0 = self.lifetime.0.until(end);
        self
    }
}
