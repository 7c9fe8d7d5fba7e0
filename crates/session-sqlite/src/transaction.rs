//! Several statements as one step, that a dropped caller cannot leave half done: [`run`].

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use session_core::{BackendError, BackendErrorKind};
use sqlx::{Executor, SqliteConnection};

use crate::connections::{Connections, Lease};
use crate::error::{SQLITE_BUSY, SQLITE_LOCKED, driver, other, primary_code};

pub(crate) type Step<'c, T> = Pin<Box<dyn Future<Output = Result<T, BackendError>> + Send + 'c>>;

/// Runs `work` between `BEGIN IMMEDIATE` and `COMMIT`; any error takes everything back.
///
/// From `BEGIN` on it runs on a task of its own, which ends the transaction whatever becomes of the
/// caller. A caller that is dropped while it waits for a connection, or for a lock that somebody else
/// has, does nothing: it may have told its own that nothing was done.
///
/// The three statements are sent as such, not through the driver's own transactions: those count
/// their depth, and after a `COMMIT` that failed and that SQLite took back by itself the count is
/// wrong for as long as the connection lives.
pub(crate) async fn run<T, W>(writer: &Connections, work: W) -> Result<T, BackendError>
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> Step<'c, T> + Send + 'static,
{
    let mut guarded = Guarded::new(writer.lease().await.map_err(driver)?);
    // Goes with this future, and only with it.
    let waiting = Arc::new(());
    let caller = Arc::downgrade(&waiting);
    let done = outlive(async move { guarded.run(work, &caller).await }).await;
    drop(waiting);
    done
}

/// Lets `work` run to its end, also where the caller is dropped.
pub(crate) async fn outlive<T: Send + 'static>(
    work: impl Future<Output = Result<T, BackendError>> + Send + 'static,
) -> Result<T, BackendError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a transaction that a dropped caller leaves half done would hold the lock on the \
                  whole database; the task ends with its last statement"
    )]
    let task = tokio::spawn(work);
    task.await.unwrap_or_else(|error| {
        Err(BackendError::new(BackendErrorKind::Unavailable, error)
            .with_context("the transaction was cut off: the runtime stops, or its task panicked"))
    })
}

/// A connection that others get only when no transaction is open on it.
pub(crate) struct Guarded {
    /// Taken when it is dropped.
    lease: Option<Lease>,
    clean: bool,
}

impl Guarded {
    pub(crate) const fn new(lease: Lease) -> Self {
        Self { lease: Some(lease), clean: false }
    }

    #[expect(clippy::expect_used, reason = "it is taken only when this is dropped")]
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        self.lease.as_mut().expect("a guard holds its lease")
    }

    /// No transaction is open.
    pub(crate) const fn is_clean(&mut self) {
        self.clean = true;
    }

    async fn run<T, W>(&mut self, work: W, caller: &Weak<()>) -> Result<T, BackendError>
    where
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Step<'c, T>,
    {
        self.begin().await?;
        if caller.strong_count() == 0 {
            self.clean = self.roll_back().await;
            let given_up = BackendError::from_kind(BackendErrorKind::Unavailable);
            return Err(given_up.with_context("the call was given up before it had the lock"));
        }
        let done = match work(self.connection()).await {
            Ok(value) => self.statement("COMMIT").await.map(|()| value).map_err(driver),
            Err(error) => Err(error),
        };
        match done {
            Ok(_) => self.clean = true,
            Err(_) => self.clean = self.roll_back().await,
        }
        done
    }

    async fn begin(&mut self) -> Result<(), BackendError> {
        let Err(error) = self.statement("BEGIN IMMEDIATE").await else { return Ok(()) };
        match primary_code(&error) {
            Some(SQLITE_BUSY | SQLITE_LOCKED) => {
                self.clean = true;
                Err(driver(error))
            }
            // `BEGIN` names no table: the only way to get it wrong is to be inside a transaction.
            Some(crate::error::SQLITE_ERROR) => {
                Err(other("the pool handed out a connection with an open transaction"))
            }
            _ => Err(driver(error)),
        }
    }

    /// Whether no transaction is open any more.
    async fn roll_back(&mut self) -> bool {
        // SQLite takes some failures back by itself, and then there is nothing to roll back. That
        // none is open shows in that one can be begun.
        self.statement("ROLLBACK").await.is_ok()
            || (self.statement("BEGIN").await.is_ok() && self.statement("ROLLBACK").await.is_ok())
    }

    async fn statement(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        // Through `query`, so that the prepared statement is kept.
        self.connection().execute(sqlx::query(sql)).await.map(|_| ())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        match self.lease.take() {
            Some(lease) if self.clean => lease.give_back(),
            Some(lease) => lease.discard(),
            None => {}
        }
    }
}
