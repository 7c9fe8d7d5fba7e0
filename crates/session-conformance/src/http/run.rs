//! Runs a law: on a runtime of its own whose log is listened to, and never for ever.

use std::any::Any;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::time::Duration;

use tracing::Dispatch;

use super::harness::Harness;
use super::lab::Lab;
use super::secrets::Listener;
use crate::run::rounds;

/// A request law as a function pointer.
pub type RequestLawFn = for<'a> fn(&'a Lab) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Long enough for the slowest machine; a law that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(150);

/// Enough for requests to really happen at one moment, also on a machine with two processors.
const THREADS: usize = 4;

macro_rules! register {
    ([] $($name:ident $promise:literal)+) => {
        const LAWS: &[(&str, RequestLawFn)] =
            &[$((stringify!($name), |lab| Box::pin(super::laws::$name(lab)))),+];
    };
}

crate::__each_request_law! { [register] [] }

/// The laws that wait for real time to pass. To name the broken laws of a faulty adapter they would be
/// waited for once for each fault, so there time passes by itself: see [`Time`].
const WAITING: &[&str] = &["stream_learns_of_the_end"];

/// How time passes while a law is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    /// As everywhere.
    Real,
    /// At once, whenever everybody waits; on one thread, and only over a backend in memory.
    Paused,
}

/// Holds an adapter to one law: returns if it holds, panics with what went wrong if not. This
/// is the body of every test that [`http_laws!`](crate::http_laws) makes.
///
/// # Panics
/// If the law does not hold, does not come to an end, or a secret was logged.
pub fn hold<M, F, H>(name: &str, law: RequestLawFn, make: M)
where
    M: Fn() -> F + 'static,
    F: Future<Output = H> + 'static,
    H: Harness,
{
    if let Err(reason) = attempt(name, law, &Lab::new(make), Time::Real) {
        panic::resume_unwind(reason);
    }
}

/// Holds an adapter to every request law and names those that it breaks: for tests of deliberately
/// faulty adapters, which must break exactly one. The backend has to be one in memory: what waits for time
/// to pass runs on tokio's paused clock.
///
/// # Panics
/// If no runtime can be started.
pub fn broken_request_laws<M, F, H>(make: M) -> Vec<&'static str>
where
    M: Fn() -> F + Clone + 'static,
    F: Future<Output = H> + 'static,
    H: Harness,
{
    broken(|| Lab::new(make.clone()))
}

/// The same for sites whose visitors have no rows: what these cannot promise is in
/// [`COOKIE_VISITORS_EXCEPT`](super::COOKIE_VISITORS_EXCEPT).
///
/// # Panics
/// If no runtime can be started.
pub fn broken_by_cookie_visitors<M, F, H>(make: M) -> Vec<&'static str>
where
    M: Fn() -> F + Clone + 'static,
    F: Future<Output = H> + 'static,
    H: Harness,
{
    broken(|| Lab::new(make.clone()).with_cookie_visitors())
}

fn broken(lab: impl Fn() -> Lab) -> Vec<&'static str> {
    let time = |name| if WAITING.contains(&name) { Time::Paused } else { Time::Real };
    let broken = LAWS.iter().filter(|(name, law)| attempt(name, *law, &lab(), time(name)).is_err());
    broken.map(|(name, _)| *name).collect()
}

/// Holds an adapter to one law on sites whose visitors have no rows. This is the body of every test that
/// [`http_laws_of_cookie_visitors!`](crate::http_laws_of_cookie_visitors) makes. A law that is excepted has to
/// be broken there, or it would be excepted for nothing; why is said on standard error.
///
/// # Panics
/// As [`hold`], and if a law holds that is excepted.
pub fn hold_with_cookie_visitors<M, F, H>(name: &str, law: RequestLawFn, make: M)
where
    M: Fn() -> F + 'static,
    F: Future<Output = H> + 'static,
    H: Harness,
{
    let except = super::COOKIE_VISITORS_EXCEPT.iter().find(|(excepted, _)| *excepted == name);
    match (except, attempt(name, law, &Lab::new(make).with_cookie_visitors(), Time::Real)) {
        (None, Ok(())) => {}
        (None, Err(broken)) => panic::resume_unwind(broken),
        (Some((_, reason)), Err(_)) => eprintln!("EXCEPTED: {name}: {reason}"),
        (Some(_), Ok(())) => panic!("{name} holds, and is excepted for nothing"),
    }
}

fn attempt(
    name: &str,
    law: RequestLawFn,
    lab: &Lab,
    time: Time,
) -> Result<(), Box<dyn Any + Send>> {
    let secrets = lab.secrets.clone();
    panic::catch_unwind(AssertUnwindSafe(|| {
        let listener = Dispatch::new(Listener(secrets.clone()));
        let on_workers = listener.clone();
        let mut runtime = match time {
            Time::Real => tokio::runtime::Builder::new_multi_thread(),
            Time::Paused => tokio::runtime::Builder::new_current_thread(),
        };
        let runtime = runtime
            .worker_threads(THREADS)
            .enable_all()
            .start_paused(time == Time::Paused)
            .on_thread_start(move || {
                // For the whole life of the thread, which is this law's alone.
                std::mem::forget(tracing::dispatcher::set_default(&on_workers));
            })
            .build()
            .expect("a runtime for the law");
        let done = tracing::dispatcher::with_default(&listener, || {
            runtime.block_on(async { tokio::time::timeout(LIMIT * rounds(1), law(lab)).await })
        });
        runtime.shutdown_background();
        assert!(done.is_ok(), "the law {name} hangs: some request never got its response");
        secrets.check();
    }))
}
