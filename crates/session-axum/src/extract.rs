//! The extractors, and the look that does not load.

use std::ops::Deref;

use axum_core::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Uri};
use session_core::{Error, ErrorKind, Peer, Scheme, SecurePolicy, UserId, Visit};

use crate::answer::SessionError;
use crate::not_loaded::NotLoaded;

/// The visit that the layer put into a request.
#[derive(Clone)]
pub(crate) struct Mounted(pub(crate) Visit);

/// The request's session, loaded: signed in, anonymous, or none yet.
///
/// Everything it can do is in [`session_core::Session`], to which it dereferences.
///
/// Rejects with 503 if the backend failed, and with 500 (and the reason in the log) if the
/// layer is missing. It cannot be optional, because an outage must not look like a visitor:
///
/// ```compile_fail,E0277
/// use axum::{Router, routing::get};
/// use session_axum::Session;
///
/// let app: Router = Router::new().route("/", get(|_: Option<Session>| async {}));
/// ```
#[derive(Clone, Debug)]
pub struct Session(pub session_core::Session);

impl Deref for Session {
    type Target = session_core::Session;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<Session> for session_core::Session {
    fn from(session: Session) -> Self {
        session.0
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let Some(Mounted(visit)) = parts.extensions.get() else {
            let error = Error::from_kind(ErrorKind::Misconfigured).with_context(
                "the session layer is missing: mount session_axum::layer(store) around this route",
            );
            return Err(error.into());
        };
        if let Some(session) = visit.loaded() {
            return Ok(Self(session.clone()));
        }
        attach(visit, &parts.method, &parts.uri, &parts.headers, &parts.extensions);
        Ok(Self(visit.load().await?))
    }
}

/// The user who is signed in, and their session. Rejects with 401 if nobody is, and as [`Session`]
/// does; with 503 also if an outage was told to go on as a visitor. It dereferences to the user's id.
///
/// With [`pages`](crate::SessionLayer::pages) a browser's navigation goes to the sign-in page and not to
/// the 401. [`require_user`](crate::require_user) guards a group of routes.
///
/// ```
/// use session_axum::{RequireUser, SessionError};
///
/// async fn me(RequireUser { user, .. }: RequireUser) -> String {
///     format!("signed in as {user}")
/// }
///
/// async fn rename(RequireUser { user, session }: RequireUser) -> Result<String, SessionError> {
///     session.set("name", "Alice")?;
///     Ok(format!("{user} is called Alice"))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequireUser {
    /// Who is signed in.
    pub user: UserId,
    /// Their session.
    pub session: Session,
}

impl<S: Sync> FromRequestParts<S> for RequireUser {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let session = Session::from_request_parts(parts, state).await?;
        Ok(Self { user: session.require_user()?, session })
    }
}

/// Who is signed in, as far as is known without asking the database: for tower layers inside the
/// session layer. `Ok(None)` is a visitor.
///
/// # Errors
/// [`NotLoaded`] if the session was not loaded: mount the layer with
/// [`eager`](crate::SessionLayer::eager), or look after something extracted the session.
pub fn user_id_from_extensions(extensions: &Extensions) -> Result<Option<UserId>, NotLoaded> {
    match extensions.get::<Mounted>() {
        Some(Mounted(visit)) => visit.loaded().map(session_core::Session::user_id).ok_or(NotLoaded),
        None => Err(NotLoaded),
    }
}

/// Tells the visit of its request.
pub(crate) fn attach(
    visit: &Visit,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    extensions: &Extensions,
) {
    let asks_scheme = visit.store().config().cookie.secure != SecurePolicy::InsecureNever;
    let scheme = if asks_scheme { scheme(extensions, uri) } else { None };
    visit.attach(method, uri, headers, peer(extensions), scheme);
}

/// How the request came: a [`Scheme`] that some layer put in, or what the request's own URI says, as
/// in HTTP/2.
fn scheme(extensions: &Extensions, uri: &Uri) -> Option<Scheme> {
    extensions.get::<Scheme>().copied().or_else(|| Scheme::from_uri(uri.scheme()?))
}

/// Who is at the other end: a [`Peer`] that some layer put in, or axum's `ConnectInfo`.
fn peer(extensions: &Extensions) -> Peer {
    if let Some(peer) = extensions.get::<Peer>() {
        return *peer;
    }
    #[cfg(feature = "connect-info")]
    {
        use std::net::SocketAddr;

        use axum::extract::ConnectInfo;
        if let Some(ConnectInfo(address)) = extensions.get::<ConnectInfo<SocketAddr>>() {
            return Peer::Ip(address.ip());
        }
    }
    Peer::Unknown
}
