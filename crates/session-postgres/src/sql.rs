//! Every statement: [`Texts`]. A text never changes, so that each is prepared once per connection. If the
//! schema is given, tables and functions are named with it: a pooler may take a connection's `search_path`
//! away, or another's along.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use std::sync::Arc;

/// Stands in a text where the schema and its dot come.
const SCHEMA: &str = "{schema}";

/// The statements of one schema.
pub(crate) struct Texts {
    pub(crate) find: SqlStr,
    pub(crate) find_ended: SqlStr,
    pub(crate) list: SqlStr,
    pub(crate) ping: SqlStr,
    pub(crate) create: SqlStr,
    pub(crate) update: SqlStr,
    pub(crate) update_data: SqlStr,
    pub(crate) update_all: SqlStr,
    pub(crate) remove: SqlStr,
    pub(crate) remove_user: SqlStr,
    pub(crate) get: SqlStr,
    pub(crate) live: SqlStr,
    pub(crate) count: SqlStr,
    pub(crate) end_all: SqlStr,
    pub(crate) purge: SqlStr,
}

impl Texts {
    /// `None`: whatever the connections' `search_path` finds. The name is one that needs no escapes.
    pub(crate) fn of(schema: Option<&str>) -> Self {
        let qualifier = schema.map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
        let text = |template: &str| {
            let text: Arc<str> = template.replace(SCHEMA, &qualifier).into();
            AssertSqlSafe(text).into_sql_str()
        };
        Self {
            find: text(FIND),
            find_ended: text(FIND_ENDED),
            list: text(LIST),
            ping: text(PING),
            create: text(CREATE),
            update: text(UPDATE),
            update_data: text(UPDATE_DATA),
            update_all: text(UPDATE_ALL),
            remove: text(REMOVE),
            remove_user: text(REMOVE_USER),
            get: text(GET),
            live: text(LIVE),
            count: text(COUNT),
            end_all: text(END_ALL),
            purge: text(PURGE),
        }
    }
}

/// A name that may be one of SQL's own words, such as `user`. It holds no quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// The columns of a record, in the order in which `row` reads them.
macro_rules! columns {
    () => {
        "s.id, s.user_id, host(s.ip_address), host(s.last_ip_address), s.user_agent, \
         s.device_name, s.device_type, s.fingerprint, s.data::text, s.version, s.idle_ttl_secs, \
         s.cookie_persistent, s.created_at, s.authenticated_at, s.last_active_at, s.expires_at, \
         s.absolute_expires_at, s.not_after"
    };
}

/// $1 token, $2 now.
const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    ", s.token_seen FROM {schema}web_sessions AS s WHERE s.token_hash = $1 AND s.expires_at > $2"
);

/// $1 token, $2 now. Asked if [`FIND`] found nothing: a token that ends becomes a tombstone, and a
/// tombstone never a token again, so nothing slips through between the two.
const FIND_ENDED: &str = concat!(
    "SELECT ",
    columns!(),
    ", t.session_id, t.how, coalesce(t.grace_until, t.at), t.grace_until, t.successor_seen \
     FROM {schema}web_session_tombstones AS t LEFT JOIN {schema}web_sessions AS s \
     ON s.id = t.session_id AND t.grace_until > $2 AND s.expires_at > $2 \
     WHERE t.token_hash = $1 AND t.expires_at > $2"
);

/// $1 user, $2 now.
const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM {schema}web_sessions AS s WHERE s.user_id = $1 AND s.expires_at > $2 \
     ORDER BY s.last_active_at DESC, s.id DESC"
);

/// Whether the tables are there and may be read.
const PING: &str = "SELECT 1 FROM {schema}web_sessions LIMIT 0";

/// $1 to $18 the record, $19 now, $20 when tombstones may go, $21 to $24 the patch, $25 cap, $26 to $28
/// the session to replace, its token and its user, $29 what to carry, $30 since when, $31 what was
/// presented.
const CREATE: &str = "SELECT outcome, stored::text, evicted, replaced \
     FROM {schema}web_session_create_v1($1, $2, $3, $4::inet, $5::inet, $6, $7, $8, $9, $10, $11, $12, $13, \
     $14, $15, $16, $17, $18, $19, $20, $21, $22, $23::jsonb, $24, $25, $26, $27, $28, $29, $30, $31)";

