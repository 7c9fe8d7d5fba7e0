//! Tests of your own application, for those who use `session-axum` or `session-salvo`: a browser that
//! signs in by one line and keeps cookies, a clock that the test moves, and a database that fails when it
//! is told to.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # mod example {
//! use std::time::Duration;
//!
//! use axum::Router;
//! use axum::routing::get;
//! use session_axum::RequireUser;
//! use session_core::{BackendErrorKind, SessionConfig, SessionStore};
//! use session_test::{Fixture, TestClient};
//!
//! // The application under test.
//! fn app(store: SessionStore) -> Router {
//!     async fn me(RequireUser { user, .. }: RequireUser) -> String {
//!         format!("you are {user}")
//!     }
//!     Router::new().route("/me", get(me)).layer(session_axum::layer(store))
//! }
//!
//! # pub async fn run() {
//! let Fixture { store, clock, backend, .. } = Fixture::new(SessionConfig::default());
//! let client = TestClient::new(app(store.clone()), store);
//! assert_eq!(client.get("/me").await.status(), 401);
//!
//! client.sign_in("alice").await;
//! assert_eq!(client.get("/me").await.text(), "you are alice");
//!
//! backend.fail(BackendErrorKind::Unavailable);
//! assert_eq!(client.get("/me").await.status(), 503);
//! backend.recover();
//!
//! clock.advance(Duration::from_secs(31 * 24 * 3600));
//! assert_eq!(client.get("/me").await.status(), 401);
//! # }
//! # }
//! # #[cfg(feature = "axum")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() { example::run().await }
//! # #[cfg(not(feature = "axum"))]
//! # fn main() {}
//! ```
//!
//! - [`Fixture`] makes the store, over memory or [over any other backend](Fixture::over).
//! - [`TestClient`] is one browser. [Another one](TestClient::another_browser) is another device, with
//!   cookies of its own.
//! - [`TestClient::session`] is the session as the server has it.
//! - `backend` is a [`Watched`]: it [fails](Watched::fail), is [slow](Watched::slow), counts the calls, and
//!   stops one where the test says so that two requests race in an order of the test's choice.
//!
//! What is asked for in vain is a panic that says what was seen: these are assertions.
//!
//! # Time
//!
//! - The store's clock is [`ManualClock`]: it stands still until the test moves it. Sessions and the
//!   browser's cookies end by it.
//! - Time limits (`backend_timeout_ms`, the application's own, [`Watched::slow`]) are tokio's. With
//!   `#[tokio::test(start_paused = true)]` and tokio's feature `test-util` a test does not wait for them.
//!   **That needs `MemoryBackend`.** While a real database works the runtime has nothing to do, and a
//!   paused clock then jumps to the next time limit: every call fails with
//!   [`Unavailable`](BackendErrorKind::Unavailable), or, if the connections are being opened, with a
//!   time-out of the pool.
//!
//! # Features
//!
//! Neither is on by default.
//! - `axum`: a client takes an axum `Router`, or any tower service as a `TowerApp`.
//! - `salvo`: a client takes a salvo `Service`: `Service::new(router)`.
//!
//! For another framework, implement [`TestApp`].

#![allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "what a test asks for in vain is told by a panic; each method says which"
)]

mod app;
mod client;
mod fixture;
mod response;

#[cfg(feature = "axum")]
pub use app::TowerApp;
pub use app::{TestApp, async_trait};
pub use client::{TestClient, TestRequest};
pub use fixture::Fixture;
pub use response::TestResponse;
/// What a test moves, breaks and looks at, so that it needs no other crate of ours for it.
pub use session_conformance::backends::{Calls, Fault, Gate, Method, Stop, Watched};
pub use session_core::{BackendErrorKind, ManualClock, Timestamp};

#[cfg(all(doctest, feature = "axum", feature = "salvo"))]
#[doc = include_str!("../README.md")]
struct Readme;
