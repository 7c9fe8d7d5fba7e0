//! A lifetime of the session's own: [`Session::set_lifetime`].

use super::{Loaded, Session};
use crate::error::Error;
use crate::lifetime::Lifetime;

impl Session {
    /// Gives the session a lifetime of its own, in the place of whatever it had: how long it lives
    /// without use, whether its cookie outlives the browser, and a fixed end. Buffered, like data; the
    /// response's cookie tells it. What [`Lifetime`] does not name is as the configuration says.
    ///
    /// It moves neither the session's id nor when its user authenticated. A visitor who stores nothing
    /// gets no session by it; a sign-in takes it on, unless [`SignIn`](crate::SignIn) says otherwise or
    /// carries nothing.
    ///
    /// ```
    /// # use session_core::{Error, Lifetime, Session, Timestamp};
    /// # fn run(session: &Session, vouched_for_until: Timestamp) -> Result<(), Error> {
    /// // Never longer than the identity provider's token.
    /// session.set_lifetime(session.lifetime().until(vouched_for_until))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// - [`InvalidData`](crate::ErrorKind::InvalidData): less than a second, longer than 400 days, or a fixed
    ///   end that is not in the future.
    /// - As [`set`](Self::set) if nothing may be stored.
    pub fn set_lifetime(&self, lifetime: Lifetime) -> Result<(), Error> {
        // Before the lock: a `Clock` may be the application's code.
        lifetime.check(self.inner.store.now())?;
        let mut state = self.writable()?;
        if let Some(refusal) = state.refusal() {
            return Err(Error::refused(refusal.error_kind()));
        }
        state.buffer.set_lifetime(lifetime);
        Ok(())
    }

    /// The lifetime that the session chose for itself, as this request sees it.
    #[must_use]
    pub fn lifetime(&self) -> Lifetime {
        let state = self.unsettled();
        match (state.buffer.lifetime(), &state.loaded) {
            (Some(buffered), _) => buffered,
            (None, Loaded::With(live)) => live.session.lifetime(),
            (None, Loaded::Without(_)) => state
                .visitor
                .as_ref()
                .map(|visitor| visitor.record().lifetime())
                .unwrap_or_default(),
        }
    }
}
