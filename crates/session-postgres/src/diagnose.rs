//! Whether a database is well: [`run`].

mod tables;

use std::time::{Duration, Instant};

use session_core::{BackendError, Finding, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::call::Server;
use crate::error::other;
use crate::{pooler, row};

/// By so much the clocks of servers may differ.
const SKEW: Duration = Duration::from_secs(2);

/// What has to be less than the core's `backend_timeout_ms`, in milliseconds; here as far as it makes sense.
const LONGEST: u64 = 120_000;

/// Looks at everything, and changes nothing.
pub(crate) async fn run(
    server: &Server,
    schema: Option<&str>,
    now: Timestamp,
) -> Result<Vec<Finding>, BackendError> {
    let began = Instant::now();
    let facts = server.read(|| query(FACTS).bind(pooler::MARK)).await?;
    let asked_for = began.elapsed();
    let facts = facts.first().ok_or_else(|| other("PostgreSQL says nothing of itself"))?;
    let mut findings = vec![
        of_server(facts)?,
        encoding(facts)?,
        isolation(facts)?,
        settings(facts)?,
        clock(now, row::time(facts, 0)?, asked_for),
    ];
    findings.extend(tables::findings(server, schema, now).await?);
    Ok(findings)
}

/// $1 the mark that our settings arrived.
const FACTS: &str = "SELECT clock_timestamp(), current_setting('server_version'), pg_is_in_recovery(), \
     current_setting('server_encoding'), current_setting('transaction_isolation'), \
     (SELECT setting FROM pg_settings WHERE name = 'statement_timeout'), \
     (SELECT setting FROM pg_settings WHERE name = 'lock_timeout'), \
     current_setting($1, true)";

fn of_server(facts: &PgRow) -> Result<Finding, BackendError> {
    let version: &str = row::get(facts, 1)?;
    Ok(if row::get(facts, 2)? {
        Finding::error(
            "server",
            "the server is a standby, which takes no writes: connect to the primary",
        )
    } else {
        Finding::ok("server", format!("PostgreSQL {version}, which takes writes"))
    })
}

fn encoding(facts: &PgRow) -> Result<Finding, BackendError> {
    Ok(match row::get(facts, 3)? {
        "UTF8" => Finding::ok("encoding", "the database is in UTF8"),
        other => Finding::error(
            "encoding",
            format!("the database is in {other}: sessions need a database in UTF8"),
        ),
    })
}

fn isolation(facts: &PgRow) -> Result<Finding, BackendError> {
    Ok(match row::get(facts, 4)? {
        "read committed" => Finding::ok("isolation", "connections are at READ COMMITTED"),
        other => Finding::error(
            "isolation",
            format!(
                "connections are at {other}, where the limit of sessions per user does not hold and \
                 sign-ins are refused: ALTER ROLE … SET default_transaction_isolation = 'read committed'"
            ),
        ),
    })
}

fn settings(facts: &PgRow) -> Result<Finding, BackendError> {
    let mut lacks = Vec::new();
    for (index, name) in [(5, "statement_timeout"), (6, "lock_timeout")] {
        let value: Option<&str> = row::get(facts, index)?;
        let is_within =
            |value: &str| value.parse().is_ok_and(|ms: u64| (1..=LONGEST).contains(&ms));
        if !value.is_some_and(is_within) {
            lacks.push(format!("{name} is {}", value.unwrap_or("unknown")));
        }
    }
    let arrived = row::get::<Option<&str>>(facts, 7)? == Some(pooler::LET_THROUGH);
    Ok(match (lacks.is_empty(), arrived) {
        (false, _) => Finding::error(
            "settings",
            format!(
                "{}: the server goes on with what nobody waits for any more; ALTER ROLE … SET \
                 statement_timeout = 2500 and lock_timeout = 2000",
                lacks.join(" and ")
            ),
        ),
        (true, true) => Finding::ok("settings", "the settings of connections have arrived"),
        (true, false) => Finding::warning(
            "settings",
            "a pooler dropped the settings of connections, or the pool is the application's: ALTER ROLE … SET \
             plan_cache_mode = force_generic_plan, enable_seqscan = off and jit = off",
        ),
    })
}

fn clock(here: Timestamp, there: Timestamp, asked_for: Duration) -> Finding {
    let ahead = there.since(here.plus(asked_for));
    let behind = here.since(there);
    let (by, how) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    if by <= SKEW {
        return Finding::ok(
            "clock",
            "the server's clock and this machine's agree within 2 seconds",
        );
    }
    let message = format!(
        "the server's clock is {} seconds {how} this machine's. Sessions go by the clocks of the \
         application's servers, which have to agree within 2 seconds: see to NTP on all of them",
        by.as_secs()
    );
    Finding::warning("clock", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use session_core::FindingLevel;

    #[test]
    fn clocks_that_differ() {
        let at = |secs: i64| Timestamp::from_micros(1_795_305_600_000_000 + secs * 1_000_000);
        for (name, there, asked_for, expected) in [
            ("the same", 0, 0, FindingLevel::Ok),
            ("nearly", 2, 0, FindingLevel::Ok),
            ("ahead", 4, 0, FindingLevel::Warning),
            ("late, because the answer was", 4, 3, FindingLevel::Ok),
            ("behind", -3, 0, FindingLevel::Warning),
        ] {
            let finding = clock(at(0), at(there), Duration::from_secs(asked_for));
            assert_eq!(finding.level, expected, "{name}: {}", finding.message);
        }
    }
}
