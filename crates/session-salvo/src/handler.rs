//! [`SessionHandler`]: what an application mounts.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;
use salvo_core::{Depot, FlowCtrl, Handler, Request, Response, Writer, async_trait};
use session_core::{Error, ErrorKind, Scheme, SecurePolicy, SessionStore, Visit};

use crate::answer::{answer, reshape, unshaped};
use crate::depot::{Mounted, mounted};
use crate::peer::peer;
use crate::response::{Before, drop_from_jar};

/// Gives every request behind it a session: `Router::hoop(SessionHandler::new(store))`.
///
/// 1. A request that came through another one before is an error 500: the inner of two would hide the
///    outer one's session.
/// 2. The visit goes into the depot, attached to the request: whoever asks for the session later may
///    have no more than the depot. Attaching shares a few header values, and decodes none.
/// 3. An [`eager`](Self::eager) one loads now, and answers itself where that fails.
/// 4. The handlers behind it run. A panic in there passes through, and what was buffered is dropped
///    with the request.
/// 5. A session that nobody asked for costs nothing more.
/// 6. Otherwise the session is concluded: saved, and its headers put onto the response, which becomes
///    an error where saving failed. So it is also where a handler ceased the flow
///    ([`FlowCtrl::cease`]): that ends the work on the response, and not what the request did to its
///    session.
/// 7. A response without a status is a success to the rule about server errors: salvo makes 200 of
///    it, or 404.
/// 8. An answer of ours takes the place of what the handlers behind have written; headers and cookies
///    of those outside stay.
///
/// Mount it once around a route. Dropped before it is done, as when the client goes away, it leaves
/// the session wholly saved or not at all.
#[derive(Clone)]
pub struct SessionHandler {
    store: SessionStore,
    eager: bool,
    on_error: Option<OnError>,
}

type Written<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

pub(crate) type OnError = Arc<
    dyn for<'a> Fn(&Error, &'a mut Request, &'a mut Depot, &'a mut Response) -> Written<'a>
        + Send
        + Sync,
>;

impl SessionHandler {
    /// Sessions out of this store, loaded when somebody asks.
    #[must_use]
    pub fn new(store: SessionStore) -> Self {
        // A store that saves unchanged sessions does so for requests that never ask for theirs.
        let eager = store.config().save_unchanged;
        Self { store, eager, on_error: None }
    }

    /// Loads the session of every request before its handlers run, so that they can look at it: one
    /// read for each request that brings a token. Where the backend fails, they do not run. Without
    /// this, the first who asks loads.
    #[must_use]
    pub fn eager(mut self) -> Self {
        self.eager = true;
        self
    }

    /// Shapes the answers that the library itself gives: 401, 409, 413, 500 and 503, from this
    /// handler, the arguments, and handlers that return a [`SessionError`](crate::SessionError).
    /// Without it they are plain text. Where the shape sets no status, the answer has the error's; a
    /// 503 without Retry-After gets one.
    ///
    /// ```
    /// # use session_core::{MemoryBackend, SessionConfig, SessionStore};
    /// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    /// # use session_salvo::SessionHandler;
    /// use salvo_core::writing::Text;
    ///
    /// let sessions = SessionHandler::new(store).on_error(|error| {
    ///     Text::Json(format!("{{\"error\":\"{}\"}}", error.code()))
    /// });
    /// ```
    #[must_use]
    pub fn on_error<W: Writer + Send + 'static>(
        mut self,
        shape: impl Fn(&Error) -> W + Send + Sync + 'static,
    ) -> Self {
        self.on_error = Some(Arc::new(move |error, request, depot, response| {
            shape(error).write(request, depot, response)
        }));
        self
    }

    /// What is left to do when the handlers behind are done.
    async fn conclude(
        &self,
        visit: &Visit,
        before: Before,
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
    ) {
        let shape = self.on_error.as_ref();
        let status = response.status_code.unwrap_or(StatusCode::OK);
        // Boxed here and below, so that a request which asks for none of it does not carry room for
        // it.
        let mut conclusion = match visit.finish_without_io(status) {
            Some(conclusion) => conclusion,
            None => Box::pin(visit.finish(status)).await,
        };
        if let Some(error) = conclusion.take_error() {
            let _ = unshaped(response);
            Box::pin(answer(&error, shape, before, request, depot, response)).await;
        } else if let Some(error) = shape.and_then(|_| unshaped(response)) {
            Box::pin(reshape(&error, shape, before, request, depot, response)).await;
        }
        if visit.loaded().is_some() {
            drop_from_jar(response, &self.store.config().cookie_name);
        }
        conclusion.apply(&mut response.headers);
    }
}

#[async_trait]
impl Handler for SessionHandler {
    async fn handle(
        &self,
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        let before = Before::of(response);
        if mounted(depot).is_some() {
            let error = Error::from_kind(ErrorKind::Misconfigured)
                .with_context("two session handlers are mounted around one route");
            flow.skip_rest();
            let shape = self.on_error.as_ref();
            return Box::pin(answer(&error, shape, before, request, depot, response)).await;
        }
        let visit = self.store.begin();
        // Read for nothing else, and most applications never ask.
        let asks_scheme = self.store.config().cookie.secure == SecurePolicy::Auto;
        let scheme = if asks_scheme { Scheme::from_uri(request.scheme()) } else { None };
        visit.attach(request.headers(), peer(request, depot), scheme);
        depot.insert_typed(Mounted(visit.clone()));
        if self.eager
            && let Err(error) = Box::pin(visit.load()).await
        {
            flow.skip_rest();
            // Closed, so that nobody outside writes what is never saved.
            let _ = visit.finish_without_io(error.status());
            let shape = self.on_error.as_ref();
            return Box::pin(answer(&error, shape, before, request, depot, response)).await;
        }
        flow.call_next(request, depot, response).await;
        self.conclude(&visit, before, request, depot, response).await;
    }
}

impl fmt::Debug for SessionHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHandler")
            .field("store", &self.store)
            .field("eager", &self.eager)
            .finish_non_exhaustive()
    }
}
