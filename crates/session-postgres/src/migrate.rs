//! The schema, and how a database gets it: [`run`].

use std::time::Duration;

use session_core::{BackendError, BackendErrorKind, Finding};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqlSafeStr, query, query_as, query_scalar};

use crate::call::Server;
use crate::connect::check_version;
use crate::error::{
    DUPLICATE_FUNCTION, DUPLICATE_TABLE, INSUFFICIENT_PRIVILEGE, driver, is_state, other, too_slow,
};
use crate::sql::quoted;

/// The migrations in their order. One that was published is never changed.
const MIGRATIONS: [(i64, &str, &str); 1] =
    [(1, "sessions", include_str!("../migrations/0001_sessions.sql"))];

/// A table of our own: the driver's default one belongs to the application's migrations.
pub(crate) const BOOKKEEPING: &str = "web_sessions_migrations";

/// How long to wait for other processes, each of which migrates too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Applies what is missing, as one transaction. Processes that start at once come one after the
/// other.
///
/// It runs on a connection that belongs to no pool: a caller that goes away closes it, and the
/// server takes everything back.
pub(crate) async fn run(server: &Server, schema: Option<&str>) -> Result<(), BackendError> {
    let mut connection = server.detached().await?;
    check_version(&connection)?;
    let migrating = tokio::time::timeout(PATIENCE * 2, migrate(&mut connection, schema)).await;
    migrating.unwrap_or_else(|_| Err(too_slow("PostgreSQL did not finish the migration")))?;
    // It says goodbye; nothing depends on it.
    let _ = tokio::time::timeout(Duration::from_secs(1), connection.close()).await;
    Ok(())
}

async fn migrate(connection: &mut PgConnection, schema: Option<&str>) -> Result<(), BackendError> {
    // Read committed: what others did before the lock was given has to be seen after it.
    let begun = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await;
    let mut transaction = begun.map_err(driver)?;
    // A request's patience is not enough here.
    let patience = PATIENCE.as_millis().to_string();
    query("SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $1, true)")
        .bind(patience)
        .execute(&mut *transaction)
        .await
        .map_err(driver)?;
    let encoding: String = query_scalar("SELECT current_setting('server_encoding')")
        .fetch_one(&mut *transaction)
        .await
        .map_err(driver)?;
    if encoding != "UTF8" {
        return Err(other(format!(
            "the database's encoding is {encoding}: sessions need a database in UTF8"
        )));
    }
    query("SELECT pg_advisory_xact_lock(hashtextextended('web_sessions_migrations', 0))")
        .execute(&mut *transaction)
        .await
        .map_err(driver)?;
    let place = match schema {
        Some(schema) => {
            make_schema(&mut transaction, schema).await?;
            schema.to_owned()
        }
        None => find_place(&mut transaction).await?,
    };
    // For this transaction, and, because the functions keep it, for whoever calls them.
    query("SELECT set_config('search_path', quote_ident($1), true)")
        .bind(place)
        .execute(&mut *transaction)
        .await
        .map_err(driver)?;
    let migrator = migrator();
    if !is_done(&mut transaction, &migrator).await? {
        migrator.run_direct(None, &mut *transaction, false).await.map_err(explain)?;
    }
    transaction.commit().await.map_err(driver)
}

/// Whether nothing is missing. Looked at first, because the driver begins by making its table if there is
/// none, which a role that may only serve is refused even if there is one.
async fn is_done(connection: &mut PgConnection, migrator: &Migrator) -> Result<bool, BackendError> {
    // In the schema that the tables would be made in, and in no other of the search_path.
    let may_read: Option<bool> = query_scalar(
        "SELECT has_table_privilege(c.oid, 'SELECT') FROM pg_class AS c \
         WHERE c.relname = $1 AND c.relnamespace = \
         (SELECT oid FROM pg_namespace WHERE nspname = current_schema())",
    )
    .bind(BOOKKEEPING)
    .fetch_optional(&mut *connection)
    .await
    .map_err(driver)?;
    if may_read != Some(true) {
        return Ok(false);
    }
    let statement = format!("SELECT version, checksum FROM {BOOKKEEPING} WHERE success");
    let applied: Vec<(i64, Vec<u8>)> =
        query_as(AssertSqlSafe(statement)).fetch_all(connection).await.map_err(driver)?;
    let is_applied = |migration: &Migration| {
        applied.iter().any(|(version, checksum)| {
            *version == migration.version && **checksum == *migration.checksum
        })
    };
    // What differs, the driver finds and names. What a later release has added is no hindrance: it leaves
    // what this one needs, so that a server of this release may still start in the middle of a roll-out.
    Ok(migrator.iter().all(is_applied))
}

/// Where the tables are, or are to be made: in the first schema of the `search_path`. If that is the role's
/// own, as by the usual `"$user", public`, and came later than tables that lie behind it, they stay where they
/// are: nobody shall be signed out because somebody made a schema.
async fn find_place(connection: &mut PgConnection) -> Result<String, BackendError> {
    let place: Option<String> = query_scalar(
        "SELECT coalesce(found.nspname, current_schema())::text FROM (SELECT 1) AS one \
         LEFT JOIN (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n \
         ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1) AND current_schema() = current_user) \
         AS found ON true",
    )
    .bind(BOOKKEEPING)
    .fetch_one(connection)
    .await
    .map_err(driver)?;
    place.ok_or_else(|| {
        other(
            "there is no schema to make the session tables in: no schema of the search_path exists, \
             or the role may use none",
        )
    })
}

