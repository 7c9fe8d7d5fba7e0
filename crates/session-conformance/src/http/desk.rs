//! The application's back door: gates at which a handler waits for the law, and handles that it
//! leaves behind. Found by a number in the request, because all else may not survive a framework.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use http::HeaderMap;
use serde_json::Value;
use session_core::Session;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// The header that names the desk.
pub(crate) const HEADER: &str = "x-law-desk";

static DESKS: LazyLock<Mutex<HashMap<u64, Weak<Desk>>>> = LazyLock::new(Mutex::default);
static NEXT: AtomicU64 = AtomicU64::new(1);

pub(crate) struct Desk {
    number: u64,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
    kept: Mutex<Vec<Session>>,
    left: Mutex<Vec<JoinHandle<Value>>>,
    /// Tokens for programs, which the suite's bodies must not show.
    handed: Mutex<Vec<String>>,
}

impl Desk {
    pub(crate) fn open() -> Arc<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let desk = Arc::new(Self {
            number,
            gates: Mutex::default(),
            kept: Mutex::default(),
            left: Mutex::default(),
            handed: Mutex::default(),
        });
        lock(&DESKS).insert(number, Arc::downgrade(&desk));
        desk
    }

    pub(crate) fn of(headers: &HeaderMap) -> Option<Arc<Self>> {
        let number = headers.get(HEADER)?.to_str().ok()?.parse().ok()?;
        lock(&DESKS).get(&number)?.upgrade()
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// The gate of this name; there is one for every name.
    pub(crate) fn gate(&self, name: &str) -> Arc<Gate> {
        lock(&self.gates).entry(name.to_owned()).or_default().clone()
    }

    pub(crate) fn keep(&self, session: Session) {
        lock(&self.kept).push(session);
    }

    /// The handle that a handler kept last.
    pub(crate) fn kept(&self) -> Session {
        lock(&self.kept).pop().expect("a handler that kept its session")
    }

    pub(crate) fn hand(&self, token: String) {
        lock(&self.handed).push(token);
    }

    /// The token that a handler took last.
    pub(crate) fn handed(&self) -> String {
        lock(&self.handed).pop().expect("a handler that was handed a token")
    }

    pub(crate) fn leave(&self, operation: JoinHandle<Value>) {
        lock(&self.left).push(operation);
    }

    /// What an operation returned that its handler left behind.
    pub(crate) async fn left(&self) -> Value {
        let left = lock(&self.left).pop().expect("a handler that left an operation behind");
        left.await.expect("an operation does not panic")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        lock(&DESKS).remove(&self.number);
    }
}

/// A place where somebody waits until the law lets them pass.
pub(crate) struct Gate {
    arrived: Semaphore,
    open: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { arrived: Semaphore::new(0), open: Semaphore::new(0) }
    }
}

impl Gate {
    /// Waits until the law opens.
    pub(crate) async fn pass(&self) {
        self.arrived.add_permits(1);
        self.open.acquire().await.expect("gates are never closed for good").forget();
    }

    /// For the law: waits until one more has arrived.
    pub(crate) async fn arrival(&self) {
        self.arrived.acquire().await.expect("gates are never closed for good").forget();
    }

    /// For the law: lets one pass.
    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
