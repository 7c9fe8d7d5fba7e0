//! How long the write-ahead log gets where somebody always reads it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use session_core::{SessionBackend, SessionRef, Updated};
use session_sqlite::SqliteBackend;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor};
use tokio::time::MissedTickBehavior;

use super::support::{Fresh, NOW, live, record, set, stored};

const FILE: &str = "SESSION_SQLITE_TEST_READ";
const MB: u64 = 1 << 20;
/// Where the backend begins to see to it.
const BOUND: u64 = 64 * MB;

/// Another process that reads without a gap: three reads, of which the oldest ends when another one has
/// begun. So whenever something is committed somebody reads what was there before, and goes on for a
/// while.
struct Readers(Child);

impl Readers {
    fn start(path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "log::the_readers", "--nocapture"])
            .env(FILE, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let said = lines.map(Result::unwrap).find(|line| line.contains("they read"));
        assert!(said.is_some(), "the readers did not begin");
        Self(child)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        // Nothing can be done about one that ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// No test of its own: what [`Readers`] starts this program again for. It ends with who started it.
#[tokio::test]
async fn the_readers() {
    const READ: &str = "BEGIN; SELECT count(*) FROM web_sessions";
    static ENDED: AtomicBool = AtomicBool::new(false);
    let Ok(path) = std::env::var(FILE) else { return };
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        ENDED.store(true, Ordering::Relaxed);
    });
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut reading = VecDeque::new();
    for _ in 0..3 {
        let mut reader = options.connect().await.unwrap();
        reader.execute(READ).await.unwrap();
        reading.push_back(reader);
    }
    let mut next = options.connect().await.unwrap();
    println!("they read");
    let mut clock = tokio::time::interval(Duration::from_millis(15));
    while !ENDED.load(Ordering::Relaxed) {
        next.execute(READ).await.unwrap();
        reading.push_back(next);
        next = reading.pop_front().unwrap();
        next.execute("ROLLBACK").await.unwrap();
        clock.tick().await;
    }
}

/// Writes a megabyte.
async fn write(backend: &SqliteBackend, session: &SessionRef, n: u64) {
    let text = char::from(b'a' + u8::try_from(n % 26).unwrap()).to_string().repeat(1 << 20);
    let done = backend.update(session, &set("k", text), NOW).await.unwrap();
    assert!(matches!(done, Updated::Applied(_)), "{done:?}");
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path.with_extension("db-wal")).unwrap().len()
}

async fn begins_anew(name: &str, backend: &SqliteBackend, path: &Path) {
    const MOST: u64 = 240;
    let session = stored(backend, record()).await;
    let _readers = Readers::start(path);
    let (mut longest, mut slowest) = (0, Duration::ZERO);
    // A fast disk does not write all of it before a job that came at a bad moment comes again.
    let mut clock = tokio::time::interval(Duration::from_millis(20));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for n in 0..MOST {
        clock.tick().await;
        let started = Instant::now();
        write(backend, &session, n).await;
        slowest = slowest.max(started.elapsed());
        let now = length(path);
        if now < longest {
            println!(
                "{name}: begun anew at {} MB, after {} MB were written; the slowest write of a \
                 megabyte took {slowest:?}",
                longest / MB,
                n + 1
            );
            assert!(longest > BOUND, "{name}: {longest} bytes are left to SQLite");
            let text = live(backend, &session.token.unwrap()).await.data.get("k").cloned().unwrap();
            assert_eq!(text.as_str().unwrap().len(), 1 << 20, "{name}: nothing is lost");
            return;
        }
        longest = now;
    }
    panic!("{name}: {} MB after {MOST} MB were written", longest / MB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_without_a_gap_do_not_keep_the_log() {
    let fresh = Fresh::new().await;
    begins_anew("a backend of its own", &fresh.backend, &fresh.path).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_that_of_an_applications_pool() {
    let fresh = Fresh::new().await;
    let pool = fresh.pool().await;
    fresh.backend.close().await;
    begins_anew("a pool", &SqliteBackend::from_pool(pool), &fresh.path).await;
}

/// Nobody waits for a read that goes on; when it ends, the log is cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_read_keeps_the_log_until_it_ends() {
    let fresh = Fresh::new().await;
    let session = stored(&fresh.backend, record()).await;
    let mut reader = fresh.options().connect().await.unwrap();
    reader.execute("BEGIN; SELECT count(*) FROM web_sessions").await.unwrap();
    for n in 0..90 {
        write(&fresh.backend, &session, n).await;
    }
    assert!(length(&fresh.path) > 90 * MB, "it is read");
    reader.execute("ROLLBACK").await.unwrap();
    // The one moves the rest of it at its end, the other begins anew.
    for n in 0..2 {
        write(&fresh.backend, &session, n).await;
    }
    let length = length(&fresh.path);
    assert!(length <= BOUND, "{length} bytes");
}
