//! Every statement. Texts are constants, so that each is prepared once per connection.

/// The columns of a record, in the order in which `row` binds them.
macro_rules! columns {
    () => {
        "id, user_id, ip_address, last_ip_address, user_agent, device_name, device_type, fingerprint, \
         data, version, idle_ttl_secs, cookie_persistent, created_at, authenticated_at, \
         last_active_at, expires_at, absolute_expires_at, not_after"
    };
}

/// A record as `row` reads it: one column, because each costs the driver as much as a short query costs SQLite,
/// whatever is in it. First what has no comma in it; then how long the texts are, with nothing for NULL; then
/// the texts and the data.
macro_rules! record {
    () => {
        "concat(s.id, ',', s.token_seen, ',', s.ip_address, ',', s.last_ip_address, ',', s.device_type, ',', \
         s.version, ',', s.idle_ttl_secs, ',', s.cookie_persistent, ',', s.created_at, ',', \
         s.authenticated_at, ',', s.last_active_at, ',', s.expires_at, ',', s.absolute_expires_at, ',', \
         s.not_after, ',', octet_length(s.user_id), ',', octet_length(s.user_agent), ',', \
         octet_length(s.device_name), ',', octet_length(s.fingerprint), ',', \
         octet_length(s.impersonator), ',', \
         s.user_id, s.user_agent, s.device_name, s.fingerprint, s.impersonator, s.data)"
    };
}

/// Whether a token is good: the current one of the session at hand, or in grace. None is given: an
/// administrator's call, which needs none. ?1 is the session's id, ?2 now.
macro_rules! is_good {
    ($token:literal) => {
        concat!(
            "(",
            $token,
            " IS NULL OR token_hash = ",
            $token,
            " OR EXISTS (SELECT 1 FROM web_session_tombstones AS t WHERE t.token_hash = ",
            $token,
            " AND t.session_id = ?1 AND t.grace_until > ?2))"
        )
    };
}

/// What [`update`] and [`LOOK`] answer of a session: its version, and when it ends; where the token is not
/// its current one, or it has a lifetime of its own, all that in the place of its end.
macro_rules! state {
    ($token:literal) => {
        concat!(
            "version, CASE WHEN token_hash IS ",
            $token,
            " AND coalesce(idle_ttl_secs, cookie_persistent, not_after) IS NULL THEN expires_at \
             ELSE json_array(expires_at, token_hash IS ",
            $token,
            ", idle_ttl_secs, cookie_persistent, not_after) END"
        )
    };
}

// After the macros that it needs.
mod update;
pub(crate) use update::{Document, ROOMS, update};

/// ?1 token, ?2 now.
pub(crate) const FIND: &str = concat!(
    "SELECT ",
    record!(),
    " FROM web_sessions AS s WHERE s.token_hash = ?1 AND s.expires_at > ?2"
);

/// ?1 token, ?2 now, ?3 the moment since which evicted sessions are known. Asked where [`FIND`] found nothing:
/// a token that ends becomes a tombstone, and a tombstone never a token again, so nothing slips through between
/// the two.
pub(crate) const FIND_ENDED: &str = concat!(
    "SELECT iif(s.id IS NULL, NULL, ",
    record!(),
    "), t.session_id, t.how, t.at, t.grace_until, t.successor_seen \
     FROM web_session_tombstones AS t LEFT JOIN web_sessions AS s \
     ON s.id = t.session_id AND t.grace_until > ?2 AND s.expires_at > ?2 \
     WHERE t.token_hash = ?1 AND t.expires_at > ?2 \
     UNION ALL SELECT NULL, id, 'evicted', evicted_at, NULL, FALSE FROM web_sessions \
     WHERE token_hash = ?1 AND evicted_at > ?3"
);

/// ?1 user, ?2 now.
pub(crate) const LIST: &str = concat!(
    "SELECT ",
    record!(),
    " FROM web_sessions AS s WHERE user_id = ?1 AND expires_at > ?2 \
     ORDER BY last_active_at DESC, id DESC"
);

/// Whether the tables are there and can be read.
pub(crate) const PING: &str = "SELECT EXISTS (SELECT 1 FROM web_sessions)";

/// ?1 id, ?2 now.
pub(crate) const GET: &str =
    concat!("SELECT ", record!(), " FROM web_sessions AS s WHERE s.id = ?1 AND s.expires_at > ?2");

/// ?1 a JSON array of ids, ?2 now.
pub(crate) const LIVE: &str = "SELECT id FROM web_sessions \
     WHERE id IN (SELECT value FROM json_each(?1)) AND expires_at > ?2 ORDER BY id";

