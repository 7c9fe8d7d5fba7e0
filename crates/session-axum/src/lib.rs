//! Database-backed HTTP sessions for [axum](https://docs.rs/axum) and every tower server.
//!
//! ```
//! use axum::{Router, routing::{get, post}};
//! use session_axum::{Session, SessionError, layer};
//! use session_core::{MemoryBackend, SessionConfig, SessionStore};
//!
//! async fn visits(session: Session) -> Result<String, SessionError> {
//!     let visits: u64 = session.get("visits")?.unwrap_or(0) + 1;
//!     session.set("visits", visits)?;
//!     Ok(format!("visit number {visits}"))
//! }
//!
//! async fn sign_in(session: Session) -> Result<(), SessionError> {
//!     // … check the password …
//!     Ok(session.authenticate("alice").await?)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
//! let app: Router = Router::new()
//!     .route("/", get(visits))
//!     .route("/sign-in", post(sign_in))
//!     .layer(layer(store));
//! # Ok(()) }
//! ```
//!
//! 1. [`layer`] puts a handle into the request; no I/O happens until somebody asks for it.
//! 2. The extractor [`Session`] loads it: one read. It always extracts, signed in, anonymous or
//!    empty; only a failing backend rejects, with 503. There is no `Option<Session>`, because an
//!    outage must not look like a visitor. [`RequireUser`] answers 401 where nobody is signed in.
//! 3. Layers that only look use [`user_id_from_extensions`].
//! 4. When the handler has answered, the layer saves what was written, in one statement, and sets the
//!    cookie. Where that fails, the answer becomes an error: 409 or 503.
//!
//! The client's address is axum's [`ConnectInfo<SocketAddr>`][ci] where the application serves with
//! it (feature `connect-info`, on by default), or a [`Peer`] that some layer put into the request's
//! extensions, which wins; without either the peer is unknown, and its forwarded headers are not
//! believed.
//!
//! With `cookie.secure: auto` the scheme is what a trusted proxy says; without one a [`Scheme`] that
//! some layer put into the request's extensions, and without either what the request's own URI says,
//! which HTTP/2 sends and HTTP/1 does not. Where nobody says, the cookie is `Secure`; so an application
//! that is served by plain HTTP/1 says so: `.layer(Extension(Scheme::Http))` around the session's layer.
//!
//! [ci]: https://docs.rs/axum/latest/axum/extract/struct.ConnectInfo.html

mod answer;
mod extract;
mod future;
mod layer;
mod not_loaded;
mod service;

pub use answer::SessionError;
pub use extract::{RequireUser, Session, user_id_from_extensions};
pub use future::SessionFuture;
pub use layer::{SessionLayer, layer};
pub use not_loaded::NotLoaded;
pub use service::SessionService;
pub use session_core::{Peer, RequestHead, Scheme};
