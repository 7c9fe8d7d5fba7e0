//! A backend for the tests of an application: it counts the calls, makes them fail, and stops them
//! where the test says.
//!
//! [`Watched`] stands around any backend, in most tests around [`MemoryBackend`]. Keep a clone of it:
//! clones are the same backend, so the test holds one and the store another.
//!
//! # The database is down, and the page says so
//!
//! ```
//! use session_conformance::backends::Watched;
//! use session_core::{SessionConfig, SessionStore, UserId};
//!
//! // The page under test.
//! async fn devices(store: &SessionStore, user: &UserId) -> (u16, String) {
//!     match store.list(user).await {
//!         Ok(sessions) => (200, format!("{} devices", sessions.len())),
//!         Err(_) => (503, "Your devices cannot be shown just now.".into()),
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = Watched::down();
//! let store = SessionStore::new(backend.clone(), SessionConfig::default())?;
//! let ann = UserId::new("ann")?;
//! assert_eq!(devices(&store, &ann).await, (503, "Your devices cannot be shown just now.".into()));
//!
//! backend.recover();
//! assert_eq!(devices(&store, &ann).await, (200, "0 devices".into()));
//! # Ok(())
//! # }
//! ```
//!
//! [`Watched::fail`] says more exactly what fails: see [`Fault`].
//!
//! # A page costs one read
//!
//! ```
//! use session_conformance::backends::{Calls, Watched};
//! use session_core::{MemoryBackend, SessionConfig, SessionStore, UserId};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = Watched::new(MemoryBackend::new());
//! let store = SessionStore::new(backend.clone(), SessionConfig::default())?;
//!
//! // Here the test asks for the page.
//! store.list(&UserId::new("ann")?).await?;
//!
//! assert_eq!(backend.take_calls(), Calls { list: 1, ..Calls::NONE });
//! # Ok(())
//! # }
//! ```
//!
//! # Two requests race
//!
//! A call can be stopped at two gates: [before](Gate::Before) it reaches the backend, and
//! [after](Gate::After) the backend has done it. Here the first request has read and has not got its
//! answer when the second one signs the user out everywhere:
//!
//! ```
//! use session_conformance::backends::{Gate, Method, Watched};
//! use session_core::{Error, MemoryBackend, SessionConfig, SessionStore, UserId};
//!
//! // The page under test: ends the session that was not used for the longest time.
//! async fn end_oldest(store: &SessionStore, user: &UserId) -> Result<&'static str, Error> {
//!     let sessions = store.list(user).await?;
//!     let Some(oldest) = sessions.last() else { return Ok("there was none") };
//!     Ok(if store.revoke(&oldest.id).await? { "ended" } else { "had ended already" })
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = Watched::new(MemoryBackend::new());
//! let store = SessionStore::new(backend.clone(), SessionConfig::default())?;
//! let ann = UserId::new("ann")?;
//! # let visit = store.begin();
//! # visit.attach(&http::Method::GET, &http::Uri::default(), &http::HeaderMap::new(), session_core::Peer::Unknown, None);
//! # visit.load().await?.authenticate("ann").await?;
//!
//! let stop = backend.stop(Method::List, Gate::After);
//! let first = end_oldest(&store, &ann);
//! let second = async {
//!     stop.arrived().await;
//!     let ended = store.revoke_all(&ann).await;
//!     stop.pass();
//!     ended
//! };
//! let (first, second) = tokio::join!(first, second);
//! assert_eq!(second?.len(), 1);
//! assert_eq!(first?, "had ended already");
//! # Ok(())
//! # }
//! ```
//!
//! # Every order of several calls
//!
//! A test that tries every interleaving stops every call with [`Watched::stop_every`], polls the
//! requests itself, looks at [`Watched::waiting`], and decides which call goes on with
//! [`Watched::pass`] or fails with [`Watched::refuse`]. No runtime is needed: a gate is a state
//! behind a mutex, and letting a call pass changes that state and wakes whoever polls the call.
//!
//! [`MemoryBackend`]: session_core::MemoryBackend

// The crate allows these for its laws, which speak by panicking. This module is code that others'
// tests run.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fault;
mod gates;
mod method;
mod tokens;
mod watched;

pub use self::fault::Fault;
pub use self::gates::{Gate, Stop, Waiting};
pub use self::method::{Calls, Method};
pub(crate) use self::tokens::Tokens;
pub use self::watched::Watched;