/// What an update answers, in the order in which `backend` reads it.
macro_rules! answer {
    () => {
        "SELECT outcome, new_version, is_current, touched, new_expires_at, new_idle_ttl_secs, \
         new_cookie_persistent, new_not_after, ended "
    };
}

/// $1 id, $2 token, $3 now, $4 version, $5 to $8 the patch, $9 to $14 the touch, $15 whether the token
/// was presented.
const UPDATE: &str = concat!(
    answer!(),
    "FROM {schema}web_session_update_v1($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11::inet, $12, $13, \
     $14, $15)"
);

/// What is most often asked of [`UPDATE`], data alone, with its first eight parameters and its answer,
/// but without the cost of a function. No row: the function knows why, and counts larger data in two ways. It is also the function that
/// asks for the grace of a token that is not the current one, because it looks after it has the row's
/// lock; a look from in here would be one at the moment when the statement began.
const UPDATE_DATA: &str = "UPDATE {schema}web_sessions SET version = version + 1, \
     data = (CASE WHEN $5 THEN '{}' ELSE data - $6::text[] END) || $7::jsonb \
     WHERE id = $1 AND ($2::bytea IS NULL OR token_hash = $2) AND expires_at > $3 \
     AND ($4::bigint IS NULL OR version = $4) \
     AND jsonb_typeof(data) = 'object' AND pg_column_size( \
     (CASE WHEN $5 THEN '{}' ELSE data - $6::text[] END) || $7::jsonb) <= $8 \
     RETURNING 'applied', version, $2::bytea IS NOT NULL, false, expires_at, idle_ttl_secs, \
     cookie_persistent, not_after, '{}'::text[]";

/// As [`UPDATE`], then $16 to $19 the lifetime, $20 the new token, $21 its grace, $22 how many others
/// may keep theirs, $23 when tombstones may go, $24 to $27 the re-authentication.
const UPDATE_ALL: &str = concat!(
    answer!(),
    "FROM {schema}web_session_update_v1($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11::inet, $12, $13, \
     $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26::inet, $27)"
);

/// $1 id, $2 token, $3 the owner or NULL for any, $4 and $5 the acting session and its token, $6 how,
/// $7 now, $8 when tombstones may go.
const REMOVE: &str =
    "SELECT outcome FROM {schema}web_session_remove_v1($1, $2, $3, $4, $5, $6, $7, $8)";

/// $1 user, $2 and $3 the acting session and its token, $4 the session to keep or NULL, $5 how, $6 now,
/// $7 when tombstones may go.
const REMOVE_USER: &str =
    "SELECT outcome, removed FROM {schema}web_session_remove_user_v1($1, $2, $3, $4, $5, $6, $7)";

/// $1 id, $2 now.
const GET: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM {schema}web_sessions AS s WHERE s.id = $1 AND s.expires_at > $2"
);

/// $1 ids, $2 now.
const LIVE: &str =
    "SELECT id FROM {schema}web_sessions WHERE id = ANY ($1::text[]) AND expires_at > $2";

/// $1 now.
const COUNT: &str = "SELECT count(*), count(user_id), count(DISTINCT user_id) \
     FROM {schema}web_sessions WHERE expires_at > $1";

/// $1 the id after which it begins, $2 limit, $3 how, $4 now, $5 when tombstones may go.
const END_ALL: &str =
    "SELECT removed, next_after FROM {schema}web_session_end_all_v1($1, $2, $3, $4, $5)";

/// $1 now, $2 limit, $3 a moment before which nothing is due, $4 whether the deleted are named.
const PURGE: &str = "SELECT removed, more, next_from, expired, owners \
     FROM {schema}web_session_purge_v1($1, $2, $3, $4)";
