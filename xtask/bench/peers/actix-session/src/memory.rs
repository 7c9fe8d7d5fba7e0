//! A store in memory, which the library has none of: what its store for Redis does, with a map in
//! the place of the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use anyhow::Error;

type State = HashMap<String, String>;

#[derive(Clone, Default)]
pub(crate) struct MemoryStore {
    sessions: Arc<Mutex<HashMap<String, State>>>,
}

impl MemoryStore {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, State>) -> T) -> T {
        act(&mut self.sessions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SessionStore for MemoryStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        Ok(self.with(|sessions| sessions.get(key.as_ref()).cloned()))
    }

    async fn save(&self, state: State, _ttl: &Duration) -> Result<SessionKey, SaveError> {
        // As long as the library's own keys.
        let key = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        self.with(|sessions| sessions.insert(key.clone(), state));
        key.try_into().map_err(Error::from).map_err(SaveError::Other)
    }

    /// A session that has gone is saved under a new key, as the store for Redis does it.
    async fn update(
        &self,
        key: SessionKey,
        state: State,
        ttl: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        let left = self.with(|sessions| match sessions.get_mut(key.as_ref()) {
            Some(stored) => {
                *stored = state;
                None
            }
            None => Some(state),
        });
        match left {
            None => Ok(key),
            Some(state) => {
                self.save(state, ttl).await.map_err(|failure| UpdateError::Other(failure.into()))
            }
        }
    }

    async fn update_ttl(&self, _key: &SessionKey, _ttl: &Duration) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), Error> {
        self.with(|sessions| sessions.remove(key.as_ref()));
        Ok(())
    }
}
