-- The demo application's tables, and beside them the truth about every row that was changed. Safe to run again.

CREATE SCHEMA IF NOT EXISTS forecast;

CREATE TABLE IF NOT EXISTS forecast.users (
    user_id    uuid PRIMARY KEY,
    name       text NOT NULL,
    email      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS forecast.scenarios (
    scenario_id  uuid PRIMARY KEY,
    name         text NOT NULL,
    owner_id     uuid NOT NULL REFERENCES forecast.users,
    status       text NOT NULL DEFAULT 'draft'
                 CHECK (status IN ('draft', 'submitted', 'approved', 'locked', 'archived')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    submitted_at timestamptz,
    approved_at  timestamptz,
    locked_at    timestamptz,
    archived_at  timestamptz
);

CREATE TABLE IF NOT EXISTS forecast.inputs (
    input_id     uuid PRIMARY KEY,
    scenario_id  uuid NOT NULL REFERENCES forecast.scenarios ON DELETE CASCADE,
    node         text NOT NULL,
    name         text NOT NULL,
    value_number numeric,
    value_text   text,
    value_json   jsonb,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (scenario_id, node, name)
);

CREATE TABLE IF NOT EXISTS forecast.runs (
    run_id        uuid PRIMARY KEY,
    scenario_id   uuid NOT NULL REFERENCES forecast.scenarios ON DELETE CASCADE,
    started_by    uuid NOT NULL REFERENCES forecast.users,
    status        text NOT NULL CHECK (status IN ('running', 'succeeded', 'failed')),
    started_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    error_message text,
    failed_node   text
);
CREATE INDEX IF NOT EXISTS runs_scenario ON forecast.runs (scenario_id);

CREATE TABLE IF NOT EXISTS forecast.run_nodes (
    run_id      uuid NOT NULL REFERENCES forecast.runs ON DELETE CASCADE,
    node        text NOT NULL,
    status      text NOT NULL CHECK (status IN ('succeeded', 'failed')),
    result      numeric,
    duration_ms numeric,
    error       text,
    PRIMARY KEY (run_id, node)
);

GRANT USAGE ON SCHEMA forecast TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA forecast TO {role};

-- The truth: written in the transaction of the change itself, so rolled back with it; not published, so nothing that is
-- under test can read it. An update of the key counts as a delete and an insert, as logical decoding tells it.

CREATE SCHEMA IF NOT EXISTS truth;
REVOKE ALL ON SCHEMA truth FROM PUBLIC;

CREATE TABLE IF NOT EXISTS truth.change (
    seq        bigserial PRIMARY KEY,
    txid       bigint NOT NULL,
    table_name text NOT NULL,
    op         "char" NOT NULL,
    row_key    text NOT NULL,
    before     jsonb,
    after      jsonb,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE IF NOT EXISTS truth.seed_use (
    seed    bigint NOT NULL,
    round   integer NOT NULL,
    used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (seed, round)
);

CREATE OR REPLACE FUNCTION truth.row_key(image jsonb, VARIADIC key_columns text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT string_agg(coalesce(image ->> name, ''), '/' ORDER BY place)
      FROM unnest(key_columns) WITH ORDINALITY AS keys (name, place)
$$;

CREATE OR REPLACE FUNCTION truth.record_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    before  jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after   jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    old_key text := truth.row_key(before, VARIADIC TG_ARGV);
    new_key text := truth.row_key(after, VARIADIC TG_ARGV);
    txid    bigint := pg_current_xact_id()::text::bigint;
    name    text := TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME;
BEGIN
    IF TG_OP = 'UPDATE' AND old_key = new_key THEN
        INSERT INTO truth.change (txid, table_name, op, row_key, before, after)
             VALUES (txid, name, 'u', new_key, before, after);
        RETURN NULL;
    END IF;
    IF before IS NOT NULL THEN
        INSERT INTO truth.change (txid, table_name, op, row_key, before) VALUES (txid, name, 'd', old_key, before);
    END IF;
    IF after IS NOT NULL THEN
        INSERT INTO truth.change (txid, table_name, op, row_key, after) VALUES (txid, name, 'c', new_key, after);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION truth.record_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO truth.change (txid, table_name, op, row_key)
         VALUES (pg_current_xact_id()::text::bigint, TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, 't', '');
    RETURN NULL;
END
$$;
