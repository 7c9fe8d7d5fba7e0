//! [`Fixture`]: a store whose clock and backend are the test's.

use std::sync::Arc;

use session_conformance::backends::Watched;
use session_core::{
    ManualClock, MemoryBackend, SessionBackend, SessionConfig, SessionStore, Timestamp,
};

/// A store, the clock that it takes the time from, and the backend that it asks: what is put into the
/// application, and what the test moves and breaks.
///
/// ```
/// use session_core::SessionConfig;
/// use session_test::Fixture;
///
/// let Fixture { store, clock, backend, .. } = Fixture::new(SessionConfig::default());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fixture {
    /// For the application, and for the client.
    pub store: SessionStore,
    /// Stands at [`START`](Fixture::START).
    pub clock: Arc<ManualClock>,
    /// Stands around the database: counts its calls, makes them fail, stops them.
    pub backend: Watched,
}

impl Fixture {
    /// Where the clock begins: midnight of 1 January 2030, UTC.
    pub const START: Timestamp = Timestamp::from_micros(1_893_456_000_000_000);

    /// Over memory: nothing is left when the test is over.
    ///
    /// # Panics
    /// If the configuration cannot be meant. A test that wants the error has
    /// [`SessionConfig::check`].
    #[must_use]
    #[track_caller]
    pub fn new(config: SessionConfig) -> Self {
        Self::over(MemoryBackend::new(), config)
    }

    /// Over any other backend, which the test opens and migrates: a new SQLite file, a schema of its own
    /// on PostgreSQL. Backends take the time from the store, so the clock is the test's here too.
    ///
    /// # Panics
    /// If the configuration cannot be meant.
    #[must_use]
    #[track_caller]
    pub fn over(backend: impl SessionBackend, config: SessionConfig) -> Self {
        let backend = Watched::new(backend);
        let clock = Arc::new(ManualClock::new(Self::START));
        match SessionStore::new(backend.clone(), config) {
            Ok(store) => Self { store: store.with_clock(clock.clone()), clock, backend },
            Err(error) => panic!("the configuration: {error}"),
        }
    }
}

/// With the default configuration, over memory.
impl Default for Fixture {
    fn default() -> Self {
        Self::new(SessionConfig::default())
    }
}
