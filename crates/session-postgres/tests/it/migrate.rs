//! `migrate`: twice, by many at once, and on databases that are not ours to change.

use std::str::FromStr;

use session_core::{BackendErrorKind, SessionBackend};
use session_postgres::PostgresBackend;
use session_test_servers::given;
use sqlx::{AssertSqlSafe, Executor, query_scalar};

use super::support::{Fresh, NOW, Place, chain, live, record, record_of, set, stored, with_server};

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

    /// A roll-out: the next release has migrated, with a column and functions of its own, and servers of both
    /// serve at once. One of this release that restarts meanwhile, or after a roll-back, starts like any
    /// other.
    async fn two_releases_serve_at_once() {
        let fresh = Fresh::new().await;
        let before = stored(&fresh.backend, record_of("ann")).await;
        let mut connection = fresh.place.connection().await;
        sqlx::raw_sql(
            "ALTER TABLE web_sessions ADD COLUMN country text; \
             ALTER TABLE web_session_tombstones ADD COLUMN country text DEFAULT 'nowhere'; \
             CREATE FUNCTION web_session_touch_v2(p_id text, p_country text) RETURNS void \
             LANGUAGE sql SET search_path FROM CURRENT \
             AS 'UPDATE web_sessions SET country = p_country WHERE id = p_id'; \
             INSERT INTO web_sessions_migrations \
             (version, description, success, checksum, execution_time) \
             VALUES (2, 'countries', TRUE, '\\x00', 0)",
        )
        .execute(&mut connection)
        .await
        .unwrap();

        let restarted = fresh.place.backend().await;
        for backend in [&fresh.backend, &restarted] {
            let country = sqlx::query("SELECT web_session_touch_v2($1, 'nl')");
            country.bind(before.id.to_string()).execute(&mut connection).await.unwrap();
            backend.update(&before, &set("k", 1), NOW).await.unwrap();
            let session = stored(backend, record_of("ann")).await;
            live(backend, &session.token.unwrap()).await;
            let how = session_core::EndedBy::SignedOut;
            assert!(backend.remove(&session, None, None, how, NOW).await.unwrap());
        }
        let country: String = query_scalar("SELECT country FROM web_sessions WHERE id = $1")
            .bind(before.id.to_string())
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(country, "nl", "this release left what it does not know");
    }

    /// The schema `user`, and others that are SQL's own words.
    async fn schemas_may_be_named_like_words_of_sql() {
        let place = Place::new();
        for word in ["user", "table", "select"] {
            let database = given::fresh_name();
            let mut connection = place.connection().await;
            let make = AssertSqlSafe(format!("CREATE DATABASE {database}"));
            sqlx::query(make).execute(&mut connection).await.unwrap();
            let (server, _) = place.url.rsplit_once('/').unwrap();
            let url = format!("{server}/{database}");
            let backend = PostgresBackend::connect_with(place.config_at(&url).schema(word)).await;
            let backend = backend.unwrap();
            backend.migrate().await.unwrap_or_else(|error| panic!("{word}: {}", chain(&error)));
            let session = stored(&backend, record_of("ann")).await;
            live(&backend, &session.token.unwrap()).await;
            backend.close().await;
            let drop = AssertSqlSafe(format!("DROP DATABASE {database}"));
            sqlx::query(drop).execute(&mut connection).await.unwrap();
        }
    }

    /// With the usual `"$user", public`: a schema of the role's name that comes later hides no sessions.
    async fn a_schema_of_the_roles_name_makes_no_second_set_of_tables() {
        let place = Place::new();
        let role = format!("{}_role", place.schema);
        let mut connection = place.connection().await;
        let make = format!(
            "CREATE SCHEMA {schema}; CREATE ROLE {role} LOGIN SUPERUSER; \
             ALTER ROLE {role} SET search_path = \"$user\", {schema}",
            schema = place.schema
        );
        sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut connection).await.unwrap();
        let options = sqlx::postgres::PgConnectOptions::from_str(&place.url).unwrap();
        let pool = || sqlx::PgPool::connect_with(options.clone().username(&role));
        let backend = PostgresBackend::from_pool(pool().await.unwrap());
        backend.migrate().await.unwrap();
        let session = stored(&backend, record_of("ann")).await;

        let own = AssertSqlSafe(format!("CREATE SCHEMA {role} AUTHORIZATION {role}"));
        sqlx::query(own).execute(&mut connection).await.unwrap();
        let again = PostgresBackend::from_pool(pool().await.unwrap());
        again.migrate().await.unwrap();
        live(&again, &session.token.unwrap()).await;
    }

    /// A schema whose name PostgreSQL itself would write in quotes.
    async fn a_pools_schema_may_have_any_name() {
        let place = Place::new();
        let name = format!("My.{}", place.schema);
        let mut connection = place.connection().await;
        let make = AssertSqlSafe(format!("CREATE SCHEMA \"{name}\""));
        sqlx::query(make).execute(&mut connection).await.unwrap();
        let options = sqlx::postgres::PgConnectOptions::from_str(&place.url).unwrap();
        let path = format!("\"{name}\"");
        let pool = sqlx::PgPool::connect_with(options.options([("search_path", path)])).await;
        let backend = PostgresBackend::from_pool(pool.unwrap());
        for _ in 0..2 {
            backend.migrate().await.unwrap_or_else(|error| panic!("{}", chain(&error)));
        }
        let session = stored(&backend, record_of("ann")).await;
        live(&backend, &session.token.unwrap()).await;
    }

    /// What compiles statements is off if a purge looks at a few rows of a table that may be large, and the
    /// functions find their tables whatever the caller's `search_path` is.
    async fn functions_bring_their_settings() {
        let fresh = Fresh::new().await;
        let mut connection = fresh.place.connection().await;
        let settings: Vec<(String, Vec<String>)> = sqlx::query_as(
            "SELECT proname::text, proconfig FROM pg_proc \
             WHERE pronamespace = current_schema()::regnamespace AND proconfig IS NOT NULL \
             ORDER BY proname",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let path = format!("search_path={}", fresh.place.schema);
        let named: Vec<_> = settings.iter().map(|(name, _)| name.as_str()).collect();
        let outer = ["create", "end_all", "purge", "remove_user", "remove", "update"];
        assert_eq!(named, outer.map(|name| format!("web_session_{name}_v1")));
        for (name, settings) in &settings {
            assert!(settings.contains(&path), "{name}: {settings:?}");
            let compiles_not = settings.iter().any(|setting| setting == "jit=off");
            let looks_at_few = ["web_session_end_all_v1", "web_session_purge_v1"].contains(&&**name);
            assert_eq!(compiles_not, looks_at_few, "{name}: {settings:?}");
        }
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

    /// Somebody deleted the row of a migration. What it made is there, and what brings the row back is in
    /// `docs/operating.md`.
    async fn a_row_that_is_missing_in_the_bookkeeping_is_named() {
        let (fresh, other) = (Fresh::new().await, Fresh::new().await);
        let mut connection = fresh.place.connection().await;
        connection.execute("DELETE FROM web_sessions_migrations").await.unwrap();
        let error = fresh.backend.migrate().await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Other);
        let text = error.to_string();
        assert!(text.contains("its row is missing from web_sessions_migrations"), "{}", chain(&error));
        let copy = format!(
            "INSERT INTO web_sessions_migrations SELECT * FROM {}.web_sessions_migrations",
            other.place.schema
        );
        connection.execute(AssertSqlSafe(copy)).await.unwrap();
        fresh.backend.migrate().await.unwrap();
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
