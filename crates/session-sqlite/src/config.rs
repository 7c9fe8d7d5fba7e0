//! What can be set: [`SqliteConfig`].

use std::num::NonZeroU32;
use std::time::Duration;

/// How [`SqliteBackend::connect_with`](crate::SqliteBackend::connect_with) opens a database.
///
/// ```
/// use std::time::Duration;
/// use session_sqlite::SqliteConfig;
///
/// let config = SqliteConfig::new("sqlite:sessions.db").busy_timeout(Duration::from_millis(500));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteConfig {
    pub(crate) url: String,
    pub(crate) readers: NonZeroU32,
    pub(crate) busy_timeout: Duration,
    pub(crate) acquire_timeout: Duration,
    pub(crate) create_if_missing: bool,
    pub(crate) as_it_is: bool,
}

/// Above this many threads that read at once more of them only take memory.
const MOST_READERS: u32 = 8;
const LEAST_READERS: NonZeroU32 = NonZeroU32::new(2).unwrap();

impl SqliteConfig {
    /// The defaults, for the database at `url`: `sqlite:path`, `sqlite://path`, a plain path, or
    /// `sqlite::memory:`. In a URL `%` begins an escaped byte; in a plain path it is itself.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
        let readers = u32::try_from(cores).unwrap_or(MOST_READERS).min(MOST_READERS);
        Self {
            url: url.into(),
            readers: NonZeroU32::new(readers).unwrap_or(LEAST_READERS).max(LEAST_READERS),
            busy_timeout: Duration::from_millis(2000),
            acquire_timeout: Duration::from_millis(2500),
            create_if_missing: true,
            as_it_is: false,
        }
    }

    /// How many connections read. Each is a thread, and a cache of up to 2 MB. Default: one per
    /// core, at least 2, at most 8. A database in memory has one connection for everything.
    #[must_use]
    pub const fn readers(mut self, readers: NonZeroU32) -> Self {
        self.readers = readers;
        self
    }

    /// How long a write waits for another process that writes. Default: 2 seconds.
    ///
    /// Keep the sum of this and of [`acquire_timeout`](Self::acquire_timeout) below the core's
    /// `backend_timeout_ms` (5 seconds by default), so that the error names what was waited for.
    #[must_use]
    pub const fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Whether a file is made if there is none. Default: yes. A tool that looks at a database says no: a
    /// name with a slip in it is then an error.
    #[must_use]
    pub const fn create_if_missing(mut self, create: bool) -> Self {
        self.create_if_missing = create;
        self
    }

    /// Whether connecting leaves the file as it is: nothing is made, its journal mode stays, and a file that may
    /// only be read is opened all the same. Default: no. It is for tools, which may be told the name of another
    /// program's database. An application says no: its readers and writers need the WAL.
    #[must_use]
    pub const fn as_it_is(mut self, as_it_is: bool) -> Self {
        self.as_it_is = as_it_is;
        if as_it_is {
            self.create_if_missing = false;
        }
        self
    }

    /// How long a call waits for its turn on a connection. Default: 2.5 seconds.
    #[must_use]
    pub const fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }
}

impl From<&str> for SqliteConfig {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}