/// ?1 now. It reads the whole table.
pub(crate) const COUNT: &str = "SELECT count(*), count(user_id), count(DISTINCT user_id) \
     FROM web_sessions WHERE expires_at > ?1";

/// ?1 the id after which a batch begins, ?2 its size less one: its last id, if it is full.
pub(crate) const LAST_OF_BATCH: &str =
    "SELECT id FROM web_sessions WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2";

/// ?1 the id after which the batch begins, ?2 now, ?3 its last id, or NULL for all that are left.
pub(crate) const END_BATCH: &str = "DELETE FROM web_sessions \
     WHERE id > ?1 AND id <= ifnull(?3, 'a') AND expires_at > ?2 RETURNING id, token_hash, TRUE";

/// The record, then ?19 token, ?20 now, ?21 who acts in the user's place. Inserts nothing where the token is one that ended lately.
pub(crate) const INSERT: &str = concat!(
    "INSERT INTO web_sessions (",
    columns!(),
    ", token_hash, token_seen, purge_after, impersonator) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, \
     FALSE, ?16, ?21 WHERE NOT EXISTS (SELECT 1 FROM web_session_tombstones \
     WHERE token_hash = ?19 AND expires_at > ?20)"
);

/// The record, then ?19 token, ?20 now, ?21 how many others may stay, ?22 when what expired is taken away, ?23
/// when tombstones may go, ?24 who acts in the user's place. Returns the ids of those that had to go, as a JSON array; a token that ended
/// lately is an error.
pub(crate) const SIGN_IN: &str = concat!(
    "INSERT INTO web_session_sign_ins (",
    columns!(),
    ", token_hash, now, others, long_ago, forget_at, impersonator) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, \
     ?20, ?21, ?22, ?23, ?24) RETURNING (SELECT json_group_array(id) \
     FROM web_sessions WHERE evicted_at = ?20 AND evicted_for = ?1)"
);

/// ?1 id, ?2 now, ?3 token or NULL.
pub(crate) const LOAD: &str = concat!(
    "SELECT ",
    record!(),
    ", s.token_hash FROM web_sessions AS s WHERE id = ?1 AND expires_at > ?2 AND ",
    is_good!("?3")
);

/// ?1 id, ?2 now, ?3 token or NULL: what a sign-in carries over.
pub(crate) const LOAD_DATA: &str = concat!(
    "SELECT data, user_id FROM web_sessions WHERE id = ?1 AND expires_at > ?2 AND ",
    is_good!("?3")
);

/// ?1 id, ?2 now, ?3 token: whether a session may act.
pub(crate) const MAY_ACT: &str =
    concat!("SELECT 1 FROM web_sessions WHERE id = ?1 AND expires_at > ?2 AND ", is_good!("?3"));

/// ?1 id, ?2 token, ?3 user: a row where a sign-in replaced the session, with what it held and when
/// where that was a sign-in of this user. A tombstone that has expired still says it: to refuse is only
/// for what ended otherwise.
pub(crate) const REPLACED: &str = "SELECT old.data, old.at FROM web_session_tombstones AS t \
     LEFT JOIN web_session_tombstones AS old \
     ON old.session_id = t.session_id AND old.user_id = ?3 AND old.data IS NOT NULL \
     WHERE t.token_hash = ?2 AND t.session_id = ?1 AND t.how = 'replaced'";

/// ?1 id, ?2 now.
pub(crate) const HAS_EXPIRED: &str =
    "SELECT 1 FROM web_sessions WHERE id = ?1 AND expires_at <= ?2 AND evicted_at IS NULL";

/// Everything of a record that may change; bound like `INSERT`, then ?19 whether the token was seen.
/// The numbers left out are bound too, and mean nothing.
pub(crate) const STORE: &str = "UPDATE web_sessions SET last_ip_address = ?4, user_agent = ?5, \
     device_name = ?6, device_type = ?7, data = ?9, version = ?10, idle_ttl_secs = ?11, \
     cookie_persistent = ?12, authenticated_at = ?14, last_active_at = ?15, expires_at = ?16, \
     absolute_expires_at = ?17, not_after = ?18, token_seen = ?19 WHERE id = ?1";

/// ?1 id, ?2 token, ?3 now. Changes nothing where the token is one that ended lately.
pub(crate) const ROTATE: &str = "UPDATE web_sessions SET token_hash = ?2 WHERE id = ?1 \
     AND NOT EXISTS (SELECT 1 FROM web_session_tombstones WHERE token_hash = ?2 AND expires_at > ?3)";

/// ?1 id: its token was seen, and so a browser has what was made from these.
pub(crate) const MARK_SEEN: &str = "UPDATE web_session_tombstones SET successor_seen = TRUE \
     WHERE session_id = ?1 OR successor_id = ?1";

