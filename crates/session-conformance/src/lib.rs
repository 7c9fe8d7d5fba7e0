//! What every backend for database-backed HTTP sessions promises, as a test suite; and a backend for
//! the tests of [your own application](#testing-your-own-application).
//!
//! Each promise is a *law*: a name, a sentence, and a plain async function that tries to break it.
//! [`backend_laws!`] makes one test of each in your own crate, so a failure names the promise that
//! is broken. The laws of `session-core`'s own backends are these, and no others.
//!
//! # Holding a backend to the laws
//!
//! Say how a fresh database is made, and where the tests go:
//!
//! ```
//! use std::sync::Arc;
//!
//! use session_conformance::{Cut, Failure, TestBackend, async_trait};
//! use session_core::{MemoryBackend, SessionBackend};
//!
//! struct Memory(Arc<MemoryBackend>);
//!
//! #[async_trait]
//! impl TestBackend for Memory {
//!     fn backend(&self) -> Arc<dyn SessionBackend> {
//!         self.0.clone()
//!     }
//!     async fn reopen(&self) -> Arc<dyn SessionBackend> {
//!         self.0.clone()
//!     }
//!     async fn dump(&self) -> Vec<u8> {
//!         self.0.dangerous_dump().into_bytes()
//!     }
//!     async fn cut(&self, _: Failure) -> Cut {
//!         Cut::CannotFail { reason: "it is this process's own memory" }
//!     }
//! }
//!
//! async fn make() -> impl TestBackend {
//!     Memory(Arc::new(MemoryBackend::new()))
//! }
//!
//! // Test names then read `backend_laws::memory::cap_is_exact`.
//! mod backend_laws {
//!     mod memory {
//!         session_conformance::backend_laws!(crate::make);
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! Nothing else is needed: the tests start a runtime (tokio's, with four threads) of their own.
//! Laws that race take a modest number of rounds; the environment variable `SESSION_LAW_ROUNDS`
//! multiplies it. The whole suite takes seconds on an embedded database.
//!
//! # What the suite looks at
//!
//! - Every call is made in turns through two clients of one database ([`TestBackend::backend`] and
//!   [`TestBackend::reopen`]), because the promises hold across processes.
//! - Time is an argument: no law waits for a clock.
//! - [`TestBackend::dump`] and [`TestBackend::cut`] let it see what is at rest, and make the
//!   database fail. A database that cannot fail says so, and the law repeats it on standard error.
//!
//! [`BACKEND_LAWS`] and [`REQUEST_LAWS`] list all laws with their promises; `docs/laws.md` is made
//! from them. [`broken_backend_laws`] runs the suite as a function: the suite's own tests hold a
//! deliberately faulty backend for every law against it, which must break that law and no other.
//!
//! # Testing your own application
//!
//! What your pages do when the database is down, what they cost, and how they race are promises of
//! your own. [`backends::Watched`] is a backend to test them with. The crate `session-test` has it too,
//! together with a browser for your application's pages. Without that one, put this crate among your
//! dev-dependencies, and give your application a store over the backend:
//!
//! ```
//! use std::sync::Arc;
//!
//! use session_conformance::backends::{Calls, Fault, Method, Watched};
//! use session_core::{BackendErrorKind, ManualClock, MemoryBackend, SessionConfig, SessionStore};
//! # use session_core::{Timestamp, UserId};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let now = Timestamp::from_micros(1_795_348_800_000_000);
//!
//! let backend = Watched::new(MemoryBackend::new());
//! let clock = Arc::new(ManualClock::new(now));
//! let store = SessionStore::new(backend.clone(), SessionConfig::default())?.with_clock(clock.clone());
//! // Here the test makes the application with this store, and asks for a page.
//! # store.list(&UserId::new("ann")?).await?;
//!
//! // What the page cost.
//! assert_eq!(backend.take_calls(), Calls { list: 1, ..Calls::NONE });
//!
//! // From now on nothing can be written, until `backend.recover()`.
//! backend.fail(Fault::new(BackendErrorKind::Other).only(Method::Update));
//! # Ok(())
//! # }
//! ```
//!
//! [The module](backends) has whole tests: of a page while the database is down, of what a page
//! costs, and of two requests that race, in an order that the test decides. Nothing in it sleeps or
//! is left to luck, and [`ManualClock`](session_core::ManualClock) does the same for time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "laws are assertions: panicking with what they saw is how they speak"
)]

pub mod backends;
pub mod http;
pub mod jar;
pub mod laws;
#[cfg(feature = "model")]
pub mod model;

mod db;
mod race;
mod registry;
mod run;
mod subject;

/// For `impl TestBackend`, so that a test crate needs no dependency of its own for it.
pub use async_trait::async_trait;
pub use registry::{BACKEND_LAWS, Law, LawFn, LawKind, REQUEST_LAWS, Running, laws_markdown};
#[doc(hidden)]
pub use run::hold;
pub use run::{ROUNDS_VARIABLE, broken_backend_laws};
pub use subject::{Cut, Failure, Fresh, TestBackend};

/// Makes one test of every backend law, named like the law, in the module where it stands.
///
/// The argument is an `async fn` without arguments (or a closure that returns a future) that makes
/// a fresh [`TestBackend`]; the crate's documentation has a whole example. Put it into
/// `mod backend_laws { mod <name of the backend> { … } }`, so that tests of several backends are
/// told apart by their paths, as `cargo xtask test` does.
///
/// A database that needs a server may not be there. `only_if` names a function that says whether it
/// is; if it says no, the tests hold nothing and pass, so it should say so loudly, or panic if
/// that must not happen:
///
/// ```
/// # use session_conformance::{Cut, Failure, TestBackend, async_trait};
/// # struct Database;
/// # #[async_trait]
/// # impl TestBackend for Database {
/// #     fn backend(&self) -> std::sync::Arc<dyn session_core::SessionBackend> { todo() }
/// #     async fn reopen(&self) -> std::sync::Arc<dyn session_core::SessionBackend> { todo() }
/// #     async fn dump(&self) -> Vec<u8> { Vec::new() }
/// #     async fn cut(&self, _: Failure) -> Cut { Cut::CannotFail { reason: "" } }
/// # }
/// # fn todo<T>() -> T { panic!() }
/// async fn fresh() -> impl TestBackend {
///     // …
/// #   Database
/// }
///
/// fn has_server() -> bool {
///     let found = std::env::var_os("MY_SERVER").is_some();
///     if !found {
///         eprintln!("NOT RUN: set MY_SERVER");
///     }
///     found
/// }
///
/// mod backend_laws {
///     mod mine {
///         session_conformance::backend_laws!(crate::fresh, only_if: crate::has_server);
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! backend_laws {
    ($make:expr $(,)?) => {
        $crate::backend_laws! { $make, only_if: || true }
    };
    ($make:expr, only_if: $ready:expr $(,)?) => {
        $crate::__each_backend_law! { [$crate::__backend_law_tests] [$make, $ready] }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __backend_law_tests {
    ([$make:expr, $ready:expr] $($law:ident $promise:literal)+) => {
        $(
            #[doc = $promise]
            #[test]
            fn $law() {
                if ($ready)() {
                    let law: $crate::LawFn =
                        |fresh| ::std::boxed::Box::pin($crate::laws::$law(fresh));
                    $crate::hold(stringify!($law), law, &$crate::Fresh::new($make));
                }
            }
        )+
    };
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
