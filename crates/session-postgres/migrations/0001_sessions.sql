-- One row per session. To look at them:
--   SELECT id, user_id, device_name, last_active_at, expires_at FROM web_sessions;
--
-- A request moves last_active_at and expires_at, and no index names them: with some room left on each
-- page such an update stays on its page and touches no index (a "HOT" update). That is also why the
-- purge goes by purge_after and not by expires_at.
CREATE TABLE web_sessions (
    id                  text COLLATE "C" PRIMARY KEY,  -- a ULID, in its text form to be readable
    token_hash          bytea       NOT NULL,          -- SHA-256 of the token, never the token
    user_id             text COLLATE "C",              -- NULL: an anonymous session
    ip_address          inet,
    last_ip_address     inet,
    user_agent          text,
    device_name         text        NOT NULL,
    device_type         text        NOT NULL,
    fingerprint         bytea,
    data                jsonb       NOT NULL,          -- a JSON object
    version             bigint      NOT NULL,          -- moves with every write to data
    idle_ttl_secs       bigint,                        -- NULL: as configured
    cookie_persistent   boolean,                       -- NULL: as configured
    created_at          timestamptz NOT NULL,
    authenticated_at    timestamptz,
    last_active_at      timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    absolute_expires_at timestamptz,
    purge_after         timestamptz NOT NULL           -- when the purge looks at the row
) WITH (fillfactor = 85);

CREATE UNIQUE INDEX web_sessions_token_hash ON web_sessions (token_hash);
CREATE INDEX web_sessions_user_id ON web_sessions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX web_sessions_purge_after ON web_sessions (purge_after);

-- One row per token that ended lately.
CREATE TABLE web_session_tombstones (
    token_hash  bytea       PRIMARY KEY,
    session_id  text COLLATE "C" NOT NULL,
    how         text        NOT NULL,  -- rotated, replaced, signed_out, revoked, evicted
    at          timestamptz NOT NULL,
    grace_until timestamptz,           -- NULL: no grace
    expires_at  timestamptz NOT NULL   -- when it may be forgotten
);

-- For a re-authentication, which ends every grace of its session.
CREATE INDEX web_session_tombstones_grace ON web_session_tombstones (session_id)
    WHERE grace_until IS NOT NULL;
CREATE INDEX web_session_tombstones_expires_at ON web_session_tombstones (expires_at);

-- What takes several statements is a function, so that it is one statement for the client: whoever
-- goes away in the middle leaves no transaction open. They are VOLATILE, the default, so that each
-- statement in them sees what others committed before it: a lock that was waited for is worth nothing
-- to a snapshot that is older. A name's number says what it takes and does; a later release that
-- needs something else adds a function, so that servers of both run side by side.

