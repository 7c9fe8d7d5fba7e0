//! Every statement. Texts are constants, so that each is prepared once per connection; tables and
//! functions are found by the connection's `search_path`.

/// The columns of a record, in the order in which `row` reads them.
macro_rules! columns {
    () => {
        "s.id, s.user_id, host(s.ip_address), host(s.last_ip_address), s.user_agent, \
         s.device_name, s.device_type, s.fingerprint, s.data::text, s.version, s.idle_ttl_secs, \
         s.cookie_persistent, s.created_at, s.authenticated_at, s.last_active_at, s.expires_at, \
         s.absolute_expires_at"
    };
}

/// $1 token, $2 now.
pub(crate) const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM web_sessions AS s WHERE s.token_hash = $1 AND s.expires_at > $2"
);

/// $1 token, $2 now. Asked where [`FIND`] found nothing: a token that ends becomes a tombstone, and a
/// tombstone never a token again, so nothing slips through between the two.
pub(crate) const FIND_ENDED: &str = concat!(
    "SELECT ",
    columns!(),
    ", t.session_id, t.how, t.at, t.grace_until \
     FROM web_session_tombstones AS t LEFT JOIN web_sessions AS s \
     ON s.id = t.session_id AND t.grace_until > $2 AND s.expires_at > $2 \
     WHERE t.token_hash = $1 AND t.expires_at > $2"
);

/// $1 user, $2 now.
pub(crate) const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM web_sessions AS s WHERE s.user_id = $1 AND s.expires_at > $2 \
     ORDER BY s.last_active_at DESC, s.id DESC"
);

/// Whether the tables are there and may be read.
pub(crate) const PING: &str = "SELECT 1 FROM web_sessions LIMIT 0";

/// $1 to $17 the record, $18 now, $19 when tombstones may go, $20 to $23 the patch, $24 cap,
/// $25 the session to replace, $26 what to carry.
pub(crate) const CREATE: &str = "SELECT outcome, stored::text, evicted, replaced \
     FROM web_session_create_v1($1, $2, $3, $4::inet, $5::inet, $6, $7, $8, $9, $10, $11, $12, $13, \
     $14, $15, $16, $17, $18, $19, $20, $21, $22::jsonb, $23, $24, $25, $26)";

/// $1 id, $2 token, $3 now, $4 version, $5 to $8 the patch, $9 to $14 the touch.
pub(crate) const UPDATE: &str = "SELECT outcome, new_version, is_current, touched \
     FROM web_session_update_v1($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11::inet, $12, $13, \
     $14)";

/// What is most often asked of [`UPDATE`], data alone, with its first eight parameters and its answer,
/// but without the cost of a function. No row: the function knows why.
pub(crate) const UPDATE_DATA: &str = "UPDATE web_sessions SET version = version + 1, \
     data = (CASE WHEN $5 THEN '{}' ELSE data - $6::text[] END) || $7::jsonb \
     WHERE id = $1 AND expires_at > $3 AND ($4::bigint IS NULL OR version = $4) \
     AND jsonb_typeof(data) = 'object' AND octet_length( \
     ((CASE WHEN $5 THEN '{}' ELSE data - $6::text[] END) || $7::jsonb)::text) <= $8 \
     RETURNING 'applied', version, coalesce(token_hash = $2, false), false";

/// As [`UPDATE`], then $15 the new token, $16 its grace, $17 when the tombstone may go, $18 to $20
/// the re-authentication.
pub(crate) const UPDATE_TOKEN: &str = "SELECT outcome, new_version, is_current, touched \
     FROM web_session_update_v1($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11::inet, $12, $13, \
     $14, $15, $16, $17, $18, $19, $20::inet)";

/// $1 id, $2 now, $3 user or NULL for any, $4 how, $5 when the tombstone may go. One row, one
/// statement: where a rotation is at work on it, this waits, and buries the token that it left.
pub(crate) const REMOVE: &str = "WITH gone AS (DELETE FROM web_sessions \
     WHERE id = $1 AND expires_at > $2 AND ($3::text IS NULL OR user_id = $3) \
     RETURNING id, token_hash) \
     INSERT INTO web_session_tombstones AS t (token_hash, session_id, how, at, expires_at) \
     SELECT token_hash, id, $4, $2, $5 FROM gone \
     ON CONFLICT (token_hash) DO UPDATE SET session_id = excluded.session_id, \
     how = excluded.how, at = excluded.at, grace_until = NULL, expires_at = excluded.expires_at \
     RETURNING t.session_id";

/// $1 user, $2 the session to keep or NULL, $3 how, $4 now, $5 when the tombstones may go.
pub(crate) const REMOVE_USER: &str =
    "SELECT removed FROM web_session_remove_user_v1($1, $2, $3, $4, $5)";

/// $1 now, $2 limit, $3 a moment before which nothing is due.
pub(crate) const PURGE: &str =
    "SELECT removed, more, next_from FROM web_session_purge_v1($1, $2, $3)";
