//! What the tables are like to live with: cheap touches, indexes that are used, purges by many.

use session_core::{EndedBy, SessionBackend};
use sqlx::{AssertSqlSafe, Connection, Row, query};
use tokio::task::JoinSet;

use super::support::{
    Fresh, NOW, after, record, record_of, set, stored, touch, until, user_id, with_server,
};

const SESSIONS: u64 = 100;
const TOUCHES: u64 = 20;

/// Touches many sessions many times; how many updates that were, and how many of them wrote no index.
async fn touches() -> (i64, i64) {
    let fresh = Fresh::new().await;
    let mut sessions = Vec::new();
    for n in 0..SESSIONS {
        sessions.push(stored(&fresh.backend, record_of(&format!("user {}", n % 10))).await);
    }
    for round in 1..=TOUCHES {
        for session in &sessions {
            // The first of them marks the token as seen.
            let mut touch = touch(after(round));
            touch.presented = true;
            fresh.backend.update(session, &touch, after(round)).await.unwrap();
        }
    }
    // A connection's counts are flushed when it ends, if not before.
    fresh.backend.close().await;
    let (place, expected) = (&fresh.place, (SESSIONS * TOUCHES).cast_signed());
    until("the statistics", || async move {
        let mut connection = place.connection().await;
        let row = query(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables \
             WHERE schemaname = $1 AND relname = 'web_sessions'",
        )
        .bind(place.schema.clone())
        .fetch_one(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
        let (updates, hot): (i64, i64) = (row.get(0), row.get(1));
        (updates >= expected).then_some((updates, hot))
    })
    .await
}

with_server! {
    async fn every_touch_stays_on_its_page() {
        let all = (SESSIONS * TOUCHES).cast_signed();
        let mut seen = Vec::new();
        // A transaction that another test keeps open, anywhere on this server, keeps old versions
        // from being reused. Tried again, it is over.
        for _ in 0..20 {
            let (updates, hot) = touches().await;
            assert_eq!(updates, all);
            if hot == all {
                return;
            }
            seen.push(hot);
        }
        panic!("of {all} touches so many wrote no index: {seen:?}");
    }

    async fn each_look_up_uses_its_index() {
        let fresh = Fresh::new().await;
        let mut connection = fresh.place.connection().await;
        query(
            "INSERT INTO web_sessions (id, token_hash, token_seen, user_id, device_name, device_type, \
             data, version, created_at, last_active_at, expires_at, purge_after) \
             SELECT lpad(n::text, 26, '0'), sha256(n::text::bytea), true, \
             CASE WHEN n % 3 = 0 THEN NULL ELSE (n / 3)::text END, '', 'unknown', '{}', 0, \
             now(), now(), now() + interval '1 day', now() + n * interval '1 second' \
             FROM generate_series(1, 20000) AS n",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        query(
            "INSERT INTO web_session_tombstones \
             (token_hash, session_id, how, at, expires_at, successor_id) \
             SELECT sha256((-n)::text::bytea), lpad(n::text, 26, '0'), 'replaced', now(), \
             now() + n * interval '1 second', lpad((n / 2)::text, 26, '0') \
             FROM generate_series(1, 20000) AS n",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        query("ANALYZE web_sessions, web_session_tombstones").execute(&mut connection).await.unwrap();
        for (statement, index) in [
            ("SELECT 1 FROM web_sessions WHERE token_hash = '\\x00'", "web_sessions_token_hash"),
            ("SELECT 1 FROM web_sessions WHERE user_id = '7'", "web_sessions_user_id"),
            (
                "SELECT purge_after FROM web_sessions WHERE purge_after >= '-infinity' \
                 AND purge_after <= now() ORDER BY purge_after OFFSET 1000 LIMIT 1",
                "web_sessions_purge_after",
            ),
            (
                "DELETE FROM web_sessions WHERE purge_after >= now() - interval '1 day' \
                 AND purge_after < now() + interval '10 seconds' AND expires_at <= now()",
                "web_sessions_purge_after",
            ),
            (
                "SELECT id FROM web_sessions WHERE purge_after <= now() + interval '10 seconds' \
                 ORDER BY purge_after LIMIT 100 FOR UPDATE SKIP LOCKED",
                "web_sessions_purge_after",
            ),
            (
                "SELECT 1 FROM web_sessions WHERE user_id = '7' OR id = 'x' ORDER BY id FOR UPDATE",
                "web_sessions_user_id",
            ),
            (
                "SELECT token_hash FROM web_session_tombstones WHERE session_id = ANY ('{x,y}') \
                 OR successor_id = 'x' OR token_hash = ANY ('{}'::bytea[]) \
                 ORDER BY token_hash FOR UPDATE",
                "web_session_tombstones_successor_id",
            ),
            (
                "UPDATE web_session_tombstones SET successor_seen = true \
                 WHERE (session_id = 'x' OR successor_id = 'x') AND NOT successor_seen",
                "web_session_tombstones_session_id",
            ),
            (
                "SELECT token_hash FROM web_session_tombstones WHERE session_id = 'x' \
                 AND grace_until > now() ORDER BY ordinal DESC OFFSET 7",
                "web_session_tombstones_session_id",
            ),
        ] {
            let explain = AssertSqlSafe(format!("EXPLAIN {statement}"));
            let rows = query(explain).fetch_all(&mut connection).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let plan = plan.join("\n");
            assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{statement}\n{plan}");
        }
    }

    async fn several_servers_purge_at_once() {
        let fresh = Fresh::new().await;
        for n in 0..300_u64 {
            let mut record = record_of(&format!("user {n}"));
            record.expires_at = after(60);
            let session = stored(&fresh.backend, record).await;
            match n % 3 {
                // Renewed: due by its first expiry, and alive.
                0 => drop(fresh.backend.update(&session, &touch(after(30)), after(30)).await.unwrap()),
                1 => {
                    // Its tombstone is due.
                    let how = EndedBy::SignedOut;
                    assert!(fresh.backend.remove(&session, None, None, how, NOW).await.unwrap());
                }
                _ => {}
            }
        }
        let mut servers = JoinSet::new();
        for _ in 0..4 {
            let place = fresh.place.clone();
            servers.spawn(async move {
                let backend = place.backend().await;
                let mut removed = 0;
                loop {
                    let purged = backend.purge_expired(after(600), 10, Default::default()).await.unwrap();
                    removed += purged.removed;
                    if !purged.more {
                        return removed;
                    }
                }
            });
        }
        let removed: u64 = servers.join_all().await.into_iter().sum();
        // What one skipped because another was at it, that one saw to.
        assert_eq!(removed, 100, "the expired, each once");
        let mut connection = fresh.place.connection().await;
        let counts: (i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM web_sessions), \
             (SELECT count(*) FROM web_sessions WHERE purge_after = expires_at), \
             (SELECT count(*) FROM web_session_tombstones)",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(counts, (100, 100, 0), "the renewed are left, filed anew, and no tombstone");
    }

    async fn a_purge_in_many_batches_leaves_nothing_behind() {
        let fresh = Fresh::new().await;
        let mut renewed = 0;
        // More at one moment than a batch may look at, and moments with a few.
        for n in 0..120_u64 {
            let mut record = record_of(&format!("user {n}"));
            record.expires_at = after(60 + if n < 50 { 0 } else { n });
            let session = stored(&fresh.backend, record).await;
            if n % 4 == 0 {
                fresh.backend.update(&session, &touch(after(30)), after(30)).await.unwrap();
                renewed += 1;
            }
        }
        let (mut removed, mut batches) = (0, 0);
        loop {
            let purged = fresh.backend.purge_expired(after(600), 7, Default::default()).await.unwrap();
            assert!(purged.removed <= 7, "{purged:?}");
            (removed, batches) = (removed + purged.removed, batches + 1);
            if !purged.more {
                break;
            }
            assert!(batches < 60, "it comes to an end");
        }
        assert_eq!(removed, 120 - renewed, "after {batches} batches");
        // The next purge begins at the beginning again: here is one that is due before all of those.
        let mut record = record_of("early");
        record.expires_at = after(1);
        stored(&fresh.backend, record).await;
        assert_eq!(fresh.backend.purge_expired(after(600), 7, Default::default()).await.unwrap().removed, 1);
    }

    async fn a_row_that_is_in_use_holds_no_purge_up() {
        let fresh = Fresh::new().await;
        for _ in 0..3 {
            stored(&fresh.backend, record()).await;
        }
        let busy = stored(&fresh.backend, record()).await;
        let mut other = fresh.place.connection().await;
        let mut transaction = other.begin().await.unwrap();
        query("SELECT 1 FROM web_sessions WHERE id = $1 FOR UPDATE")
            .bind(busy.id.to_string())
            .execute(&mut *transaction)
            .await
            .unwrap();
        let purged = fresh.backend.purge_expired(after(100_000), 10, Default::default()).await.unwrap();
        assert_eq!((purged.removed, purged.more), (3, false));
        transaction.rollback().await.unwrap();
        assert_eq!(fresh.backend.purge_expired(after(100_000), 10, Default::default()).await.unwrap().removed, 1);
    }

    async fn a_person_can_read_it() {
        let fresh = Fresh::new().await;
        let session = stored(&fresh.backend, record_of("alice")).await;
        fresh.backend.update(&session, &set("cart", 3), NOW).await.unwrap();
        let mut connection = fresh.place.connection().await;
        let row = query(
            "SELECT user_id, device_name, last_ip_address::text, data ->> 'cart', \
             to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') \
             FROM web_sessions WHERE last_ip_address <<= '2001:db8::/32'",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        let columns: Vec<String> = (0..5).map(|index| row.get(index)).collect();
        let expected =
            ["alice", "Firefox on Linux", "2001:db8::1/128", "3", "2026-11-22 01:00:00.123456"];
        assert_eq!(columns, expected);
        assert_eq!(fresh.backend.list(&user_id("alice"), NOW).await.unwrap().len(), 1);
    }
}
