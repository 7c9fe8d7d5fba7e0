-- One row per session. To look at them:
--   SELECT id, user_id, device_name, last_active_at, expires_at FROM web_sessions;
--
-- A request moves last_active_at, expires_at and token_seen, and no index names them: with some room left on each
-- page such an update stays on its page and touches no index (a "HOT" update). That is also why the
-- purge goes by purge_after and not by expires_at.
CREATE TABLE web_sessions (
    id                  text COLLATE "C" PRIMARY KEY,  -- a ULID, in its text form to be readable
    token_hash          bytea       NOT NULL,          -- SHA-256 of the token, never the token
    token_seen          boolean     NOT NULL,          -- whether a browser has presented that token
    user_id             text COLLATE "C",              -- NULL: an anonymous session
    impersonator        text,                          -- who acts in the user's place; NULL: the user
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
    not_after           timestamptz,                   -- NULL: no fixed end of its own
    purge_after         timestamptz NOT NULL           -- when the purge looks at the row
) WITH (fillfactor = 85);

CREATE UNIQUE INDEX web_sessions_token_hash ON web_sessions (token_hash);
CREATE INDEX web_sessions_user_id ON web_sessions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX web_sessions_purge_after ON web_sessions (purge_after);

-- One row per token that ended lately. A session's end is the end of all of them.
CREATE TABLE web_session_tombstones (
    token_hash     bytea       PRIMARY KEY,
    session_id     text COLLATE "C" NOT NULL,       -- whose token it was
    ordinal        bigint      NOT NULL DEFAULT 0,  -- of a session's rotations, in their order
    how            text        NOT NULL,            -- rotated, replaced, signed_out, revoked, evicted
    at             timestamptz NOT NULL,
    grace_until    timestamptz,                     -- NULL: no grace
    expires_at     timestamptz NOT NULL,            -- when it may be forgotten
    successor_id   text COLLATE "C",                -- the session that a sign-in made from it
    successor_seen boolean     NOT NULL DEFAULT false,  -- whether a token made from it was presented
    -- In one tombstone of a session that was nobody's, or the same user's, when it was replaced: what
    -- it held, and the user whom that went to.
    data           jsonb,
    user_id        text COLLATE "C"
);

CREATE INDEX web_session_tombstones_session_id ON web_session_tombstones (session_id);
CREATE INDEX web_session_tombstones_successor_id ON web_session_tombstones (successor_id)
    WHERE successor_id IS NOT NULL;
CREATE INDEX web_session_tombstones_expires_at ON web_session_tombstones (expires_at);

-- What takes several statements is a function, so that it is one statement for the client: whoever
-- goes away in the middle leaves no transaction open. They are VOLATILE, the default, so that each
-- statement in them sees what others committed before it: a lock that was waited for is worth nothing
-- to a snapshot that is older. A name's number says what it takes and does; a later release that
-- needs something else adds a function, so that servers of both run side by side.
--
-- Those that are called from outside find tables and functions where they were made, whatever the caller's
-- search_path says.
--
-- Nobody waits in a circle, because everybody takes locks in one order: the user's, at most one; then
-- sessions' rows, all at once in the order of their ids; then tombstones, all at once in the order of
-- their hashes. Conditions are looked at after the locks that they need, never with them.
--
-- Orders say "id || ''" where a condition has its own index: in the order of the primary key a plan that was
-- made for an empty table would walk along all of it, and be kept until the table's statistics are renewed.

