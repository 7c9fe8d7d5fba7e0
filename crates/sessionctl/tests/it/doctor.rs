//! What `doctor` finds.

use std::collections::BTreeMap;

use serde_json::Value;
use session_core::{Clock, ManualClock, SystemClock};
use session_test_servers::given;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, raw_sql};

use crate::support::{Place, everywhere, postgres, sign_in, sqlite};

/// Each finding's level by its name.
fn levels(place: &Place) -> BTreeMap<String, String> {
    let said = place.run(&["doctor", "--json"]);
    let findings = said.json()["findings"].as_array().unwrap().clone();
    let worst = said.json()["level"].clone();
    assert_eq!(said.code, i32::from(worst == "error"), "{said:?}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings.iter().map(|found| (text(&found["name"]), text(&found["level"]))).collect()
}

#[tokio::test]
async fn a_database_that_is_well() {
    for place in everywhere().await {
        sign_in(&place.store(), "alice").await;
        let levels = levels(&place);
        let expected: &[&str] = match place.name {
            "sqlite" => &[
                "clock",
                "disk",
                "encoding",
                "file_mode",
                "journal",
                "log",
                "objects",
                "purge",
                "schema",
            ],
            _ => &[
                "clock",
                "encoding",
                "isolation",
                "objects",
                "purge",
                "rights",
                "schema",
                "server",
                "settings",
            ],
        };
        assert_eq!(levels.keys().collect::<Vec<_>>(), expected, "{}", place.name);
        let unwell: Vec<_> = levels.iter().filter(|(_, level)| *level != "ok").collect();
        assert!(unwell.is_empty(), "{}: {unwell:?}", place.name);
    }
}

#[tokio::test]
async fn a_purge_that_does_not_come() {
    for place in everywhere().await {
        sign_in(&place.store_ago(31 * 24 * 3600), "alice").await;
        assert_eq!(levels(&place)["purge"], "warning", "{}", place.name);
        place.run(&["purge"]).ended_with(0);
        assert_eq!(levels(&place)["purge"], "ok", "{}", place.name);
    }
}

#[tokio::test]
async fn an_index_that_somebody_dropped() {
    for place in everywhere().await {
        let sql = "DROP INDEX web_sessions_purge_after";
        match &place.schema {
            None => {
                let file = place.url.strip_prefix("sqlite:").unwrap();
                let mut connection = SqliteConnection::connect(file).await.unwrap();
                raw_sql(sql).execute(&mut connection).await.unwrap();
            }
            Some(schema) => {
                let mut connection = PgConnection::connect(&place.url).await.unwrap();
                let sql = format!("SET search_path = {schema}; {sql}");
                raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            }
        }
        assert_eq!(levels(&place)["objects"], "error", "{}", place.name);
        let said = place.run(&["doctor"]).ended_with(1);
        assert!(said.out.contains("web_sessions_purge_after is missing"), "{said:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_may_read() {
    use std::os::unix::fs::PermissionsExt;

    let place = sqlite().await;
    let file = place.folder.path().join("sessions.db");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(levels(&place)["file_mode"], "warning");
    let said = place.run(&["doctor"]).ended_with(0);
    assert!(said.out.contains("0644"), "{said:?}");
}

#[tokio::test]
async fn a_session_from_the_future() {
    let place = sqlite().await;
    let ahead = SystemClock.now().plus(std::time::Duration::from_secs(60));
    sign_in(&place.store().with_clock(ManualClock::new(ahead)), "alice").await;
    assert_eq!(levels(&place)["clock"], "warning");
}

/// What a pooler drops, seen as an application's own pool has it: nothing was set.
#[tokio::test]
async fn settings_that_did_not_arrive() {
    if !given::has_postgres() {
        return;
    }
    let place = postgres().await;
    let schema = place.schema.clone().unwrap();
    let options: sqlx::postgres::PgConnectOptions = place.url.parse().unwrap();
    let serializable = options.options([
        ("search_path", schema.as_str()),
        ("default_transaction_isolation", "serializable"),
    ]);
    let pool = sqlx::PgPool::connect_with(serializable).await.unwrap();
    let backend = session_postgres::PostgresBackend::from_pool(pool);
    let findings = backend.diagnose(SystemClock.now()).await.unwrap();
    let level = |name| findings.iter().find(|found| found.name == name).unwrap().level.as_str();
    assert_eq!(level("isolation"), "error");
    assert_eq!(level("settings"), "error", "no time-out");
    assert_eq!(level("schema"), "ok");
}
