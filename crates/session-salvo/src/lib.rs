//! Database-backed HTTP sessions for [salvo](https://docs.rs/salvo).
//!
//! ```
//! use salvo_core::prelude::*;
//! use session_core::{MemoryBackend, SessionConfig, SessionStore};
//! use session_salvo::{RequireUser, Session, SessionDepotExt, SessionError, SessionHandler};
//!
//! // As an argument …
//! #[handler]
//! async fn count(session: Session) -> Result<String, SessionError> {
//!     let visits: u64 = session.get("visits")?.unwrap_or(0) + 1;
//!     session.set("visits", visits)?;
//!     Ok(format!("visit number {visits}"))
//! }
//!
//! // … or out of the depot.
//! #[handler]
//! async fn sign_in(depot: &mut Depot) -> Result<(), SessionError> {
//!     // … check the password …
//!     Ok(depot.session().await?.authenticate("alice").await?)
//! }
//!
//! #[handler]
//! async fn me(caller: RequireUser) -> String {
//!     format!("signed in as {}", caller.user)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
//! let router = Router::new()
//!     .hoop(SessionHandler::new(store))
//!     .get(count)
//!     .push(Router::with_path("sign-in").post(sign_in))
//!     .push(Router::with_path("me").get(me));
//! # let _ = router; Ok(()) }
//! ```
//!
//! 1. [`SessionHandler`] puts a handle into the depot; no I/O happens until somebody asks for it.
//! 2. [`Session`] as an argument, or [`depot.session()`](SessionDepotExt::session), loads it: one
//!    read. There always is one, signed in, anonymous or empty; only a failing backend is an error,
//!    503. There is no `Option<Session>`, because an outage must not look like a visitor.
//!    [`RequireUser`] answers 401 if nobody is signed in; [`require_user`] is the same before a group of
//!    routes, and [`SessionHandler::pages`] sends a person to sign in.
//! 3. Handlers that only look use [`user_id_from_depot`].
//! 4. When the handlers behind it are done, [`SessionHandler`] saves what was written, in one
//!    statement, and sets the cookie. If that fails, the answer becomes an error: 409 or 503.
//!
//! # Where to mount it
//!
//! Once around each route: at the router (`Router::hoop`), the service (`Service::hoop`) or one goal
//! (`goal.hoop(…)`). It saves, and sets the cookie, when the handlers behind it are done; what is hooped
//! after it is behind it:
//!
//! - **What catches panics and what sets a time limit goes behind it.** Outside, a sign-in that had
//!   committed loses its cookie: its user is not signed in, and the visitor's data is gone.
//! - **CORS goes outside**, at the service, so that a page on another origin can read our errors.
//! - **`Cache` goes outside**: behind it, two visitors get one page, CSRF token included.
//!
//! Compression, conditional requests, logging and static files too: `docs/layers.md`, each line of
//! which is tested. Whatever else may set cookies goes behind it: salvo writes its cookie jar (`Response::add_cookie`) into the headers only
//! when every handler is done, so [`SessionHandler`] takes a cookie of the session's name out of the
//! jar when it concludes, and cannot see what a handler outside of it adds later.
//!
//! The client's address is the connection's ([`Request::remote_addr`][addr]; a Unix socket counts as
//! this machine), or a [`Peer`] that a handler outside put into the depot or the request's
//! extensions, which wins; without either the peer is unknown, and its forwarded headers are not
//! believed.
//!
//! # What to know
//!
//! - Only a request that asks for its session slides its expiry. For the others there is
//!   [`SessionHandler::eager`].
//! - In a request, [`logout_all`](session_core::Session::logout_all) ends all of a user's sessions and
//!   clears the cookie; [`SessionStore::revoke_all`](session_core::SessionStore::revoke_all) is an
//!   administrator's, and does not tell this answer's cookie.
//! - A server that renders pages and forwards the cookie forwards the User-Agent as well, or its requests are
//!   refused: see [`MismatchAction`](session_core::MismatchAction).
//! - `SameSite=Strict` signs people out: see `docs/layers.md`, also for returns by POST and for pages
//!   that other sites embed.
//!
//! # Features
//!
//! - `anyhow` (off): a handler that returns an `anyhow::Error` with one of ours in it answers with its
//!   status, such as 401, 409 or 503, and not with 500. Enables salvo's feature of that name.
//! - `oapi` (off): [`Session`], the guards and [`Next`] are arguments of salvo-oapi's `#[endpoint]`, and
//!   [`SessionError`] its error. The document gets the answers that they may be.
//!
//! [addr]: salvo_core::http::Request::remote_addr

mod answer;
mod cross_site;
mod depot;
mod extract;
mod guard;
mod handler;
mod next;
mod not_loaded;
#[cfg(feature = "oapi")]
mod oapi;
mod peer;
mod response;
mod session;

pub use answer::SessionError;
pub use cross_site::{CrossSiteHoop, cross_site_guard};
pub use depot::{SessionDepotExt, user_id_from_depot};
pub use extract::RequireUser;
pub use guard::{
    GuardHoop, RequireAnonymous, RequireFresh, require_anonymous, require_fresh, require_user,
};
pub use handler::SessionHandler;
pub use next::Next;
pub use not_loaded::NotLoaded;
pub use session::Session;
pub use session_core::{Peer, RequestHead, Transport};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
