//! What can be set: [`PostgresConfig`].

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// How [`PostgresBackend::connect_with`](crate::PostgresBackend::connect_with) reaches a database.
///
/// ```
/// use std::num::NonZeroU32;
/// use session_postgres::PostgresConfig;
///
/// let config = PostgresConfig::new("postgres://app@db.example/shop")
///     .schema("sessions")
///     .max_connections(NonZeroU32::new(20).unwrap());
/// ```
///
/// A call to the backend takes at most about [`acquire_timeout`](Self::acquire_timeout) and
/// [`statement_timeout`](Self::statement_timeout) together. Keep their sum below the core's
/// `backend_timeout_ms` (5 seconds by default), so that the error names what was waited for.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    pub(crate) url: String,
    pub(crate) schema: Option<String>,
    pub(crate) max_connections: NonZeroU32,
    pub(crate) acquire_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) lock_timeout: Duration,
}

impl PostgresConfig {
    /// The defaults, for the database at `url`: `postgres://user:password@host:port/database`, with
    /// parameters such as `?sslmode=verify-full`. Connecting refuses those that have no effect here, such as
    /// `target_session_attrs`, and several hosts. What the URL leaves out is taken from `PGHOST`, `PGUSER` and their like.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: None,
            max_connections: MOST_CONNECTIONS,
            acquire_timeout: Duration::from_millis(2000),
            statement_timeout: STATEMENT_TIMEOUT,
            lock_timeout: LOCK_TIMEOUT,
        }
    }

    /// The schema that holds the tables; it becomes the connections' `search_path`, and
    /// [`migrate`](crate::PostgresBackend::migrate) makes it if there is none. Default: whatever
    /// the role's `search_path` says, which is usually `public`.
    ///
    /// Lower-case letters, digits and underscores, not beginning with a digit or `pg_`, at most 63
    /// bytes; connecting refuses others.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// How many connections there are at most. Default: 10. They are opened when they are needed,
    /// and closed after ten idle minutes.
    #[must_use]
    pub const fn max_connections(mut self, connections: NonZeroU32) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long a call waits for a connection, opening one included. Default: 2 seconds.
    #[must_use]
    pub const fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// How long a statement may run, on the server and seen from here. Default: 2.5 seconds.
    #[must_use]
    pub const fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// How long a statement may wait for a lock. Default: 2 seconds. A longer one than
    /// [`statement_timeout`](Self::statement_timeout) never comes to pass.
    #[must_use]
    pub const fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }
}

pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_millis(2500);
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_millis(2000);
const MOST_CONNECTIONS: NonZeroU32 = NonZeroU32::new(10).unwrap();

impl From<&str> for PostgresConfig {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl fmt::Debug for PostgresConfig {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("schema", &self.schema)
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .finish_non_exhaustive()
    }
}

/// Whether a name needs no quotes anywhere, neither in SQL nor in a `search_path`.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let allowed = |c: char| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.starts_with("pg_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_schemas() {
        for (name, fine) in [
            ("sessions", true),
            ("_a1", true),
            (&"a".repeat(63), true),
            (&"a".repeat(64), false),
            ("", false),
            ("1a", false),
            ("Sessions", false),
            ("pg_catalog", false),
            ("a b", false),
            ("a,b", false),
            ("a\";DROP", false),
            ("é", false),
        ] {
            assert_eq!(is_plain_name(name), fine, "{name}");
        }
    }

    #[test]
    fn no_password_is_printed() {
        let config = PostgresConfig::new("postgres://app:hunter2@localhost/app");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
