//! Independent work on all cores at once.

use std::sync::Mutex;
use std::thread;

/// The results in the order of the jobs.
pub(crate) fn at_once<T: Send, J: FnOnce() -> T + Send>(jobs: Vec<J>) -> Vec<T> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let results: Vec<Mutex<Option<T>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    let queue = Mutex::new(jobs.into_iter().zip(&results));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some((job, result)) = queue.lock().ok().and_then(|mut all| all.next())
                    else {
                        break;
                    };
                    let done = job();
                    if let Ok(mut result) = result.lock() {
                        *result = Some(done);
                    }
                }
            });
        }
    });
    results.into_iter().filter_map(|result| result.into_inner().ok().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order() {
        let jobs: Vec<_> = (0..20).map(|nth| move || nth * 2).collect();
        assert_eq!(at_once(jobs), (0..20).map(|nth| nth * 2).collect::<Vec<_>>());
    }
}
