//! [`Visit`]: one request as its adapter sees it.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use event_listener::Event;
use http::HeaderMap;

use super::{Cookie, Inner, Session, load::Request};
use crate::client::proxies::Peer;
use crate::client::scheme::Scheme;
use crate::store::SessionStore;

/// One request as its adapter sees it: what it says of itself goes in, the [`Session`] comes out, and
/// at the end what the response must tell.
///
/// An adapter calls, in this order:
/// 1. [`SessionStore::begin`], for every request: an allocation, no I/O, no look at a header;
/// 2. [`attach`](Self::attach) and [`load`](Self::load), when somebody asks for the session;
/// 3. [`finish`](Self::finish), when the response is decided;
/// 4. [`Conclusion::take_error`](crate::Conclusion::take_error): if there is an error, the response
///    promises what could not be saved, and an answer to the error takes its place;
/// 5. [`Conclusion::apply`](crate::Conclusion::apply) to whichever response goes out.
///
/// ```
/// use http::{Request, Response};
/// use session_core::{Error, Peer, Session, SessionStore, answer};
///
/// async fn serve<H>(store: &SessionStore, request: Request<String>, handler: H) -> Response<String>
/// where
///     H: AsyncFnOnce(Session, Request<String>) -> Result<Response<String>, Error>,
/// {
///     let visit = store.begin();
///     visit.attach(request.headers(), Peer::Unknown, None);
///     let answered = match visit.load().await {
///         Ok(session) => handler(session, request).await,
///         Err(error) => Err(error),
///     };
///     let plain = |error: &Error| {
///         answer::log(error);
///         error.to_response()
///     };
///     let mut response = answered.unwrap_or_else(|error| plain(&error));
///     let mut conclusion = visit.finish(response.status()).await;
///     if let Some(error) = conclusion.take_error() {
///         response = plain(&error);
///     }
///     conclusion.apply(response.headers_mut());
///     response
/// }
/// # use session_core::{MemoryBackend, SessionConfig};
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
/// # let request = Request::new(String::new());
/// # let response = serve(&store, request, async |session: Session, _: Request<String>| {
/// #     session.set("a", 1)?;
/// #     Ok(Response::new("stored".to_owned()))
/// # });
/// # assert!(response.await.headers().contains_key("set-cookie"));
/// # }
/// ```
///
/// What stays of a response that an error takes the place of, and how an application shapes such
/// answers, is in [`answer`](crate::answer). Clones are the same visit.
#[derive(Clone)]
pub struct Visit {
    /// Given out once it is loaded, and not before.
    session: Session,
}

/// How far a visit is. Beside the state and its lock, because most of what asks asks no more.
#[derive(Default)]
pub(super) struct Phase(AtomicU8);

impl Phase {
    const BEGUN: u8 = 0;
    const LOADED: u8 = 1;
    /// The response was decided, and nobody had asked for the session.
    const OVER: u8 = 2;

    fn is_loaded(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::LOADED
    }

    /// The session is there; whether that is too late for the response. Whoever calls holds the state.
    pub(super) fn load(&self) -> bool {
        self.0.swap(Self::LOADED, Ordering::AcqRel) == Self::OVER
    }

    /// The response is decided; whether anybody had asked for the session.
    pub(super) fn end(&self) -> bool {
        let order = Ordering::AcqRel;
        let ended = self.0.compare_exchange(Self::BEGUN, Self::OVER, order, Ordering::Acquire);
        ended == Err(Self::LOADED)
    }
}

impl SessionStore {
    /// One request begins, for adapters: see [`Visit`]. Costs an allocation and no I/O.
    #[must_use]
    pub fn begin(&self) -> Visit {
        let inner = Inner {
            store: self.clone(),
            request: OnceLock::new(),
            phase: Phase::default(),
            state: Mutex::default(),
            freed: Event::new(),
        };
        Visit { session: Session { inner: Arc::new(inner) } }
    }
}

impl Visit {
    /// The store that it belongs to.
    #[must_use]
    pub fn store(&self) -> &SessionStore {
        &self.session.inner.store
    }

    /// Tells of the request: its headers, who is at the other end, and, if the framework knows it, how
    /// the request came. No I/O; the first call counts.
    ///
    /// The scheme is for [`SecurePolicy::Auto`](crate::SecurePolicy::Auto), and read for nothing else.
    pub fn attach(&self, headers: &HeaderMap, peer: Peer, scheme: Option<Scheme>) {
        let settings = self.store().settings();
        let request = &self.session.inner.request;
        request.get_or_init(|| Request::new(headers, peer, scheme, settings));
    }

    /// The session, if it was loaded. Never asks the backend.
    #[must_use]
    pub fn loaded(&self) -> Option<&Session> {
        self.session.inner.phase.is_loaded().then_some(&self.session)
    }

    /// Whether this request has changed a token already: it signed in or out, re-authenticated,
    /// rotated, or made a session. The cookie that says so must then reach the browser, whatever else
    /// becomes of the response.
    #[must_use]
    pub fn has_changed_token(&self) -> bool {
        self.session.unsettled().cookie != Cookie::Keep
    }

    /// The session as the parts of a visit see it, loaded or not.
    pub(super) const fn session(&self) -> &Session {
        &self.session
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("loaded", &self.loaded()).finish_non_exhaustive()
    }
}
