//! Behind `PgBouncer`: every law in both of its modes, and what it says if it cannot be.

use std::str::FromStr;

use session_core::{BackendErrorKind, SessionBackend};
use session_postgres::{PostgresBackend, PostgresConfig};
use session_test_servers::{PgBouncer, Pooled, Pooling, given};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, raw_sql};
use tokio::task::JoinSet;

use super::backend_laws::Database;
use super::support::{ACQUIRE, LOCK, Place, STATEMENT, chain, record, stored, until, with_server};

/// A pooler, and a schema and a role behind it that bear one name.
pub(crate) struct Behind {
    place: Place,
    pooler: PgBouncer,
}

impl Behind {
    pub(crate) async fn new(
        program: &std::path::Path,
        pooling: Pooling,
        drops_settings: bool,
    ) -> Self {
        Self::of_size(20, program, pooling, drops_settings).await
    }

    async fn of_size(
        pool_size: u32,
        program: &std::path::Path,
        pooling: Pooling,
        drops_settings: bool,
    ) -> Self {
        let place = Place::new();
        let Place { schema, url } = &place;
        let options = PgConnectOptions::from_str(url).unwrap();
        let server = format!("{}:{}", options.get_host(), options.get_port());
        // Settings do not pass, so the role has them.
        let role = format!(
            "CREATE ROLE {schema} LOGIN SUPERUSER; \
             ALTER ROLE {schema} SET statement_timeout = {}; \
             ALTER ROLE {schema} SET lock_timeout = {}; \
             CREATE SCHEMA {schema}",
            STATEMENT.as_millis(),
            LOCK.as_millis()
        );
        let mut connection = place.connection().await;
        raw_sql(AssertSqlSafe(role)).execute(&mut connection).await.unwrap();
        let pooled =
            Pooled { program, pooling, drops_settings, pool_size, role: schema, server: &server };
        let pooler = PgBouncer::start(pooled).unwrap();
        Self { place, pooler }
    }

    fn url(&self) -> String {
        let options = PgConnectOptions::from_str(&self.place.url).unwrap();
        let database = options.get_database().unwrap_or("postgres");
        format!("postgres://{}@{}/{database}", self.place.schema, self.pooler.address)
    }

    pub(crate) fn config(&self) -> PostgresConfig {
        self.place.config_at(&self.url())
    }

    /// A command for its console.
    async fn pooler_is_told(&self, command: &'static str) {
        let console = format!("postgres://{}@{}/pgbouncer", self.place.schema, self.pooler.address);
        let options = PgConnectOptions::from_str(&console).unwrap().extra_float_digits(None);
        let mut console = PgConnection::connect_with(&options).await.unwrap();
        raw_sql(command).execute(&mut console).await.unwrap();
    }

    /// With connections of the backend's own, through a proxy that can be shut.
    async fn connected(self) -> Database {
        let (proxy, url) = Place { url: self.url(), ..self.place.clone() }.proxy().await;
        let config = self.place.config_at(&url);
        let (backend, url) = (PostgresBackend::connect_with(config).await, self.url());
        let backend = backend.unwrap_or_else(|error| panic!("{}", chain(&error)));
        backend.migrate().await.unwrap_or_else(|error| panic!("{}", chain(&error)));
        Database::over(backend, self.place, Some(proxy), None).behind(self.pooler, url)
    }

    /// With an application's pool; the role's own schema is the first of its `search_path`.
    async fn shared(self) -> Database {
        let url = self.url();
        let pool = pool_behind(&url).await;
        let backend = PostgresBackend::from_pool(pool.clone());
        backend.migrate().await.unwrap_or_else(|error| panic!("{}", chain(&error)));
        Database::over(backend, self.place, None, Some(pool)).behind(self.pooler, url)
    }
}

/// As an application would make it.
pub(crate) async fn pool_behind(url: &str) -> PgPool {
    let options = PgConnectOptions::from_str(url).unwrap().extra_float_digits(None);
    let pool = PgPoolOptions::new().max_connections(5).acquire_timeout(ACQUIRE);
    pool.connect_with(options).await.unwrap()
}

fn has_pgbouncer() -> bool {
    given::pgbouncer().is_some()
}

fn has_new_pgbouncer() -> bool {
    given::new_pgbouncer().is_some()
}

