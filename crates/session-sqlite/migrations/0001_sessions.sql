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
    purge_after         INTEGER NOT NULL,
    impersonator        TEXT,                          -- who acts in the user's place; NULL: the user
    -- A session that a sign-in above the cap ended is its own tombstone until the purge: a row that moves
    -- to another table writes a page in each index of both. Nothing is left in it but what a tombstone has.
    evicted_at          INTEGER,                       -- NULL: not evicted
    evicted_for         TEXT                           -- the session that the sign-in made
) STRICT;

CREATE UNIQUE INDEX web_sessions_token_hash ON web_sessions (token_hash);
CREATE INDEX web_sessions_user_id ON web_sessions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX web_sessions_purge_after ON web_sessions (purge_after);
CREATE INDEX web_sessions_evicted_at ON web_sessions (evicted_at) WHERE evicted_at IS NOT NULL;

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

-- A sign-in that takes no session's place, as one statement: to hand a statement to the thread that runs it,
-- and wait for it, costs more than most statements do. What is inserted here becomes a session, and the
-- user's sessions beyond the "others" most recently active end.
CREATE VIEW web_session_sign_ins AS
    SELECT *, 0 AS now, 0 AS others, 0 AS long_ago, 0 AS forget_at FROM web_sessions WHERE FALSE;

CREATE TRIGGER web_session_sign_ins_insert INSTEAD OF INSERT ON web_session_sign_ins
BEGIN
    SELECT raise(ABORT, 'the token ended lately') WHERE EXISTS (
        SELECT 1 FROM web_session_tombstones
        WHERE token_hash = NEW.token_hash AND expires_at > NEW.now
    );
    INSERT INTO web_sessions (
        id, token_hash, token_seen, user_id, ip_address, last_ip_address, user_agent, device_name,
        device_type, fingerprint, data, version, idle_ttl_secs, cookie_persistent, created_at,
        authenticated_at, last_active_at, expires_at, absolute_expires_at, not_after, purge_after,
        impersonator
    ) VALUES (
        NEW.id, NEW.token_hash, FALSE, NEW.user_id, NEW.ip_address, NEW.last_ip_address, NEW.user_agent,
        NEW.device_name, NEW.device_type, NEW.fingerprint, NEW.data, NEW.version, NEW.idle_ttl_secs,
        NEW.cookie_persistent, NEW.created_at, NEW.authenticated_at, NEW.last_active_at, NEW.expires_at,
        NEW.absolute_expires_at, NEW.not_after, NEW.expires_at, NEW.impersonator
    );
    -- Not at once: a sign-in that is on its way has to see that the session it had loaded expired, and was
    -- not ended.
    DELETE FROM web_sessions WHERE user_id = NEW.user_id AND expires_at <= NEW.long_ago;
    UPDATE web_sessions SET evicted_at = NEW.now, evicted_for = NEW.id, expires_at = 0, user_id = NULL,
        ip_address = NULL, last_ip_address = NULL, user_agent = NULL, device_name = '', fingerprint = NULL,
        data = '{}'
    WHERE rowid IN (
        SELECT rowid FROM web_sessions
        WHERE user_id = NEW.user_id AND expires_at > NEW.now AND id <> NEW.id AND impersonator IS NULL
        ORDER BY last_active_at DESC, id DESC LIMIT -1 OFFSET NEW.others
    );
    -- All tokens of a session share its end.
    UPDATE web_session_tombstones SET how = 'evicted', at = NEW.now, grace_until = NULL,
        expires_at = max(expires_at, NEW.forget_at)
    WHERE expires_at > NEW.now AND session_id IN (
        SELECT id FROM web_sessions WHERE evicted_at = NEW.now AND evicted_for = NEW.id
    );
END;
