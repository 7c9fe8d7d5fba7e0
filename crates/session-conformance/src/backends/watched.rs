//! [`Watched`]: any backend, with a test's eye on it.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use session_core::{
    BackendError, BackendErrorKind, Created, EndedBatch, EndedBy, Found, MemoryBackend, NewSession,
    PurgeReport, Purged, SessionBackend, SessionChange, SessionCount, SessionData, SessionId,
    SessionRef, Timestamp, TokenHash, Updated, UserId,
};

use super::fault::{Fault, Faults, Lost};
use super::gates::{Gate, Gates, Stop, Waiting, lock};
use super::method::{Calls, Method};
use super::tokens::Tokens;

/// A backend that hands every call on to another one, and on the way counts it, stops it, or makes
/// it fail, as the test says. Cheap to clone; clones are the same.
///
/// The module's documentation has [whole examples](super). What happens to a call, in this order:
/// 1. It is counted, and gets a number.
/// 2. It stops at the gate [`Before`](Gate::Before).
/// 3. It waits as long as the backend is [slow](Watched::slow).
/// 4. It meets a [`Fault`] that is in force at this moment.
/// 5. The backend does it.
/// 6. It stops at the gate [`After`](Gate::After), then returns its answer, or the error of a fault
///    whose [answer is lost](Fault::answer_lost).
#[derive(Clone)]
pub struct Watched(Arc<Parts>);

struct Parts {
    backend: Arc<dyn SessionBackend>,
    count: Mutex<Count>,
    tokens: Tokens,
    /// How much longer every call takes.
    delay: Mutex<Duration>,
    faults: Faults,
    gates: Arc<Gates>,
}

#[derive(Default)]
struct Count {
    calls: Calls,
    /// The number of the last call.
    last: u64,
}

impl Watched {
    /// Around this backend.
    #[must_use]
    pub fn new(backend: impl SessionBackend) -> Self {
        Self::shared(Arc::new(backend))
    }

    /// The same around a backend that others hold too, or whose type was chosen at run time.
    #[must_use]
    pub fn shared(backend: Arc<dyn SessionBackend>) -> Self {
        let (count, tokens, delay, faults, gates) = Default::default();
        Self(Arc::new(Parts { backend, count, tokens, delay, faults, gates }))
    }

    /// A database that is out of reach: every call is
    /// [`Unavailable`](BackendErrorKind::Unavailable). After [`recover`](Self::recover) it is an
    /// empty [`MemoryBackend`].
    #[must_use]
    pub fn down() -> Self {
        let down = Self::new(MemoryBackend::new());
        down.fail(BackendErrorKind::Unavailable);
        down
    }

    /// The backend itself, for the test's own questions: they are not counted, never stop and never
    /// fail.
    #[must_use]
    pub fn unwatched(&self) -> &dyn SessionBackend {
        &*self.0.backend
    }

    /// The calls since [`take_calls`](Self::take_calls), or from the beginning. Those that failed or
    /// still wait are counted too.
    #[must_use]
    pub fn calls(&self) -> Calls {
        lock(&self.0.count).calls
    }

    /// The same, and counting begins again. The [numbers](Waiting::number) of calls go on.
    pub fn take_calls(&self) -> Calls {
        std::mem::take(&mut lock(&self.0.count).calls)
    }

    /// The hashes of all tokens that calls came with, the first to come first: those that were looked for,
    /// and those that sessions were to get, also of calls that failed. With
    /// [`unwatched`](Self::unwatched) a test finds every session that was made.
    #[must_use]
    pub fn tokens(&self) -> Vec<TokenHash> {
        self.0.tokens.all()
    }

    pub(crate) fn token_log(&self) -> Tokens {
        self.0.tokens.clone()
    }

    /// From now on calls fail: all of them with a [`BackendErrorKind`], or those that a [`Fault`]
    /// says. With several faults, the one that was given first and names the call's method decides.
    pub fn fail(&self, fault: impl Into<Fault>) {
        self.0.faults.add(fault.into());
    }

