//! Servers of two releases over one schema: what the first release calls is there, and answers as it
//! did. The texts here are written out and never changed; a later release adds its own beside them.

use session_core::{Found, SessionBackend};
use sqlx::{Row, query};

use super::support::{Fresh, NOW, live, record_of, set, stored, token, with_server};

/// What the first release sends, with literals for what it binds.
const CREATE_V1: &str = "SELECT outcome, stored::text, evicted, replaced \
    FROM web_session_create_v1($1, $2, 'old', '192.0.2.1'::text::inet, NULL::text::inet, 'agent', \
    'Device', 'desktop', NULL::bytea, 0::bigint, NULL::bigint, NULL::boolean, $3::timestamptz, \
    $3::timestamptz, $3::timestamptz, $3::timestamptz + interval '1 hour', NULL::timestamptz, \
    NULL::timestamptz, $3::timestamptz, $3::timestamptz + interval '5 minutes', false, '{}'::text[], \
    '{\"a\": 1}'::text::jsonb, 65536::bigint, 2::bigint, NULL::text, \
    NULL::bytea, NULL::text, NULL::text[], $3::timestamptz - interval '10 seconds', '{}'::bytea[])";
const UPDATE_V1: &str = "SELECT outcome, new_version, is_current, touched, \
    new_expires_at, new_idle_ttl_secs, new_cookie_persistent, new_not_after, ended \
    FROM web_session_update_v1($1, $2, $3::timestamptz, NULL::bigint, false, '{}'::text[], \
    '{\"b\": 2}'::text::jsonb, 65536::bigint, $3::timestamptz, \
    $3::timestamptz + interval '2 hours', '192.0.2.2'::text::inet, NULL::text, NULL::text, NULL::text, \
    true)";
const REMOVE_USER_V1: &str = "SELECT outcome, removed FROM web_session_remove_user_v1('old', NULL::text, \
    NULL::bytea, NULL::text, 'signed_out', $1::timestamptz, $1::timestamptz + interval '5 minutes')";
const PURGE_V1: &str =
    "SELECT removed, more FROM web_session_purge_v1($1::timestamptz, 100::bigint)";

with_server! {
    async fn the_first_releases_statements_still_work() {
        let fresh = Fresh::new().await;
        let mut old = fresh.place.connection().await;
        let (id, hash, now) = (record_of("old").id, token(), NOW.to_string());
        let bytes = hash.as_bytes().to_vec();
        let text = |statement: &'static str| {
            // The moment as text, so that this test needs no type of its own for it.
            sqlx::AssertSqlSafe(statement.replace("$3::timestamptz", "$3::text::timestamptz")
                .replace("$1::timestamptz", "$1::text::timestamptz"))
        };
        let made = query(text(CREATE_V1)).bind(id.to_string()).bind(&bytes).bind(&now);
        let made = made.fetch_one(&mut old).await.unwrap();
        assert_eq!(made.get::<&str, _>(0), "created");
        assert_eq!(made.get::<&str, _>(1), "{\"a\": 1}");

        // This release sees it, and changes it; the former one goes on with what this one made.
        let session = session_core::SessionRef { id, token: Some(hash), user: None };
        fresh.backend.update(&session, &set("c", 3), NOW).await.unwrap();
        let changed = query(text(UPDATE_V1)).bind(id.to_string()).bind(&bytes).bind(&now);
        let changed = changed.fetch_one(&mut old).await.unwrap();
        assert_eq!(changed.get::<&str, _>(0), "applied");
        assert_eq!(changed.get::<i64, _>(1), 2);
        assert!(changed.get::<bool, _>(2) && changed.get::<bool, _>(3));
        assert_eq!(live(&fresh.backend, &hash).await.data.len(), 3);

        let newer = stored(&fresh.backend, record_of("old")).await;
        let removed = query(text(REMOVE_USER_V1)).bind(&now).fetch_one(&mut old).await.unwrap();
        let mut expected = [id.to_string(), newer.id.to_string()];
        expected.sort_unstable();
        assert_eq!(removed.get::<Vec<String>, _>(1), expected);
        let found = fresh.backend.find(&hash, NOW).await.unwrap();
        assert!(matches!(found, Some(Found::Ended { .. })), "{found:?}");
        let purged = query(text(PURGE_V1)).bind(&now).fetch_one(&mut old).await.unwrap();
        assert_eq!((purged.get::<i64, _>(0), purged.get::<bool, _>(1)), (0, false));
    }
}
