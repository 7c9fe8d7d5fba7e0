//! [`Lab`]: where a law gets its harnesses from, and what is written down while it runs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::harness::Harness;
use super::secrets::Secrets;

type Making = Pin<Box<dyn Future<Output = Box<dyn Harness>>>>;

/// Fresh harnesses, as many as a law wants.
pub struct Lab {
    make: Box<dyn Fn() -> Making>,
    pub(crate) secrets: Arc<Secrets>,
    /// Whether what visitors store is in their cookie.
    pub(crate) cookie_visitors: bool,
}

impl Lab {
    /// Harnesses made by `make`, usually an `async fn` without arguments.
    pub fn new<M, F, H>(make: M) -> Self
    where
        M: Fn() -> F + 'static,
        F: Future<Output = H> + 'static,
        H: Harness,
    {
        let make: Box<dyn Fn() -> Making> = Box::new(move || {
            let making = make();
            Box::pin(async move { Box::new(making.await) as Box<dyn Harness> })
        });
        Self { make, secrets: Arc::default(), cookie_visitors: false }
    }

    /// The same for sites whose visitors have no rows (`anonymous_store: cookie`).
    #[must_use]
    pub fn with_cookie_visitors(self) -> Self {
        Self { cookie_visitors: true, ..self }
    }

    /// One more harness, over a fresh database.
    pub async fn harness(&self) -> Box<dyn Harness> {
        (self.make)().await
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab").finish_non_exhaustive()
    }
}
