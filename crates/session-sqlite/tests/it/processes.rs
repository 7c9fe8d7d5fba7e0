//! Other processes at the same file: what this one does must leave SQLite's locks alone.
//!
//! The kernel drops all of a process's locks on a file when the process closes any descriptor of that
//! file. SQLite knows; nothing else in this process may open a database.

use std::path::Path;
use std::process::Command;

use session_core::{NewSession, SessionBackend};
use session_sqlite::SqliteBackend;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

use super::support::{Fresh, NOW, live, record, reference, stored, token};

const FILE: &str = "SESSION_SQLITE_TEST_FILE";
const STATEMENT: &str = "SESSION_SQLITE_TEST_STATEMENT";

/// Runs a statement in another process, which opens the file and closes it again. The first number of
/// the first row.
fn elsewhere(path: &Path, statement: &str) -> i64 {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::the_other_process", "--nocapture"])
        .env(FILE, path)
        .env(STATEMENT, statement)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let answer = text.split("answer<").nth(1).and_then(|rest| rest.split('>').next());
    let answer = answer.and_then(|number| number.parse().ok());
    answer.unwrap_or_else(|| panic!("{output:?}"))
}

/// No test of its own: what [`elsewhere`] starts this program again for.
#[tokio::test]
async fn the_other_process() {
    let (Ok(path), Ok(statement)) = (std::env::var(FILE), std::env::var(STATEMENT)) else { return };
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let row = sqlx::query(AssertSqlSafe(statement)).fetch_one(&mut connection).await.unwrap();
    let number: i64 = row.get(0);
    connection.close().await.unwrap();
    println!("answer<{number}>");
}

/// Whether this process keeps others from taking the database for nobody's, as SQLite does from the
/// first read on: the kernel's own list of locks. SQLite 3.51 finds out by the log's index that it is in
/// use all the same; the libraries before it, in any program on the machine, know nothing else.
#[cfg(target_os = "linux")]
fn holds_its_lock(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = std::fs::metadata(path).unwrap().ino();
    // The list is read in parts and moves meanwhile, so it may leave a lock out; none is in it that is not
    // held.
    (0..100).any(|_| {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|line| line.contains(" READ ") && line.contains(&format!(":{inode} ")))
    })
}

#[cfg(not(target_os = "linux"))]
fn holds_its_lock(_: &Path) -> bool {
    true
}

async fn check(name: &str, fresh: &Fresh, backend: &SqliteBackend) {
    let before = stored(backend, record()).await;
    assert!(holds_its_lock(&fresh.path), "{name}: the lock is gone");
    // The last one to close a database takes its log away. This process has it open, and is in the
    // way as long as it has its locks.
    for statement in ["PRAGMA wal_checkpoint(TRUNCATE)", "SELECT count(*) FROM web_sessions"] {
        elsewhere(&fresh.path, statement);
        // The system's own program, which is often an older library.
        let program = Command::new("sqlite3").arg(&fresh.path).arg(statement).output();
        match program {
            Ok(output) => assert!(output.status.success(), "{name}: {output:?}"),
            Err(_) => eprintln!("not shown here: the program sqlite3 is not installed"),
        }
    }
    assert!(fresh.path.with_extension("db-wal").exists(), "{name}: the log is in use");
    let token = token();
    let after = backend.create(NewSession::new(record(), token), NOW).await.unwrap();
    let after = reference(after.session.id, token);
    let count = elsewhere(&fresh.path, "SELECT count(*) FROM web_sessions");
    assert_eq!(count, 2, "{name}: another process sees what was acknowledged");
    for session in [before, after] {
        live(backend, &session.token.unwrap()).await;
    }
}

#[tokio::test]
async fn a_second_handle_takes_no_locks_away() {
    let fresh = Fresh::new().await;
    let second = SqliteBackend::connect(fresh.path.to_str().unwrap()).await.unwrap();
    check("the first handle", &fresh, &fresh.backend).await;
    second.close().await;
}

#[tokio::test]
async fn an_applications_pool_keeps_its_locks() {
    let fresh = Fresh::new().await;
    let pool = fresh.pool().await;
    fresh.backend.close().await;
    let shared = SqliteBackend::from_pool(pool.clone());
    shared.ping().await.unwrap();
    let second = SqliteBackend::connect(fresh.path.to_str().unwrap()).await.unwrap();
    second.close().await;
    check("the pool", &fresh, &shared).await;
}
