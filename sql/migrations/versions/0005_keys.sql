-- Keys of the API. Of a key only its public id and a hash of its secret are kept; no role but the owner reads the table, and
-- the API asks for one key by its id.
CREATE TABLE rpt.api_key (
    key_id TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'analyst', 'admin')),
    user_id TEXT,
    scopes TEXT[] NOT NULL,
    note TEXT,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    created_by TEXT NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    PRIMARY KEY (key_id),
    CHECK (role <> 'viewer' OR user_id IS NOT NULL)
);

CREATE FUNCTION rpt.api_key_of(id text)
RETURNS TABLE (secret_hash bytea, role text, user_id text, scopes text[], expires_at timestamptz, revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.secret_hash, k.role, k.user_id, k.scopes, k.expires_at, k.revoked_at FROM rpt.api_key k WHERE k.key_id = id
$$;
REVOKE ALL ON FUNCTION rpt.api_key_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpt.api_key_of(text) TO clearsight_api;
