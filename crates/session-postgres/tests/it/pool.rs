//! A pool of the application's own, and what it must be.

use session_core::{BackendErrorKind, EndedBy, NewSession, SessionBackend};
use session_postgres::PostgresBackend;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, Row, raw_sql};

use super::support::{
    Fresh, NOW, chain, live, record, record_of, set, stored, token, user_id, with_server,
};

with_server! {
    async fn a_shared_pool() {
        let fresh = Fresh::new().await;
        let pool = fresh.place.pool().await;
        let backend = PostgresBackend::from_pool(pool.clone());
        backend.migrate().await.unwrap();
        let session = stored(&backend, record_of("alice")).await;
        backend.update(&session, &set("cart", 3), NOW).await.unwrap();
        assert_eq!(
            live(&fresh.backend, &session.token.unwrap()).await,
            live(&backend, &session.token.unwrap()).await
        );
        backend.close().await;
        assert!(!pool.is_closed(), "it is the application's to close");
    }

    async fn another_isolation_level_is_refused_where_it_matters() {
        let fresh = Fresh::new().await;
        for level in ["repeatable read", "serializable"] {
            let options =
                fresh.place.options().options([("default_transaction_isolation", level)]);
            let pool = PgPoolOptions::new().connect_with(options).await.unwrap();
            let backend = PostgresBackend::from_pool(pool);
            let how = EndedBy::SignedOut;
            for (name, error) in [
                (
                    "a sign-in",
                    backend.create(NewSession::new(record_of("a"), token()), NOW).await.unwrap_err(),
                ),
                (
                    "everywhere",
                    backend.remove_user(&user_id("a"), None, None, how, NOW).await.unwrap_err(),
                ),
            ] {
                assert_eq!(error.kind(), BackendErrorKind::Other, "{name}");
                assert!(error.to_string().contains("READ COMMITTED"), "{name}: {}", chain(&error));
            }
            // One row at a time is as good at any level.
            let session = stored(&backend, record()).await;
            backend.update(&session, &set("k", 1), NOW).await.unwrap();
            backend.migrate().await.unwrap();
        }
    }

    async fn own_connections_ignore_the_roles_isolation_level() {
        let fresh = Fresh::new().await;
        let mut connection = fresh.place.connection().await;
        for (setting, expected) in [
            ("transaction_isolation", "read committed"),
            ("statement_timeout", "1200ms"),
            ("lock_timeout", "900ms"),
        ] {
            // As the backend's own connections have it: asked from within a function of the schema.
            let text = format!(
                "CREATE OR REPLACE FUNCTION web_session_purge_v1(p_now timestamptz, p_limit bigint, \
                 p_from timestamptz DEFAULT '-infinity', p_tell boolean DEFAULT false, \
                 OUT removed bigint, OUT more boolean, OUT next_from timestamptz, \
                 OUT expired text[], OUT owners text[]) LANGUAGE plpgsql AS $$ BEGIN \
                 more := current_setting('{setting}') = '{expected}'; removed := 0; \
                 next_from := p_from; expired := '{{}}'; owners := '{{}}'; END $$"
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
            let answer = fresh.backend.purge_expired(NOW, 1, Default::default()).await.unwrap();
            assert!(answer.more, "{setting} is {expected}");
        }
    }

    async fn a_pool_that_is_all_taken() {
        let fresh = Fresh::new().await;
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(std::time::Duration::from_millis(700))
            .connect_with(fresh.place.options())
            .await
            .unwrap();
        let backend = PostgresBackend::from_pool(pool.clone());
        let held = pool.acquire().await.unwrap();
        let error = backend.ping().await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Unavailable);
        assert!(error.to_string().contains("acquire timeout"), "{error}");
        drop(held);
        backend.ping().await.unwrap();
    }

    /// A connection on which somebody else has left what is in the way of a statement. It has not happened, a
    /// change neither, and is sent again on another connection.
    async fn what_others_left_on_a_connection_42p05_26000_25p02() {
        const NAMES: &str = "DO $$ BEGIN FOR n IN 2..20 LOOP \
                             EXECUTE format('PREPARE sqlx_s_%s AS SELECT 1', n); END LOOP; END $$";
        for (state, left, probe) in [
            ("42P05", NAMES, "SELECT 2"),
            ("26000", "DEALLOCATE ALL", "SELECT 1"),
            ("25P02", "BEGIN; SELECT 1 / 0", "SELECT 2"),
        ] {
            let fresh = Fresh::new().await;
            let session = stored(&fresh.backend, record()).await;
            let token = session.token.unwrap();
            for is_read in [true, false] {
                let options = PgPoolOptions::new().max_connections(1);
                let pool = options.connect_with(fresh.place.options()).await.unwrap();
                let backend = PostgresBackend::from_pool(pool.clone());
                let mut connection = pool.acquire().await.unwrap();
                sqlx::query("SELECT 1").execute(&mut *connection).await.unwrap();
                if state == "26000" {
                    drop(connection);
                    // The driver then believes that these are prepared.
                    backend.update(&session, &set("k", 1), NOW).await.unwrap();
                    live(&backend, &token).await;
                    connection = pool.acquire().await.unwrap();
                }
                let process = process_of(&mut connection).await;
                let _ = raw_sql(left).execute(&mut *connection).await;
                let error = sqlx::query(probe).execute(&mut *connection).await.unwrap_err();
                assert_eq!(error.as_database_error().unwrap().code().unwrap(), state);
                drop(connection);
                if is_read {
                    live(&backend, &token).await;
                } else {
                    let done = backend.update(&session, &set("k", 2), NOW).await;
                    done.unwrap_or_else(|error| panic!("{state}: {}", chain(&error)));
                }
                let after = process_of(&mut pool.acquire().await.unwrap()).await;
                assert_ne!(process, after, "{state}: the connection stays");
            }
        }
    }
}

async fn process_of(connection: &mut PgConnection) -> i32 {
    let row = raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await.unwrap();
    row.try_get(0).unwrap()
}
