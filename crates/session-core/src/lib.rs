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
//! - `metrics` (not by default): counts and times for an exporter of metrics, see [`metrics`].
//! - `uuid` (not by default): a `uuid::Uuid` is a [`UserId`], and so what
//!   [`Session::authenticate`] takes. Reading one back with [`UserId::parse`] needs no feature.

mod accounts;
pub mod answer;
mod backend;
mod bearer;
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
mod finding;
mod guard;
mod head;
mod id;
mod impersonator;
mod invalid_config;
mod key;
mod lifecycle;
mod lifetime;
mod memory;
#[cfg(feature = "metrics")]
pub mod metrics;
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
mod transport;
mod visitor;
mod watch;

pub use accounts::AccountSlots;
pub use backend::{
    Agent, Applied, CARRY_LIFETIME, Carry, Created, EndedBatch, EndedBy, ExpiredSession, Found,
    MAX_GRACES, MAX_LIVE_IDS, NewLifetime, NewSession, PurgeReport, Purged, Reauthentication,
    Replace, Rotation, SessionBackend, SessionChange, SessionCount, SessionRef, TOMBSTONE_LIFETIME,
    TokenState, Touch, UnknownEnd, Updated, tombstone_expiry,
};
pub use bearer::BearerToken;
#[cfg(feature = "cleanup-job")]
pub use cleanup::{CleanupJob, RunningCleanup};
pub use client::{
    DeviceType, Fingerprint, FingerprintMode, ForwardedHeader, InvalidDeviceType, MismatchAction,
    Peer, Scheme, SessionMeta,
};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use config::{AnonymousStore, CrossSiteSessions, OnBackendError, SessionConfig};
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
pub use finding::{Finding, FindingLevel};
pub use guard::{Asked, Guard, Pages};
pub use head::{RequestHead, local_path};
pub use id::{InvalidId, InvalidUserId, SessionId, UserId};
pub use impersonator::{Impersonator, InvalidImpersonator};
pub use invalid_config::InvalidConfig;
pub use key::{Key, KeyFor, KeyName};
pub use lifetime::Lifetime;
pub use memory::MemoryBackend;
pub use next::{Elsewhere, Next, SafePath};
pub use patch::Patch;
pub use record::SessionData;
pub use session::{Account, Conclusion, Flash, FlashLevel, Session, SignIn, Visit};
pub use store::SessionStore;
#[cfg(feature = "tokio")]
pub use store::UntilEnded;
pub use token::{MalformedToken, SessionToken, TOKEN_TEXT_LEN, TokenHash};
pub use transport::Transport;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
