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

pub mod answer;
mod backend;
#[cfg(feature = "cleanup-job")]
mod cleanup;
pub mod client_ip;
mod clock;
mod config;
pub mod cookie;
mod data;
pub mod device;
mod error;
mod event;
pub mod eviction;
mod expiry;
pub mod fingerprint;
mod head;
mod id;
mod lifecycle;
mod memory;
mod meta;
mod pace;
mod patch;
mod record;
mod scheme;
mod session;
mod store;
#[cfg(test)]
mod testing;
mod token;

pub use backend::{
    Agent, Applied, Carry, Created, EndedBy, Found, NewSession, Purged, Reauthentication, Replace,
    Rotation, SessionBackend, SessionChange, SessionRef, TOMBSTONE_LIFETIME, TokenState, Touch,
    UnknownEnd, Updated, tombstone_expiry,
};
#[cfg(feature = "cleanup-job")]
pub use cleanup::{CleanupJob, RunningCleanup};
pub use client_ip::{ForwardedHeader, Peer};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use config::{InvalidConfig, OnBackendError, SessionConfig};
pub use cookie::{CookieConfig, CookieSecret, SameSite, SecurePolicy, Signing};
pub use data::{Data, Key, KeyFor, KeyName, MAX_DEPTH, parse_json};
pub use device::DeviceType;
pub use error::{BackendError, BackendErrorKind, Error, ErrorKind};
pub use event::{EventKind, SessionEvent};
pub use fingerprint::{Fingerprint, FingerprintMode, MismatchAction};
pub use head::RequestHead;
pub use id::{InvalidId, InvalidUserId, SessionId, UserId};
pub use memory::MemoryBackend;
pub use meta::SessionMeta;
pub use patch::Patch;
pub use record::SessionData;
pub use scheme::Scheme;
pub use session::{Conclusion, Session, SignIn, Visit};
pub use store::SessionStore;
pub use token::{MalformedToken, SessionToken, TOKEN_TEXT_LEN, TokenHash};
