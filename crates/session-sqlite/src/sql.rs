//! Every statement. Texts are constants, so that each is prepared once per connection.

use std::sync::OnceLock;

/// The columns of a record, in the order in which `row` reads and binds them.
macro_rules! columns {
    ($table:literal) => {
        concat!(
            $table,
            "id, ",
            $table,
            "user_id, ",
            $table,
            "ip_address, ",
            $table,
            "last_ip_address, ",
            $table,
            "user_agent, ",
            $table,
            "device_name, ",
            $table,
            "device_type, ",
            $table,
            "fingerprint, ",
            $table,
            "data, ",
            $table,
            "version, ",
            $table,
            "idle_ttl_secs, ",
            $table,
            "cookie_persistent, ",
            $table,
            "created_at, ",
            $table,
            "authenticated_at, ",
            $table,
            "last_active_at, ",
            $table,
            "expires_at, ",
            $table,
            "absolute_expires_at"
        )
    };
}

/// ?1 token, ?2 now.
pub(crate) const FIND: &str = concat!(
    "SELECT ",
    columns!(""),
    " FROM web_sessions WHERE token_hash = ?1 AND expires_at > ?2"
);

/// ?1 token, ?2 now. Asked where [`FIND`] found nothing: a token that ends becomes a tombstone, and a
/// tombstone never a token again, so nothing slips through between the two.
pub(crate) const FIND_ENDED: &str = concat!(
    "SELECT ",
    columns!("s."),
    ", t.session_id, t.how, t.at, t.grace_until \
     FROM web_session_tombstones AS t LEFT JOIN web_sessions AS s \
     ON s.id = t.session_id AND t.grace_until > ?2 AND s.expires_at > ?2 \
     WHERE t.token_hash = ?1 AND t.expires_at > ?2"
);

/// ?1 user, ?2 now.
pub(crate) const LIST: &str = concat!(
    "SELECT ",
    columns!(""),
    " FROM web_sessions WHERE user_id = ?1 AND expires_at > ?2 \
     ORDER BY last_active_at DESC, id DESC"
);

/// Whether the tables are there and can be read.
pub(crate) const PING: &str = "SELECT EXISTS (SELECT 1 FROM web_sessions)";

/// The record, then ?18 token, ?19 now. Inserts nothing where the token is one that ended lately.
pub(crate) const INSERT: &str = concat!(
    "INSERT INTO web_sessions (",
    columns!(""),
    ", token_hash, purge_after) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?16 \
     WHERE NOT EXISTS (SELECT 1 FROM web_session_tombstones \
     WHERE token_hash = ?18 AND expires_at > ?19)"
);

/// ?1 id, ?2 now.
pub(crate) const LOAD: &str = concat!(
    "SELECT ",
    columns!(""),
    ", token_hash FROM web_sessions WHERE id = ?1 AND expires_at > ?2"
);

/// Everything of a record that may change; bound like `INSERT`, without what follows the record.
/// The numbers left out are bound too, and mean nothing.
pub(crate) const STORE: &str = "UPDATE web_sessions SET last_ip_address = ?4, user_agent = ?5, \
     device_name = ?6, device_type = ?7, data = ?9, version = ?10, authenticated_at = ?14, \
     last_active_at = ?15, expires_at = ?16, absolute_expires_at = ?17 \
     WHERE id = ?1";

/// ?1 id, ?2 token, ?3 now. Changes nothing where the token is one that ended lately.
pub(crate) const ROTATE: &str = "UPDATE web_sessions SET token_hash = ?2 WHERE id = ?1 \
     AND NOT EXISTS (SELECT 1 FROM web_session_tombstones WHERE token_hash = ?2 AND expires_at > ?3)";

/// ?1 id, ?2 now, ?3 token or NULL: why a change did not apply.
pub(crate) const LOOK: &str = "SELECT version, last_active_at, token_hash IS ?3 FROM web_sessions \
     WHERE id = ?1 AND expires_at > ?2";

