//! Who and what is there: what is read of a session as a whole.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::load::Request;
use super::{Loaded, Session};
use crate::client::meta::SessionMeta;
use crate::data::Data;
use crate::error::Error;
use crate::id::{SessionId, UserId};
use crate::key::KeyName;
use crate::record::SessionData;

impl Session {
    /// The session's public name; `None` if there is no session.
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        self.with_current(|session| session.id)
    }

    /// Who is signed in.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.with_current(|session| session.user_id.clone()).flatten()
    }

    /// Who is signed in, for a handler that needs somebody to be.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if nobody is;
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if the backend failed and the configuration says to
    /// go on as a visitor: an outage must not read as "not signed in".
    pub fn require_user(&self) -> Result<UserId, Error> {
        self.with_user(|_, user| user.clone())
    }

    /// Whether somebody is signed in.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.with_current(SessionData::is_authenticated).unwrap_or(false)
    }

    /// The session's record as it was loaded, or as this request last saved it. What is buffered is
    /// not in it: see [`data`](Self::data).
    #[must_use]
    pub fn current(&self) -> Option<Arc<SessionData>> {
        match &mut self.state().loaded {
            Loaded::With(live) => Some(live.shown()),
            Loaded::Without(_) => None,
        }
    }

    /// What this request says about its client.
    ///
    /// Empty if no adapter attached a request.
    #[must_use]
    pub fn meta(&self) -> &SessionMeta {
        static NOTHING: OnceLock<SessionMeta> = OnceLock::new();
        let attached = self.request().map(Request::meta);
        attached.unwrap_or_else(|| NOTHING.get_or_init(SessionMeta::default))
    }

    /// Whether its user signed in, or proved again who they are, within the last `duration`. `false`
    /// for an anonymous session.
    #[must_use]
    pub fn authenticated_within(&self, duration: Duration) -> bool {
        let now = self.inner.store.now();
        self.with_current(|session| session.authenticated_within(duration, now)).unwrap_or(false)
    }

    /// Whether there is a value under `key`, `null` included.
    #[must_use]
    pub fn contains(&self, key: impl KeyName) -> bool {
        // Named outside the lock: a `KeyName` may be the application's code.
        let key = key.key_name();
        self.state().value(key).is_some()
    }

    /// The keys there are, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.data().iter().map(|(key, _)| key.to_owned()).collect()
    }

    /// The whole map, as this request sees it. Cheap if nothing is buffered.
    #[must_use]
    pub fn data(&self) -> Data {
        let (mut data, buffer) = self.view();
        buffer.apply(&mut data);
        data
    }
}
