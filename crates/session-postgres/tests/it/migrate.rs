//! `migrate`: twice, by many at once, and on databases that are not ours to change.

use session_core::{BackendErrorKind, SessionBackend};
use session_postgres::PostgresBackend;
use sqlx::{AssertSqlSafe, Executor, query_scalar};

use super::support::{Fresh, Place, chain, live, record, stored, with_server};

with_server! {
    async fn twice_is_once() {
        let fresh = Fresh::new().await;
        let session = stored(&fresh.backend, record()).await;
        fresh.backend.migrate().await.unwrap();
        live(&fresh.backend, &session.token.unwrap()).await;
    }

    async fn many_processes_start_at_once() {
        for _ in 0..3 {
            let place = Place::new();
            let mut starts = tokio::task::JoinSet::new();
            for _ in 0..12 {
                let place = place.clone();
                // Each with connections of its own, as processes have.
                starts.spawn(async move {
                    let backend = PostgresBackend::connect_with(place.config()).await?;
                    backend.migrate().await?;
                    backend.ping().await
                });
            }
            while let Some(start) = starts.join_next().await {
                start.unwrap().unwrap_or_else(|error| panic!("{}", chain(&error)));
            }
        }
    }

    async fn a_dropped_migration_holds_nobody_up() {
        let place = Place::new();
        for polls in 0..30_u64 {
            let backend = PostgresBackend::connect_with(place.config()).await.unwrap();
            let time = std::time::Duration::from_micros(polls * 400);
            let _ = tokio::time::timeout(time, backend.migrate()).await;
        }
        place.backend().await.ping().await.unwrap();
    }

    async fn a_schema_from_the_future_is_refused() {
        let fresh = Fresh::new().await;
        let mut connection = fresh.place.connection().await;
        connection
            .execute(
                "INSERT INTO web_sessions_migrations \
                 (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'later', TRUE, '\\x00', 0)",
            )
            .await
            .unwrap();
        let error = fresh.backend.migrate().await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Other);
        assert!(error.to_string().contains("migrated by a newer release: migration 9999"), "{error}");
        // A server of the release before goes on while the new one starts.
        let session = stored(&fresh.backend, record()).await;
        live(&fresh.backend, &session.token.unwrap()).await;
    }

    async fn tables_from_before_the_first_release_are_refused() {
        let place = Place::new();
        let mut connection = place.connection().await;
        // What such a database has: the same version with another text, and tables of another shape.
        let text = format!(
            "CREATE SCHEMA {}; \
             CREATE TABLE web_sessions (id text PRIMARY KEY, token_hash bytea NOT NULL); \
             CREATE TABLE web_session_tombstones (token_hash bytea PRIMARY KEY); \
             CREATE FUNCTION web_session_lock_user_v1(p_user text) RETURNS void \
             LANGUAGE sql AS 'SELECT NULL::void'; \
             CREATE TABLE web_sessions_migrations (version bigint PRIMARY KEY, \
             description text NOT NULL, installed_on timestamptz NOT NULL DEFAULT now(), \
             success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL); \
             INSERT INTO web_sessions_migrations \
             VALUES (1, 'sessions', now(), true, '\\x0123', 0)",
            place.schema
        );
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
        let backend = PostgresBackend::connect_with(place.config()).await.unwrap();
        let error = backend.migrate().await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Other);
        let text = error.to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        for word in [
            "before the first release",
            "made anew",
            "web_sessions,",
            "web_session_tombstones",
            "web_sessions_migrations",
            "web_session_*_v1",
            "or the schema",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
        // Nothing was changed, and who does what it says can go on.
        let columns: i64 = query_scalar(
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = $1 \
             AND table_name = 'web_sessions'",
        )
        .bind(place.schema.clone())
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(columns, 2);
        sqlx::raw_sql(
            "DROP TABLE web_sessions, web_session_tombstones, web_sessions_migrations; \
             DROP FUNCTION web_session_lock_user_v1",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        backend.migrate().await.unwrap();
        let session = stored(&backend, record()).await;
        live(&backend, &session.token.unwrap()).await;
    }

    async fn the_applications_own_tables_are_left_alone() {
        let place = Place::new();
        let mut connection = place.connection().await;
        let text = format!(
            "CREATE SCHEMA {0}; CREATE TABLE {0}._sqlx_migrations (mine int); \
             CREATE TABLE {0}.web_sessions (mine int)",
            place.schema
        );
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
        let backend = PostgresBackend::connect_with(place.config()).await.unwrap();
        let error = backend.migrate().await.unwrap_err();
        assert!(error.to_string().contains("other tables of these names"), "{}", chain(&error));
        let tables: i64 = query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = $1")
            .bind(place.schema.clone())
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(tables, 2, "all or nothing, the bookkeeping too");
        connection.execute("DROP TABLE web_sessions").await.unwrap();
        backend.migrate().await.unwrap();
        backend.ping().await.unwrap();
    }

    async fn two_schemas_are_two_databases() {
        let (one, two) = (Fresh::new().await, Fresh::new().await);
        let session = stored(&one.backend, record()).await;
        let found = two.backend.find(&session.token.unwrap(), super::support::NOW).await.unwrap();
        assert!(found.is_none(), "{found:?}");
    }

    async fn a_search_path_that_leads_nowhere() {
        let place = Place::new();
        // The application's pool names a schema that nobody made.
        let backend = PostgresBackend::from_pool(place.pool().await);
        let error = backend.migrate().await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Other);
        assert!(error.to_string().contains("no schema of the search_path exists"), "{error}");
    }
}
