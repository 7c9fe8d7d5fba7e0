//! What stands between here and PostgreSQL, such as `PgBouncer`, and what it takes away.

use std::time::Duration;

use session_core::BackendError;
use sqlx::{AssertSqlSafe, PgConnection, Row, query, raw_sql};
use tokio::time::timeout;

use crate::config::{LOCK_TIMEOUT, PostgresConfig, STATEMENT_TIMEOUT};
use crate::error::{driver, is_of_prepared_statement, is_state, other};

/// A setting of our own, of which PostgreSQL takes any with a dot in its name.
pub(crate) const MARK: &str = "web_sessions.settings";
pub(crate) const LET_THROUGH: &str = "let_through";

/// How often two connections take turns to find out whether they share the server's.
const TURNS: usize = 3;

/// Whether the settings that a connection began with have reached the server.
pub(crate) async fn has_let_through(connection: &mut PgConnection) -> Result<bool, BackendError> {
    // In one message: between two a pooler may change the server's connection.
    let text = format!("SELECT current_setting('{MARK}', true)");
    let row = raw_sql(AssertSqlSafe(text)).fetch_one(connection).await.map_err(driver)?;
    let mark: Option<String> = row.try_get(0).map_err(driver)?;
    Ok(mark.as_deref() == Some(LET_THROUGH))
}

/// Whether a connection was refused for its settings, as `PgBouncer` does if nobody told it to ignore
/// them: protocol violation, "unsupported startup parameter: options", or since 1.20 "unsupported startup
/// parameter in options: …" with the first of them. Others call it a feature that they do not support.
pub(crate) fn refuses_settings(error: &sqlx::Error) -> bool {
    let speaks_of_them = error.as_database_error().is_some_and(|error| {
        error.message().contains("startup parameter") || error.message().contains("options")
    });
    speaks_of_them && (is_state(error, "08P01") || is_state(error, "0A000"))
}

/// That without our settings those hold which promises rest on: a call that nobody waits for any more must not
/// take effect much later.
pub(crate) async fn check_settings(
    connection: &mut PgConnection,
    config: &PostgresConfig,
) -> Result<(), BackendError> {
    let rows = raw_sql(
        "SELECT name, setting FROM pg_settings WHERE name IN \
         ('statement_timeout', 'lock_timeout', 'default_transaction_isolation') ORDER BY name",
    );
    let (mut found, mut mended) = (Vec::new(), Vec::new());
    for row in rows.fetch_all(connection).await.map_err(driver)? {
        let name: String = row.try_get(0).map_err(driver)?;
        let value: String = row.try_get(1).map_err(driver)?;
        let wanted = match name.as_str() {
            "statement_timeout" => within(&value, config.statement_timeout, STATEMENT_TIMEOUT),
            "lock_timeout" => within(&value, config.lock_timeout, LOCK_TIMEOUT),
            _ => (value != "read committed").then(|| "'read committed'".to_owned()),
        };
        if let Some(wanted) = wanted {
            found.push(format!("{name} is {value}"));
            mended.push(format!("ALTER ROLE … SET {name} = {wanted}"));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let (found, mended) = (found.join(" and "), mended.join("; "));
    Err(other(format!(
        "a pooler in front of PostgreSQL, such as PgBouncer, does not pass settings on, and behind it \
         {found}: {mended} for the role that it connects as, then RECONNECT on PgBouncer's console, which \
         keeps the connections that it has; or connect to PostgreSQL itself"
    )))
}

/// What a time-out has to be, if it is not: in milliseconds, and 0 means none. A tool that is more patient than
/// applications are asks for what is usual with them: they connect as the same role, and would refuse more.
fn within(value: &str, most: Duration, usual: Duration) -> Option<String> {
    let most = most.as_millis();
    let is_within = value.parse().is_ok_and(|value: u128| (1..=most).contains(&value));
    (!is_within).then(|| most.min(usual.as_millis()).to_string())
}

/// That a statement which was prepared on a connection is still there when it is used: a pooler that hands the
/// server's connections on after each transaction has to keep account of them.
pub(crate) async fn check_statements(
    first: &mut PgConnection,
    second: &mut PgConnection,
    patience: Duration,
) -> Result<(), BackendError> {
    for _ in 0..TURNS {
        for connection in [&mut *first, &mut *second] {
            let prepared = query("SELECT 1").execute(&mut *connection);
            // A pooler by session may have no second connection to the server to give: then none is shared.
            let Ok(answer) = timeout(patience, prepared).await else { return Ok(()) };
            match answer {
                Ok(_) => {}
                Err(error) if is_of_prepared_statement(&error) => {
                    return Err(other(
                        "a pooler in front of PostgreSQL hands connections on after each transaction \
                         and keeps no prepared statements: PgBouncer does from 1.21 on with \
                         max_prepared_statements; else let it pool by session, or connect to \
                         PostgreSQL itself",
                    ));
                }
                Err(error) => return Err(driver(error)),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_outs() {
        let (usual, patient) = (Duration::from_millis(2500), Duration::from_secs(60));
        for (value, most, wanted) in [
            ("2500", usual, None),
            ("1", usual, None),
            ("0", usual, Some("2500")),
            ("2501", usual, Some("2500")),
            ("", usual, Some("2500")),
            ("2501", patient, None),
            // Not its own patience: applications would refuse that.
            ("0", patient, Some("2500")),
            ("60001", patient, Some("2500")),
        ] {
            assert_eq!(within(value, most, usual).as_deref(), wanted, "{value}");
        }
    }
}
