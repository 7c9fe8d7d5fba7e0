//! Behind `PgBouncer`, configured as `docs/deploy/pgbouncer.ini` and `docs/operating.md` say.

use std::path::Path;
use std::time::{Duration, Instant};

use session_core::{BackendError, BackendErrorKind, SessionBackend};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_test_servers::pgbouncer::version;
use session_test_servers::{PgBouncer, Postgres, given};

use crate::operating::{run, section, serve};

const FILE: &str = include_str!("../../../../docs/deploy/pgbouncer.ini");
const KEEPS_STATEMENTS: &str = "max_prepared_statements = 100\n";

/// A server with the roles of the page, and the pooler in front of it.
struct Pooled {
    server: Postgres,
    pooler: PgBouncer,
}

impl Pooled {
    /// With the file of the page, in which nothing but addresses is replaced, and what `change` does.
    async fn new(program: &Path, change: impl FnOnce(String) -> String) -> Option<Self> {
        let server = given::own_postgres()?;
        run(&server.url, &["CREATE DATABASE shop"]).await;
        let shop = in_shop(&server, "postgres");
        run(&shop, &[section("Roles")[0]]).await;
        let for_app = section("Poolers").concat();
        let for_the_other = for_app.replace("ALTER ROLE app ", "ALTER ROLE app_migrates ");
        run(&shop, &[&for_app, &for_the_other]).await;
        let port = server.url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
        let users = "\"app\" \"secret\"\n\"app_migrates\" \"another\"\n".to_owned();
        let pooler = PgBouncer::start_with(program, users, |users, listens| {
            let mut file = FILE.to_owned();
            for (address, own) in [
                ("port=5432", format!("port={port}")),
                ("listen_port = 6432", format!("listen_port = {listens}")),
                ("/etc/pgbouncer/userlist.txt", users.display().to_string()),
            ] {
                assert_eq!(file.matches(address).count(), 1, "{address}");
                file = file.replace(address, &own);
            }
            Ok(change(file))
        });
        Some(Self { server, pooler: pooler.unwrap() })
    }

    async fn connect(&self, user: &str) -> Result<PostgresBackend, BackendError> {
        let url = format!("postgres://{user}@{}/shop", self.pooler.address);
        PostgresBackend::connect_with(PostgresConfig::new(url).schema("sessions")).await
    }
}

/// The roles of the page through the file of the page: one migrates, the other serves, also after a restart of
/// the server, which ends as soon as `server_login_retry` says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pgbouncer_serves_as_the_pages_say() {
    let Some(program) = given::new_pgbouncer() else { return };
    let Some(mut pooled) = Pooled::new(&program, |file| file).await else { return };
    pooled.connect("app_migrates:another").await.unwrap().migrate().await.unwrap();
    run(&in_shop(&pooled.server, "app_migrates"), &[section("Roles")[1]]).await;
    let backend = pooled.connect("app:secret").await.unwrap();
    backend.migrate().await.unwrap();
    serve(&backend).await;

    let wrong = pooled.connect("app:hunter2").await.unwrap_err();
    assert_eq!(wrong.kind(), BackendErrorKind::Unavailable, "{wrong}");
    let reason = std::error::Error::source(&wrong).unwrap().to_string();
    assert!(reason.contains("08P01"), "{reason}");

    pooled.server.kill().unwrap();
    // So that it knows of a login that failed.
    while !says_cached(&backend.ping().await.unwrap_err()) {}
    pooled.server.start_again().unwrap();
    let back = Instant::now();
    while backend.ping().await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(10), "{:?}", back.elapsed());
    }
    serve(&backend).await;
}

/// Past the pooler.
fn in_shop(server: &Postgres, role: &str) -> String {
    let (_, place) = server.url.split_once('@').unwrap();
    format!("postgres://{role}@{}/shop", place.split('/').next().unwrap())
}

fn says_cached(error: &BackendError) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.to_string().contains("server login has been failing"))
}

/// What the page says of the line: a newer one keeps prepared statements without it, and 0 is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pgbouncer_keeps_prepared_statements_by_default() {
    let Some(program) = given::new_pgbouncer() else { return };
    if version(&program).is_some_and(|version| version >= (1, 24)) {
        let without = |file: String| file.replace(KEEPS_STATEMENTS, "");
        let Some(pooled) = Pooled::new(&program, without).await else { return };
        let backend = pooled.connect("app_migrates:another").await.unwrap();
        backend.migrate().await.unwrap();
        serve(&backend).await;
    }
    assert!(FILE.contains(KEEPS_STATEMENTS));
    let none = |file: String| {
        let file = file.replace(KEEPS_STATEMENTS, "max_prepared_statements = 0\n");
        // Everybody meets everybody's.
        file.replace("default_pool_size = 20", "default_pool_size = 1")
    };
    let Some(pooled) = Pooled::new(&program, none).await else { return };
    let refused = pooled.connect("app:secret").await.unwrap_err();
    assert!(refused.to_string().contains("max_prepared_statements"), "{refused}");
}
