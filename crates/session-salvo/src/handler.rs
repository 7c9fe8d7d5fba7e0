//! [`SessionHandler`]: what an application mounts.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use salvo_core::{Depot, FlowCtrl, Handler, Request, Response, Writer, async_trait};
use session_core::{
    AccountSlots, Error, ErrorKind, InvalidConfig, Pages, RequestHead, Scheme, SecurePolicy,
    SessionStore, Transport, Visit,
};

use crate::answer::{Looks, answered, recognise, reshaped, unshaped};
use crate::depot::{Mounted, mounted};
use crate::peer::peer;
use crate::response::{Before, drop_from_jar};

/// Gives every request behind it a session: `Router::hoop(SessionHandler::new(store))`.
///
/// 1. A request that came through another one before is an error 500: the inner of two would hide the
///    outer one's session.
/// 2. The visit goes into the depot, attached to the request: whoever asks for the session later may
///    have no more than the depot. Attaching shares a few header values, and decodes none.
/// 3. An [`eager`](Self::eager) one loads now, and answers itself if that fails.
/// 4. The handlers behind it run. A panic that nobody in there catches passes through: what was buffered
///    is dropped with the request, and the cookie of a sign-in that had committed is lost.
/// 5. A session that nobody asked for costs nothing more.
/// 6. Otherwise the session is concluded: saved, and its headers put onto the response, which becomes
///    an error if saving failed. The same is done if a handler ceased the flow
///    ([`FlowCtrl::cease`]): that ends the work on the response, and not what the request did to its
///    session.
/// 7. A response without a status is a success to the rule about server errors: salvo makes 200 of
///    it, or 404.
/// 8. An error of salvo's that a handler returned and that holds one of ours becomes an answer of ours,
///    with its own status: see [`SessionError`](crate::SessionError).
/// 9. An answer of ours that a handler gave is shaped if it is still ours, and keeps what others wrote
///    beside it. One that takes the place of a success that could not be saved takes away what the
///    handlers behind have written, but for headers that do not speak of it
///    ([`retain_beside_error`](session_core::answer::retain_beside_error)). Headers and cookies of
///    handlers outside stay.
///
/// Mount it once around a route. Dropped before it is done, as when the client goes away, it leaves
/// the session wholly saved or not at all.
#[derive(Clone)]
pub struct SessionHandler {
    store: SessionStore,
    transport: Transport,
    eager: bool,
    looks: Looks,
}

impl SessionHandler {
    /// Sessions out of this store, loaded when somebody asks.
    #[must_use]
    pub fn new(store: SessionStore) -> Self {
        // A store that saves unchanged sessions does so for requests that never ask for theirs.
        let eager = store.config().save_unchanged;
        Self { store, transport: Transport::default(), eager, looks: Looks::default() }
    }

    /// Loads the session of every request before its handlers run, so that they can look at it: one
    /// read for each request that brings a token. If the backend fails, they do not run. Without
    /// this, the first who asks loads.
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
    /// use salvo_core::prelude::*;
    /// use session_core::SignIn;
    /// use session_salvo::{Session, SessionError, SessionHandler};
    ///
    /// #[handler]
    /// async fn sign_in(session: Session) -> Result<String, SessionError> {
    ///     // … check the password …
    ///     session.authenticate_with(SignIn::new("alice").bearer()).await?;
    ///     // Set by the sign-in above; it never prints itself.
    ///     Ok(session.take_bearer_token().map(|token| token.expose().to_owned()).unwrap_or_default())
    /// }
    ///
    /// # use session_core::{MemoryBackend, SessionConfig, SessionStore};
    /// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    /// let api = Router::new()
    ///     .hoop(SessionHandler::new(store).bearer())
    ///     .push(Router::with_path("api/sign-in").post(sign_in));
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
    /// use salvo_core::prelude::*;
    /// use session_core::AccountSlots;
    /// use session_salvo::{Session, SessionError, SessionHandler};
    ///
    /// #[handler]
    /// async fn switcher(session: Session) -> Result<String, SessionError> {
    ///     let accounts = session.accounts().await?;
    ///     let link = |account: &session_core::Account| format!("/u/{}/: {}", account.slot, account.user_id);
    ///     Ok(accounts.iter().map(link).collect::<Vec<_>>().join("\n"))
    /// }
    ///
    /// #[handler]
    /// async fn sign_out_of_all(session: Session) -> Result<&'static str, SessionError> {
    ///     session.logout_all_slots().await?;
    ///     Ok("signed out of all")
    /// }
    ///
    /// # use session_core::{MemoryBackend, SessionConfig, SessionStore};
    /// # fn main() -> Result<(), session_core::InvalidConfig> {
    /// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
    /// let router = Router::new()
    ///     .hoop(SessionHandler::new(store).accounts(AccountSlots::path("/u").count(5))?)
    ///     .push(Router::with_path("u/{account}/accounts").get(switcher))
    ///     .push(Router::with_path("sign-out").post(sign_out_of_all));
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

