//! [`SessionStore`]: the application-wide handle. Backend, configuration, clock and event hook in
//! one value that is cheap to clone.

mod admin;
#[cfg(feature = "tokio")]
mod streams;

use std::sync::Arc;

#[cfg(feature = "tokio")]
use self::streams::Streams;
#[cfg(feature = "tokio")]
pub use self::streams::UntilEnded;
use crate::backend::{EndedBy, PurgeReport, SessionBackend, SessionRef};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::config::SessionConfig;
use crate::error::{BackendError, BackendErrorKind, Error};
use crate::event::{self, EventKind, Hook, SessionEvent};
use crate::expiry;
use crate::id::{SessionId, UserId};
use crate::invalid_config::InvalidConfig;
use crate::record::SessionData;
use crate::settings::Settings;
use crate::watch::Watch;

/// The application-wide handle: for adapters, for background jobs, and for administration.
///
/// Cheap to clone; clones share everything.
///
/// ```
/// use session_core::{MemoryBackend, SessionConfig, SessionStore};
///
/// let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?
///     .on_event(|event| println!("{}", event.kind));
/// # Ok::<(), session_core::InvalidConfig>(())
/// ```
#[derive(Clone)]
pub struct SessionStore {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    backend: Arc<dyn SessionBackend>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    hook: Option<Hook>,
    watch: Arc<Watch>,
    /// What a purge says of the sessions that it deletes.
    report: PurgeReport,
    /// Who waits for the end of a session.
    #[cfg(feature = "tokio")]
    streams: Arc<Streams>,
}

impl SessionStore {
    /// A store over this backend, on the machine's own clock.
    ///
    /// # Errors
    /// [`InvalidConfig`] names the key whose value cannot be meant.
    pub fn new(backend: impl SessionBackend, config: SessionConfig) -> Result<Self, InvalidConfig> {
        Self::shared(Arc::new(backend), config)
    }

    /// The same over a backend that others hold too, or whose type was chosen at run time.
    ///
    /// # Errors
    /// [`InvalidConfig`] names the key whose value cannot be meant.
    pub fn shared(
        backend: Arc<dyn SessionBackend>,
        config: SessionConfig,
    ) -> Result<Self, InvalidConfig> {
        let settings = Settings::new(config)?;
        #[cfg(feature = "metrics")]
        let backend = {
            crate::metrics::describe();
            let limit = std::time::Duration::from_millis(settings.config.backend_timeout_ms);
            crate::metrics::metered(backend, limit)
        };
        let clock = Arc::new(SystemClock);
        let (watch, hook, report) = Default::default();
        Ok(Self {
            inner: Arc::new(Inner {
                backend,
                settings,
                clock,
                hook,
                watch,
                report,
                #[cfg(feature = "tokio")]
                streams: Arc::default(),
            }),
        })
    }

