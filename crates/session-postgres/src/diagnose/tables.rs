//! The session tables: whether they are there, whole, and the role's to use.

use std::collections::HashMap;
use std::time::Duration;

use session_core::{BackendError, Finding, Timestamp};
use sqlx::{AssertSqlSafe, query};

use crate::call::Server;
use crate::migrate::{self, BOOKKEEPING};
use crate::row;

/// What has expired for longer waits for a purge that does not come: the cleanup job's is every quarter of an
/// hour.
const OVERDUE: Duration = Duration::from_secs(3600);

pub(super) async fn findings(
    server: &Server,
    schema: Option<&str>,
    now: Timestamp,
) -> Result<Vec<Finding>, BackendError> {
    let Some(place) = place(server, schema).await? else {
        let message = "the session tables have not been made, or lie in no schema that the role sees: run \
                       the migration, or name the schema";
        return Ok(vec![Finding::error("schema", message)]);
    };
    let rights = rights(server, &place).await?;
    let may_read = |table| rights.get(table).is_some_and(|rights| rights.read);
    let mut findings = Vec::new();
    findings.push(if may_read(BOOKKEEPING) {
        let text =
            format!("SELECT version, checksum FROM {}.{BOOKKEEPING} WHERE success", quoted(&place));
        let rows = server.read(|| query(AssertSqlSafe(text.clone()))).await?;
        let applied: Result<Vec<(i64, Vec<u8>)>, _> =
            rows.iter().map(|found| Ok((row::get(found, 0)?, row::get(found, 1)?))).collect();
        migrate::compare(&applied?)
    } else {
        let message = format!("the role may not read {BOOKKEEPING}: GRANT SELECT on it");
        Finding::error("schema", message)
    });
    findings.push(objects(server, &place).await?);
    findings.push(of_rights(&rights, &not_callable(server, &place).await?));
    if may_read("web_sessions") {
        findings.push(purge(server, &place, now).await?);
    }
    Ok(findings)
}

/// The schema that holds the tables.
async fn place(server: &Server, schema: Option<&str>) -> Result<Option<String>, BackendError> {
    // From the catalogue, which a role without rights sees too.
    const NAMED: &str = "SELECT n.nspname::text FROM pg_class AS c \
         JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relname = $1 \
         AND CASE WHEN $2::text IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = $2 END";
    let schema = schema.map(str::to_owned);
    let rows = server.read(|| query(NAMED).bind(BOOKKEEPING).bind(schema.clone())).await?;
    rows.first().map(|found| row::get(found, 0)).transpose()
}

/// An application's pool may have a schema of any name.
fn quoted(place: &str) -> String {
    format!("\"{}\"", place.replace('"', "\"\""))
}

/// What the role may do with a table.
struct Rights {
    read: bool,
    write: bool,
}

async fn rights(server: &Server, place: &str) -> Result<HashMap<String, Rights>, BackendError> {
    const RIGHTS: &str = "SELECT c.relname::text, \
         has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), \
         has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') \
         AND has_table_privilege(c.oid, 'DELETE') \
         FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relkind = 'r'";
    let rows = server.read(|| query(RIGHTS).bind(place.to_owned())).await?;
    let rights = rows.iter().map(|found| {
        Ok((row::get(found, 0)?, Rights { read: row::get(found, 1)?, write: row::get(found, 2)? }))
    });
    rights.collect()
}

/// Which of the functions that the migrations made the role may not call. PostgreSQL lets everybody call them,
/// and hardened databases take that away.
async fn not_callable(server: &Server, place: &str) -> Result<Vec<String>, BackendError> {
    const FUNCTIONS: &str = "SELECT p.proname::text FROM pg_proc AS p \
         JOIN pg_namespace AS n ON n.oid = p.pronamespace \
         WHERE n.nspname = $1 AND NOT has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1";
    let rows = server.read(|| query(FUNCTIONS).bind(place.to_owned())).await?;
    let names: Result<Vec<String>, _> = rows.iter().map(|found| row::get(found, 0)).collect();
    let is_ours = |name: &String| migrate::made().any(|made| made == (true, name.as_str()));
    names.map(|names| names.into_iter().filter(is_ours).collect())
}

fn of_rights(rights: &HashMap<String, Rights>, not_callable: &[String]) -> Finding {
    let lacks: Vec<_> = ["web_sessions", "web_session_tombstones"]
        .into_iter()
        .filter(|table| rights.get(*table).is_some_and(|rights| !(rights.read && rights.write)))
        .collect();
    if lacks.is_empty() && !not_callable.is_empty() {
        let message = format!(
            "the role may not call {}: GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA … to it",
            not_callable.join(", ")
        );
        return Finding::error("rights", message);
    }
    if lacks.is_empty() {
        return Finding::ok("rights", "the role may read and write the session tables");
    }
    let message = format!(
        "the role may not read and write {}: GRANT USAGE on the schema, and SELECT, INSERT, UPDATE and \
         DELETE on the tables",
        lacks.join(" and ")
    );
    Finding::error("rights", message)
}

/// What the migrations made and somebody took away; indexes that PostgreSQL does not use.
async fn objects(server: &Server, place: &str) -> Result<Finding, BackendError> {
    const OBJECTS: &str = "SELECT false, c.relname::text, coalesce(i.indisvalid, true) \
         FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid \
         WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) \
         UNION ALL SELECT true, p.proname::text, true FROM pg_proc AS p \
         WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)";
    let rows = server.read(|| query(OBJECTS).bind(place.to_owned())).await?;
    let mut found = HashMap::new();
    for object in &rows {
        let name: (bool, String) = (row::get(object, 0)?, row::get(object, 1)?);
        found.insert(name, row::get::<bool>(object, 2)?);
    }
    let (mut missing, mut invalid) = (Vec::new(), Vec::new());
    for (is_function, name) in migrate::made() {
        match found.get(&(is_function, name.to_owned())) {
            None => missing.push(name),
            Some(false) => invalid.push(name),
            Some(true) => {}
        }
    }
    Ok(if !missing.is_empty() {
        let missing = missing.join(", ");
        let message = format!(
            "{missing} is missing, which the migrations made: make it again as migrations/ of \
             session-postgres says, or restore a backup"
        );
        Finding::error("objects", message)
    } else if !invalid.is_empty() {
        let message = format!("{} is not valid: REINDEX INDEX CONCURRENTLY", invalid.join(", "));
        Finding::error("objects", message)
    } else {
        Finding::ok("objects", "all tables, indexes and functions are there")
    })
}

async fn purge(server: &Server, place: &str, now: Timestamp) -> Result<Finding, BackendError> {
    let text = format!("SELECT min(purge_after) FROM {}.web_sessions", quoted(place));
    let rows = server.read(|| query(AssertSqlSafe(text.clone()))).await?;
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
