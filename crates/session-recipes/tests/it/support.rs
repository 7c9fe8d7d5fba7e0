//! Where a recipe is tried: each framework, over memory, SQLite and PostgreSQL.

use session_core::{SessionConfig, SessionStore};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_sqlite::SqliteBackend;
use session_test::{Fixture, TestApp, TestClient};
use session_test_servers::given;

/// Runs `check` with a browser in front of each framework's application, over each database.
pub(crate) async fn everywhere<A: TestApp, S: TestApp>(
    config: SessionConfig,
    on_axum: impl Fn(SessionStore) -> A,
    on_salvo: impl Fn(SessionStore) -> S,
    check: impl AsyncFn(TestClient, Fixture),
) {
    for on in ["axum", "salvo"] {
        let folder = tempfile::tempdir().unwrap();
        for (database, fixture) in databases(&config, &folder).await {
            println!("on {on}, over {database}");
            let store = fixture.store.clone();
            let client = match on {
                "axum" => TestClient::new(on_axum(store.clone()), store),
                _ => TestClient::new(on_salvo(store.clone()), store),
            };
            check(client, fixture).await;
        }
    }
}

async fn databases(
    config: &SessionConfig,
    folder: &tempfile::TempDir,
) -> Vec<(&'static str, Fixture)> {
    let file = folder.path().join("sessions.db");
    let sqlite = SqliteBackend::connect(file.to_str().unwrap()).await.unwrap();
    sqlite.migrate().await.unwrap();
    let mut databases = vec![
        ("memory", Fixture::new(config.clone())),
        ("SQLite", Fixture::over(sqlite, config.clone())),
    ];
    if let Some(url) = given::postgres() {
        let schema = PostgresConfig::new(url).schema(given::fresh_name());
        let postgres = PostgresBackend::connect_with(schema).await.unwrap();
        postgres.migrate().await.unwrap();
        databases.push(("PostgreSQL", Fixture::over(postgres, config.clone())));
    }
    databases
}
