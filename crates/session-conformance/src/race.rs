//! Racing: many tasks that begin at one moment, and random numbers that are the same on every run.

use std::future::Future;
use std::panic;
use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Runs all of them at once, on as many threads as the runtime has, and gives what they returned in
/// their order. A panic in one is a panic here.
pub(crate) async fn race<T, F>(tasks: impl IntoIterator<Item = F>) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let tasks: Vec<F> = tasks.into_iter().collect();
    let count = tasks.len();
    let start = Arc::new(Barrier::new(count));
    let mut running = JoinSet::new();
    for (place, task) in tasks.into_iter().enumerate() {
        let start = Arc::clone(&start);
        running.spawn(async move {
            start.wait().await;
            (place, task.await)
        });
    }
    let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
    while let Some(joined) = running.join_next().await {
        match joined {
            Ok((place, result)) => results[place] = Some(result),
            Err(error) => panic::resume_unwind(error.into_panic()),
        }
    }
    results.into_iter().flatten().collect()
}

/// Two different things at once.
pub(crate) async fn race_two<A, B>(
    first: impl Future<Output = A> + Send + 'static,
    second: impl Future<Output = B> + Send + 'static,
) -> (A, B)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let start = Arc::new(Barrier::new(2));
    let first = begin(Arc::clone(&start), first);
    let second = begin(start, second);
    (end(first).await, end(second).await)
}

/// On a task of its own, which goes on when this one has ended.
#[expect(clippy::disallowed_methods, reason = "the handler under test does not wait for it")]
pub(crate) fn on_its_own<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}

fn begin<T: Send + 'static>(
    start: Arc<Barrier>,
    task: impl Future<Output = T> + Send + 'static,
) -> JoinSet<T> {
    let mut running = JoinSet::new();
    running.spawn(async move {
        start.wait().await;
        task.await
    });
    running
}

async fn end<T: Send + 'static>(mut running: JoinSet<T>) -> T {
    match running.join_next().await {
        Some(Ok(result)) => result,
        Some(Err(error)) => panic::resume_unwind(error.into_panic()),
        None => unreachable!("the one task was not waited for before"),
    }
}

/// `SplitMix64`: small, well distributed, and the same on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
