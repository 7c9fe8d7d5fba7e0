//! `purge` and `migrate`.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use session_core::{EventKind, SessionStore};

use super::end::sessions;
use crate::database::Database;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) async fn purge(store: SessionStore, output: &Output) -> Result<ExitCode, Failure> {
    let bar = output.progress("purged", None);
    bar.enable_steady_tick(Duration::from_millis(100));
    let told = bar.clone();
    let store = store.on_event(move |event| {
        if let EventKind::Purged(count) = event.kind {
            told.inc(count);
        }
    });
    let purged = store.purge().await;
    bar.finish_and_clear();
    let purged = purged?;
    output.answer(|| format!("purged {}", sessions(purged)), &json!({"purged": purged}))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn migrate(database: &Database, output: &Output) -> Result<ExitCode, Failure> {
    let bar = output.progress("migrating", None);
    bar.enable_steady_tick(Duration::from_millis(100));
    let migrated = database.migrate().await;
    bar.finish_and_clear();
    migrated?;
    output.answer(|| "the session tables are up to date".to_owned(), &json!({"migrated": true}))?;
    Ok(ExitCode::SUCCESS)
}
