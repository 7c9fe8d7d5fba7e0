//! A pool of the application's own, and what it must be.

use session_core::{BackendErrorKind, EndedBy, NewSession, SessionBackend};
use session_postgres::PostgresBackend;
use sqlx::postgres::PgPoolOptions;

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
                 p_from timestamptz DEFAULT '-infinity', OUT removed bigint, OUT more boolean, \
                 OUT next_from timestamptz) LANGUAGE plpgsql AS $$ BEGIN \
                 more := current_setting('{setting}') = '{expected}'; removed := 0; \
                 next_from := p_from; END $$"
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
            let answer = fresh.backend.purge_expired(NOW, 1).await.unwrap();
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
}
