//! [`SessionLayer`]: what an application mounts.

use std::fmt;
use std::sync::Arc;

use axum_core::response::IntoResponse;
use session_core::{
    AccountSlots, Error, InvalidConfig, Pages, RequestHead, SessionStore, Transport,
};
use tower_layer::Layer;

use crate::answer::Looks;
use crate::service::SessionService;

/// The tower layer: `Router::layer(session_axum::layer(store))`.
#[must_use]
pub fn layer(store: SessionStore) -> SessionLayer {
    SessionLayer { store, transport: Transport::default(), eager: false, looks: Looks::default() }
}

/// Gives every request behind it a session. Made by [`layer`].
///
/// Mount it once around a route: two of them around one route are an error 500, and so is an
/// extractor behind none.
///
/// What catches panics and what sets a time limit goes behind it, that is inside: else a sign-in that had
/// committed loses its cookie. CORS and caches go outside. See
/// [where other layers go](crate#where-other-layers-go).
#[derive(Clone)]
pub struct SessionLayer {
    store: SessionStore,
    transport: Transport,
    eager: bool,
    looks: Looks,
}

impl SessionLayer {
    /// Loads the session of every request before its handler runs, so that inner layers can look at
    /// it: one read for each request that brings a token. If the backend fails, the handler does
    /// not run. Without this, the first extractor loads.
    ///
    /// It also slides the expiry of every request's session; else only requests that ask for theirs do.
    #[must_use]
    pub fn eager(mut self) -> Self {
        self.eager = true;
        self
    }

    /// Also accepts the session's token as `Authorization: Bearer`, for native clients and APIs: off by
    /// default. [`Transport::bearer`] has the rules. A sign-in hands out the token in the body:
    ///
    /// ```
    /// use axum::{Router, routing::post};
    /// use session_axum::{Session, SessionError};
    /// use session_core::SignIn;
    ///
    /// async fn sign_in(session: Session) -> Result<String, SessionError> {
    ///     // … check the password …
    ///     session.authenticate_with(SignIn::new("alice").bearer()).await?;
    ///     // Set by the sign-in above; it never prints itself.
    ///     Ok(session.take_bearer_token().map(|token| token.expose().to_owned()).unwrap_or_default())
    /// }
    ///
    /// # use session_core::{MemoryBackend, SessionConfig, SessionStore};
    /// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    /// let api: Router = Router::new()
    ///     .route("/api/sign-in", post(sign_in))
    ///     .layer(session_axum::layer(store).bearer());
    /// ```
    #[must_use]
    pub fn bearer(mut self) -> Self {
        self.transport = self.transport.bearer();
        self
    }

    /// Several accounts in one browser, each in a slot with a cookie and a session of its own: see
    /// [`AccountSlots`] for how a request names its slot, and for what cannot be one (404).
    ///
    /// ```
    /// use axum::{Router, routing::{get, post}};
    /// use session_axum::{Session, SessionError};
    /// use session_core::AccountSlots;
    ///
    /// async fn switcher(session: Session) -> Result<String, SessionError> {
    ///     let accounts = session.accounts().await?;
    ///     let link = |account: &session_core::Account| format!("/u/{}/: {}", account.slot, account.user_id);
    ///     Ok(accounts.iter().map(link).collect::<Vec<_>>().join("\n"))
    /// }
    ///
    /// async fn sign_out_of_all(session: Session) -> Result<(), SessionError> {
    ///     session.logout_all_slots().await?;
    ///     Ok(())
    /// }
    ///
    /// # use session_core::{MemoryBackend, SessionConfig, SessionStore};
    /// # fn main() -> Result<(), session_core::InvalidConfig> {
    /// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
    /// let app: Router = Router::new()
    ///     .route("/u/{account}/accounts", get(switcher))
    ///     .route("/sign-out", post(sign_out_of_all))
    ///     .layer(session_axum::layer(store).accounts(AccountSlots::path("/u").count(5))?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidConfig`] if there are fewer than 2 slots or more than 10, or the path's prefix or the header's
    /// name cannot be one.
    pub fn accounts(mut self, slots: AccountSlots) -> Result<Self, InvalidConfig> {
        self.transport = self.transport.accounts(slots, &self.store)?;
        self.looks.pages = self
            .looks
            .pages
            .map(|pages| Arc::new(Pages::clone(&pages).in_slots_of(&self.transport)));
        Ok(self)
    }

