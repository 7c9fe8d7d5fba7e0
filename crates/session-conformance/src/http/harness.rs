//! What an adapter's author supplies: [`Harness`], and the [`App`]s that it mounts.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use http::{Request, Response};
use session_core::{Pages, Peer, SessionBackend, SessionStore};

/// Paths that begin with it belong to a handler that never asks for its session.
pub const UNTOUCHED: &str = "/untouched";

/// Paths that begin with it are like any other, except that the adapter's own handler also sets
/// [`jar_cookie`] by the framework's own means, if it has some.
pub const JAR: &str = "/jar";

/// Paths that begin with it belong to a handler that only looks who is signed in, without loading the
/// session, and then answers with [`untouched`](super::untouched).
pub const LOOKS: &str = "/looks";

/// Paths that begin with it are like any other, except that [`contain`](super::contain) stands around their
/// handler, inside of the session's layer. An error of it is answered with its status and nothing else.
pub const CONTAINED: &str = "/contained";

/// Paths that begin with it belong to a handler for users only, as the adapter's own guard has it, which
/// answers with [`untouched`](super::untouched).
pub const FOR_USERS: &str = "/for-users";

/// The same for users who signed in within [`FRESH_SECS`].
pub const FOR_FRESH: &str = "/for-fresh";

/// The same for visitors only: a sign-in page.
pub const FOR_VISITORS: &str = "/for-visitors";

/// Within how many seconds a sign-in is fresh under [`FOR_FRESH`].
pub const FRESH_SECS: u64 = 60;

/// The pages that the adapter is told of.
///
/// # Panics
/// Never: they are pages of this site.
#[must_use]
pub fn pages() -> Pages {
    let pages = Pages::new().sign_in("/for-visitors/sign-in");
    let pages = pages.and_then(|pages| pages.confirm("/confirm")?.home("/home"));
    pages.expect("pages of this site")
}

/// One adapter over one fresh, empty database. Every law makes harnesses of its own.
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// The backend, migrated and ready. Each call gives the same one.
    fn backend(&self) -> Arc<dyn SessionBackend>;

    /// The suite's application behind the adapter: see [the module](crate::http) for which path goes
    /// where. The store is over [`backend`](Self::backend), as the law sees it.
    async fn mount(&self, store: SessionStore, mount: Mount) -> Arc<dyn App>;
}

/// How the adapter is mounted around the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    /// Once, as it should be: sessions are loaded on demand.
    Once,
    /// Once, so that it loads every request's session before the handler runs.
    Eager,
    /// Twice, one around the other: a mistake.
    Nested,
    /// Not at all: a mistake.
    Missing,
}

/// An application that is mounted and answers.
#[async_trait]
pub trait App: Send + Sync + 'static {
    /// Answers a request that comes from `peer`, all of it: returns when the body is at its end.
    /// Requests are made in parallel. If the handler panics, so that the framework's server would
    /// have to deal with a panic, it is [`Panicked`]: see [`catch_panic`].
    async fn call(
        &self,
        request: Request<Vec<u8>>,
        peer: Peer,
    ) -> Result<Response<Vec<u8>>, Panicked>;
}

/// A panic came out of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the application panicked")
    }
}

impl std::error::Error for Panicked {}

/// Awaits a future whose panic is then [`Panicked`], as a server that survives its handlers would.
///
/// # Errors
/// [`Panicked`] if the future panicked.
pub async fn catch_panic<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}

/// Name and value of the cookie that a handler under [`JAR`] sets by the framework's own means.
#[must_use]
pub fn jar_cookie(store: &SessionStore) -> (String, &'static str) {
    (store.config().cookie_name.clone(), "from-the-jar")
}
