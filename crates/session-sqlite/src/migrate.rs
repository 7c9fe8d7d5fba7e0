//! The schema, and how a database gets it: [`run`].

use session_core::{BackendError, BackendErrorKind, Finding};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection, SqlSafeStr};

use crate::connect::Pools;
use crate::error::{SQLITE_ERROR, driver, other, primary_code};
use crate::transaction::{Guarded, outlive};

/// The migrations in their order. One that was published is never changed.
const MIGRATIONS: [(i64, &str, &str); 1] =
    [(1, "sessions", include_str!("../migrations/0001_sessions.sql"))];

/// A table of our own: the driver's default one belongs to the application's migrations.
pub(crate) const BOOKKEEPING: &str = "web_sessions_migrations";

/// Applies what is missing, as one step. Processes that start at once come one after the other.
pub(crate) async fn run(pools: &Pools) -> Result<(), BackendError> {
    let lease = pools.writer.lease().await.map_err(driver)?;
    let library = pools.library.clone();
    outlive(async move {
        let mut guarded = Guarded::new(lease);
        library.check(guarded.connection()).await?;
        // The driver's own transaction, in which its migrator opens savepoints. If it fails the
        // connection is closed.
        let begun = guarded.connection().begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = begun.map_err(driver)?;
        migrator().run_direct(None, &mut *transaction, false).await.map_err(explain)?;
        transaction.commit().await.map_err(driver)?;
        guarded.is_clean();
        Ok(())
    })
    .await
}

/// What a database that has these migrations lacks, or has too many.
pub(crate) fn compare(applied: &[(i64, Vec<u8>)]) -> Finding {
    let migrator = migrator();
    let known = |version| migrator.iter().find(|migration| migration.version == version);
    for (version, checksum) in applied {
        let error = match known(*version) {
            Some(migration) if *migration.checksum == **checksum => continue,
            Some(_) => MigrateError::VersionMismatch(*version),
            None => MigrateError::VersionMissing(*version),
        };
        return Finding::error("schema", explain(error).to_string());
    }
    let is_applied = |wanted: i64| applied.iter().any(|(version, _)| *version == wanted);
    match MIGRATIONS.iter().find(|(version, _, _)| !is_applied(*version)) {
        None => Finding::ok("schema", "the session tables are those of this release"),
        Some((version, _, _)) => Finding::error(
            "schema",
            format!(
                "the session tables are of an older release, without migration {version}: run the migration"
            ),
        ),
    }
}

/// The names of all that the migrations make.
pub(crate) fn made() -> impl Iterator<Item = &'static str> {
    MIGRATIONS.into_iter().flat_map(|(_, _, sql)| {
        // The word after the kind of thing: `CREATE UNIQUE INDEX name`.
        let statements = sql.lines().filter_map(|line| line.strip_prefix("CREATE "));
        statements.filter_map(|statement| {
            let mut words = statement.split([' ', '(']).filter(|word| *word != "UNIQUE");
            words.nth(1)
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
    migrator
}

fn explain(error: MigrateError) -> BackendError {
    match error {
        MigrateError::Execute(error) => driver(error),
        MigrateError::ExecuteMigration(error, version)
            if primary_code(&error) == Some(SQLITE_ERROR) =>
        {
            driver(error).with_context(format!(
                "migration {version} failed: does the database hold other tables of these names?"
            ))
        }
        MigrateError::ExecuteMigration(error, _) => driver(error),
        MigrateError::VersionMissing(version) => other(format!(
            "the database was migrated by a newer release: migration {version} is unknown to this \
             one; upgrade this application"
        )),
        MigrateError::VersionMismatch(version) => other(format!(
            "migration {version} of the database is not the one of this release: its session tables \
             were made before the first release, and must be made anew: drop the tables web_sessions, \
             web_session_tombstones and {BOOKKEEPING}, or delete the file"
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
