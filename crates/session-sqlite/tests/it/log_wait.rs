//! What the wait for readers, in which the log is begun anew, costs others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use session_core::SessionBackend;
use session_sqlite::{SqliteBackend, SqliteConfig};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor};

use super::support::{Fresh, NOW, record, set, stored};

const MB: u64 = 1 << 20;

fn length(path: &std::path::Path) -> u64 {
    std::fs::metadata(path.with_extension("db-wal")).unwrap().len()
}

/// Another process's busy time-out may be shorter than the wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_shortly_is_not_kept_from_writing() {
    const SHORT: u64 = 100;
    let fresh = Fresh::new().await;
    let config = || {
        SqliteConfig::new(fresh.path.to_str().unwrap()).busy_timeout(Duration::from_millis(SHORT))
    };
    let other = SqliteBackend::connect_with(config()).await.unwrap();
    let (session, theirs) =
        (stored(&fresh.backend, record()).await, stored(&other, record()).await);
    let options = SqliteConnectOptions::new().filename(&fresh.path);
    // Three short reads without a gap, as in `log`.
    let mut readers = tokio::task::JoinSet::new();
    let stop = Arc::new(AtomicBool::new(false));
    for nth in 0..3u64 {
        let (options, stop) = (options.clone(), stop.clone());
        readers.spawn(async move {
            let mut reader = options.connect().await.unwrap();
            let begin = tokio::time::Instant::now() + Duration::from_millis(20 * nth);
            let mut clock = tokio::time::interval_at(begin, Duration::from_millis(60));
            clock.tick().await;
            while !stop.load(Ordering::Relaxed) {
                reader.execute("BEGIN; SELECT count(*) FROM web_sessions").await.unwrap();
                clock.tick().await;
                reader.execute("ROLLBACK").await.unwrap();
            }
        });
    }
    let mut long = options.connect().await.unwrap();
    let (mut failed, mut slowest, mut rounds) = (0, Duration::ZERO, 0);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(40) && rounds < 6 {
        long.execute("BEGIN; SELECT count(*) FROM web_sessions").await.unwrap();
        let mut n = 0u8;
        while length(&fresh.path) <= 66 * MB {
            let text = char::from(b'a' + n % 26).to_string().repeat(1 << 20);
            other.update(&theirs, &set("k", text), NOW).await.ok();
            n += 1;
        }
        long.execute("ROLLBACK").await.unwrap();
        // One that has not failed yet.
        let one = SqliteBackend::connect_with(config()).await.unwrap();
        for n in 0..16 {
            one.update(&session, &set("n", n), NOW).await.ok();
        }
        if length(&fresh.path) <= 64 * MB {
            continue;
        }
        rounds += 1;
        // Within the tenth of a second before it looks again somebody begins to read.
        let mut clock = tokio::time::interval(Duration::from_millis(50));
        clock.tick().await;
        clock.tick().await;
        long.execute("BEGIN; SELECT count(*) FROM web_sessions").await.unwrap();
        let began = Instant::now();
        let mut clock = tokio::time::interval(Duration::from_millis(3));
        while began.elapsed() < Duration::from_millis(450) {
            let change = set("n", rounds);
            let before = Instant::now();
            if let Err(error) = other.update(&theirs, &change, NOW).await {
                failed += 1;
                println!("round {rounds}: {error} after {:?}", before.elapsed());
            }
            slowest = slowest.max(before.elapsed());
            clock.tick().await;
        }
        long.execute("ROLLBACK").await.unwrap();
        one.close().await;
    }
    stop.store(true, Ordering::Relaxed);
    readers.join_all().await;
    println!(
        "{rounds} rounds, {failed} failed, slowest {slowest:?}, log {} MB",
        length(&fresh.path) / MB
    );
    assert!(rounds > 0, "the log was begun anew at once each time: nobody waited");
    assert_eq!(failed, 0);
}
