//! Who may pass: [`RequireFresh`] and [`RequireAnonymous`] as extractors, and the layers over groups of
//! routes.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::IntoResponse;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use session_core::{Guard, UserId};
use tower_layer::Layer;
use tower_service::Service;

use crate::answer::SessionError;
use crate::extract::{RequireUser, Session};

impl Deref for RequireUser {
    type Target = UserId;

    fn deref(&self) -> &UserId {
        &self.user
    }
}

/// The user who signed in, or proved again who they are, within the last `SECS` seconds, and their session:
/// for what deserves a fresh password, such as changing it. It dereferences to the user's id.
///
/// Rejects as [`RequireUser`] does, and with 403 `stale_authentication` if it was longer ago; with
/// [`pages`](crate::SessionLayer::pages) a browser's navigation goes to the page to confirm on, which calls
/// [`reauthenticate`](session_core::Session::reauthenticate).
///
/// ```
/// use session_axum::{RequireFresh, SessionError};
///
/// async fn delete_account(who: RequireFresh<300>) -> Result<String, SessionError> {
///     let ended = who.session.logout_all().await?.len();
///     Ok(format!("{} is gone from {ended} devices", who.user))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequireFresh<const SECS: u64> {
    /// Who it is.
    pub user: UserId,
    /// Their session.
    pub session: Session,
}

impl<const SECS: u64> Deref for RequireFresh<SECS> {
    type Target = UserId;

    fn deref(&self) -> &UserId {
        &self.user
    }
}

impl<S: Sync, const SECS: u64> FromRequestParts<S> for RequireFresh<SECS> {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let session = Session::from_request_parts(parts, state).await?;
        Guard::Fresh(Duration::from_secs(SECS)).check(&session)?;
        Ok(Self { user: session.require_user()?, session })
    }
}

/// The session of somebody who is not signed in: for sign-in pages.
///
/// Rejects with 409 `already_signed_in` if somebody is, and as [`Session`] does; with
/// [`pages`](crate::SessionLayer::pages) a browser's navigation goes on to `next`, or home.
///
/// ```
/// use axum::response::{Html, Redirect};
/// use session_axum::{Next, RequireAnonymous, SessionError};
///
/// async fn sign_in_page(_: RequireAnonymous, next: Next) -> Html<String> {
///     // A template that escapes belongs here; what `next` says needs no more than that.
///     let next = next.to_string().replace('&', "&amp;");
///     Html(format!("<form method=post><input type=hidden name=next value=\"{next}\">…</form>"))
/// }
///
/// async fn sign_in(visitor: RequireAnonymous, next: Next) -> Result<Redirect, SessionError> {
///     // … check the password …
///     visitor.session.authenticate("alice").await?;
///     Ok(Redirect::to(next.path_or("/account")))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequireAnonymous {
    /// The visitor's session, which may be none yet.
    pub session: Session,
}

impl<S: Sync> FromRequestParts<S> for RequireAnonymous {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let session = Session::from_request_parts(parts, state).await?;
        Guard::Anonymous.check(&session)?;
        Ok(Self { session })
    }
}

/// Lets only users pass to the routes behind it, and answers everybody else as [`RequireUser`] does. It
/// stands behind the session's layer, that is before it in the list:
///
/// ```
/// use axum::{Router, routing::get};
/// use session_axum::{layer, require_user};
/// use session_core::{MemoryBackend, Pages, SessionConfig, SessionStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
/// let for_users = Router::new()
///     .route("/orders", get(|| async { "orders" }))
///     .route_layer(require_user());
/// let app: Router = Router::new()
///     .route("/", get(|| async { "for everybody" }))
///     .merge(for_users)
///     .layer(layer(store).pages(Pages::new().sign_in("/sign-in")?));
/// # Ok(()) }
/// ```
///
/// It loads the session, so that the handlers' extractors find it: one read for both. With `route_layer`
/// an address without a route stays 404, which `layer` would make 401.
#[must_use]
pub const fn require_user() -> GuardLayer {
    GuardLayer { guard: Guard::User }
}

/// Lets only those pass who signed in, or proved again who they are, within this time: see
/// [`RequireFresh`] for the answers, and [`require_user`] for where it stands.
#[must_use]
pub const fn require_fresh(within: Duration) -> GuardLayer {
    GuardLayer { guard: Guard::Fresh(within) }
}

/// Lets only those pass who are not signed in: see [`RequireAnonymous`] for the answers, and
/// [`require_user`] for where it stands.
#[must_use]
pub const fn require_anonymous() -> GuardLayer {
    GuardLayer { guard: Guard::Anonymous }
}

/// The tower layer that [`require_user`], [`require_fresh`] and [`require_anonymous`] make.
#[derive(Clone, Copy, Debug)]
pub struct GuardLayer {
    guard: Guard,
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService { inner, guard: self.guard }
    }
}

/// Calls the inner service for who may pass. Made by [`GuardLayer`].
#[derive(Clone)]
pub struct GuardService<S> {
    inner: S,
    guard: Guard,
}

impl<S, B, R> Service<Request<B>> for GuardService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was asked whether it is ready is the one to call; the clone waits its turn.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let guard = self.guard;
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let session = Session::from_request_parts(&mut parts, &()).await;
            let passed = session.and_then(|session| Ok(guard.check(&session)?));
            if let Err(error) = passed {
                return Ok(error.into_response());
            }
            let response = inner.call(Request::from_parts(parts, body)).await?;
            Ok(response.map(Body::new))
        })
    }
}

impl<S: fmt::Debug> fmt::Debug for GuardService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, guard } = self;
        f.debug_struct("GuardService").field("inner", inner).field("guard", guard).finish()
    }
}
