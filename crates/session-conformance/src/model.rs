//! Random histories of a backend, each answer compared with a reference's (feature `model`).
//!
//! A law tries to break one promise. A history is what nobody thought of: some dozens of calls in any order,
//! of every operation there is, between jumps of the clock, most of them to the very microsecond at
//! which something ends. After each call everything that can be seen is compared with a reference, which
//! is the trait's documentation written down as plainly as it can be: what every token that was ever issued
//! stands for, every session by its id, every user's list, the count. Where the documentation leaves
//! something open, the reference takes either answer.
//!
//! One test is enough, beside those that [`backend_laws!`](crate::backend_laws) makes:
//!
//! ```
//! # use std::sync::Arc;
//! # use session_conformance::{Cut, Failure, TestBackend, async_trait};
//! # use session_core::{MemoryBackend, SessionBackend};
//! # struct Memory(Arc<MemoryBackend>);
//! # #[async_trait]
//! # impl TestBackend for Memory {
//! #     fn backend(&self) -> Arc<dyn SessionBackend> { self.0.clone() }
//! #     async fn reopen(&self) -> Arc<dyn SessionBackend> { self.0.clone() }
//! #     async fn dump(&self) -> Vec<u8> { Vec::new() }
//! #     async fn cut(&self, _: Failure) -> Cut { Cut::CannotFail { reason: "memory" } }
//! # }
//! use session_conformance::model::{self, Cases};
//!
//! async fn make() -> impl TestBackend {
//!     Memory(Arc::new(MemoryBackend::new()))
//! }
//!
//! // In a test. The file is yours to commit: whatever failed once is played again, first of all.
//! let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/model.txt");
//! model::check(Cases::new(4, 20).remembered_in(regressions), make);
//! ```
//!
//! The histories are the same on every run. The environment variable `SESSION_LAW_ROUNDS` multiplies how
//! many there are. What they do not have: calls at the same moment, calls that are dropped, and failures,
//! which are the laws' to try.

mod answer;
mod change;
mod compare;
#[cfg(test)]
mod coverage;
mod draw;
mod end;
mod make;
mod reference;
mod step;

use std::future::Future;
use std::time::Duration;

use proptest::test_runner::{
    Config, FileFailurePersistence, RngSeed, TestCaseError, TestError, TestRunner,
};
use proptest_state_machine::ReferenceStateMachine;

use self::draw::Histories;
use crate::run::rounds;
use crate::subject::{Fresh, TestBackend};

/// Long enough for the slowest machine; a history that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(150);

/// How many histories to try, and how long they are.
#[derive(Debug, Clone, Copy)]
pub struct Cases {
    histories: u32,
    steps: usize,
    seed: u64,
    regressions: Option<&'static str>,
}

impl Cases {
    /// So many histories (times `SESSION_LAW_ROUNDS`), each of this many steps at most and half as many at
    /// least. On an embedded database a history of 60 steps takes some tenths of a second, most of it for
    /// looking at everything after each step.
    #[must_use]
    pub const fn new(histories: u32, steps: usize) -> Self {
        Self { histories, steps, seed: 0, regressions: None }
    }

    /// Other histories than those of seed 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The file in which a history that failed is remembered, and from which it is played again on every
    /// later run, before all others. It is made by the first that fails; commit it.
    #[must_use]
    pub const fn remembered_in(mut self, file: &'static str) -> Self {
        self.regressions = Some(file);
        self
    }
}

/// Holds a backend to the reference, over random histories on fresh databases made by `make`.
///
/// # Panics
/// With the shortest history found in which the backend answers otherwise, step by step.
pub fn check<M, F, B>(cases: Cases, make: M)
where
    M: Fn() -> F + 'static,
    F: Future<Output = B> + 'static,
    B: TestBackend,
{
    if let Some(history) = counterexample(cases, make) {
        panic!("{history}");
    }
}

/// The same, for tests of deliberately faulty backends: the shortest history found in which the backend
/// answers otherwise than the reference, in words; `None` if there is none.
///
/// # Panics
/// If no runtime can be started.
pub fn counterexample<M, F, B>(cases: Cases, make: M) -> Option<String>
where
    M: Fn() -> F + 'static,
    F: Future<Output = B> + 'static,
    B: TestBackend,
{
    let fresh = Fresh::new(make);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the histories");
    let remembered =
        cases.regressions.map_or(FileFailurePersistence::Off, FileFailurePersistence::Direct);
    let config = Config {
        cases: rounds(cases.histories),
        failure_persistence: Some(Box::new(remembered)),
        rng_seed: RngSeed::Fixed(cases.seed),
        max_shrink_iters: 2000,
        max_shrink_time: 60_000,
        ..Config::default()
    };
    let histories = Histories::sequential_strategy(cases.steps.div_ceil(2)..=cases.steps);
    let played = TestRunner::new(config).run(&histories, |(history, steps, seen)| {
        let play = compare::play(&fresh, history.model, &steps, seen.as_deref());
        match runtime.block_on(async { tokio::time::timeout(LIMIT, play).await }) {
            Ok(played) => played.map_err(TestCaseError::fail),
            Err(_) => Err(TestCaseError::fail("a call never returned")),
        }
    });
    // A blocked call must not keep the verdict waiting.
    runtime.shutdown_background();
    match played {
        Ok(()) => None,
        Err(TestError::Abort(why)) => Some(format!("no history could be drawn: {why}")),
        Err(TestError::Fail(why, (_, steps, _))) => {
            let mut text = format!("the backend is not as the reference says {why}\n");
            for (number, step) in steps.iter().enumerate() {
                text.push_str(&format!("  {}. {step:?}\n", number + 1));
            }
            Some(text)
        }
    }
}
