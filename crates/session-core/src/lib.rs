//! Database-backed HTTP sessions: the framework-agnostic core.

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
mod id;
mod lifecycle;
mod memory;
mod meta;
mod patch;
mod record;
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
pub use cookie::{CookieConfig, SameSite, SecurePolicy};
pub use data::{Data, Key, KeyFor, KeyName, MAX_DEPTH, parse_json};
pub use device::DeviceType;
pub use error::{BackendError, BackendErrorKind, Error, ErrorKind};
pub use event::{EventKind, SessionEvent};
pub use fingerprint::{Fingerprint, FingerprintMode, MismatchAction};
pub use id::{InvalidId, InvalidUserId, SessionId, UserId};
pub use memory::MemoryBackend;
pub use meta::SessionMeta;
pub use patch::Patch;
pub use record::SessionData;
pub use session::{Conclusion, Session, SignIn};
pub use store::SessionStore;
pub use token::{MalformedToken, SessionToken, TOKEN_TEXT_LEN, TokenHash};
