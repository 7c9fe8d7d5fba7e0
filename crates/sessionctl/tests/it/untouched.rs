//! What becomes of a database that is another program's: nothing.

use std::path::Path;

use sqlx::{Connection, SqliteConnection, raw_sql};

use crate::support::run;

/// A database in the journal mode that SQLite makes them in.
async fn of_another_program(file: &Path) {
    let url = format!("sqlite:{}?mode=rwc", file.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let notes = "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')";
    raw_sql(notes).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn another_programs_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db");
    let url = format!("sqlite:{}", file.display());
    of_another_program(&file).await;
    let id = "01JD3M0W9E6Q7P8R5T4V3X2Y1Z";
    for (arguments, code) in [
        (&["list", "alice"][..], 5),
        (&["show", id], 5),
        (&["stats"], 5),
        (&["end", id], 5),
        (&["end-all", "--yes"], 5),
        (&["purge"], 5),
        (&["migrate", "--check"], 1),
        (&["doctor"], 1),
    ] {
        let before = std::fs::read(&file).unwrap();
        run(&[&["--backend", url.as_str()][..], arguments].concat()).ended_with(code);
        assert!(std::fs::read(&file).unwrap() == before, "{arguments:?} changed the file");
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "{arguments:?} left a file");
    }
}

/// Somebody made it with `touch`, or a program is about to fill it.
#[test]
fn an_empty_file_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.db");
    std::fs::write(&file, "").unwrap();
    let url = format!("sqlite:{}", file.display());
    run(&["--backend", &url, "migrate", "--check"]).ended_with(1);
    run(&["--backend", &url, "doctor"]).ended_with(1);
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 0);
    run(&["--backend", &url, "migrate"]).ended_with(0);
    run(&["--backend", &url, "doctor"]).ended_with(0);
}

/// The session tables, in another journal mode: what a restored dump looks like. `doctor` can say so only if
/// connecting has not changed it.
#[tokio::test]
async fn doctor_sees_the_journal_mode_that_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let url = format!("sqlite:{}", file.display());
    run(&["--backend", &url, "migrate"]).ended_with(0);
    run(&["--backend", &url, "doctor"]).ended_with(0);
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    raw_sql("PRAGMA journal_mode = DELETE").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let said = run(&["--backend", &url, "doctor"]).ended_with(1);
    assert!(said.out.contains("journal mode delete"), "{said:?}");
    run(&["--backend", &url, "stats"]).ended_with(0);
    run(&["--backend", &url, "purge"]).ended_with(0);
    run(&["--backend", &url, "end-all", "--yes"]).ended_with(0);
    run(&["--backend", &url, "doctor"]).ended_with(1);
}
