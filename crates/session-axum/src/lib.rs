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
//!    outage must not look like a visitor. [`RequireUser`] answers 401 if nobody is signed in.
//!    [`require_user`] is the same over a group of routes; [`SessionLayer::pages`] sends a person to sign in.
//! 3. Layers that only look use [`user_id_from_extensions`].
//! 4. When the handler has answered, the layer saves what was written, in one statement, and sets the
//!    cookie. If that fails, the answer becomes an error: 409 or 503.
//!
//! # Where other layers go
//!
//! The layer saves, and sets the cookie, when it sees an answer come back. `Router::layer` puts each layer
//! around those before it, so what goes behind the session's comes before it in the list:
//!
//! ```
//! # use std::time::Duration;
//! # use axum::{Router, http::StatusCode, routing::get};
//! # use session_core::{MemoryBackend, SessionConfig, SessionStore};
//! # use tower_http::catch_panic::CatchPanicLayer;
//! # use tower_http::cors::CorsLayer;
//! # use tower_http::timeout::TimeoutLayer;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
//! let limit = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(30));
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .layer(limit)
//!     .layer(CatchPanicLayer::new())
//!     .layer(session_axum::layer(store))
//!     .layer(CorsLayer::new());
//! # Ok(()) }
//! ```
//!
//! - **Panics and time-outs are caught behind it.** Caught outside, a sign-in that had committed loses its
//!   cookie: its user is not signed in, and the visitor's data is gone.
//! - **CORS goes outside**, so that a page on another origin can read our errors.
//! - **Caches go outside**, and only such as keep to `Cache-Control` and `Vary`: behind it, two visitors get
//!   one page, CSRF token included.
//!
//! Compression, conditional requests, traces and static files too: `docs/layers.md`, each line of
//! which is tested.
//!
//! # What to know
//!
//! - Only a request that asks for its session slides its expiry. For the others there is
//!   [`SessionLayer::eager`].
//! - In a request, [`logout_all`](session_core::Session::logout_all) ends all of a user's sessions and
//!   clears the cookie; [`SessionStore::revoke_all`](session_core::SessionStore::revoke_all) is an
//!   administrator's, and does not tell this answer's cookie.
//! - A server that renders pages and forwards the cookie forwards the User-Agent as well, or its requests are
//!   refused: see [`MismatchAction`](session_core::MismatchAction).
//! - `SameSite=Strict` signs people out: see `docs/layers.md`, also for returns by POST and for pages
//!   that other sites embed.
//!
//! # Where a request comes from
//!
//! The client's address is axum's [`ConnectInfo<SocketAddr>`][ci] if the application serves with
//! it (feature `connect-info`, on by default), or a [`Peer`] that some layer put into the request's
//! extensions, which wins; without either the peer is unknown, and its forwarded headers are not
//! believed.
//!
//! With `cookie.secure: auto` the scheme is what a trusted proxy says; without one a [`Scheme`] that
//! some layer put into the request's extensions, and without either what the request's own URI says,
//! which HTTP/2 sends and HTTP/1 does not. If nobody says, the cookie is `Secure`; so an application
//! that is served by plain HTTP/1 says so: `.layer(Extension(Scheme::Http))` around the session's layer.
//! From the same source comes the warning, with `cookie.secure: always`, that browsers drop such a cookie.
//!
//! [ci]: https://docs.rs/axum/latest/axum/extract/struct.ConnectInfo.html

mod answer;
mod cross_site;
mod extract;
mod future;
mod guard;
mod layer;
mod next;
mod not_loaded;
mod service;

pub use answer::SessionError;
pub use cross_site::{CrossSiteFuture, CrossSiteLayer, CrossSiteService, cross_site_guard};
pub use extract::{RequireUser, Session, user_id_from_extensions};
pub use future::SessionFuture;
pub use guard::{
    GuardLayer, GuardService, RequireAnonymous, RequireFresh, require_anonymous, require_fresh,
    require_user,
};
pub use layer::{SessionLayer, layer};
pub use next::Next;
pub use not_loaded::NotLoaded;
pub use service::SessionService;
pub use session_core::{Peer, RequestHead, Scheme};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