-- Waits until nobody else makes or ends sessions for this user in numbers, to the transaction's end.
CREATE FUNCTION web_session_lock_user_v1(p_user text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'sessions need the isolation level "read committed"'
            USING ERRCODE = 'WS001';
    END IF;
    -- The number keeps these locks apart from the application's own on the same texts, the table from
    -- those of sessions in other schemas.
    PERFORM pg_advisory_xact_lock(
        hashtextextended(p_user, 7305812046158267781 + 'web_sessions'::regclass::oid::bigint)
    );
END
$$;

-- Whether data passes a ceiling: as it is kept and as it is written. Small numbers take more room in the first
-- form, very small and very large ones in the second, which writes exponents out.
CREATE FUNCTION web_session_passes_v1(p_data jsonb, p_max_bytes bigint)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN pg_column_size(p_data) > p_max_bytes AND octet_length(p_data::text) > p_max_bytes;
END
$$;

-- Whether a token has the right to act for a session: that is live, and this its current one or in
-- grace.
CREATE FUNCTION web_session_is_good_v1(p_id text, p_token bytea, p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM web_sessions AS s WHERE s.id = p_id AND s.expires_at > p_now AND (
            s.token_hash = p_token OR EXISTS (
                SELECT 1 FROM web_session_tombstones AS t WHERE t.token_hash = p_token
                AND t.session_id = p_id AND t.grace_until > p_now
            )
        )
    );
END
$$;

-- Takes the locks on tombstones: of these sessions, those that name this successor, and of these
-- tokens. Once in a transaction. Returns whose tombstones there were.
CREATE FUNCTION web_session_lock_tombstones_v1(
    p_sessions text[], p_successor text DEFAULT NULL, p_tokens bytea[] DEFAULT NULL
) RETURNS bytea[] LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(
        SELECT token_hash FROM web_session_tombstones
        WHERE session_id = ANY (p_sessions) OR successor_id = p_successor
            OR token_hash = ANY (p_tokens)
        ORDER BY token_hash || '' FOR UPDATE
    );
END
$$;

-- Ends sessions and all their tokens; their rows are locked, and their tombstones. p_by: the token
-- that asked for it, the only one that a sign-out is one of. p_successor: the session in their place,
-- of p_user, for whom what they held is kept unless they were another user's.
CREATE FUNCTION web_session_end_v1(
    p_ids text[], p_how text, p_by bytea, p_now timestamptz, p_forget_at timestamptz,
    p_successor text DEFAULT NULL, p_user text DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    others text := CASE WHEN p_how = 'signed_out' THEN 'revoked' ELSE p_how END;
BEGIN
    UPDATE web_session_tombstones SET
        how = CASE WHEN token_hash = p_by THEN p_how ELSE others END,
        at = p_now, grace_until = NULL, expires_at = greatest(expires_at, p_forget_at),
        successor_id = coalesce(p_successor, successor_id)
    WHERE session_id = ANY (p_ids) AND expires_at > p_now;
    WITH gone AS (
        DELETE FROM web_sessions WHERE id = ANY (p_ids) RETURNING id, token_hash, data,
            CASE WHEN coalesce(user_id, p_user) = p_user THEN p_user END AS heir
    )
    INSERT INTO web_session_tombstones
        (token_hash, session_id, how, at, expires_at, successor_id, data, user_id)
    SELECT token_hash, id, CASE WHEN token_hash = p_by THEN p_how ELSE others END, p_now,
        p_forget_at, p_successor, CASE WHEN heir IS NOT NULL THEN data END, heir
    FROM gone
    -- One that may be forgotten, and was not yet.
    ON CONFLICT (token_hash) DO UPDATE SET session_id = excluded.session_id, ordinal = 0,
        how = excluded.how, at = excluded.at, grace_until = NULL,
        expires_at = excluded.expires_at, successor_id = excluded.successor_id,
        successor_seen = false, data = excluded.data, user_id = excluded.user_id;
END
$$;

-- The live sessions of a user, less these, that are more than p_stay: the least recently active, in the
-- order of their ids. One in which somebody acts in the user's place takes no room, and stays.
CREATE FUNCTION web_session_surplus_v1(
    p_user text, p_now timestamptz, p_less text[], p_stay bigint
) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(
        SELECT id FROM (
            SELECT id FROM web_sessions
            WHERE user_id = p_user AND expires_at > p_now AND id <> ALL (p_less)
                AND (impersonator IS NULL OR p_now = '-infinity')
            ORDER BY last_active_at DESC, id DESC OFFSET p_stay
        ) AS above ORDER BY id
    );
END
$$;

-- Evicts the least recently active session of a user, who is locked: what most sign-ins above the cap need,
-- in one statement. It deletes the row only as it was chosen: whoever else was active became more recent.
-- Where that one has changed meanwhile, or had other tokens before, nothing happens, and nobody is returned.
CREATE FUNCTION web_session_evict_one_v1(
    p_user text, p_newcomer text, p_now timestamptz, p_forget_at timestamptz
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    victim text;
BEGIN
    WITH chosen AS (
        SELECT id, token_hash, last_active_at FROM web_sessions
        WHERE user_id = p_user AND expires_at > p_now AND id <> p_newcomer AND impersonator IS NULL
        ORDER BY last_active_at, id || '' LIMIT 1
    ), gone AS (
        DELETE FROM web_sessions AS s USING chosen
        WHERE s.id = chosen.id AND s.token_hash = chosen.token_hash
            AND s.last_active_at = chosen.last_active_at AND s.expires_at > p_now
            AND NOT EXISTS (
                SELECT 1 FROM web_session_tombstones AS t WHERE t.session_id = chosen.id
            )
        RETURNING s.id, s.token_hash
    )
    INSERT INTO web_session_tombstones (token_hash, session_id, how, at, expires_at)
    SELECT token_hash, id, 'evicted', p_now, p_forget_at FROM gone
    -- One that may be forgotten, and was not yet.
    ON CONFLICT (token_hash) DO UPDATE SET session_id = excluded.session_id, ordinal = 0,
        how = excluded.how, at = excluded.at, grace_until = NULL,
        expires_at = excluded.expires_at, successor_id = NULL, successor_seen = false, data = NULL,
        user_id = NULL
    RETURNING session_id INTO victim;
    RETURN CASE WHEN victim IS NULL THEN '{}' ELSE ARRAY[victim] END;
END
$$;

-- Makes a session: replaces another, evicts above the cap. outcome: created, in_use, too_large,
-- acting_ended; but for created nothing is changed.
CREATE FUNCTION web_session_create_v1(
    p_id text, p_token bytea, p_user text, p_ip inet, p_last_ip inet, p_user_agent text,
    p_device_name text, p_device_type text, p_fingerprint bytea, p_version bigint,
    p_idle_ttl_secs bigint, p_cookie_persistent boolean, p_created_at timestamptz,
    p_authenticated_at timestamptz, p_last_active_at timestamptz, p_expires_at timestamptz,
    p_absolute_expires_at timestamptz, p_not_after timestamptz,
    p_now timestamptz, p_forget_at timestamptz,
    p_clear boolean, p_removed text[], p_set jsonb, p_max_bytes bigint, p_cap bigint,
    -- What is replaced: the session, the token for it, and the user that it was loaded with.
    p_replaces text, p_replaces_token bytea, p_replaces_user text,
    p_carried text[],           -- NULL: all keys of the session that is replaced
    p_carry_after timestamptz,  -- one that was replaced later than this is carried still
    p_presented bytea[],        -- the tokens that get the new session as their successor
    p_impersonator text DEFAULT NULL,  -- who acts in the user's place
    OUT outcome text, OUT stored jsonb, OUT evicted text[], OUT replaced boolean
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    carried jsonb;
    ended text;
    going text[];
    buried bytea[];
    long_ago timestamptz := p_now - (p_forget_at - p_now);
    live bigint := 0;
    stale boolean := false;
    crowded boolean;
    may_go text[] := '{}';
BEGIN
    evicted := '{}';
    replaced := false;
    IF p_user IS NOT NULL THEN
        PERFORM web_session_lock_user_v1(p_user);
        -- Most have room for one more. A row's lock is a write of its own, so they are counted first, and
        -- only those are locked that may go: the lock on the user keeps the others from growing in number.
        SELECT count(*) FILTER (WHERE expires_at > p_now AND impersonator IS NULL),
            coalesce(bool_or(expires_at <= long_ago), false)
        INTO live, stale FROM web_sessions WHERE user_id = p_user;
    END IF;
    crowded := coalesce(live >= p_cap, false);
    IF stale OR (crowded AND (live > p_cap OR p_replaces IS NOT NULL)) THEN
        may_go := web_session_surplus_v1(
            p_user, CASE WHEN stale THEN '-infinity' ELSE p_now END, '{}',
            CASE WHEN stale THEN 0 ELSE p_cap - 1 END
        );
    END IF;
    IF p_replaces IS NOT NULL OR cardinality(may_go) > 0 THEN
        PERFORM 1 FROM web_sessions WHERE id = ANY (may_go || p_replaces)
        ORDER BY id || '' FOR UPDATE;
    END IF;
    IF p_replaces IS NOT NULL THEN
        replaced := web_session_is_good_v1(p_replaces, p_replaces_token, p_now);
        IF replaced THEN
            SELECT data INTO carried FROM web_sessions WHERE id = p_replaces;
        ELSE
            SELECT how INTO ended FROM web_session_tombstones
            WHERE token_hash = p_replaces_token AND session_id = p_replaces;
            IF ended = 'replaced' THEN
                SELECT data INTO carried FROM web_session_tombstones
                WHERE session_id = p_replaces AND user_id = p_user AND at > p_carry_after;
            ELSIF p_replaces_user = p_user AND NOT EXISTS (
                SELECT 1 FROM web_sessions WHERE id = p_replaces AND expires_at <= p_now
            ) THEN
                outcome := 'acting_ended';
                RETURN;
            END IF;
        END IF;
        IF jsonb_typeof(carried) <> 'object' THEN
            RAISE EXCEPTION 'the data of session % is no object', p_replaces
                USING ERRCODE = 'data_corrupted';
        END IF;
    END IF;
    IF carried IS NULL THEN
        carried := '{}';
    ELSIF p_carried IS NOT NULL THEN
        SELECT coalesce(jsonb_object_agg(key, value), '{}') INTO carried
        FROM jsonb_each(carried) WHERE key = ANY (p_carried);
    END IF;
    stored := (CASE WHEN p_clear THEN '{}' ELSE carried - p_removed END) || p_set;
    -- The first half is in the function too; asked here it spares most sign-ins the call.
    IF pg_column_size(stored) > p_max_bytes AND web_session_passes_v1(stored, p_max_bytes) THEN
        outcome := 'too_large';
        RETURN;
    END IF;

    -- Before the old one goes, so that its id and its token count as in use.
    INSERT INTO web_sessions (
        id, token_hash, token_seen, user_id, impersonator, ip_address, last_ip_address, user_agent, device_name,
        device_type, fingerprint, data, version, idle_ttl_secs, cookie_persistent, created_at,
        authenticated_at, last_active_at, expires_at, absolute_expires_at, not_after, purge_after
    ) VALUES (
        p_id, p_token, false, p_user, p_impersonator, p_ip, p_last_ip, p_user_agent, p_device_name, p_device_type,
        p_fingerprint, stored, p_version, p_idle_ttl_secs, p_cookie_persistent, p_created_at,
        p_authenticated_at, p_last_active_at, p_expires_at, p_absolute_expires_at, p_not_after,
        p_expires_at
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

    going := CASE WHEN replaced THEN ARRAY[p_replaces] ELSE '{}' END;
    IF crowded AND live = p_cap AND p_replaces IS NULL AND NOT stale THEN
        evicted := web_session_evict_one_v1(p_user, p_id, p_now, p_forget_at);
        crowded := cardinality(evicted) = 0;
        buried := '{}';
    END IF;
    IF crowded THEN
        evicted := web_session_surplus_v1(p_user, p_now, going || p_id, p_cap - 1);
        IF NOT evicted <@ may_go THEN
            -- Somebody was active meanwhile. Nobody is any more.
            PERFORM 1 FROM web_sessions WHERE user_id = p_user ORDER BY id || '' FOR UPDATE;
            evicted := web_session_surplus_v1(p_user, p_now, going || p_id, p_cap - 1);
        END IF;
    END IF;
    IF cardinality(going) > 0 OR crowded OR cardinality(p_presented) > 0 THEN
        buried := web_session_lock_tombstones_v1(
            going || CASE WHEN crowded THEN evicted ELSE '{}' END, NULL, p_presented
        );
    END IF;
    IF replaced THEN
        PERFORM web_session_end_v1(
            going, 'replaced', p_replaces_token, p_now, p_forget_at, p_id, p_user
        );
    END IF;
    IF cardinality(p_presented) > 0 THEN
        -- Those that are locked. A token that ended since then ended after this. (Asked in this way, an index
        -- on when they may be forgotten is no help to an early plan.)
        UPDATE web_session_tombstones SET successor_id = p_id
        WHERE token_hash = ANY (p_presented) AND token_hash = ANY (buried)
            AND greatest(expires_at, p_now) > p_now;
    END IF;
    IF stale THEN
        -- Not at once: a sign-in that is on its way has to see that the session it had loaded expired,
        -- and was not ended.
        DELETE FROM web_sessions WHERE user_id = p_user AND id <> p_id AND expires_at <= long_ago;
    END IF;
    IF crowded AND cardinality(evicted) > 0 THEN
        PERFORM web_session_end_v1(evicted, 'evicted', NULL, p_now, p_forget_at);
    END IF;
    outcome := 'created';
END
$$;

-- Changes a live session. p_token NULL: an administrator's call. p_set NULL: no patch. p_due_before
-- NULL: no touch. p_lifetime_expires_at NULL: no lifetime. p_new_token NULL: no rotation;
-- p_grace_until NULL: one without grace; p_graces: how many earlier tokens may stay in grace.
-- p_again_expires_at NULL: no re-authentication.
-- outcome: applied, missing, conflict, superseded, in_use, too_large; but for applied nothing is changed.
CREATE FUNCTION web_session_update_v1(
    p_id text, p_token bytea, p_now timestamptz, p_if_version bigint,
    p_clear boolean, p_removed text[], p_set jsonb, p_max_bytes bigint,
    p_due_before timestamptz, p_expires_at timestamptz, p_ip inet, p_user_agent text,
    p_device_name text, p_device_type text, p_presented boolean,
    p_lifetime_expires_at timestamptz DEFAULT NULL, p_idle_ttl_secs bigint DEFAULT NULL,
    p_cookie_persistent boolean DEFAULT NULL, p_not_after timestamptz DEFAULT NULL,
    p_new_token bytea DEFAULT NULL, p_grace_until timestamptz DEFAULT NULL,
    p_graces bigint DEFAULT 0, p_forget_at timestamptz DEFAULT NULL,
    p_again_expires_at timestamptz DEFAULT NULL,
    p_again_absolute_expires_at timestamptz DEFAULT NULL, p_again_ip inet DEFAULT NULL,
    p_end_others boolean DEFAULT false,
    OUT outcome text, OUT new_version bigint, OUT is_current boolean, OUT touched boolean,
    OUT new_expires_at timestamptz, OUT new_idle_ttl_secs bigint,
    OUT new_cookie_persistent boolean, OUT new_not_after timestamptz, OUT ended text[]
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    old record;
    merged jsonb;
    lives boolean := p_lifetime_expires_at IS NOT NULL;
    again boolean := p_again_expires_at IS NOT NULL;
    rotates boolean := p_new_token IS NOT NULL;
    owner text;
    first_seen boolean;
    absolute timestamptz;
BEGIN
    ended := '{}';
    IF p_end_others THEN
        -- A session never changes its user, so it may be read before the locks.
        SELECT user_id INTO owner FROM web_sessions WHERE id = p_id;
        IF owner IS NOT NULL THEN
            PERFORM web_session_lock_user_v1(owner);
            PERFORM 1 FROM web_sessions WHERE user_id = owner ORDER BY id || '' FOR UPDATE;
        END IF;
    END IF;
    -- The data is not read where nothing is merged with it: it may be long.
    SELECT version, token_hash, token_seen, last_active_at, expires_at, absolute_expires_at,
        idle_ttl_secs, cookie_persistent, not_after,
        CASE WHEN p_set IS NOT NULL AND NOT p_clear THEN data END AS data
    INTO old FROM web_sessions WHERE id = p_id AND expires_at > p_now FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'missing';
        RETURN;
    END IF;
    is_current := coalesce(old.token_hash = p_token, false);
    IF NOT is_current AND p_token IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM web_session_tombstones
        WHERE token_hash = p_token AND session_id = p_id AND grace_until > p_now
    ) THEN
        outcome := 'missing';
        RETURN;
    END IF;
    IF old.version <> p_if_version THEN
        outcome := 'conflict';
        RETURN;
    END IF;
    IF rotates THEN
        IF p_token IS NULL OR (NOT is_current AND p_grace_until IS NOT NULL) THEN
            outcome := 'superseded';
            RETURN;
        END IF;
        IF EXISTS (SELECT 1 FROM web_sessions WHERE token_hash = p_new_token) OR EXISTS (
            SELECT 1 FROM web_session_tombstones
            WHERE token_hash = p_new_token AND expires_at > p_now
        ) THEN
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
        IF web_session_passes_v1(merged, p_max_bytes) THEN
            outcome := 'too_large';
            RETURN;
        END IF;
        new_version := new_version + 1;
    END IF;

    outcome := 'applied';
    first_seen := p_presented AND is_current AND NOT old.token_seen;
    touched := coalesce(first_seen OR old.last_active_at <= p_due_before, false)
        AND p_due_before IS NOT NULL;
    first_seen := first_seen AND (touched OR rotates OR again);
    new_expires_at := old.expires_at;
    new_idle_ttl_secs := old.idle_ttl_secs;
    new_cookie_persistent := old.cookie_persistent;
    new_not_after := old.not_after;
    absolute := old.absolute_expires_at;
    -- Nothing passes the fixed end and the absolute one, where there are such (least ignores NULL).
    IF lives THEN
        new_idle_ttl_secs := p_idle_ttl_secs;
        new_cookie_persistent := p_cookie_persistent;
        new_not_after := p_not_after;
        new_expires_at := least(p_lifetime_expires_at, absolute, new_not_after);
    END IF;
    IF touched THEN
        -- Forward only.
        new_expires_at := least(greatest(new_expires_at, p_expires_at), absolute, new_not_after);
    END IF;
    IF again THEN
        absolute := p_again_absolute_expires_at;
        new_expires_at := least(p_again_expires_at, absolute, new_not_after);
    END IF;
    IF p_set IS NULL AND NOT touched AND NOT lives AND NOT again AND NOT rotates THEN
        RETURN;
    END IF;
    UPDATE web_sessions SET
        token_hash = coalesce(p_new_token, token_hash),
        token_seen = (token_seen OR first_seen) AND NOT rotates,
        data = coalesce(merged, data),
        version = new_version,
        idle_ttl_secs = new_idle_ttl_secs,
        cookie_persistent = new_cookie_persistent,
        not_after = new_not_after,
        authenticated_at = CASE WHEN again THEN p_now ELSE authenticated_at END,
        last_active_at = CASE WHEN touched OR again THEN greatest(last_active_at, p_now)
            ELSE last_active_at END,
        expires_at = new_expires_at,
        absolute_expires_at = absolute,
        last_ip_address = CASE WHEN again THEN p_again_ip WHEN touched THEN p_ip
            ELSE last_ip_address END,
        user_agent = CASE WHEN touched THEN coalesce(p_user_agent, user_agent)
            ELSE user_agent END,
        device_name = CASE WHEN touched THEN coalesce(p_device_name, device_name)
            ELSE device_name END,
        device_type = CASE WHEN touched THEN coalesce(p_device_type, device_type)
            ELSE device_type END
    WHERE id = p_id;

    -- Once more, after it: a rotation that had this token until a moment ago has buried it by now.
    IF rotates AND EXISTS (
        SELECT 1 FROM web_session_tombstones WHERE token_hash = p_new_token AND expires_at > p_now
    ) THEN
        RAISE EXCEPTION 'the token ended lately' USING ERRCODE = 'unique_violation';
    END IF;
    IF again AND owner IS NOT NULL THEN
        DELETE FROM web_sessions WHERE user_id = owner AND id <> p_id AND expires_at <= p_now;
        ended := ARRAY(
            SELECT id FROM web_sessions WHERE user_id = owner AND id <> p_id ORDER BY id || ''
        );
    END IF;
    IF rotates OR first_seen OR cardinality(ended) > 0 THEN
        PERFORM web_session_lock_tombstones_v1(
            CASE WHEN rotates OR first_seen THEN ended || p_id ELSE ended END,
            CASE WHEN first_seen THEN p_id END
        );
    END IF;
    IF first_seen THEN
        -- The browser has the current token, and so whatever came before it is followed.
        UPDATE web_session_tombstones SET successor_seen = true
        WHERE (session_id = p_id OR successor_id = p_id) AND NOT successor_seen;
    END IF;
    IF cardinality(ended) > 0 THEN
        PERFORM web_session_end_v1(ended, 'revoked', NULL, p_now, p_forget_at);
    END IF;
    IF NOT rotates THEN
        RETURN;
    END IF;

    is_current := true;
    UPDATE web_session_tombstones SET grace_until = NULL, at = p_now
    WHERE token_hash = ANY (ARRAY(
        SELECT token_hash FROM web_session_tombstones
        WHERE session_id = p_id AND grace_until > p_now ORDER BY ordinal DESC OFFSET p_graces
    ));
    INSERT INTO web_session_tombstones
        (token_hash, session_id, ordinal, how, at, grace_until, expires_at)
    SELECT old.token_hash, p_id, coalesce(max(ordinal), 0) + 1, 'rotated', p_now, p_grace_until,
        p_forget_at
    FROM web_session_tombstones WHERE session_id = p_id
    -- One that may be forgotten, and was not yet.
    ON CONFLICT (token_hash) DO UPDATE SET session_id = excluded.session_id,
        ordinal = excluded.ordinal, how = excluded.how, at = excluded.at,
        grace_until = excluded.grace_until, expires_at = excluded.expires_at, successor_id = NULL,
        successor_seen = false, data = NULL, user_id = NULL;
END
$$;

-- Ends one live session, of p_owner where one is named, by the right of p_acting where one is named.
-- outcome: removed, missing, acting_ended.
CREATE FUNCTION web_session_remove_v1(
    p_id text, p_token bytea, p_owner text, p_acting text, p_acting_token bytea, p_how text,
    p_now timestamptz, p_forget_at timestamptz, OUT outcome text
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    actor text;
BEGIN
    IF p_acting IS NOT NULL THEN
        SELECT user_id INTO actor FROM web_sessions WHERE id = p_acting;
        IF actor IS NOT NULL THEN
            PERFORM web_session_lock_user_v1(actor);
        END IF;
    END IF;
    PERFORM 1 FROM web_sessions WHERE id IN (p_id, p_acting) ORDER BY id FOR UPDATE;
    IF p_acting IS NOT NULL AND NOT web_session_is_good_v1(p_acting, p_acting_token, p_now) THEN
        outcome := 'acting_ended';
        RETURN;
    END IF;
    PERFORM 1 FROM web_sessions
    WHERE id = p_id AND expires_at > p_now AND (p_owner IS NULL OR user_id = p_owner);
    IF NOT FOUND THEN
        outcome := 'missing';
        RETURN;
    END IF;
    PERFORM web_session_lock_tombstones_v1(ARRAY[p_id]);
    PERFORM web_session_end_v1(ARRAY[p_id], p_how, p_token, p_now, p_forget_at);
    outcome := 'removed';
END
$$;

-- Ends every session of a user but one, by the right of p_acting where one is named; the ids of those
-- that were live. outcome: removed, acting_ended.
CREATE FUNCTION web_session_remove_user_v1(
    p_user text, p_acting text, p_acting_token bytea, p_except text, p_how text,
    p_now timestamptz, p_forget_at timestamptz, OUT outcome text, OUT removed text[]
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM web_session_lock_user_v1(p_user);
    PERFORM 1 FROM web_sessions
    WHERE (user_id = p_user AND id IS DISTINCT FROM p_except) OR id = p_acting
    ORDER BY id || '' FOR UPDATE;
    IF p_acting IS NOT NULL AND NOT web_session_is_good_v1(p_acting, p_acting_token, p_now) THEN
        outcome := 'acting_ended';
        RETURN;
    END IF;
    DELETE FROM web_sessions
    WHERE user_id = p_user AND id IS DISTINCT FROM p_except AND expires_at <= p_now;
    removed := ARRAY(
        SELECT id FROM web_sessions
        WHERE user_id = p_user AND id IS DISTINCT FROM p_except ORDER BY id || ''
    );
    PERFORM web_session_lock_tombstones_v1(removed);
    PERFORM web_session_end_v1(removed, p_how, p_acting_token, p_now, p_forget_at);
    outcome := 'removed';
END
$$;

-- Ends the live ones of the first p_limit sessions after p_after, in the order of their ids. next_after: where
-- the next batch begins, NULL if nothing is behind it. It waits for nobody's lock on a user, as web_session_remove_v1
-- does not: what is made meanwhile may stay.
CREATE FUNCTION web_session_end_all_v1(
    p_after text, p_limit bigint, p_how text, p_now timestamptz, p_forget_at timestamptz,
    OUT removed text[], OUT next_after text
) LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off AS $$
DECLARE
    batch text[];
BEGIN
    batch := ARRAY(
        SELECT id FROM web_sessions WHERE id > p_after ORDER BY id LIMIT p_limit FOR UPDATE
    );
    IF cardinality(batch) = p_limit THEN
        next_after := batch[p_limit];
    END IF;
    removed := ARRAY(
        SELECT id FROM web_sessions WHERE id = ANY (batch) AND expires_at > p_now ORDER BY id || ''
    );
    PERFORM web_session_lock_tombstones_v1(removed);
    PERFORM web_session_end_v1(removed, p_how, NULL, p_now, p_forget_at);
END
$$;

-- Looks at the first due sessions and tombstones: deletes the expired, and files the renewed under
-- their new expiry. p_from: nothing before it is due, says who calls; next_from is that for the next
-- call. Deleted rows stay in the index until it is vacuumed, and a purge of many batches would pass
-- by all that it deleted, in each of them. p_tell: expired gets the ids of the deleted, owners whose they were.
CREATE FUNCTION web_session_purge_v1(
    p_now timestamptz, p_limit bigint, p_from timestamptz DEFAULT '-infinity',
    p_tell boolean DEFAULT false,
    OUT removed bigint, OUT more boolean, OUT next_from timestamptz, OUT expired text[],
    OUT owners text[]
) LANGUAGE plpgsql
SET search_path FROM CURRENT
-- To compile what looks at a few rows of a large table takes five times as long as to look.
SET jit = off
-- Nobody who purges waits for a row: see below.
SET lock_timeout = '20ms' AS $$
DECLARE
    until timestamptz;
    renewed bigint := 0;
    due text[];
    forgotten bigint;
BEGIN
    removed := 0;
    expired := '{}';
    owners := '{}';
    next_from := p_from;
    -- The batch ends before the first row that is too many.
    SELECT purge_after INTO until FROM web_sessions
    WHERE purge_after >= p_from AND purge_after <= p_now
    ORDER BY purge_after OFFSET p_limit LIMIT 1;
    more := FOUND;
    until := coalesce(until, p_now + interval '1 microsecond');
    BEGIN
        IF p_tell THEN
            WITH gone AS (
                DELETE FROM web_sessions
                WHERE purge_after >= p_from AND purge_after < until AND expires_at <= p_now
                RETURNING id, user_id
            )
            SELECT count(*), coalesce(array_agg(id), '{}'), coalesce(array_agg(user_id), '{}')
            INTO removed, expired, owners FROM gone;
        ELSE
            DELETE FROM web_sessions
            WHERE purge_after >= p_from AND purge_after < until AND expires_at <= p_now;
            GET DIAGNOSTICS removed = ROW_COUNT;
        END IF;
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
        expired := '{}';
        owners := '{}';
    END;
    -- Somebody else is at work on one of them, or too many are due at the same moment: row by row,
    -- past those that are taken. It takes twice as long.
    IF removed + renewed = 0 THEN
        due := ARRAY(
            SELECT id FROM web_sessions WHERE purge_after >= p_from AND purge_after <= p_now
            ORDER BY purge_after LIMIT p_limit FOR UPDATE SKIP LOCKED
        );
        IF p_tell THEN
            WITH gone AS (
                DELETE FROM web_sessions WHERE id = ANY (due) AND expires_at <= p_now
                RETURNING id, user_id
            )
            SELECT count(*), coalesce(array_agg(id), '{}'), coalesce(array_agg(user_id), '{}')
            INTO removed, expired, owners FROM gone;
        ELSE
            DELETE FROM web_sessions WHERE id = ANY (due) AND expires_at <= p_now;
            GET DIAGNOSTICS removed = ROW_COUNT;
        END IF;
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
