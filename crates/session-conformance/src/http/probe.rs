//! [`Probe`]: the harness's backend with an eye on it. Counts the calls, makes them fail, and lets
//! them wait, as the law says.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use session_core::{
    BackendError, BackendErrorKind, Created, EndedBy, Found, NewSession, Purged, SessionBackend,
    SessionChange, SessionData, SessionId, SessionRef, Timestamp, TokenHash, Updated, UserId,
};

use super::desk::{Gate, lock};
use super::secrets::Secrets;

/// A method of the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Create,
    Find,
    Update,
    Remove,
    RemoveUser,
    List,
    Other,
}

/// How many calls there were of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Calls {
    pub(crate) create: u32,
    pub(crate) find: u32,
    pub(crate) update: u32,
    pub(crate) remove: u32,
    pub(crate) remove_user: u32,
    pub(crate) list: u32,
    pub(crate) other: u32,
}

/// Whether a call that fails has happened all the same, as one whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    Question,
    Answer,
}

#[derive(Clone)]
enum Trouble {
    Fails(BackendErrorKind, Lost),
    /// The next call waits before it happens.
    Waits(Arc<Gate>),
}

struct Rule {
    /// `None`: every method.
    method: Option<Method>,
    trouble: Trouble,
    /// How many calls pass before it.
    spared: u32,
}

pub(crate) struct Probe {
    backend: Arc<dyn SessionBackend>,
    calls: Mutex<Calls>,
    rules: Mutex<Vec<Rule>>,
    secrets: Arc<Secrets>,
}

impl Probe {
    pub(crate) fn new(backend: Arc<dyn SessionBackend>, secrets: Arc<Secrets>) -> Arc<Self> {
        Arc::new(Self { backend, secrets, calls: Mutex::default(), rules: Mutex::default() })
    }

    /// The calls since this was last asked.
    pub(crate) fn take_calls(&self) -> Calls {
        std::mem::take(&mut *lock(&self.calls))
    }

    /// From now on every call fails.
    pub(crate) fn fail(&self, kind: BackendErrorKind) {
        self.rule(None, Trouble::Fails(kind, Lost::Question), 0);
    }

    /// From now on every call of this method fails.
    pub(crate) fn fail_only(&self, method: Method) {
        self.fail_how(method, BackendErrorKind::Unavailable, Lost::Question, 0);
    }

    /// From now on every call of this method fails, but the first `spared` ones.
    pub(crate) fn fail_how(&self, method: Method, kind: BackendErrorKind, lost: Lost, spared: u32) {
        self.rule(Some(method), Trouble::Fails(kind, lost), spared);
    }

    /// The next call of this method waits at the gate.
    pub(crate) fn stop(&self, method: Method) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        self.rule(Some(method), Trouble::Waits(gate.clone()), 0);
        gate
    }

    /// All is well again.
    pub(crate) fn recover(&self) {
        lock(&self.rules).clear();
    }

    /// The backend itself, for the law's own questions.
    pub(crate) fn unwatched(&self) -> &dyn SessionBackend {
        &*self.backend
    }

    fn rule(&self, method: Option<Method>, trouble: Trouble, spared: u32) {
        lock(&self.rules).push(Rule { method, trouble, spared });
    }

    fn trouble(&self, method: Method) -> Option<Trouble> {
        let mut rules = lock(&self.rules);
        let concerns = |rule: &Rule| rule.method.is_none_or(|only| only == method);
        let at = rules.iter().position(concerns)?;
        let rule = &mut rules[at];
        if rule.spared > 0 {
            rule.spared -= 1;
            return None;
        }
        let trouble = rule.trouble.clone();
        if matches!(trouble, Trouble::Waits(_)) {
            rules.remove(at);
        }
        Some(trouble)
    }

    async fn watch<T>(
        &self,
        method: Method,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        {
            let mut calls = lock(&self.calls);
            let count = match method {
                Method::Create => &mut calls.create,
                Method::Find => &mut calls.find,
                Method::Update => &mut calls.update,
                Method::Remove => &mut calls.remove,
                Method::RemoveUser => &mut calls.remove_user,
                Method::List => &mut calls.list,
                Method::Other => &mut calls.other,
            };
            *count += 1;
        }
        match self.trouble(method) {
            None => call.await,
            Some(Trouble::Waits(gate)) => {
                gate.pass().await;
                call.await
            }
            Some(Trouble::Fails(kind, lost)) => {
                if lost == Lost::Answer {
                    call.await?;
                }
                Err(BackendError::from_kind(kind))
            }
        }
    }
}

#[async_trait]
impl SessionBackend for Probe {
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError> {
        self.secrets.hash(&new.token);
        self.watch(Method::Create, self.backend.create(new, now)).await
    }

    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError> {
        self.secrets.hash(token);
        self.watch(Method::Find, self.backend.find(token, now)).await
    }

    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        if let Some(rotation) = &change.rotation {
            self.secrets.hash(rotation.token());
        }
        self.watch(Method::Update, self.backend.update(session, change, now)).await
    }

    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        self.watch(Method::Remove, self.backend.remove(session, owner, how, now)).await
    }

    async fn remove_user(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        let call = self.backend.remove_user(user, except, how, now);
        self.watch(Method::RemoveUser, call).await
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        self.watch(Method::List, self.backend.list(user, now)).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, BackendError> {
        self.watch(Method::Other, self.backend.purge_expired(now, limit)).await
    }

    async fn ping(&self) -> Result<(), BackendError> {
        self.watch(Method::Other, self.backend.ping()).await
    }
}
