//! What a backend's author supplies: [`TestBackend`], one fresh database to be held to a law.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use session_core::SessionBackend;

/// One fresh, empty database and the backend over it.
///
/// Every law asks for databases of its own, so laws run in parallel and leave nothing to clean up:
/// a new file, schema, or key prefix each time. What it holds on to (a temporary folder, a
/// container) is kept until the law is done, and dropped then.
///
/// ```
/// use std::sync::Arc;
///
/// use session_conformance::{Cut, Failure, TestBackend, async_trait};
/// use session_core::{MemoryBackend, SessionBackend};
///
/// struct Memory(Arc<MemoryBackend>);
///
/// #[async_trait]
/// impl TestBackend for Memory {
///     fn backend(&self) -> Arc<dyn SessionBackend> {
///         self.0.clone()
///     }
///     async fn reopen(&self) -> Arc<dyn SessionBackend> {
///         self.0.clone()
///     }
///     async fn dump(&self) -> Vec<u8> {
///         self.0.dangerous_dump().into_bytes()
///     }
///     async fn cut(&self, _: Failure) -> Cut {
///         Cut::CannotFail { reason: "it is this process's own memory" }
///     }
/// }
/// ```
#[async_trait]
pub trait TestBackend: Send + Sync + 'static {
    /// The backend, migrated and ready. Each call gives the same one.
    fn backend(&self) -> Arc<dyn SessionBackend>;

    /// Another client of the same database, as another process would be: its own connections and
    /// its own caches. A backend that lives in one process's memory gives the same one again.
    async fn reopen(&self) -> Arc<dyn SessionBackend>;

    /// Everything that is stored, raw: the bytes of the files, or every row and key printed. Whole
    /// and up to date, what lies in a write-ahead log included.
    async fn dump(&self) -> Vec<u8>;

    /// Makes the database fail in the way asked for, from the return of this call on, for good, and
    /// at least for what [`backend`](Self::backend) gave. What another test uses must not fail.
    async fn cut(&self, how: Failure) -> Cut;
}

/// In which way a database is to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answers: a server that is gone, a pool that is closed, a folder that cannot be read.
    /// Every call must be an error `Unavailable`.
    Unreachable,
    /// It answers too late: a lock that another client holds and does not give back, a server that
    /// is stopped. Every call that changes something must be an error `Unavailable`; a read may be
    /// one, or the right answer.
    Slow,
    /// It answers with nonsense: the tables are gone, the file is no database. Every call but the
    /// ping must be an error `Corrupt` or `Other`.
    Broken,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Unreachable, Self::Slow, Self::Broken];
}

/// What [`TestBackend::cut`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The database fails from now on.
    Done {
        /// The time within which a call must have answered: what the backend was configured with.
        within: Duration,
    },
    /// This database cannot fail in this way. The law then holds the backend to its word (every
    /// call must go on to give the right answer) and says on standard error that this part of it
    /// could not be looked at.
    CannotFail {
        /// Why not, to be printed: "it is this process's own memory".
        reason: &'static str,
    },
}

type Making = Pin<Box<dyn Future<Output = Box<dyn TestBackend>>>>;

/// Where a law gets its databases from: fresh ones, as many as it wants.
pub struct Fresh(Box<dyn Fn() -> Making>);

impl Fresh {
    /// Databases made by `make`, usually an `async fn` without arguments.
    pub fn new<M, F, B>(make: M) -> Self
    where
        M: Fn() -> F + 'static,
        F: Future<Output = B> + 'static,
        B: TestBackend,
    {
        Self(Box::new(move || {
            let making = make();
            Box::pin(async move { Box::new(making.await) as Box<dyn TestBackend> })
        }))
    }

    /// One more fresh database.
    pub async fn make(&self) -> Box<dyn TestBackend> {
        (self.0)().await
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").finish_non_exhaustive()
    }
}