    /// Takes the time from `clock`. Clones made before keep theirs.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        let own = self.own();
        own.clock = Arc::new(clock);
        #[cfg(feature = "tokio")]
        {
            // The look of the clones' streams goes by their clock.
            own.streams = Arc::default();
        }
        self
    }

    /// Calls `hook` with everything that happens to sessions, besides telling `tracing` (target
    /// `session`). The last one given counts; clones made before keep theirs.
    ///
    /// It is called where the event happens, in the middle of a request, so it should hand on what
    /// takes time. One that panics is logged, and the request goes on. An outage is told of by the request
    /// that noticed it, or by another one, its beginning always before its end. If clones have other hooks,
    /// each hears of it.
    #[must_use]
    pub fn on_event(mut self, hook: impl Fn(&SessionEvent<'_>) + Send + Sync + 'static) -> Self {
        self.own().hook = Some(Arc::new(hook));
        self
    }

    /// What this store alone has from now on. It notices outages for itself: what a clone noticed is told to
    /// that one's hook, and was timed by its clock.
    fn own(&mut self) -> &mut Inner {
        let inner = Arc::make_mut(&mut self.inner);
        inner.watch = Arc::default();
        inner
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &SessionConfig {
        &self.inner.settings.config
    }

    /// The present moment by the store's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The live sessions of a user, most recently active first.
    ///
    /// # Errors
    /// Only if the backend fails.
    pub async fn list(&self, user: &UserId) -> Result<Vec<SessionData>, Error> {
        let sessions = self.list_untold(user).await;
        self.tell_noticed();
        sessions
    }

    /// The same in a session's turn, in which the hook is not called.
    pub(crate) async fn list_untold(&self, user: &UserId) -> Result<Vec<SessionData>, Error> {
        let now = self.now();
        let mut sessions = self.call(self.backend().list(user, now)).await?;
        // Tightened lifetimes hold at once, whatever the records say.
        sessions.retain(|session| expiry::end(self.settings(), session) > now);
        Ok(sessions)
    }

    /// Ends a session, whoever's it is; `true` if it was live.
    ///
    /// # Errors
    /// Only if the backend fails. It may then have ended all the same; ending it again is no
    /// error.
    pub async fn revoke(&self, id: &SessionId) -> Result<bool, Error> {
        let target = SessionRef::by_id(*id);
        let ended = self
            .call_and_tell(self.backend().remove(&target, None, None, EndedBy::Revoked, self.now()))
            .await?;
        if ended {
            self.emit(&SessionEvent::new(EventKind::Revoked).session(*id, None));
        }
        Ok(ended)
    }

    /// Ends every session of a user, as when an account is locked or its password was reset; returns
    /// the ids of those that were live.
    ///
    /// It is an administrator's and does not know whose request calls it: a user's own is for
    /// [`Session::logout_all`](crate::Session::logout_all), which clears the cookie as well. If the request
    /// that resets a password may be that user's own, ask [`Session::user_id`](crate::Session::user_id)
    /// which of the two it is: after this call the request's own session has ended behind its back, and
    /// whatever it wants to store is 409.
    ///
    /// # Errors
    /// Only if the backend fails; all may then have ended, or none.
    pub async fn revoke_all(&self, user: &UserId) -> Result<Vec<SessionId>, Error> {
        let ended = self
            .call_and_tell(self.backend().remove_user(
                user,
                None,
                None,
                EndedBy::Revoked,
                self.now(),
            ))
            .await?;
        for id in &ended {
            self.emit(&SessionEvent::new(EventKind::Revoked).session(*id, Some(user)));
        }
        Ok(ended)
    }

    /// Whether the backend answers: for health checks.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn ping(&self) -> Result<(), Error> {
        self.call_and_tell(self.backend().ping()).await
    }

    pub(crate) fn backend(&self) -> &dyn SessionBackend {
        &*self.inner.backend
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn emit(&self, event: &SessionEvent<'_>) {
        #[cfg(feature = "metrics")]
        crate::metrics::event(event.kind, event.user);
        if let (
            Some(id),
            EventKind::Revoked | EventKind::Evicted | EventKind::SignedOut | EventKind::Expired,
        ) = (&event.id, event.kind)
        {
            self.wake_streams(id);
        }
        event::emit(self.inner.hook.as_ref(), event, self.inner.watch.is_in_outage());
    }

    /// This process ended a session: streams that wait for it are woken.
    pub(crate) fn wake_streams(&self, id: &SessionId) {
        #[cfg(feature = "tokio")]
        self.inner.streams.end([id]);
        #[cfg(not(feature = "tokio"))]
        let _ = id;
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn streams(&self) -> &Arc<Streams> {
        &self.inner.streams
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.inner.watch
    }

    /// Tells the hook of what was noticed if it could not be called: in the turn of an operation on a
    /// session. Whoever calls holds no turn.
    #[inline]
    pub(crate) fn tell_noticed(&self) {
        if self.inner.watch.has_events() {
            self.inner.watch.tell(|kind| self.emit(&SessionEvent::new(kind)));
        }
    }

    /// Runs a call to the backend that belongs to no session's turn.
    async fn call_and_tell<T>(
        &self,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, Error> {
        let answer = self.call(call).await;
        self.tell_noticed();
        answer
    }

    /// Runs a call to the backend within the configured time.
    pub(crate) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, Error> {
        // One future inside another less than through `call_raw`: this is in every request's path.
        match self.in_time(call).await {
            Some(Ok(answer)) => {
                self.notice_answer();
                Ok(answer)
            }
            Some(Err(error)) => Err(self.noticed(error).into()),
            None => Err(self.noticed(late()).into()),
        }
    }

    /// The same, with the backend's own error.
    pub(crate) async fn call_raw<T>(
        &self,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        match self.in_time(call).await {
            Some(Ok(answer)) => {
                self.notice_answer();
                Ok(answer)
            }
            Some(Err(error)) => Err(self.noticed(error)),
            None => Err(self.noticed(late())),
        }
    }

    /// The backend answered: nearly always one look at a flag.
    #[inline]
    fn notice_answer(&self) {
        if self.inner.watch.is_in_outage() {
            self.inner.watch.answered(self.now());
        }
    }

    /// An error of the backend's. One that says that nothing happened is an answer, and no outage.
    #[cold]
    fn noticed(&self, error: BackendError) -> BackendError {
        if error.kind().says_that_nothing_happened() {
            self.notice_answer();
            return error;
        }
        // One row that cannot be read: somebody has to look at that one.
        if error.kind() == BackendErrorKind::Corrupt {
            return error;
        }
        self.inner.watch.failed(&error, self.now());
        error.said()
    }

    /// Waits at most as long as a call to the backend may take; `None`: it took longer.
    #[cfg(feature = "tokio")]
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        use std::task::Poll;

        let mut work = std::pin::pin!(work);
        // Most calls that are answered from memory are ready at once and need no timer.
        let first = std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        if let Poll::Ready(done) = first {
            return Some(done);
        }
        let limit = self.inner.settings.backend_timeout();
        tokio::time::timeout(limit, work).await.ok()
    }

    #[cfg(not(feature = "tokio"))]
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        Some(work.await)
    }
}

fn late() -> BackendError {
    BackendError::from_kind(BackendErrorKind::Unavailable)
        .with_context("the session backend took longer than backend_timeout_ms")
}

impl std::fmt::Debug for SessionStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionStore").field("config", self.config()).finish_non_exhaustive()
    }
}