/// ?1 token, ?2 session, ?3 how, ?4 at, ?5 grace, ?6 expiry. An older tombstone of this token has
/// expired, or it could not have been issued again.
pub(crate) const BURY: &str = "INSERT OR REPLACE INTO web_session_tombstones \
     (token_hash, session_id, how, at, grace_until, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// ?1 token, ?2 session, ?3 now.
pub(crate) const IN_GRACE: &str = "SELECT 1 FROM web_session_tombstones \
     WHERE token_hash = ?1 AND session_id = ?2 AND grace_until > ?3 AND expires_at > ?3";

/// ?1 session.
pub(crate) const END_GRACES: &str = "UPDATE web_session_tombstones SET grace_until = NULL \
     WHERE session_id = ?1 AND grace_until IS NOT NULL";

/// ?1 id, ?2 now, ?3 user or NULL for any.
pub(crate) const REMOVE: &str = "DELETE FROM web_sessions WHERE id = ?1 AND expires_at > ?2 \
     AND (?3 IS NULL OR user_id = ?3) RETURNING id, token_hash, TRUE";

/// ?1 user, ?2 now, ?3 the session to keep or NULL. Expired ones go too, and are not told of.
pub(crate) const REMOVE_USER: &str = "DELETE FROM web_sessions WHERE user_id = ?1 \
     AND id IS NOT ?3 RETURNING id, token_hash, expires_at > ?2";

/// ?1 user, ?2 now.
pub(crate) const REMOVE_EXPIRED: &str =
    "DELETE FROM web_sessions WHERE user_id = ?1 AND expires_at <= ?2";

/// ?1 user, ?2 now, ?3 the newcomer, ?4 how many others may stay.
pub(crate) const EVICT: &str = "DELETE FROM web_sessions WHERE rowid IN \
     (SELECT rowid FROM web_sessions WHERE user_id = ?1 AND expires_at > ?2 AND id <> ?3 \
     ORDER BY last_active_at DESC, id DESC LIMIT -1 OFFSET ?4) RETURNING id, token_hash, TRUE";

/// ?1 now, ?2 limit less what was purged. After `PURGE` the rest of its rows come first: those that
/// were renewed, which are filed anew.
pub(crate) const REFILE: &str = "UPDATE web_sessions SET purge_after = expires_at WHERE rowid IN \
     (SELECT rowid FROM web_sessions WHERE purge_after <= ?1 ORDER BY purge_after, rowid LIMIT ?2) \
     AND expires_at > ?1";

/// ?1 now, ?2 limit. Of the first due rows, those that have expired.
pub(crate) const PURGE: &str = "DELETE FROM web_sessions WHERE rowid IN \
     (SELECT rowid FROM web_sessions WHERE purge_after <= ?1 ORDER BY purge_after, rowid LIMIT ?2) \
     AND expires_at <= ?1";

/// ?1 now, ?2 limit.
pub(crate) const PURGE_TOMBSTONES: &str = "DELETE FROM web_session_tombstones WHERE token_hash IN \
     (SELECT token_hash FROM web_session_tombstones WHERE expires_at <= ?1 \
     ORDER BY expires_at LIMIT ?2)";

/// What [`update`] does with the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    /// Leaves it.
    Keep,
    /// Puts other data in its place.
    Replace,
    /// Takes away and sets the keys of one JSON object: `json_patch`.
    Patch,
    /// Takes away and sets as many keys as [`ROOMS`] says at these places.
    Merge { removals: usize, sets: usize },
}

/// How many keys the merging statements have room for. A patch takes the smallest room that it fits
/// into and repeats its last change in the rest, so that few different texts serve all patches.
pub(crate) const ROOMS: [usize; 4] = [0, 1, 4, 16];

const DOCUMENTS: usize = 3 + ROOMS.len() * ROOMS.len();

