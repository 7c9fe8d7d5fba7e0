//! Database-backed HTTP sessions: the framework-agnostic core.
//!
//! An application picks this crate, a backend (`session-sqlite`, `session-postgres`, or
//! [`MemoryBackend`] from here) and an adapter for its framework (`session-axum`, `session-salvo`):
//!
//! ```
//! use session_core::{MemoryBackend, Session, SessionConfig, SessionStore};
//!
//! # fn main() -> Result<(), session_core::InvalidConfig> {
//! // Once per application; the adapter's layer takes it.
//! let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
//! # Ok(()) }
//!
//! // In a handler, which gets the session from the adapter:
//! async fn add_to_cart(session: &Session, item: String) -> Result<(), session_core::Error> {
//!     let mut cart: Vec<String> = session.get("cart")?.unwrap_or_default();
//!     cart.push(item);
//!     session.set("cart", cart)
//! }
//!
//! async fn sign_in(session: &Session) -> Result<(), session_core::Error> {
//!     // … check the password …
//!     session.authenticate("alice").await
//! }
//! ```
//!
//! - [`Session`] is what handlers work with, [`SessionStore`] what administration and background
//!   jobs do, [`SessionConfig`] everything that can be tuned.
//! - [`SessionBackend`] is what a database implements; `session-conformance` holds it to its laws.
//! - An adapter works with a [`Visit`]; the rest is its framework's.
//!
//! The promises behind this, each with a test that every backend and every adapter passes, are in
//! `docs/laws.md`.
//!
//! # Features
//!
//! - `cleanup-job` (default): `SessionStore::cleanup_job`, which purges expired sessions every 15
//!   minutes. Enables `tokio`.
//! - `tokio` (default, through `cleanup-job`): a timeout around each call to the backend,
//!   [`SessionConfig::backend_timeout_ms`]. Needs a tokio runtime with its timer enabled.
//! - `uuid` (not by default): a `uuid::Uuid` is a [`UserId`], and so what
//!   [`Session::authenticate`] takes. Reading one back with [`UserId::parse`] needs no feature.

pub mod answer;
mod backend;
#[cfg(feature = "cleanup-job")]
mod cleanup;
mod client;
mod clock;
mod config;
mod cookie;
mod cross_site;
mod data;
mod dead_token;
mod device_view;
mod error;
mod event;
mod eviction;
mod expiry;
mod guard;
mod head;
mod id;
mod invalid_config;
mod key;
mod lifecycle;
mod lifetime;
mod memory;
mod next;
mod outage;
mod pace;
mod patch;
mod record;
mod session;
mod settings;
mod store;
#[cfg(test)]
mod testing;
mod token;
mod watch;

pub use backend::{
    Agent, Applied, CARRY_LIFETIME, Carry, Created, EndedBy, Found, MAX_GRACES, NewLifetime,
    NewSession, Purged, Reauthentication, Replace, Rotation, SessionBackend, SessionChange,
    SessionRef, TOMBSTONE_LIFETIME, TokenState, Touch, UnknownEnd, Updated, tombstone_expiry,
};
#[cfg(feature = "cleanup-job")]
pub use cleanup::{CleanupJob, RunningCleanup};
pub use client::{
    DeviceType, Fingerprint, FingerprintMode, ForwardedHeader, InvalidDeviceType, MismatchAction,
    Peer, Scheme, SessionMeta,
};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use config::{CrossSiteSessions, OnBackendError, SessionConfig};
pub use cookie::{
    Candidates, CookieConfig, CookieRules, CookieSecret, SameSite, SecurePolicy, Signing,
};
pub use cross_site::CrossSiteGuard;
pub use data::{Data, MAX_DEPTH, parse_json};
pub use dead_token::Ended;
pub use device_view::DeviceView;
pub use error::{BackendError, BackendErrorKind, Error, ErrorKind};
pub use event::{EventKind, SessionEvent};
pub use eviction::sessions_to_evict;
pub use guard::{Asked, Guard, Pages};
pub use head::{RequestHead, local_path};
pub use id::{InvalidId, InvalidUserId, SessionId, UserId};
pub use invalid_config::InvalidConfig;
pub use key::{Key, KeyFor, KeyName};
pub use lifetime::Lifetime;
pub use memory::MemoryBackend;
pub use next::{Elsewhere, Next, SafePath};
pub use patch::Patch;
pub use record::SessionData;
pub use session::{Conclusion, Session, SignIn, Visit};
pub use store::SessionStore;
pub use token::{MalformedToken, SessionToken, TOKEN_TEXT_LEN, TokenHash};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