/// ?1 id, ?2 now, ?3 token or NULL: why a change did not apply. After the `state!` follow
/// `last_active_at`, and whether the token is the current one and was not seen.
pub(crate) const LOOK: &str = concat!(
    "SELECT ",
    state!("?3"),
    ", last_active_at, token_hash IS ?3 AND NOT token_seen FROM web_sessions \
     WHERE id = ?1 AND expires_at > ?2 AND ",
    is_good!("?3")
);

/// ?1 token, ?2 session, ?3 how, ?4 at, ?5 grace, ?6 expiry, ?7 successor, ?8 data, ?9 user. An
/// older tombstone of this token has expired, or it could not have been issued again.
pub(crate) const BURY: &str = "INSERT OR REPLACE INTO web_session_tombstones \
     (token_hash, session_id, how, at, grace_until, expires_at, successor_id, data, user_id) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// ?1 session, ?2 now, ?3 how, ?4 the token that asked or NULL, ?5 how for that one, ?6 expiry,
/// ?7 successor or NULL: the earlier tokens of a session that ends.
pub(crate) const END_EARLIER: &str = "UPDATE web_session_tombstones \
     SET how = iif(token_hash IS ?4, ?5, ?3), at = ?2, grace_until = NULL, \
     expires_at = max(expires_at, ?6), successor_id = ifnull(?7, successor_id) \
     WHERE session_id = ?1 AND expires_at > ?2";

/// ?1 token, ?2 the session that a sign-in made from it, ?3 the moment since which evicted sessions are known,
/// ?4 for how long from then: the tombstone of a session that was evicted becomes one of its own, which can say that.
pub(crate) const BURY_EVICTED: &str = "INSERT INTO web_session_tombstones \
     (token_hash, session_id, how, at, expires_at, successor_id) \
     SELECT token_hash, id, 'evicted', evicted_at, evicted_at + ?4, ?2 FROM web_sessions \
     WHERE token_hash = ?1 AND evicted_at > ?3";

/// ?1 token: the session that [`BURY_EVICTED`] made a tombstone of.
pub(crate) const FORGET_EVICTED: &str =
    "DELETE FROM web_sessions WHERE token_hash = ?1 AND evicted_at IS NOT NULL";

/// ?1 token, ?2 the session that a sign-in made from it.
pub(crate) const SUCCEED: &str =
    "UPDATE web_session_tombstones SET successor_id = ?2 WHERE token_hash = ?1";

/// ?1 session, ?2 now, ?3 how many stay in grace, the newest.
pub(crate) const END_GRACES: &str = "UPDATE web_session_tombstones \
     SET grace_until = NULL, at = ?2 WHERE rowid IN \
     (SELECT rowid FROM web_session_tombstones WHERE session_id = ?1 AND grace_until > ?2 \
     ORDER BY rowid DESC LIMIT -1 OFFSET ?3)";

/// ?1 id, ?2 now, ?3 user or NULL for any.
pub(crate) const REMOVE: &str = "DELETE FROM web_sessions WHERE id = ?1 AND expires_at > ?2 \
     AND (?3 IS NULL OR user_id = ?3) RETURNING id, token_hash, TRUE";

/// ?1 user, ?2 now, ?3 the session to keep or NULL. Expired ones go too, and are not told of.
pub(crate) const REMOVE_USER: &str = "DELETE FROM web_sessions WHERE user_id = ?1 \
     AND id IS NOT ?3 RETURNING id, token_hash, expires_at > ?2";

/// ?1 user, ?2 the moment before which they expired.
pub(crate) const REMOVE_EXPIRED: &str =
    "DELETE FROM web_sessions WHERE user_id = ?1 AND expires_at <= ?2";

/// ?1 user, ?2 now, ?3 the newcomer, ?4 how many others may stay. A session that ends so is its own tombstone.
pub(crate) const EVICT: &str = "UPDATE web_sessions SET evicted_at = ?2, evicted_for = ?3, expires_at = 0, \
     user_id = NULL, ip_address = NULL, last_ip_address = NULL, user_agent = NULL, device_name = '', \
     fingerprint = NULL, data = '{}' WHERE rowid IN \
     (SELECT rowid FROM web_sessions WHERE user_id = ?1 AND expires_at > ?2 AND id <> ?3 \
     AND impersonator IS NULL ORDER BY last_active_at DESC, id DESC LIMIT -1 OFFSET ?4) RETURNING id";