    /// From now on every call takes so much longer, before it happens. One that is dropped meanwhile,
    /// such as by the store after `backend_timeout_ms`, never happens.
    ///
    /// It waits by tokio's timer and not by the store's clock. In a test with `start_paused = true`
    /// nobody waits: the timer goes on when nothing else is to be done. That holds over
    /// [`MemoryBackend`] only: while a real database works nothing else is to be done either, and every
    /// time limit would pass at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use session_conformance::backends::Watched;
    /// use session_core::{MemoryBackend, SessionConfig, SessionStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::time::pause();
    /// let backend = Watched::new(MemoryBackend::new());
    /// let store = SessionStore::new(backend.clone(), SessionConfig::default())?;
    /// backend.slow(Duration::from_secs(60));
    /// assert!(store.ping().await.is_err(), "the store waits five seconds");
    /// backend.recover();
    /// assert!(store.ping().await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn slow(&self, by: Duration) {
        *lock(&self.0.delay) = by;
    }

    /// From now on calls go well, and no slower than the backend. Those that are stopped stay so: see
    /// [`open`](Self::open).
    pub fn recover(&self) {
        *lock(&self.0.delay) = Duration::ZERO;
        self.0.faults.clear();
    }

    /// Stops the next call of this method at this gate, and no other. If it is asked for several
    /// times, the calls take the stops in their order. A call that is dropped while it waits is
    /// gone, and the next one does not stop in its place.
    pub fn stop(&self, method: Method, gate: Gate) -> Stop {
        self.0.gates.stop(method, gate)
    }

    /// From now on every call stops at this gate, until [`open`](Self::open). For a test that tries
    /// every order in which calls can begin and end: it asks for both gates.
    ///
    /// ```
    /// use std::pin::pin;
    /// use std::task::{Context, Poll, Waker};
    ///
    /// use session_conformance::backends::{Gate, Method, Waiting, Watched};
    /// use session_core::{MemoryBackend, SessionBackend};
    ///
    /// let backend = Watched::new(MemoryBackend::new());
    /// backend.stop_every(Gate::Before);
    /// backend.stop_every(Gate::After);
    ///
    /// let context = &mut Context::from_waker(Waker::noop());
    /// let mut call = pin!(backend.ping());
    /// for gate in [Gate::Before, Gate::After] {
    ///     assert!(call.as_mut().poll(context).is_pending());
    ///     assert_eq!(backend.waiting(), [Waiting { number: 1, method: Method::Ping, gate }]);
    ///     assert!(backend.pass(1));
    /// }
    /// assert!(matches!(call.poll(context), Poll::Ready(Ok(()))));
    /// ```
    pub fn stop_every(&self, gate: Gate) {
        self.0.gates.stop_every(gate);
    }

    /// The calls that are stopped now, in the order in which they began. One that was let through
    /// is not among them, even if nobody has polled it since; nor is one that was dropped.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        self.0.gates.waiting()
    }

    /// Lets the call of this number pass the gate where it waits. It goes on when it is polled,
    /// which this wakes somebody to do. `false` if it does not wait.
    #[allow(clippy::must_use_candidate, reason = "who has just seen it waiting knows")]
    pub fn pass(&self, number: u64) -> bool {
        self.0.gates.decide(number, Ok(()))
    }

    /// Makes the call of this number fail, where it waits: before the backend, it never happens;
    /// after it, its answer is lost. `false` if it does not wait.
    #[allow(clippy::must_use_candidate, reason = "who has just seen it waiting knows")]
    pub fn refuse(&self, number: u64, kind: BackendErrorKind) -> bool {
        self.0.gates.decide(number, Err(kind))
    }

    /// Opens all gates: the calls that wait go on, and no other stops, until that is asked for again.
    pub fn open(&self) {
        self.0.gates.open();
    }

    fn begin(&self, method: Method) -> u64 {
        let mut count = lock(&self.0.count);
        count.calls.count(method);
        count.last += 1;
        count.last
    }

    async fn watch<T, F>(&self, method: Method, call: impl FnOnce() -> F) -> Result<T, BackendError>
    where
        F: Future<Output = Result<T, BackendError>>,
    {
        let number = self.begin(method);
        let gates = &self.0.gates;
        gates.come(number, method, Gate::Before).await.map_err(BackendError::from_kind)?;
        let delay = *lock(&self.0.delay);
        if !delay.is_zero() {
            // tidy-allow: what a slow database is to a store; a test waits for it on a paused clock.
            tokio::time::sleep(delay).await;
        }
        let fault = self.0.faults.strike(method);
        if let Some((kind, Lost::Question)) = fault {
            return Err(BackendError::from_kind(kind));
        }
        let answer = call().await;
        gates.come(number, method, Gate::After).await.map_err(BackendError::from_kind)?;
        match fault {
            Some((kind, Lost::Answer)) => answer.and(Err(BackendError::from_kind(kind))),
            _ => answer,
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (calls, waiting) = (self.calls(), self.waiting());
        f.debug_struct("Watched")
            .field("calls", &calls)
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionBackend for Watched {
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError> {
        self.0.tokens.note(&new.token);
        self.watch(Method::Create, || self.unwatched().create(new, now)).await
    }

    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError> {
        self.0.tokens.note(token);
        self.watch(Method::Find, || self.unwatched().find(token, now)).await
    }

    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        if let Some(rotation) = &change.rotation {
            self.0.tokens.note(rotation.token());
        }
        self.watch(Method::Update, || self.unwatched().update(session, change, now)).await
    }

    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        let call = || self.unwatched().remove(session, owner, acting, how, now);
        self.watch(Method::Remove, call).await
    }

    async fn remove_user(
        &self,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        let call = || self.unwatched().remove_user(user, acting, except, how, now);
        self.watch(Method::RemoveUser, call).await
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        self.watch(Method::List, || self.unwatched().list(user, now)).await
    }

    async fn get(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionData>, BackendError> {
        self.watch(Method::Get, || self.unwatched().get(id, now)).await
    }

    async fn live(
        &self,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        self.watch(Method::Live, || self.unwatched().live(ids, now)).await
    }

    async fn count(&self, now: Timestamp) -> Result<SessionCount, BackendError> {
        self.watch(Method::Count, || self.unwatched().count(now)).await
    }

    async fn end_all(
        &self,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<EndedBatch, BackendError> {
        self.watch(Method::EndAll, || self.unwatched().end_all(how, after, now, limit)).await
    }

    async fn purge_expired(
        &self,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged, BackendError> {
        let call = || self.unwatched().purge_expired(now, limit, report);
        self.watch(Method::PurgeExpired, call).await
    }

    async fn ping(&self) -> Result<(), BackendError> {
        self.watch(Method::Ping, || self.unwatched().ping()).await
    }
}