    /// Shapes the answers that the library itself gives: 401, 409, 413, 500 and 503, from this
    /// handler, the arguments, and handlers that return a [`SessionError`](crate::SessionError).
    /// Without it they are plain text. It is told the error and the [head of the request](RequestHead).
    ///
    /// - An answer is shaped if it is still ours. If a hoop inside has made something else of it, such
    ///   as a redirect or a page, that goes out.
    /// - What hoops inside put onto it stays, and the shape writes over it: CORS headers, cookies, a
    ///   request's id.
    /// - If the shape sets no status, the answer has the error's; if it writes no body, the plain one.
    ///   A 503 without Retry-After gets one, and an answer without Cache-Control `no-store`.
    /// - An answer that this handler itself puts in the place of a success, because what was buffered
    ///   could not be saved, keeps of that success only what does not speak of it:
    ///   [`retain_beside_error`](session_core::answer::retain_beside_error) says what. Cookies of the
    ///   handlers behind go too. What must arrive in any case is put on by a handler outside.
    ///
    /// A person gets a page, and a program JSON ([`pages`](Self::pages) sends a person to sign in
    /// before that):
    ///
    /// ```
    /// use salvo_core::prelude::*;
    /// use salvo_core::writing::Text;
    /// use session_core::{Error, RequestHead};
    ///
    /// fn shape(error: &Error, request: RequestHead<'_>) -> Text<String> {
    ///     if request.wants_page() {
    ///         return Text::Html(format!("<h1>Sorry</h1><p>{}", error.public_message()));
    ///     }
    ///     Text::Json(format!("{{\"error\":\"{}\"}}", error.code()))
    /// }
    ///
    /// # use session_core::{MemoryBackend, SessionConfig, SessionStore};
    /// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    /// # use session_salvo::SessionHandler;
    /// let sessions = SessionHandler::new(store).on_error(shape);
    /// ```
    ///
    /// What a page says to people is [`Error::public_message`].
    #[must_use]
    pub fn on_error<W: Writer + Send + 'static>(
        mut self,
        shape: impl Fn(&Error, RequestHead<'_>) -> W + Send + Sync + 'static,
    ) -> Self {
        self.looks.on_error = Some(Arc::new(move |error, request, depot, response| {
            let head = RequestHead {
                method: request.method(),
                uri: request.uri(),
                headers: request.headers(),
            };
            shape(error, head).write(request, depot, response)
        }));
        self
    }

    /// Names the pages to sign in and to confirm on: a browser's navigation that a guard refuses is
    /// redirected there with the address that it wanted, and does not get the error. [`Pages`] has the
    /// rules.
    ///
    /// The errors are those of [`RequireUser`](crate::RequireUser), [`RequireFresh`](crate::RequireFresh)
    /// and [`RequireAnonymous`](crate::RequireAnonymous), and the same ones wherever they come from, such
    /// as from `session.require_user()?` in a handler. As with [`on_error`](Self::on_error), what a hoop
    /// inside has made something else of goes out as that.
    ///
    /// ```
    /// use salvo_core::prelude::*;
    /// use session_core::{MemoryBackend, Pages, SessionConfig, SessionStore};
    /// use session_salvo::{RequireUser, SessionHandler};
    ///
    /// #[handler]
    /// async fn orders(who: RequireUser) -> String {
    ///     format!("orders of {}", who.user)
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
    /// let pages = Pages::new().sign_in("/sign-in")?.confirm("/confirm")?;
    /// let router = Router::with_path("orders").hoop(SessionHandler::new(store).pages(pages)).get(orders);
    /// # let _ = router; Ok(()) }
    /// ```
    #[must_use]
    pub fn pages(mut self, pages: Pages) -> Self {
        self.looks.pages = Some(Arc::new(pages.in_slots_of(&self.transport)));
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
        let looks = &self.looks;
        // First, because what a server error has buffered is dropped, and it may be none.
        recognise(response);
        let status = response.status_code.unwrap_or(StatusCode::OK);
        // Boxed here and below, so that a request which asks for none of it does not carry room for
        // it.
        let mut conclusion = match visit.finish_without_io(status) {
            Some(conclusion) => conclusion,
            None => Box::pin(visit.finish(status)).await,
        };
        if let Some(error) = conclusion.take_error() {
            Box::pin(answered(&error, looks, before, request, depot, response)).await;
        } else if looks.say_something()
            && let Some(error) = unshaped(request, response)
        {
            Box::pin(reshaped(&error, looks, request, depot, response)).await;
        }
        if visit.is_loaded() {
            for name in self.transport.cookie_names(&self.store) {
                drop_from_jar(response, name);
            }
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
            let looks = &self.looks;
            return Box::pin(answered(&error, looks, before, request, depot, response)).await;
        }
        let begun = self.store.begin_by(&self.transport, request.uri(), request.headers());
        let visit = match begun {
            Ok(visit) => visit,
            Err(error) => {
                flow.skip_rest();
                let looks = &self.looks;
                return Box::pin(answered(&error, looks, before, request, depot, response)).await;
            }
        };
        let asks_scheme = self.store.config().cookie.secure != SecurePolicy::InsecureNever;
        let scheme = if asks_scheme { Scheme::from_uri(request.scheme()) } else { None };
        let peer = peer(request, depot);
        visit.attach(request.method(), request.uri(), request.headers(), peer, scheme);
        // A handler may read the body before it asks for the session.
        visit.arrives();
        depot.insert_typed(Mounted(visit.clone()));
        if self.eager
            && let Err(error) = Box::pin(visit.load_unasked()).await
        {
            flow.skip_rest();
            // Closed, so that nobody outside writes what is never saved.
            let _ = visit.finish_without_io(error.status());
            let looks = &self.looks;
            return Box::pin(answered(&error, looks, before, request, depot, response)).await;
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
