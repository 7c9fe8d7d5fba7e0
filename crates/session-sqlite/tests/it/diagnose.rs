//! What the backend says of itself. The findings of each kind are tested with `sessionctl`, which shows them.

use session_core::{Finding, FindingLevel};
use session_sqlite::{SqliteBackend, SqliteConfig};
use sqlx::{Connection, SqliteConnection, raw_sql};

use super::support::{Fresh, NOW, record, stored};

fn unwell(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding.level != FindingLevel::Ok).collect()
}

#[tokio::test]
async fn a_database_is_well_in_a_file_and_in_memory() {
    let fresh = Fresh::new().await;
    let memory = SqliteBackend::connect("sqlite::memory:").await.unwrap();
    memory.migrate().await.unwrap();
    for (backend, names) in [(&fresh.backend, 9), (&memory, 5)] {
        stored(backend, record()).await;
        let findings = backend.diagnose(NOW).await.unwrap();
        assert_eq!(unwell(&findings), [&findings[0]; 0], "{findings:?}");
        if cfg!(unix) {
            assert_eq!(findings.len(), names, "{findings:?}");
        }
    }
}

#[tokio::test]
async fn without_tables_the_schema_is_what_is_wrong() {
    let backend = SqliteBackend::connect("sqlite::memory:").await.unwrap();
    let findings = backend.diagnose(NOW).await.unwrap();
    let [schema] = unwell(&findings)[..] else { panic!("{findings:?}") };
    assert_eq!((schema.name, schema.level), ("schema", FindingLevel::Error));
}

#[tokio::test]
async fn a_file_is_made_only_if_it_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let config = SqliteConfig::new(path.to_str().unwrap());
    let error = SqliteBackend::connect_with(config.clone().create_if_missing(false)).await;
    assert!(error.unwrap_err().to_string().contains("there is no SQLite database"));
    assert!(!path.exists());
    SqliteBackend::connect_with(config.clone()).await.unwrap().close().await;
    SqliteBackend::connect_with(config.create_if_missing(false)).await.unwrap().close().await;
}

/// For a tool, which may be told the name of another program's database.
#[tokio::test]
async fn a_file_is_left_as_it_is_if_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let url = format!("sqlite:{}?mode=rwc", path.display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    raw_sql("CREATE TABLE notes (text TEXT)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let before = std::fs::read(&path).unwrap();
    let config = SqliteConfig::new(path.to_str().unwrap());
    let backend = SqliteBackend::connect_with(config.clone().as_it_is(true)).await.unwrap();
    let findings = backend.diagnose(NOW).await.unwrap();
    let journal = findings.iter().find(|finding| finding.name == "journal").unwrap();
    assert_eq!(journal.level, FindingLevel::Error, "{journal:?}");
    backend.close().await;
    assert!(std::fs::read(&path).unwrap() == before, "it is as it was");
    SqliteBackend::connect_with(config).await.unwrap().close().await;
    assert!(std::fs::read(&path).unwrap() != before, "an application's is in WAL mode");
}
