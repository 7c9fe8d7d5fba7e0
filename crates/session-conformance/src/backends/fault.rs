//! [`Fault`]: which calls fail, and how.

use std::sync::Mutex;

use session_core::BackendErrorKind;

use super::gates::lock;
use super::method::Method;

/// What goes wrong from now on: see [`Watched::fail`](super::Watched::fail). By itself every call
/// fails and does not happen; the methods make it narrower.
///
/// ```
/// use session_conformance::backends::{Fault, Method, Watched};
/// use session_core::{BackendErrorKind, MemoryBackend};
///
/// let backend = Watched::new(MemoryBackend::new());
/// // The database is out of reach.
/// backend.fail(BackendErrorKind::Unavailable);
/// backend.recover();
/// // The disk is full: what is there can be read.
/// backend.fail(Fault::new(BackendErrorKind::Other).only(Method::Create));
/// backend.fail(Fault::new(BackendErrorKind::Other).only(Method::Update));
/// backend.recover();
/// // The second write of a request is made, but the connection breaks before its answer is here.
/// let broken = Fault::new(BackendErrorKind::Unavailable).only(Method::Update);
/// backend.fail(broken.sparing(1).times(1).answer_lost());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "it does nothing until it is given to `Watched::fail`"]
pub struct Fault {
    kind: BackendErrorKind,
    /// `None`: every method.
    method: Option<Method>,
    lost: Lost,
    spared: u32,
    /// How many calls it still makes fail. `None`: all of them.
    left: Option<u32>,
}

/// Whether a call that fails has happened all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    Question,
    Answer,
}

impl Fault {
    /// Every call fails with an error of this kind, and does not happen.
    pub const fn new(kind: BackendErrorKind) -> Self {
        Self { kind, method: None, lost: Lost::Question, spared: 0, left: None }
    }

    /// Only calls of this method.
    pub const fn only(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// The next `calls` that it would have met go well.
    pub const fn sparing(mut self, calls: u32) -> Self {
        self.spared = calls;
        self
    }

    /// It is over when so many calls have failed.
    pub const fn times(mut self, calls: u32) -> Self {
        self.left = Some(calls);
        self
    }

    /// A call happens, and its answer is lost: the database has done what it was asked for, and
    /// nobody knows. A call that the backend itself refuses keeps the backend's own error.
    pub const fn answer_lost(mut self) -> Self {
        self.lost = Lost::Answer;
        self
    }

    fn concerns(&self, method: Method) -> bool {
        self.left != Some(0) && self.method.is_none_or(|only| only == method)
    }
}

impl From<BackendErrorKind> for Fault {
    fn from(kind: BackendErrorKind) -> Self {
        Self::new(kind)
    }
}

/// The faults that are in force, the oldest first.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(super) fn add(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// What becomes of a call that is about to happen.
    pub(super) fn strike(&self, method: Method) -> Option<(BackendErrorKind, Lost)> {
        let mut faults = lock(&self.0);
        let fault = faults.iter_mut().find(|fault| fault.concerns(method))?;
        if fault.spared > 0 {
            fault.spared -= 1;
            return None;
        }
        if let Some(left) = &mut fault.left {
            *left -= 1;
        }
        Some((fault.kind, fault.lost))
    }
}