    /// Shapes the answers that the library itself gives: 401, 409, 413, 500 and 503, from the layer,
    /// the extractors, and handlers that return a [`SessionError`](crate::SessionError). Without it
    /// they are plain text. It is told the error and the [head of the request](RequestHead).
    ///
    /// - An answer is shaped if it is still ours. If a layer inside has made something else of it,
    ///   such as a redirect or a page, that goes out.
    /// - What layers inside put onto it stays: CORS headers, cookies, a request's id. A header that
    ///   the shape has too is the shape's; cookies and Vary add up.
    /// - A 503 without Retry-After gets one, and an answer without Cache-Control `no-store`.
    /// - An answer that the layer itself puts in the place of a success, because what was buffered
    ///   could not be saved, keeps of that success only what does not speak of it:
    ///   [`retain_beside_error`](session_core::answer::retain_beside_error) says what. Cookies of the
    ///   handler's go too. What must arrive in any case is put on by a layer outside.
    ///
    /// A person gets a page, and a program JSON ([`pages`](Self::pages) sends a person to sign in
    /// before that):
    ///
    /// ```
    /// use axum::http::header::CONTENT_TYPE;
    /// use axum::response::{Html, IntoResponse, Response};
    /// use session_core::{Error, RequestHead};
    ///
    /// fn shape(error: &Error, request: RequestHead<'_>) -> Response {
    ///     if request.wants_page() {
    ///         let page = format!("<h1>Sorry</h1><p>{}", error.public_message());
    ///         return (error.status(), Html(page)).into_response();
    ///     }
    ///     let json = format!("{{\"error\":\"{}\"}}", error.code());
    ///     (error.status(), [(CONTENT_TYPE, "application/json")], json).into_response()
    /// }
    ///
    /// # use session_core::{MemoryBackend, SessionConfig, SessionStore};
    /// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    /// let layer = session_axum::layer(store).on_error(shape);
    /// ```
    ///
    /// What a page says to people is [`Error::public_message`]. The head is the one that this layer saw: inside of `Router::nest` axum has taken the prefix off the URI. It is cloned for each
    /// request, and not at all without `on_error`.
    #[must_use]
    pub fn on_error<R: IntoResponse>(
        mut self,
        shape: impl Fn(&Error, RequestHead<'_>) -> R + Send + Sync + 'static,
    ) -> Self {
        let on_error =
            move |error: &Error, request: RequestHead<'_>| shape(error, request).into_response();
        self.looks.on_error = Some(Arc::new(on_error));
        self
    }
}

impl SessionLayer {
    /// Names the pages to sign in and to confirm on: a browser's navigation that a guard refuses is
    /// redirected there with the address that it wanted, and does not get the error. [`Pages`] has the
    /// rules.
    ///
    /// The errors are those of [`RequireUser`](crate::RequireUser), [`RequireFresh`](crate::RequireFresh)
    /// and [`RequireAnonymous`](crate::RequireAnonymous), and the same ones wherever they come from, such
    /// as from `session.require_user()?` in a handler. As with [`on_error`](Self::on_error), what a layer
    /// inside has made something else of goes out as that.
    ///
    /// The address is the one that this layer saw, so mount it around what is nested: inside of
    /// `Router::nest` axum has taken the prefix off.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use session_axum::{RequireUser, layer};
    /// use session_core::{MemoryBackend, Pages, SessionConfig, SessionStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
    /// let app: Router = Router::new()
    ///     .route("/orders", get(|who: RequireUser| async move { format!("orders of {}", who.user) }))
    ///     .layer(layer(store).pages(Pages::new().sign_in("/sign-in")?.confirm("/confirm")?));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn pages(mut self, pages: Pages) -> Self {
        self.looks.pages = Some(Arc::new(pages.in_slots_of(&self.transport)));
        self
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        // A store that saves unchanged sessions does so for requests that never ask for theirs.
        let eager = self.eager || self.store.config().save_unchanged;
        let (store, transport) = (self.store.clone(), self.transport.clone());
        SessionService::new(inner, store, transport, eager, self.looks.clone())
    }
}

impl fmt::Debug for SessionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer")
            .field("store", &self.store)
            .field("eager", &self.eager)
            .finish_non_exhaustive()
    }
}
