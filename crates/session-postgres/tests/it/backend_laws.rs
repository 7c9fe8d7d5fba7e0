//! The laws, held to a server: with the backend's own connections, and with an application's pool.

use std::sync::Arc;
use std::time::Duration;

use session_conformance::{Cut, Failure, TestBackend, async_trait};
use session_core::SessionBackend;
use session_postgres::PostgresBackend;
use session_test_servers::PgBouncer;
use session_test_servers::given::has_postgres;
use sqlx::{Executor, PgConnection, PgPool};
use tokio::sync::Mutex;

use super::pgbouncer::pool_behind;
use super::proxy::Proxy;
use super::support::{ACQUIRE, Place, STATEMENT};

/// One schema, and how it is reached.
pub(crate) struct Database {
    backend: PostgresBackend,
    place: Place,
    /// For connections of its own: what they go through.
    proxy: Option<Proxy>,
    pool: Option<PgPool>,
    /// Keeps the locks if the database is to be slow.
    holder: Mutex<Option<PgConnection>>,
    /// What it lies behind, and the URL that leads through it.
    pooler: Option<(PgBouncer, String)>,
}

impl Database {
    pub(crate) fn over(
        backend: PostgresBackend,
        place: Place,
        proxy: Option<Proxy>,
        pool: Option<PgPool>,
    ) -> Self {
        Self { backend, place, proxy, pool, holder: Mutex::new(None), pooler: None }
    }

    pub(crate) fn behind(self, pooler: PgBouncer, url: String) -> Self {
        Self { pooler: Some((pooler, url)), ..self }
    }
}

#[async_trait]
impl TestBackend for Database {
    fn backend(&self) -> Arc<dyn SessionBackend> {
        Arc::new(self.backend.clone())
    }

    async fn reopen(&self) -> Arc<dyn SessionBackend> {
        match (&self.pool, &self.pooler) {
            (Some(_), Some((_, url))) => {
                Arc::new(PostgresBackend::from_pool(pool_behind(url).await))
            }
            (Some(_), None) => Arc::new(PostgresBackend::from_pool(self.place.pool().await)),
            (None, pooler) => {
                let url = pooler.as_ref().map_or(&self.place.url, |(_, url)| url);
                let config = self.place.config_at(url);
                Arc::new(PostgresBackend::connect_with(config).await.unwrap())
            }
        }
    }

    async fn dump(&self) -> Vec<u8> {
        let mut connection = self.place.connection().await;
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT web_sessions::text FROM web_sessions \
             UNION ALL SELECT web_session_tombstones::text FROM web_session_tombstones \
             UNION ALL SELECT web_sessions_migrations::text FROM web_sessions_migrations",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        rows.join("\n").into_bytes()
    }

    async fn cut(&self, how: Failure) -> Cut {
        match (how, &self.proxy, &self.pool) {
            (Failure::Unreachable, Some(proxy), _) => proxy.shut(),
            (Failure::Unreachable, None, Some(pool)) => pool.close().await,
            (Failure::Unreachable, None, None) => unreachable!("one or the other"),
            (Failure::Slow, ..) => {
                let mut holder = self.place.connection().await;
                holder
                    .execute("BEGIN; LOCK TABLE web_sessions, web_session_tombstones")
                    .await
                    .unwrap();
                *self.holder.lock().await = Some(holder);
            }
            (Failure::Broken, ..) => {
                let mut other = self.place.connection().await;
                other
                    .execute("DROP TABLE web_sessions; DROP TABLE web_session_tombstones")
                    .await
                    .unwrap();
            }
        }
        Cut::Done { within: ACQUIRE + STATEMENT + Duration::from_millis(500) }
    }
}

mod postgres {
    use super::*;

    async fn fresh() -> Database {
        let place = Place::new();
        let (proxy, url) = place.proxy().await;
        let backend = PostgresBackend::connect_with(place.config_at(&url)).await.unwrap();
        backend.migrate().await.unwrap();
        Database::over(backend, place, Some(proxy), None)
    }

    session_conformance::backend_laws!(fresh, only_if: has_postgres);
}

mod postgres_pool {
    use super::*;

    async fn fresh() -> Database {
        let place = Place::new();
        let mut connection = place.connection().await;
        let schema = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {}", place.schema));
        sqlx::query(schema).execute(&mut connection).await.unwrap();
        let pool = place.pool().await;
        let backend = PostgresBackend::from_pool(pool.clone());
        backend.migrate().await.unwrap();
        Database::over(backend, place, None, Some(pool))
    }

    session_conformance::backend_laws!(fresh, only_if: has_postgres);
}