/// The statement that changes data, touches, or does both at once, as one row or none:
/// `version, token_hash IS ?4`.
///
/// Bound in this order: id, now, version or NULL, token or NULL; for a touch: due before, expiry,
/// address, user agent or NULL, device name, device type; for data: how many bytes the stored data
/// may have at most, then the new data, or the object to merge in, or the paths to remove, then paths
/// and values to set.
///
/// A touch that is not due makes it change nothing, and so does data that may become too large; the
/// caller then finds out why.
pub(crate) fn update(touch: bool, document: Document) -> &'static str {
    static TEXTS: [OnceLock<String>; 2 * DOCUMENTS] = [const { OnceLock::new() }; 2 * DOCUMENTS];
    let place = match document {
        Document::Keep => 0,
        Document::Replace => 1,
        Document::Patch => 2,
        Document::Merge { removals, sets } => 3 + removals * ROOMS.len() + sets,
    };
    TEXTS[usize::from(touch) * DOCUMENTS + place].get_or_init(|| update_text(touch, document))
}

fn update_text(touch: bool, document: Document) -> String {
    // The next parameter's number.
    let mut next = 5;
    let mut parameter = || {
        next += 1;
        format!("?{}", next - 1)
    };
    let mut assignments = Vec::new();
    let mut conditions =
        vec!["id = ?1 AND expires_at > ?2 AND (?3 IS NULL OR version = ?3)".to_owned()];
    if touch {
        conditions.push(format!("last_active_at <= {}", parameter()));
        assignments.push("last_active_at = max(last_active_at, ?2)".to_owned());
        // Forward only, and never beyond the absolute end.
        assignments.push(format!(
            "expires_at = min(max(expires_at, {}), ifnull(absolute_expires_at, {}))",
            parameter(),
            i64::MAX
        ));
        assignments.push(format!("last_ip_address = {}", parameter()));
        for column in ["user_agent", "device_name", "device_type"] {
            assignments.push(format!("{column} = ifnull({}, {column})", parameter()));
        }
    }
    if document != Document::Keep {
        conditions.push(format!("octet_length(data) <= {}", parameter()));
        assignments.push("version = version + 1".to_owned());
    }
    match document {
        Document::Keep => {}
        Document::Replace => assignments.push(format!("data = {}", parameter())),
        Document::Patch => assignments.push(format!("data = json_patch(data, {})", parameter())),
        Document::Merge { removals, sets } => {
            let mut data = "data".to_owned();
            if removals > 0 {
                let paths: Vec<_> = (0..ROOMS[removals]).map(|_| parameter()).collect();
                data = format!("json_remove({data}, {})", paths.join(", "));
            }
            if sets > 0 {
                let pairs: Vec<_> = (0..ROOMS[sets])
                    .map(|_| format!("{}, json({})", parameter(), parameter()))
                    .collect();
                data = format!("json_set({data}, {})", pairs.join(", "));
            }
            assignments.push(format!("data = {data}"));
        }
    }
    format!(
        "UPDATE web_sessions SET {} WHERE {} RETURNING version, token_hash IS ?4",
        assignments.join(", "),
        conditions.join(" AND "),
    )
}

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
            LOAD,
            STORE,
            ROTATE,
            LOOK,
            BURY,
            IN_GRACE,
            END_GRACES,
            REMOVE,
            REMOVE_USER,
            REMOVE_EXPIRED,
            EVICT,
            REFILE,
            PURGE,
            PURGE_TOMBSTONES,
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
                // `EXISTS` and a plain insert scan one row that is made of nothing.
                assert!(
                    !step.starts_with("SCAN") || step.contains("CONSTANT"),
                    "{step}\n{statement}"
                );
            }
        }
        let order = plan(&pool, FIND).await;
        assert!(order.iter().any(|step| step.contains("web_sessions_token_hash")), "{order:?}");
    }
}
