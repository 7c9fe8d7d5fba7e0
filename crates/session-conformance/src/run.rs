//! Runs a law: on a runtime of its own with several threads, and never for ever.

use std::any::Any;
use std::env;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;
use std::time::Duration;

use crate::registry::{self, LawFn};
use crate::subject::{Fresh, TestBackend};

/// The name of the environment variable that multiplies the rounds of every law that races: 1 if
/// it is not set, so that the whole suite takes seconds; 100 for an evening.
pub const ROUNDS_VARIABLE: &str = "SESSION_LAW_ROUNDS";

/// Long enough for the slowest machine; a law that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(150);

/// Enough for calls to really happen at one moment, also on a machine with two processors.
const THREADS: usize = 4;

/// Holds a backend to one law: returns if it holds, panics with what went wrong if not. This
/// is the body of every test that [`backend_laws!`](crate::backend_laws) makes.
///
/// # Panics
/// If the law does not hold, or does not come to an end.
pub fn hold(name: &str, law: LawFn, fresh: &Fresh) {
    if let Err(reason) = attempt(name, law, fresh) {
        panic::resume_unwind(reason);
    }
}

/// Holds a backend to every backend law and names those that it breaks: for tests of deliberately
/// faulty backends, which must break exactly one.
///
/// # Panics
/// If no runtime can be started.
pub fn broken_backend_laws<M, F, B>(make: M) -> Vec<&'static str>
where
    M: Fn() -> F + Clone + 'static,
    F: Future<Output = B> + 'static,
    B: TestBackend,
{
    let fresh = Fresh::new(make);
    let broken =
        registry::BACKEND_LAW_FNS.iter().filter(|(name, law)| attempt(name, *law, &fresh).is_err());
    broken.map(|(name, _)| *name).collect()
}

fn attempt(name: &str, law: LawFn, fresh: &Fresh) -> Result<(), Box<dyn Any + Send>> {
    panic::catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()
            .expect("a runtime for the law");
        let done = runtime
            .block_on(async { tokio::time::timeout(LIMIT * multiplier(), law(fresh)).await });
        // A blocked call must not keep the verdict waiting.
        runtime.shutdown_background();
        assert!(done.is_ok(), "the law {name} hangs: some call never returned");
    }))
}

/// How many rounds to race if `modest` are enough on every run.
pub(crate) fn rounds(modest: u32) -> u32 {
    modest.saturating_mul(multiplier())
}

fn multiplier() -> u32 {
    static MULTIPLIER: OnceLock<u32> = OnceLock::new();
    *MULTIPLIER.get_or_init(|| match env::var(ROUNDS_VARIABLE) {
        Err(_) => 1,
        Ok(text) => match text.parse() {
            Ok(number @ 1..) => number,
            _ => panic!("{ROUNDS_VARIABLE} is {text:?}, not a whole number of 1 or more"),
        },
    })
}
