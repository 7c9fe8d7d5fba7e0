-- The figures for SQLite in docs/operating.md. From the repository's folder:
--   rm -f target/measure.db*; sqlite3 target/measure.db < docs/measure/sqlite.sql
-- Times are those of the statements alone, in one process; look at them on a machine that does
-- nothing else.
.bail on
.output /dev/null
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
-- Debian's sqlite3 overwrites what it deletes; the library that comes with the driver does not.
PRAGMA secure_delete = OFF;
.output stdout
.read crates/session-sqlite/migrations/0001_sessions.sql

-- A hundred thousand sessions without data, of 33,000 users, made one after the other.
CREATE TEMP TABLE numbers AS WITH RECURSIVE count(n) AS (
    VALUES (1) UNION ALL SELECT n + 1 FROM count WHERE n < 100000
) SELECT n FROM count;
INSERT INTO web_sessions (
    id, token_hash, token_seen, user_id, ip_address, last_ip_address, user_agent, device_name,
    device_type, fingerprint, data, version, created_at, authenticated_at, last_active_at, expires_at, purge_after
)
SELECT printf('01KA%022d', n), randomblob(32), TRUE, 'user-' || n / 3, '203.0.113.7', '203.0.113.7',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
    'Chrome on Windows', 'desktop', randomblob(32), '{}', 0, 1800000000000000, 1800000000000000,
    1800000000000000, 1802592000000000, 1802592000000000 + n
FROM numbers;
.output /dev/null
PRAGMA wal_checkpoint(TRUNCATE);
.output stdout
SELECT 'bytes per session, with its indexes: ' || (page_count * page_size / 100000)
FROM pragma_page_count, pragma_page_size;

-- Ten thousand touches, each a transaction of its own.
CREATE TEMP TABLE measured (what TEXT, runs INTEGER, at REAL);
.mode list
.once target/measure-touches.sql
SELECT printf('UPDATE web_sessions SET last_active_at = max(last_active_at, 1800000600000000), '
    || 'expires_at = min(max(expires_at, 1802592600000000), ifnull(absolute_expires_at, 1<<62), '
    || 'ifnull(not_after, 1<<62)), last_ip_address = ''203.0.113.8'' '
    || 'WHERE id = %Q AND expires_at > 1800000600000000 AND last_active_at <= 1800000300000000 '
    || 'AND (token_hash = %s OR EXISTS (SELECT 1 FROM web_session_tombstones AS t '
    || 'WHERE t.token_hash = %s AND t.session_id = %Q AND t.grace_until > 1800000600000000)) '
    || 'AND (NOT TRUE OR token_seen OR token_hash IS NOT %s);',
    id, quote(token_hash), quote(token_hash), id, quote(token_hash))
FROM web_sessions WHERE rowid % 7 = 0 AND rowid <= 70000;
INSERT INTO measured VALUES ('began', 0, julianday('now'));
.read target/measure-touches.sql
INSERT INTO measured VALUES ('a touch, committed', 10000, julianday('now'));

-- As the purge does it: of the first thousand due rows the expired go, and the rest, which was renewed,
-- is filed anew.
.once target/measure-purge.sql
SELECT 'BEGIN IMMEDIATE;
DELETE FROM web_sessions WHERE rowid IN (SELECT rowid FROM web_sessions
    WHERE purge_after <= 1802592300000000 ORDER BY purge_after, rowid LIMIT 1000)
    AND expires_at <= 1802592300000000;
UPDATE web_sessions SET purge_after = expires_at WHERE rowid IN (SELECT rowid FROM web_sessions
    WHERE purge_after <= 1802592300000000 ORDER BY purge_after, rowid LIMIT 1000 - changes())
    AND expires_at > 1802592300000000;
DELETE FROM web_session_tombstones WHERE rowid IN (SELECT rowid FROM web_session_tombstones
    WHERE expires_at <= 1802592300000000 ORDER BY expires_at LIMIT 1000);
COMMIT;' FROM numbers WHERE n <= 50;
INSERT INTO measured VALUES ('began', 0, julianday('now'));
.read target/measure-purge.sql
INSERT INTO measured VALUES ('a batch of the purge', 50, julianday('now'));
SELECT m.what || ': ' || round((m.at - b.at) * 86400000.0 / m.runs, 3) || ' ms'
FROM measured AS m JOIN measured AS b ON b.rowid = m.rowid - 1 WHERE m.runs > 0;
SELECT 'left of 100000 after 50 batches of 1000: ' || count(*) FROM web_sessions;
SELECT 'pages that wait to be used again: ' || freelist_count || ' of ' || page_count
FROM pragma_freelist_count, pragma_page_count;

-- What the tokens of ten thousand sign-outs take until they are forgotten.
CREATE TEMP TABLE used AS
SELECT page_count - freelist_count AS pages FROM pragma_page_count, pragma_freelist_count;
INSERT INTO web_session_tombstones (token_hash, session_id, how, at, expires_at)
SELECT token_hash, id, 'signed_out', 1800000600000000 + rowid, 1800000900000000 + rowid
FROM web_sessions WHERE rowid > 90000;
SELECT 'bytes per tombstone, with its indexes: '
    || ((page_count - freelist_count - pages) * page_size / 10000)
FROM used, pragma_page_count, pragma_freelist_count, pragma_page_size;