/// Looks first: a role that may not create schemas may use one that is there.
async fn make_schema(connection: &mut PgConnection, schema: &str) -> Result<(), BackendError> {
    let may_use: Option<bool> = query_scalar(
        "SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = $1",
    )
    .bind(schema.to_owned())
    .fetch_optional(&mut *connection)
    .await
    .map_err(driver)?;
    match may_use {
        Some(true) => return Ok(()),
        // PostgreSQL itself would only find no schema, here and in each call.
        Some(false) => {
            return Err(other(format!(
                "the PostgreSQL role may not use the schema {schema}: GRANT USAGE ON SCHEMA {schema} to \
                 it, and the rights on what is in it"
            )));
        }
        None => {}
    }
    // The name was looked at when the connections were made, and needs no escapes.
    let statement = AssertSqlSafe(format!("CREATE SCHEMA {}", quoted(schema)));
    let created = query(statement).execute(connection).await;
    created.map(drop).map_err(|error| match is_state(&error, INSUFFICIENT_PRIVILEGE) {
        true => driver(error).with_context(format!(
            "the schema {schema} does not exist, and the PostgreSQL role may not create it: create it, or \
             GRANT CREATE ON DATABASE to the role that migrates"
        )),
        false => driver(error),
    })
}

/// What a database that has these migrations lacks. What a later release has added is no hindrance.
pub(crate) fn compare(applied: &[(i64, Vec<u8>)]) -> Finding {
    let mut later = None;
    let migrator = migrator();
    for (version, checksum) in applied {
        match migrator.iter().find(|migration| migration.version == *version) {
            Some(migration) if *migration.checksum == **checksum => {}
            Some(_) => {
                let error = explain(MigrateError::VersionMismatch(*version));
                return Finding::error("schema", error.to_string());
            }
            None => later = Some(version),
        }
    }
    let is_applied = |wanted: i64| applied.iter().any(|(version, _)| *version == wanted);
    let missing = MIGRATIONS.iter().find(|(version, _, _)| !is_applied(*version));
    match (missing, later) {
        (Some((version, _, _)), _) => Finding::error(
            "schema",
            format!(
                "the session tables are of an older release, without migration {version}: run the migration"
            ),
        ),
        (None, Some(version)) => Finding::warning(
            "schema",
            format!(
                "a newer release has migrated the database (migration {version}): this one works on it, as \
                 in the middle of a roll-out; upgrade it"
            ),
        ),
        (None, None) => Finding::ok("schema", "the session tables are those of this release"),
    }
}

/// All that the migrations make: whether it is a function, and its name.
pub(crate) fn made() -> impl Iterator<Item = (bool, &'static str)> {
    MIGRATIONS.into_iter().flat_map(|(_, _, sql)| {
        // The word after the kind of thing: `CREATE UNIQUE INDEX name`.
        let statements = sql.lines().filter_map(|line| line.strip_prefix("CREATE "));
        statements.filter_map(|statement| {
            let mut words = statement.split([' ', '(']).filter(|word| *word != "UNIQUE");
            Some((words.next()? == "FUNCTION", words.next()?))
        })
    })
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        let (name, sql) = (name.into(), sql.into_sql_str());
        Migration::new(version, name, MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.dangerous_set_table_name(BOOKKEEPING);
    // The driver's lock is the session's, and would outlive a caller that goes away. Ours ends with
    // the transaction.
    migrator.set_locking(false);
    migrator
}

fn explain(error: MigrateError) -> BackendError {
    match error {
        MigrateError::Execute(error) => driver(error),
        MigrateError::ExecuteMigration(error, version)
            if is_state(&error, DUPLICATE_TABLE) || is_state(&error, DUPLICATE_FUNCTION) =>
        {
            driver(error).with_context(format!(
                "migration {version} failed, because what it makes is there already: its row is missing \
                 from {BOOKKEEPING}, or the schema holds other tables of these names"
            ))
        }
        MigrateError::ExecuteMigration(error, _) => driver(error),
        MigrateError::VersionMissing(version) => other(format!(
            "the database was migrated by a newer release: migration {version} is unknown to this \
             one; upgrade this application"
        )),
        // Nobody has released another text of it, so it is one from before.
        MigrateError::VersionMismatch(1) => other(
            "the session tables were made before the first release and must be made anew: drop the \
             tables web_sessions, web_session_tombstones and web_sessions_migrations and the functions \
             web_session_*_v1, or the schema that holds them, then run migrate() again",
        ),
        MigrateError::VersionMismatch(version) => other(format!(
            "migration {version} of the database is not the one of this release: was it edited?"
        )),
        // The driver would name the application's table.
        MigrateError::Dirty(version) => other(format!(
            "migration {version} of the session tables is marked as not finished in {BOOKKEEPING}, which this \
             library never does: make the tables anew, or set success there if they are whole"
        )),
        error => BackendError::new(BackendErrorKind::Other, error)
            .with_context("the session tables could not be migrated"),
    }
}