-- Waits until nobody else makes or ends sessions for this user in numbers, to the transaction's end.
CREATE FUNCTION web_session_lock_user_v1(p_user text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'sessions need the isolation level "read committed"'
            USING ERRCODE = 'WS001';
    END IF;
    -- The number keeps these locks apart from the application's own on the same texts.
    PERFORM pg_advisory_xact_lock(hashtextextended(p_user, 7305812046158267781));
END
$$;

-- Makes a session: replaces another, evicts above the cap. outcome: created, in_use, too_large.
CREATE FUNCTION web_session_create_v1(
    p_id text, p_token bytea, p_user text, p_ip inet, p_last_ip inet, p_user_agent text,
    p_device_name text, p_device_type text, p_fingerprint bytea, p_version bigint,
    p_idle_ttl_secs bigint, p_cookie_persistent boolean, p_created_at timestamptz,
    p_authenticated_at timestamptz, p_last_active_at timestamptz, p_expires_at timestamptz,
    p_absolute_expires_at timestamptz, p_now timestamptz, p_forget_at timestamptz,
    p_clear boolean, p_removed text[], p_set jsonb, p_max_bytes bigint, p_cap bigint,
    p_replaces text,
    p_carried text[],  -- NULL: all keys of the session that is replaced
    OUT outcome text, OUT stored jsonb, OUT evicted text[], OUT replaced boolean
) LANGUAGE plpgsql AS $$
DECLARE
    carried jsonb;
BEGIN
    evicted := '{}';
    replaced := false;
    IF p_user IS NOT NULL THEN
        PERFORM web_session_lock_user_v1(p_user);
    END IF;
    IF p_user IS NOT NULL OR p_replaces IS NOT NULL THEN
        -- Everything that may go, always in the order of ids, so that no two wait for each other.
        PERFORM 1 FROM web_sessions WHERE user_id = p_user OR id = p_replaces ORDER BY id FOR UPDATE;
    END IF;
    IF p_replaces IS NOT NULL THEN
        SELECT data INTO carried FROM web_sessions WHERE id = p_replaces AND expires_at > p_now;
        replaced := FOUND;
        IF replaced AND jsonb_typeof(carried) <> 'object' THEN
            RAISE EXCEPTION 'the data of session % is no object', p_replaces
                USING ERRCODE = 'data_corrupted';
        END IF;
    END IF;
    IF NOT replaced THEN
        carried := '{}';
    ELSIF p_carried IS NOT NULL THEN
        SELECT coalesce(jsonb_object_agg(key, value), '{}') INTO carried
        FROM jsonb_each(carried) WHERE key = ANY (p_carried);
    END IF;
    stored := (CASE WHEN p_clear THEN '{}' ELSE carried - p_removed END) || p_set;
    IF octet_length(stored::text) > p_max_bytes THEN
        outcome := 'too_large';
        RETURN;
    END IF;

    -- Before the old one goes, so that its id and its token count as in use.
    INSERT INTO web_sessions (
        id, token_hash, user_id, ip_address, last_ip_address, user_agent, device_name, device_type,
        fingerprint, data, version, idle_ttl_secs, cookie_persistent, created_at, authenticated_at,
        last_active_at, expires_at, absolute_expires_at, purge_after
    ) VALUES (
        p_id, p_token, p_user, p_ip, p_last_ip, p_user_agent, p_device_name, p_device_type,
        p_fingerprint, stored, p_version, p_idle_ttl_secs, p_cookie_persistent, p_created_at,
        p_authenticated_at, p_last_active_at, p_expires_at, p_absolute_expires_at, p_expires_at
    ) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        outcome := 'in_use';
        RETURN;
    END IF;
    -- After it: a rotation that had this token until a moment ago has buried it by now.
    IF EXISTS (
        SELECT 1 FROM web_session_tombstones WHERE token_hash = p_token AND expires_at > p_now
    ) THEN
        RAISE EXCEPTION 'the token ended lately' USING ERRCODE = 'unique_violation';
    END IF;

    IF replaced THEN
        WITH gone AS (DELETE FROM web_sessions WHERE id = p_replaces RETURNING id, token_hash)
        INSERT INTO web_session_tombstones (token_hash, session_id, how, at, expires_at)
        SELECT token_hash, id, 'replaced', p_now, p_forget_at FROM gone
        ON CONFLICT (token_hash) DO UPDATE SET session_id = excluded.session_id,
            how = excluded.how, at = excluded.at, grace_until = NULL,
            expires_at = excluded.expires_at;
    END IF;
    IF p_user IS NOT NULL THEN
        DELETE FROM web_sessions WHERE user_id = p_user AND expires_at <= p_now AND id <> p_id;
    END IF;
    IF p_user IS NOT NULL AND p_cap IS NOT NULL THEN
        WITH gone AS (
            DELETE FROM web_sessions WHERE id = ANY (ARRAY(
                SELECT id FROM web_sessions
                WHERE user_id = p_user AND expires_at > p_now AND id <> p_id
                ORDER BY last_active_at DESC, id DESC OFFSET p_cap - 1
            )) RETURNING id, token_hash
        ), buried AS (
            INSERT INTO web_session_tombstones (token_hash, session_id, how, at, expires_at)
            SELECT token_hash, id, 'evicted', p_now, p_forget_at FROM gone
            ON CONFLICT (token_hash) DO UPDATE SET session_id = excluded.session_id,
                how = excluded.how, at = excluded.at, grace_until = NULL,
                expires_at = excluded.expires_at
        )
        SELECT coalesce(array_agg(id ORDER BY id), '{}') INTO evicted FROM gone;
    END IF;
    outcome := 'created';
END
$$;

-- Changes a live session. p_set NULL: no patch. p_due_before NULL: no touch. p_new_token NULL: no
-- rotation; p_grace_until NULL: one without grace. p_again_expires_at NULL: no re-authentication.
-- outcome: applied, missing, conflict, superseded, in_use, too_large; but for applied nothing is changed.
CREATE FUNCTION web_session_update_v1(
    p_id text, p_token bytea, p_now timestamptz, p_if_version bigint,
    p_clear boolean, p_removed text[], p_set jsonb, p_max_bytes bigint,
    p_due_before timestamptz, p_expires_at timestamptz, p_ip inet, p_user_agent text,
    p_device_name text, p_device_type text,
    p_new_token bytea DEFAULT NULL, p_grace_until timestamptz DEFAULT NULL,
    p_forget_at timestamptz DEFAULT NULL, p_again_expires_at timestamptz DEFAULT NULL,
    p_again_absolute_expires_at timestamptz DEFAULT NULL, p_again_ip inet DEFAULT NULL,
    OUT outcome text, OUT new_version bigint, OUT is_current boolean, OUT touched boolean
) LANGUAGE plpgsql AS $$
DECLARE
    old record;
    merged jsonb;
    again boolean := p_again_expires_at IS NOT NULL;
BEGIN
    -- The data is not read where nothing is merged with it: it may be long.
    SELECT version, token_hash, last_active_at,
        CASE WHEN p_set IS NOT NULL AND NOT p_clear THEN data END AS data
    INTO old FROM web_sessions WHERE id = p_id AND expires_at > p_now FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'missing';
        RETURN;
    END IF;
    IF old.version <> p_if_version THEN
        outcome := 'conflict';
        RETURN;
    END IF;
    is_current := coalesce(old.token_hash = p_token, false);
    IF p_new_token IS NOT NULL THEN
        IF NOT is_current AND (p_grace_until IS NOT NULL OR NOT EXISTS (
            SELECT 1 FROM web_session_tombstones WHERE token_hash = p_token
            AND session_id = p_id AND grace_until > p_now AND expires_at > p_now
        )) THEN
            outcome := 'superseded';
            RETURN;
        END IF;
        IF p_new_token = old.token_hash THEN
            outcome := 'in_use';
            RETURN;
        END IF;
    END IF;
    new_version := old.version;
    IF p_set IS NOT NULL THEN
        IF jsonb_typeof(old.data) <> 'object' THEN
            RAISE EXCEPTION 'the data of session % is no object', p_id
                USING ERRCODE = 'data_corrupted';
        END IF;
        merged := (CASE WHEN p_clear THEN '{}' ELSE old.data - p_removed END) || p_set;
        IF octet_length(merged::text) > p_max_bytes THEN
            outcome := 'too_large';
            RETURN;
        END IF;
        new_version := new_version + 1;
    END IF;
    touched := coalesce(old.last_active_at <= p_due_before, false);

    outcome := 'applied';
    IF p_set IS NULL AND NOT touched AND NOT again AND p_new_token IS NULL THEN
        RETURN;
    END IF;
    UPDATE web_sessions SET
        token_hash = coalesce(p_new_token, token_hash),
        data = coalesce(merged, data),
        version = new_version,
        authenticated_at = CASE WHEN again THEN p_now ELSE authenticated_at END,
        last_active_at = CASE WHEN touched OR again THEN greatest(last_active_at, p_now)
            ELSE last_active_at END,
        -- A touch moves forward only, and never beyond the absolute end.
        expires_at = CASE WHEN again THEN p_again_expires_at
            WHEN touched THEN least(greatest(expires_at, p_expires_at), absolute_expires_at)
            ELSE expires_at END,
        absolute_expires_at = CASE WHEN again THEN p_again_absolute_expires_at
            ELSE absolute_expires_at END,
        last_ip_address = CASE WHEN again THEN p_again_ip WHEN touched THEN p_ip
            ELSE last_ip_address END,
        user_agent = CASE WHEN touched THEN coalesce(p_user_agent, user_agent)
            ELSE user_agent END,
        device_name = CASE WHEN touched THEN coalesce(p_device_name, device_name)
            ELSE device_name END,
        device_type = CASE WHEN touched THEN coalesce(p_device_type, device_type)
            ELSE device_type END
    WHERE id = p_id;
    IF p_new_token IS NULL THEN
        RETURN;
    END IF;

    is_current := true;
    IF EXISTS (
        SELECT 1 FROM web_session_tombstones WHERE token_hash = p_new_token AND expires_at > p_now
    ) THEN
        RAISE EXCEPTION 'the token ended lately' USING ERRCODE = 'unique_violation';
    END IF;
    IF p_grace_until IS NULL THEN
        UPDATE web_session_tombstones SET grace_until = NULL
        WHERE session_id = p_id AND grace_until IS NOT NULL;
    END IF;
    INSERT INTO web_session_tombstones (token_hash, session_id, how, at, grace_until, expires_at)
    VALUES (old.token_hash, p_id, 'rotated', p_now, p_grace_until, p_forget_at)
    ON CONFLICT (token_hash) DO UPDATE SET session_id = excluded.session_id, how = excluded.how,
        at = excluded.at, grace_until = excluded.grace_until, expires_at = excluded.expires_at;
END
$$;

-- Ends every session of a user but one; the ids of those that were live.
CREATE FUNCTION web_session_remove_user_v1(
    p_user text, p_except text, p_how text, p_now timestamptz, p_forget_at timestamptz,
    OUT removed text[]
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM web_session_lock_user_v1(p_user);
    PERFORM 1 FROM web_sessions WHERE user_id = p_user AND id IS DISTINCT FROM p_except
    ORDER BY id FOR UPDATE;
    WITH gone AS (
        DELETE FROM web_sessions WHERE user_id = p_user AND id IS DISTINCT FROM p_except
        RETURNING id, token_hash, expires_at > p_now AS live
    ), buried AS (
        INSERT INTO web_session_tombstones (token_hash, session_id, how, at, expires_at)
        SELECT token_hash, id, p_how, p_now, p_forget_at FROM gone WHERE live
        ON CONFLICT (token_hash) DO UPDATE SET session_id = excluded.session_id,
            how = excluded.how, at = excluded.at, grace_until = NULL,
            expires_at = excluded.expires_at
    )
    SELECT coalesce(array_agg(id ORDER BY id) FILTER (WHERE live), '{}') INTO removed FROM gone;
END
$$;

-- Looks at the first due sessions and tombstones: deletes the expired, and files the renewed under
-- their new expiry. p_from: nothing before it is due, says who calls; next_from is that for the next
-- call. Deleted rows stay in the index until it is vacuumed, and a purge of many batches would pass
-- by all that it deleted, in each of them.
CREATE FUNCTION web_session_purge_v1(
    p_now timestamptz, p_limit bigint, p_from timestamptz DEFAULT '-infinity',
    OUT removed bigint, OUT more boolean, OUT next_from timestamptz
) LANGUAGE plpgsql
-- Nobody who purges waits for a row: see below.
SET lock_timeout = '20ms' AS $$
DECLARE
    until timestamptz;
    renewed bigint := 0;
    due text[];
    forgotten bigint;
BEGIN
    removed := 0;
    next_from := p_from;
    -- The batch ends before the first row that is too many.
    SELECT purge_after INTO until FROM web_sessions
    WHERE purge_after >= p_from AND purge_after <= p_now
    ORDER BY purge_after OFFSET p_limit LIMIT 1;
    more := FOUND;
    until := coalesce(until, p_now + interval '1 microsecond');
    BEGIN
        DELETE FROM web_sessions
        WHERE purge_after >= p_from AND purge_after < until AND expires_at <= p_now;
        GET DIAGNOSTICS removed = ROW_COUNT;
        IF removed < p_limit THEN
            UPDATE web_sessions SET purge_after = expires_at
            WHERE purge_after >= p_from AND purge_after < until AND expires_at > p_now;
            GET DIAGNOSTICS renewed = ROW_COUNT;
        END IF;
        IF more THEN
            next_from := until;
        END IF;
    EXCEPTION WHEN lock_not_available THEN
        removed := 0;
        renewed := 0;
    END;
    -- Somebody else is at work on one of them, or too many are due at the same moment: row by row,
    -- past those that are taken. It takes twice as long.
    IF removed + renewed = 0 THEN
        due := ARRAY(
            SELECT id FROM web_sessions WHERE purge_after >= p_from AND purge_after <= p_now
            ORDER BY purge_after LIMIT p_limit FOR UPDATE SKIP LOCKED
        );
        DELETE FROM web_sessions WHERE id = ANY (due) AND expires_at <= p_now;
        GET DIAGNOSTICS removed = ROW_COUNT;
        IF removed < cardinality(due) THEN
            UPDATE web_sessions SET purge_after = expires_at
            WHERE id = ANY (due) AND expires_at > p_now;
        END IF;
        more := cardinality(due) = p_limit;
        -- What was passed by may lie anywhere.
        next_from := p_from;
    END IF;
    DELETE FROM web_session_tombstones WHERE token_hash = ANY (ARRAY(
        SELECT token_hash FROM web_session_tombstones WHERE expires_at <= p_now
        ORDER BY expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    more := more OR forgotten = p_limit;
END
$$;
