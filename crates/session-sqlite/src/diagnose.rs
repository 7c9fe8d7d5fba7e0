//! Whether a database is well: [`run`].

mod files;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use session_core::{BackendError, Finding, Timestamp};
use sqlx::query;

use crate::connect::Pools;
use crate::connections::Connections;
use crate::error::driver;
use crate::{migrate, row};

/// By so much the clocks of servers may differ.
const SKEW: Duration = Duration::from_secs(2);

/// What has expired for longer waits for a purge that does not come: the cleanup job's is every quarter of an
/// hour.
const OVERDUE: Duration = Duration::from_secs(3600);

/// Looks at everything, and changes nothing.
pub(crate) async fn run(pools: &Pools, now: Timestamp) -> Result<Vec<Finding>, BackendError> {
    let readers = &pools.readers;
    let names: HashSet<String> = texts(readers, "SELECT name FROM sqlite_schema").await?.collect();
    let mut findings = vec![schema(readers, &names).await?];
    if names.contains("web_sessions") {
        findings.push(objects(&names));
        findings.push(clock(readers, now).await?);
        findings.push(purge(readers, now).await?);
    }
    findings.push(encoding(readers).await?);
    let file = file(readers).await?;
    if let Some(file) = &file {
        findings.push(journal(readers).await?);
        findings.extend(files::findings(file));
    }
    Ok(findings)
}

async fn schema(readers: &Connections, names: &HashSet<String>) -> Result<Finding, BackendError> {
    if !names.contains(migrate::BOOKKEEPING) {
        return Ok(Finding::error(
            "schema",
            "the session tables have not been made: run the migration",
        ));
    }
    let statement = "SELECT version, checksum FROM web_sessions_migrations WHERE success";
    let rows = readers.fetch_all(query(statement)).await.map_err(driver)?;
    let applied: Result<Vec<(i64, Vec<u8>)>, _> =
        rows.iter().map(|found| Ok((row::get(found, 0)?, row::get(found, 1)?))).collect();
    Ok(migrate::compare(&applied?))
}

/// What the migrations made and somebody took away.
fn objects(names: &HashSet<String>) -> Finding {
    let missing: Vec<_> = migrate::made().filter(|name| !names.contains(*name)).collect();
    match missing.as_slice() {
        [] => Finding::ok("objects", "all tables, indexes and triggers are there"),
        missing => Finding::error(
            "objects",
            format!(
                "{} is missing, which the migrations made: make it again as \
                 migrations/ of session-sqlite says, or restore a backup",
                missing.join(", ")
            ),
        ),
    }
}

/// SQLite has no clock of its own that sessions go by; what was made last shows that of another process.
async fn clock(readers: &Connections, now: Timestamp) -> Result<Finding, BackendError> {
    let statement = "SELECT created_at FROM web_sessions ORDER BY id DESC LIMIT 1";
    let rows = readers.fetch_all(query(statement)).await.map_err(driver)?;
    let last = rows.first().map(|found| row::time(found, 0)).transpose()?;
    Ok(match last.map(|made| made.since(now)) {
        Some(ahead) if ahead > SKEW => Finding::warning(
            "clock",
            format!(
                "the newest session was made {} seconds in the future of this machine's clock: keep \
                 clocks within 2 seconds of each other, for instance by NTP",
                ahead.as_secs()
            ),
        ),
        _ => Finding::ok("clock", "no session was made in the future of this machine's clock"),
    })
}

async fn purge(readers: &Connections, now: Timestamp) -> Result<Finding, BackendError> {
    let statement = "SELECT min(purge_after) FROM web_sessions";
    let rows = readers.fetch_all(query(statement)).await.map_err(driver)?;
    let first = rows.first().map(|found| row::optional_time(found, 0)).transpose()?.flatten();
    Ok(match first.map(|first| now.since(first)) {
        Some(late) if late > OVERDUE => Finding::warning(
            "purge",
            format!(
                "the purge is overdue by {} minutes: does the application run its cleanup job?",
                late.as_secs() / 60
            ),
        ),
        _ => Finding::ok("purge", "nothing waits for the purge for over an hour"),
    })
}

async fn encoding(readers: &Connections) -> Result<Finding, BackendError> {
    let encoding = texts(readers, "PRAGMA encoding").await?.next().unwrap_or_default();
    Ok(match encoding.as_str() {
        "UTF-8" => Finding::ok("encoding", "the database is in UTF-8"),
        other => Finding::warning(
            "encoding",
            format!("the database is in {other}: sizes are counted in its bytes; UTF-8 is meant"),
        ),
    })
}

async fn journal(readers: &Connections) -> Result<Finding, BackendError> {
    let mode = texts(readers, "PRAGMA journal_mode").await?.next().unwrap_or_default();
    Ok(match mode.as_str() {
        "wal" => Finding::ok("journal", "the database is in WAL mode"),
        mode => Finding::error(
            "journal",
            format!(
                "the database is in the journal mode {mode}, in which readers and writers lock each \
                 other out: PRAGMA journal_mode = WAL"
            ),
        ),
    })
}

/// Where the database is; `None`: in memory.
async fn file(readers: &Connections) -> Result<Option<PathBuf>, BackendError> {
    let statement = "SELECT file FROM pragma_database_list WHERE name = 'main'";
    let file = texts(readers, statement).await?.next();
    Ok(file.filter(|file| !file.is_empty()).map(PathBuf::from))
}

async fn texts(
    readers: &Connections,
    statement: &'static str,
) -> Result<impl Iterator<Item = String>, BackendError> {
    let rows = readers.fetch_all(query(statement)).await.map_err(driver)?;
    let texts: Result<Vec<Option<String>>, _> =
        rows.iter().map(|found| row::get(found, 0)).collect();
    Ok(texts?.into_iter().flatten())
}
