//! What the backend says of itself. The findings of most kinds are tested with `sessionctl`, which shows them.

use session_core::{Finding, FindingLevel, Timestamp};
use session_postgres::PostgresBackend;
use session_test_servers::{Pooling, given};
use sqlx::{AssertSqlSafe, raw_sql};

use super::pgbouncer::Behind;
use super::support::{NOW, Place, with_server};

fn level(findings: &[Finding], name: &str) -> FindingLevel {
    let found = findings.iter().find(|finding| finding.name == name);
    found.unwrap_or_else(|| panic!("{name}: {findings:?}")).level
}

async fn diagnosed(backend: &PostgresBackend, now: Timestamp) -> Vec<Finding> {
    backend.diagnose(now).await.unwrap()
}

with_server! {
    async fn a_fresh_database_is_well_but_for_a_clock_of_another_year() {
        let backend = Place::new().backend().await;
        for finding in diagnosed(&backend, NOW.plus(std::time::Duration::from_secs(1 << 30))).await {
            let expected = match finding.name {
                "clock" => FindingLevel::Warning,
                _ => FindingLevel::Ok,
            };
            assert_eq!(finding.level, expected, "{finding:?}");
        }
    }

    async fn an_index_that_is_not_valid_is_found() {
        let place = Place::new();
        let backend = place.backend().await;
        let spoil = format!(
            "UPDATE pg_index SET indisvalid = false \
             WHERE indexrelid = '{}.web_sessions_user_id'::regclass", place.schema
        );
        raw_sql(AssertSqlSafe(spoil)).execute(&mut place.connection().await).await.unwrap();
        let findings = diagnosed(&backend, NOW).await;
        assert_eq!(level(&findings, "objects"), FindingLevel::Error, "{findings:?}");
    }

    async fn a_pooler_that_drops_settings_is_found() {
        let Some(program) = given::pgbouncer() else { return };
        let behind = Behind::new(&program, Pooling::BySession, true).await;
        let backend = PostgresBackend::connect_with(behind.config()).await.unwrap();
        let findings = diagnosed(&backend, NOW).await;
        assert_eq!(level(&findings, "settings"), FindingLevel::Warning, "{findings:?}");
        assert_eq!(level(&findings, "isolation"), FindingLevel::Ok, "{findings:?}");
    }
}
