//! What a stranger found: a table that grew since its statements were planned, and a role that may not
//! change the schema.

use session_core::{Carry, NewSession, Replace, SessionBackend, SessionRef};
use session_postgres::PostgresBackend;
use sqlx::{AssertSqlSafe, Connection, Executor, query, query_scalar};

use super::support::{
    Fresh, NOW, chain, live, record, record_of, stored, token, touch, user_id, with_server,
};

/// A sign-in that takes the place of a visitor's session.
async fn sign_in(backend: &PostgresBackend, before: SessionRef, user: &str) -> SessionRef {
    let token = token();
    let mut new = NewSession::new(record_of(user), token);
    new.presented = before.token.into_iter().collect();
    new.replaces = Some(Replace { session: before, carry: Carry::All });
    new.cap = std::num::NonZeroU32::new(10);
    let created =
        backend.create(new, NOW).await.unwrap_or_else(|error| panic!("{}", chain(&error)));
    SessionRef { id: created.session.id, token: Some(token), user: Some(user_id(user)) }
}

with_server! {
    /// Statements that were planned while the tables were empty look up by an index when they hold
    /// 50,000 rows, as after a restore or an import, before anybody has renewed the statistics.
    async fn plans_made_on_an_empty_table_hold_on_a_full_one() {
        let fresh = Fresh::new().await;
        let mut connection = fresh.place.connection().await;
        // As the backend's own connections are set.
        connection
            .execute(
                "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                 SET statement_timeout = '60s'; \
                 ALTER TABLE web_sessions SET (autovacuum_enabled = false); \
                 ALTER TABLE web_session_tombstones SET (autovacuum_enabled = false)",
            )
            .await
            .unwrap();
        const CALLS: [&str; 5] = [
            // A sign-in in the place of a visitor's session.
            "SELECT web_session_create_v1('01', '\\x01', NULL, NULL, NULL, NULL, '', 'unknown', NULL, 1, \
             NULL, NULL, now(), NULL, now(), now() + interval '1 day', NULL, NULL, now(), now(), \
             false, '{}', '{}', 9999, NULL, NULL, NULL, NULL, NULL, now(), NULL)",
            "SELECT web_session_create_v1('02', '\\x02', 'ann', NULL, NULL, NULL, '', 'unknown', NULL, 1, \
             NULL, NULL, now(), now(), now(), now() + interval '1 day', NULL, NULL, now(), \
             now() + interval '1 hour', false, '{}', '{}', 9999, 10, '01', '\\x01', NULL, NULL, now(), \
             ARRAY['\\x01'::bytea])",
            // The first touch of its token.
            "SELECT web_session_update_v1('02', '\\x02', now(), NULL, false, NULL, NULL, 9999, now(), \
             now() + interval '1 day', NULL, NULL, NULL, NULL, true)",
            // A change of password.
            "SELECT web_session_update_v1('02', '\\x02', now(), NULL, false, NULL, NULL, 9999, NULL, \
             NULL, NULL, NULL, NULL, NULL, true, p_new_token => '\\x03', \
             p_forget_at => now() + interval '1 hour', p_again_expires_at => now() + interval '1 day', \
             p_end_others => true)",
            "SELECT web_session_remove_user_v1('ann', '02', '\\x03', NULL, 'signed_out', now(), now())",
        ];
        let mut read = Vec::new();
        for is_full in [false, true] {
            if is_full {
                connection
                    .execute(
                        "INSERT INTO web_sessions (id, token_hash, token_seen, user_id, device_name, \
                         device_type, data, version, created_at, last_active_at, expires_at, purge_after) \
                         SELECT lpad(n::text, 26, '0'), sha256(n::text::bytea), true, n::text, '', \
                         'unknown', '{}', 0, now(), now(), now() + interval '1 day', now() \
                         FROM generate_series(1, 50000) AS n; \
                         INSERT INTO web_session_tombstones \
                         (token_hash, session_id, how, at, expires_at, successor_id) \
                         SELECT sha256((-n)::text::bytea), lpad(n::text, 26, '0'), 'replaced', now(), \
                         now() + interval '1 day', lpad((n / 2)::text, 26, '0') \
                         FROM generate_series(1, 50000) AS n",
                    )
                    .await
                    .unwrap();
            }
            for call in CALLS {
                let mut transaction = connection.begin().await.unwrap();
                query(call).execute(&mut *transaction).await.unwrap();
                let rows: i64 = query_scalar(
                    "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint \
                     FROM pg_stat_xact_user_tables WHERE schemaname = $1",
                )
                .bind(fresh.place.schema.clone())
                .fetch_one(&mut *transaction)
                .await
                .unwrap();
                transaction.commit().await.unwrap();
                read.push(rows);
            }
            connection.execute("DELETE FROM web_sessions; DELETE FROM web_session_tombstones").await.unwrap();
        }
        assert!(read.iter().all(|rows| *rows < 100), "rows that each call read: {read:?}");
    }

    /// `docs/operating.md`: call `migrate` at every start; and: serving needs no right to create. So a
    /// role that may only serve starts on a schema that is migrated.
    async fn a_role_that_may_only_serve_starts_with_migrate() {
        let fresh = Fresh::new().await;
        let mut connection = fresh.place.connection().await;
        let (schema, role) = (&fresh.place.schema, format!("{}_app", fresh.place.schema));
        let grants = format!(
            "CREATE ROLE {role}; GRANT USAGE ON SCHEMA {schema} TO {role}; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
        );
        connection.execute(AssertSqlSafe(grants)).await.unwrap();
        let mut place = fresh.place.clone();
        let separator = if place.url.contains('?') { '&' } else { '?' };
        place.url = format!("{}{separator}options[role]={role}", place.url);
        let backend = PostgresBackend::connect_with(place.config()).await.unwrap();
        let session = stored(&backend, record()).await;
        live(&backend, &session.token.unwrap()).await;
        let visitor = stored(&backend, record()).await;
        let session = sign_in(&backend, visitor, "alice").await;
        backend.update(&session, &touch(NOW), NOW).await.unwrap();
        backend.purge_expired(NOW, 10, Default::default()).await.unwrap();
        let migrated = backend.migrate().await;
        drop(backend);
        let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
        connection.execute(AssertSqlSafe(drop)).await.unwrap();
        migrated.unwrap_or_else(|error| panic!("{}", chain(&error)));
    }
}