/// ?1 now, ?2 limit less what was purged. After `PURGE` the rest of its rows come first: those that
/// were renewed, which are filed anew, and those that were evicted, which `PURGE_EVICTED` finds.
pub(crate) const REFILE: &str = "UPDATE web_sessions \
     SET purge_after = iif(evicted_at IS NULL, expires_at, 9223372036854775807) WHERE rowid IN \
     (SELECT rowid FROM web_sessions WHERE purge_after <= ?1 ORDER BY purge_after, rowid LIMIT ?2) \
     AND (expires_at > ?1 OR evicted_at IS NOT NULL)";

/// ?1 now, ?2 limit. Of the first due rows, those that have expired.
pub(crate) const PURGE: &str = "DELETE FROM web_sessions WHERE rowid IN \
     (SELECT rowid FROM web_sessions WHERE purge_after <= ?1 ORDER BY purge_after, rowid LIMIT ?2) \
     AND expires_at <= ?1 AND evicted_at IS NULL";

/// ?1 the moment since which evicted sessions are known, ?2 limit.
pub(crate) const PURGE_EVICTED: &str = "DELETE FROM web_sessions WHERE rowid IN \
     (SELECT rowid FROM web_sessions WHERE evicted_at <= ?1 ORDER BY evicted_at LIMIT ?2)";

/// The same, and names them.
pub(crate) const PURGE_AND_TELL: &str = "DELETE FROM web_sessions WHERE rowid IN \
     (SELECT rowid FROM web_sessions WHERE purge_after <= ?1 ORDER BY purge_after, rowid LIMIT ?2) \
     AND expires_at <= ?1 AND evicted_at IS NULL RETURNING id, user_id";

/// ?1 now, ?2 limit.
pub(crate) const PURGE_TOMBSTONES: &str = "DELETE FROM web_session_tombstones WHERE rowid IN \
     (SELECT rowid FROM web_session_tombstones WHERE expires_at <= ?1 \
     ORDER BY expires_at LIMIT ?2)";

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row, SqlitePool, raw_sql};

    use super::*;

    async fn plan(pool: &SqlitePool, statement: &str) -> Vec<String> {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explain).fetch_all(pool).await.unwrap();
        rows.iter().map(|row| row.get(3)).collect()
    }

    #[tokio::test]
    async fn every_statement_fits_the_schema_and_scans_nothing() {
        let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
        raw_sql(include_str!("../migrations/0001_sessions.sql")).execute(&pool).await.unwrap();
        let mut statements = vec![
            FIND,
            FIND_ENDED,
            LIST,
            INSERT,
            SIGN_IN,
            LOAD,
            LOAD_DATA,
            MAY_ACT,
            REPLACED,
            HAS_EXPIRED,
            STORE,
            ROTATE,
            MARK_SEEN,
            LOOK,
            BURY,
            END_EARLIER,
            BURY_EVICTED,
            FORGET_EVICTED,
            SUCCEED,
            END_GRACES,
            REMOVE,
            REMOVE_USER,
            REMOVE_EXPIRED,
            EVICT,
            REFILE,
            PURGE,
            PURGE_AND_TELL,
            PURGE_EVICTED,
            PURGE_TOMBSTONES,
            GET,
            LIVE,
            LAST_OF_BATCH,
            END_BATCH,
        ];
        let documents = (0..ROOMS.len()).flat_map(|removals| {
            (0..ROOMS.len()).map(move |sets| Document::Merge { removals, sets })
        });
        for document in
            documents.chain([Document::Keep, Document::Replace, Document::Patch]).skip(1)
        {
            statements.extend([update(false, document), update(true, document)]);
        }
        statements.retain(|text| *text != update(false, Document::Keep));
        for statement in statements {
            for step in plan(&pool, statement).await {
                // `EXISTS` and a plain insert scan one row that is made of nothing, and an array its own.
                assert!(
                    !step.starts_with("SCAN")
                        || step.contains("CONSTANT")
                        || step.contains("json_each"),
                    "{step}\n{statement}"
                );
            }
        }
        for (statement, index) in [
            (FIND, "web_sessions_token_hash"),
            (MARK_SEEN, "web_session_tombstones_session_id"),
            (MARK_SEEN, "web_session_tombstones_successor_id"),
            (REPLACED, "web_session_tombstones_session_id"),
            (END_EARLIER, "web_session_tombstones_session_id"),
            (END_GRACES, "web_session_tombstones_session_id"),
            (SIGN_IN, "web_sessions_evicted_at"),
            (PURGE_EVICTED, "web_sessions_evicted_at"),
        ] {
            let steps = plan(&pool, statement).await;
            assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}\n{statement}");
        }
        // The index has them in the order in which they were written.
        let steps = plan(&pool, END_GRACES).await;
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:?}");
    }
}
