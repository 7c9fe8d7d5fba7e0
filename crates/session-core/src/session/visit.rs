//! [`Visit`]: one request as its adapter sees it.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use event_listener::Event;
use http::{HeaderMap, Method, Uri};

use super::{Cookie, Inner, Session, load::Request};
use crate::client::proxies::Peer;
use crate::client::scheme::Scheme;
use crate::client::site::Sent;
use crate::error::Error;
use crate::store::SessionStore;
use crate::transport::Transport;

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
///     visit.attach(request.method(), request.uri(), request.headers(), Peer::Unknown, None);
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
    /// The response was decided, and the session had not been loaded.
    const OVER: u8 = 2;
    /// Somebody has got the session, or has looked who is signed in.
    const ASKED_FOR: u8 = 4;
    /// Something was written to the buffer, saved meanwhile or not.
    const WRITTEN_TO: u8 = 8;

    fn is_loaded(&self) -> bool {
        self.0.load(Ordering::Acquire) & Self::LOADED != 0
    }

    /// Somebody asks.
    pub(super) fn mark_asked_for(&self) {
        // Nearly always it is set already, or nobody else sees it yet; but a look is cheaper.
        if !self.was_asked_for() {
            self.0.fetch_or(Self::ASKED_FOR, Ordering::AcqRel);
        }
    }

    pub(super) fn was_asked_for(&self) -> bool {
        self.0.load(Ordering::Acquire) & Self::ASKED_FOR != 0
    }

    /// Somebody writes to the buffer.
    pub(super) fn mark_written_to(&self) {
        if !self.was_written_to() {
            self.0.fetch_or(Self::WRITTEN_TO, Ordering::AcqRel);
        }
    }

    pub(super) fn was_written_to(&self) -> bool {
        self.0.load(Ordering::Acquire) & Self::WRITTEN_TO != 0
    }

    /// The session is there; whether that is too late for the response. Whoever calls holds the state.
    pub(super) fn load(&self) -> bool {
        self.0.fetch_or(Self::LOADED, Ordering::AcqRel) & Self::OVER != 0
    }

    /// The response is decided; whether the session was loaded.
    pub(super) fn end(&self) -> bool {
        let order = Ordering::AcqRel;
        let ended = self.0.compare_exchange(Self::BEGUN, Self::OVER, order, Ordering::Acquire);
        ended.is_err_and(|phase| phase & Self::LOADED != 0)
    }
}

impl SessionStore {
    /// One request begins, for adapters: see [`Visit`]. Costs an allocation and no I/O. Its token comes in
    /// a cookie.
    #[must_use]
    pub fn begin(&self) -> Visit {
        self.begin_with(Transport::default(), 0)
    }

    /// One request begins whose token comes as the layer says. `uri` is the one that the layer sees.
    ///
    /// # Errors
    /// [`NoSuchSlot`](crate::ErrorKind::NoSuchSlot) if it names an account's slot that cannot be: see
    /// [`AccountSlots`](crate::AccountSlots). It is answered at once.
    pub fn begin_by(
        &self,
        transport: &Transport,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Visit, Error> {
        let slot = transport.slots().map_or(Ok(0), |slots| slots.slot_of(uri, headers))?;
        Ok(self.begin_with(transport.clone(), slot))
    }

    fn begin_with(&self, transport: Transport, slot: u8) -> Visit {
        let inner = Inner {
            store: self.clone(),
            transport,
            slot,
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

    /// Tells of the request: its head, who is at the other end, and, if the framework knows it, how
    /// the request came. No I/O; the first call counts.
    ///
    /// The scheme is for [`SecurePolicy::Auto`](crate::SecurePolicy::Auto), and for the warning that a
    /// `Secure` cookie goes out over plain HTTP. With
    /// [`InsecureNever`](crate::SecurePolicy::InsecureNever) it is not read.
    pub fn attach(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: Peer,
        scheme: Option<Scheme>,
    ) {
        let (store, request) = (self.store(), &self.session.inner.request);
        request.get_or_init(|| {
            let sent = Sent { method, uri, headers, peer };
            let accepts_bearer = self.session.inner.transport.accepts_bearer();
            Request::new(sent, scheme, store.settings(), store.watch(), accepts_bearer)
        });
    }

    /// The request has arrived now: for an adapter whose handlers may load the session much later than
    /// it [attaches](Self::attach) the request, such as after they have read a body. It costs a look at the
    /// clock. Without it the request counts as arrived when its session is loaded.
    pub fn arrives(&self) {
        if let Some(request) = self.session.request() {
            request.arrives(self.store().now());
        }
    }

    /// The session, if it was loaded, for somebody who asks for it. Never asks the backend.
    #[must_use]
    pub fn loaded(&self) -> Option<&Session> {
        let is_loaded = self.is_loaded();
        if is_loaded {
            self.session.inner.phase.mark_asked_for();
        }
        is_loaded.then_some(&self.session)
    }

    /// Whether the session was loaded.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.session.inner.phase.is_loaded()
    }

    /// Whether this request has changed a token already: it signed in or out, re-authenticated,
    /// rotated, or made a session. The cookie that says so must then reach the browser, whatever else
    /// becomes of the response.
    #[must_use]
    pub fn has_changed_token(&self) -> bool {
        let state = self.session.unsettled();
        state.cookie != Cookie::Keep || state.cleared != 0
    }

    /// The session as the parts of a visit see it, loaded or not.
    pub(super) const fn session(&self) -> &Session {
        &self.session
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("loaded", &self.is_loaded()).finish_non_exhaustive()
    }
}