async fn by_session() -> Behind {
    Behind::new(&given::pgbouncer().unwrap(), Pooling::BySession, false).await
}

async fn by_transaction() -> Behind {
    Behind::new(&given::new_pgbouncer().unwrap(), Pooling::ByTransaction, true).await
}

/// Named for the table of laws.
mod backend_laws {
    use super::*;

    mod postgres_pgbouncer_session {
        use super::*;

        async fn fresh() -> Database {
            by_session().await.connected().await
        }

        session_conformance::backend_laws!(fresh, only_if: has_pgbouncer);
    }

    mod postgres_pgbouncer_session_pool {
        use super::*;

        async fn fresh() -> Database {
            by_session().await.shared().await
        }

        session_conformance::backend_laws!(fresh, only_if: has_pgbouncer);
    }

    mod postgres_pgbouncer_transaction {
        use super::*;

        async fn fresh() -> Database {
            by_transaction().await.connected().await
        }

        session_conformance::backend_laws!(fresh, only_if: has_new_pgbouncer);
    }

    mod postgres_pgbouncer_transaction_pool {
        use super::*;

        async fn fresh() -> Database {
            by_transaction().await.shared().await
        }

        session_conformance::backend_laws!(fresh, only_if: has_new_pgbouncer);
    }
}

with_server! {
    /// Settings that the pooler drops, or refuses, are missed at the start and not by a call.
    async fn what_the_pooler_takes_away_is_an_error_that_names_it() {
        let Some(program) = given::pgbouncer() else { return };
        for (drops, without, named) in [
            (true, "RESET statement_timeout", "statement_timeout is 0"),
            (false, "SET lock_timeout = '1min'", "lock_timeout is 60000"),
            (true, "SET default_transaction_isolation = serializable", "default_transaction_isolation"),
        ] {
            let behind = Behind::new(&program, Pooling::BySession, drops).await;
            let role = &behind.place.schema;
            let change = format!("ALTER ROLE {role} {without}");
            let mut connection = behind.place.connection().await;
            raw_sql(AssertSqlSafe(change)).execute(&mut connection).await.unwrap();
            let refused = PostgresBackend::connect_with(behind.config()).await.unwrap_err();
            assert_eq!(refused.kind(), BackendErrorKind::Other, "{named}");
            let text = chain(&refused);
            assert!(text.contains(named) && text.contains("PgBouncer"), "{named}: {text}");
        }
    }

    /// All that is missing is in one message, with what mends it; and the pooler's connections keep what they
    /// began with until it is told to open others.
    async fn what_is_missing_is_named_at_once_and_mended_by_what_it_says() {
        let Some(program) = given::pgbouncer() else { return };
        let behind = Behind::new(&program, Pooling::BySession, true).await;
        let role = &behind.place.schema;
        let mut connection = behind.place.connection().await;
        let reset = AssertSqlSafe(format!("ALTER ROLE {role} RESET ALL"));
        raw_sql(reset).execute(&mut connection).await.unwrap();
        let refused = PostgresBackend::connect_with(behind.config()).await.unwrap_err();
        let text = refused.to_string();
        for part in [
            "statement_timeout is 0",
            "lock_timeout is 0",
            "ALTER ROLE … SET lock_timeout = 900",
            "ALTER ROLE … SET statement_timeout = 1200",
            "RECONNECT",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("isolation"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");

        let mend = format!(
            "ALTER ROLE {role} SET lock_timeout = 900; ALTER ROLE {role} SET statement_timeout = 1200"
        );
        raw_sql(AssertSqlSafe(mend)).execute(&mut connection).await.unwrap();
        let again = PostgresBackend::connect_with(behind.config()).await.unwrap_err();
        assert_eq!(again.to_string(), text, "the connections are those from before");
        behind.pooler_is_told("RECONNECT").await;
        let backend = PostgresBackend::connect_with(behind.config()).await;
        backend.unwrap_or_else(|error| panic!("{}", chain(&error)));
    }

    /// What can never be with this pooler comes before what could be set.
    async fn an_old_pooler_is_refused_before_its_settings_are_asked_for() {
        let Some(program) = given::pgbouncer() else { return };
        if session_test_servers::pgbouncer::knows_prepared_statements(&program) {
            return;
        }
        let behind = Behind::of_size(1, &program, Pooling::ByTransaction, false).await;
        let mut connection = behind.place.connection().await;
        let reset = AssertSqlSafe(format!("ALTER ROLE {} RESET ALL", behind.place.schema));
        raw_sql(reset).execute(&mut connection).await.unwrap();
        let refused = PostgresBackend::connect_with(behind.config()).await.unwrap_err();
        assert!(refused.to_string().contains("max_prepared_statements"), "{}", chain(&refused));
    }

    /// What the tables' schema is does not hang on a setting that a pooler may drop.
    async fn sessions_go_where_the_schema_says() {
        let Some(program) = given::pgbouncer() else { return };
        let behind = Behind::new(&program, Pooling::BySession, true).await;
        let elsewhere = given::fresh_name();
        let config = behind.config().schema(&elsewhere);
        let backend = PostgresBackend::connect_with(config).await.unwrap();
        backend.migrate().await.unwrap();
        for _ in 0..18 {
            stored(&backend, record()).await;
        }
        let mut connection = behind.place.connection().await;
        let count = AssertSqlSafe(format!("SELECT count(*) FROM {elsewhere}.web_sessions"));
        let count: i64 = sqlx::query_scalar(count).fetch_one(&mut connection).await.unwrap();
        assert_eq!(count, 18);
    }

    /// A pooler by session that has one connection to the server, and gives no second: starting waits no longer
    /// than for anything else.
    async fn a_pooler_with_one_connection_is_no_obstacle() {
        let Some(program) = given::pgbouncer() else { return };
        let behind = Behind::of_size(1, &program, Pooling::BySession, true).await;
        let started = std::time::Instant::now();
        let config = behind.config().max_connections(std::num::NonZeroU32::MIN);
        let backend = PostgresBackend::connect_with(config).await;
        let backend = backend.unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert!(started.elapsed() < ACQUIRE * 4, "{:?}", started.elapsed());
        backend.ping().await.unwrap_err();
        backend.migrate().await.unwrap_or_else(|error| panic!("{}", chain(&error)));
        stored(&backend, record()).await;
    }

    /// Others are at work on all of the server's connections, so that no two statements of ours meet the same one.
    async fn a_busy_pooler_lets_everybody_start() {
        let Some(program) = given::new_pgbouncer() else { return };
        let behind = Behind::of_size(2, &program, Pooling::ByTransaction, true).await;
        let mut others = JoinSet::new();
        for _ in 0..4 {
            let pool = pool_behind(&behind.url()).await;
            others.spawn(async move {
                loop {
                    let _ = sqlx::query("SELECT pg_sleep(0.001)").execute(&pool).await;
                }
            });
        }
        for _ in 0..30 {
            let backend = PostgresBackend::connect_with(behind.config()).await;
            backend.unwrap_or_else(|error| panic!("{}", chain(&error))).close().await;
        }
        others.shutdown().await;
    }

    /// One that hands connections on, and knows nothing of prepared statements.
    async fn an_old_pooler_by_transaction_is_refused_in_one_sentence() {
        let Some(program) = given::pgbouncer() else { return };
        if session_test_servers::pgbouncer::knows_prepared_statements(&program) {
            return;
        }
        let behind = Behind::of_size(1, &program, Pooling::ByTransaction, true).await;
        let refused = PostgresBackend::connect_with(behind.config()).await.unwrap_err();
        assert!(refused.to_string().contains("max_prepared_statements"), "{}", chain(&refused));

        // With a pool that was given, the calls that meet it say so. Those share the server's one connection, and
        // their first statements bear the same name; only if the pooler has just replaced it, none meets another's,
        // and then each has what it believes. So each round has a pool of its own.
        behind.place.backend().await;
        let url = &behind.url();
        let failed = until("a call that meets it", || async move {
            let backend = PostgresBackend::from_pool(pool_behind(url).await);
            let mut calls = JoinSet::new();
            for _ in 0..100 {
                let backend = backend.clone();
                calls.spawn(async move { backend.ping().await });
            }
            let answers = calls.join_all().await;
            let failed: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
            (!failed.is_empty()).then_some(failed)
        })
        .await;
        let says = |error| chain(error).contains("max_prepared_statements");
        assert!(failed.iter().all(says), "{failed:?}");
    }
}
