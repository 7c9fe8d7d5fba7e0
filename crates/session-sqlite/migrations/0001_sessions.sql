-- One row per session. Times are microseconds since 1970-01-01T00:00:00 UTC; to read them:
--   SELECT id, user_id, device_name, datetime(expires_at / 1000000, 'unixepoch') FROM web_sessions;
--
-- A table with a rowid, so that a new row is appended: its own key is the next number, and ids are
-- in the order of time, so that their index grows at its end too. Without a rowid the data itself
-- would lie in the index of the ids, and SQLite advises against that for rows of this size.
CREATE TABLE web_sessions (
    id                  TEXT    NOT NULL PRIMARY KEY,  -- a ULID, in its text form to be readable
    token_hash          BLOB    NOT NULL,              -- SHA-256 of the token, never the token
    token_seen          INTEGER NOT NULL,              -- 1: a browser has sent this token
    user_id             TEXT,                          -- NULL: an anonymous session
    ip_address          TEXT,
    last_ip_address     TEXT,
    user_agent          TEXT,
    device_name         TEXT    NOT NULL,
    device_type         TEXT    NOT NULL,
    fingerprint         BLOB,
    data                TEXT    NOT NULL,              -- a JSON object
    version             INTEGER NOT NULL,              -- moves with every write to data
    idle_ttl_secs       INTEGER,                       -- NULL: as configured
    cookie_persistent   INTEGER,                       -- NULL: as configured; 0, 1
    created_at          INTEGER NOT NULL,
    authenticated_at    INTEGER,
    last_active_at      INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,
    absolute_expires_at INTEGER,
    not_after           INTEGER,                       -- NULL: no fixed end of its own
    -- When the purge looks at the row. Set when it is made and moved by the purge only: an index on
    -- expires_at would be written anew with every touch.
    purge_after         INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX web_sessions_token_hash ON web_sessions (token_hash);
CREATE INDEX web_sessions_user_id ON web_sessions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX web_sessions_purge_after ON web_sessions (purge_after);

-- One row per token that ended lately. With a rowid as well: the tokens of a session that are in
-- grace are told apart by their order, and the data of a replaced session may be long.
CREATE TABLE web_session_tombstones (
    token_hash     BLOB    NOT NULL PRIMARY KEY,
    session_id     TEXT    NOT NULL,
    how            TEXT    NOT NULL,            -- rotated, replaced, signed_out, revoked, evicted
    at             INTEGER NOT NULL,            -- when it was written, or ended for good
    grace_until    INTEGER,                     -- NULL: no grace
    expires_at     INTEGER NOT NULL,            -- when it may be forgotten
    successor_id   TEXT,                        -- the session that a sign-in made from the token
    successor_seen INTEGER NOT NULL DEFAULT 0,  -- 1: a browser has sent a token made from this one
    -- What a replaced session held, and the user it went to: with the last of its tokens only.
    data           TEXT,
    user_id        TEXT
) STRICT;

-- All tokens of a session share its end.
CREATE INDEX web_session_tombstones_session_id ON web_session_tombstones (session_id);
CREATE INDEX web_session_tombstones_successor_id ON web_session_tombstones (successor_id)
    WHERE successor_id IS NOT NULL;
CREATE INDEX web_session_tombstones_expires_at ON web_session_tombstones (expires_at);
