-- The figures for PostgreSQL in docs/operating.md. From the repository's folder:
--   cargo xtask services run -- sh -c 'psql "$SESSION_TEST_POSTGRES_URL" -qXAtf docs/measure/postgres.sql'
-- psql -v rows=5000000 makes a larger table; of the times only those of the purge are from one.
-- It works in the schema session_measure, which it makes and takes away again. Times are the
-- server's own, without the network; look at them on a machine that does nothing else.
\set ON_ERROR_STOP on
\if :{?rows} \else \set rows 100000 \endif
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS session_measure CASCADE;
CREATE SCHEMA session_measure;
SET search_path = session_measure;
-- As the backend's own connections have it.
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
\ir ../../crates/session-postgres/migrations/0001_sessions.sql

-- Sessions without data, three of each user, made one after the other. Ten thousand have a token that no browser
-- has sent yet.
INSERT INTO web_sessions (
    id, token_hash, token_seen, user_id, ip_address, last_ip_address, user_agent, device_name, device_type,
    fingerprint, data, version, created_at, authenticated_at, last_active_at, expires_at, purge_after
)
SELECT '01KA' || lpad(n::text, 22, '0'), sha256(n::text::bytea),
    n NOT BETWEEN 70001 AND 80000, 'user-' || n / 3,
    '203.0.113.7', '203.0.113.7',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
    'Chrome on Windows', 'desktop', sha256('Chrome, Windows'), '{}', 0,
    now(), now(), now(), now() + interval '30 days', now() + interval '30 days' + n * interval '1 ms'
FROM generate_series(1, :rows) AS n;
VACUUM (ANALYZE) web_sessions;

SELECT 'bytes per session, with its indexes: ' || pg_total_relation_size('web_sessions') / :rows;
SELECT '  of them the table: ' || pg_table_size('web_sessions') / :rows;

CREATE TEMP TABLE measured (what text, runs int, took interval);
DO $$
DECLARE
    began timestamptz := clock_timestamp();
    found record;
    next_from timestamptz := '-infinity';
BEGIN
    FOR n IN 1..10000 LOOP
        SELECT * INTO found FROM web_sessions
        WHERE token_hash = sha256((n * 7)::text::bytea) AND expires_at > now();
    END LOOP;
    INSERT INTO measured VALUES ('a look-up', 10000, clock_timestamp() - began);
    began := clock_timestamp();
    FOR n IN 1..10000 LOOP
        PERFORM web_session_update_v1(
            '01KA' || lpad((n * 7)::text, 22, '0'), sha256((n * 7)::text::bytea),
            now() + interval '10 minutes', NULL, NULL, NULL, NULL, 262144,
            now() + interval '5 minutes', now() + interval '31 days', '203.0.113.8', NULL, NULL, NULL,
            true);
        COMMIT;
    END LOOP;
    INSERT INTO measured VALUES ('a touch, committed', 10000, clock_timestamp() - began);
    began := clock_timestamp();
    FOR n IN 70001..80000 LOOP
        PERFORM web_session_update_v1(
            '01KA' || lpad(n::text, 22, '0'), sha256(n::text::bytea),
            now() + interval '1 minute', NULL, NULL, NULL, NULL, 262144,
            now() - interval '5 minutes', now() + interval '31 days', '203.0.113.8', NULL, NULL, NULL,
            true);
        COMMIT;
    END LOOP;
    INSERT INTO measured VALUES ('the first touch of a token', 10000, clock_timestamp() - began);
    -- The purge as it would be if it did not forbid the server to compile, on a table so large that the planner's
    -- cost passes jit_above_cost.
    EXECUTE replace(replace(pg_get_functiondef('web_session_purge_v1'::regproc),
        'web_session_purge_v1', 'purge_that_compiles'),
        'SET jit TO ''off''', 'SET jit TO ''on'' SET jit_above_cost TO ''0''');
    -- A month and a day on all are due; the touched ones are filed anew, the others go.
    FOR batch IN 1..50 LOOP
        began := clock_timestamp();
        IF batch % 2 = 1 THEN
            SELECT p.next_from INTO next_from
            FROM web_session_purge_v1(now() + interval '30 days 5 minutes', 1000, next_from) AS p;
            COMMIT;
            INSERT INTO measured VALUES ('a batch of the purge', 1, clock_timestamp() - began);
        ELSE
            SELECT p.next_from INTO next_from
            FROM purge_that_compiles(now() + interval '30 days 5 minutes', 1000, next_from) AS p;
            COMMIT;
            INSERT INTO measured VALUES ('the same, compiled', 1, clock_timestamp() - began);
        END IF;
    END LOOP;
    began := clock_timestamp();
    FOR n IN 90001..100000 LOOP
        PERFORM web_session_remove_v1(
            '01KA' || lpad(n::text, 22, '0'), sha256(n::text::bytea), NULL, NULL, NULL, 'signed_out',
            now(), now() + interval '5 minutes');
        COMMIT;
    END LOOP;
    INSERT INTO measured VALUES ('a sign-out, committed', 10000, clock_timestamp() - began);
END
$$;
SELECT what || ': ' || round(1000 * extract(epoch FROM sum(took)) / sum(runs), 3) || ' ms'
    || CASE WHEN max(runs) = 1
        THEN ', at most ' || round(1000 * extract(epoch FROM max(took)), 1) || ' ms' ELSE '' END
FROM measured GROUP BY what ORDER BY sum(runs) DESC, what;
SELECT 'is there a compiler: ' || pg_jit_available();
SELECT 'left of ' || :rows || ' after 50 batches of 1000 and 10000 sign-outs: ' || count(*) FROM web_sessions;
SELECT 'bytes per tombstone, with its indexes: '
    || pg_total_relation_size('web_session_tombstones') / count(*) FROM web_session_tombstones;
DROP SCHEMA session_measure CASCADE;
