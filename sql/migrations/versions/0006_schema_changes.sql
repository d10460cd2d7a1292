-- One row a table and aspect (columns, types): the runs of equal shapes in commit order, each with the first row that was seen.
-- It is the lock of its table's shapes, too; `version` is another one after each change.
CREATE TABLE rpt.row_shape (
    table_schema TEXT NOT NULL,
    table_name TEXT NOT NULL,
    aspect TEXT NOT NULL CHECK (aspect IN ('columns', 'types')),
    version BIGINT NOT NULL,
    runs JSONB NOT NULL,
    PRIMARY KEY (table_schema, table_name, aspect)
);

-- `occurred_at` and `change_event_id` are those of the first row with the new shape: the DDL itself was before it. A step that
-- turned out to have been two is withdrawn, never deleted.
CREATE TABLE rpt.fact_schema_change (
    event_id UUID PRIMARY KEY,
    occurred_at TIMESTAMPTZ NOT NULL,
    table_schema TEXT NOT NULL,
    table_name TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('columns.added', 'columns.dropped', 'columns.replaced', 'types.changed')),
    added TEXT[] NOT NULL,
    dropped TEXT[] NOT NULL,
    retyped JSONB,
    withdrawn BOOLEAN NOT NULL,
    change_event_id UUID NOT NULL,
    epoch INTEGER NOT NULL,
    commit_lsn BIGINT NOT NULL,
    lsn BIGINT NOT NULL,
    total_order BIGINT NOT NULL,
    revision INTEGER DEFAULT 1 NOT NULL,
    landed_at TIMESTAMPTZ DEFAULT now() NOT NULL
);
CREATE INDEX ix_schema_change_table ON rpt.fact_schema_change (table_schema, table_name);
CREATE INDEX ix_schema_change_time ON rpt.fact_schema_change (occurred_at);

GRANT SELECT, INSERT, UPDATE ON rpt.row_shape, rpt.fact_schema_change TO clearsight_writer;
GRANT SELECT ON rpt.row_shape, rpt.fact_schema_change TO clearsight_api;

-- names of columns are nobody's data: whoever asks may read them
DO $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY ARRAY['rpt.row_shape', 'rpt.fact_schema_change']::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner ON %s TO CURRENT_USER USING (current_user = %L)', t, current_user);
        EXECUTE format('CREATE POLICY writer ON %s TO clearsight_writer USING (true)', t);
        EXECUTE format('CREATE POLICY reader ON %s FOR SELECT TO clearsight_api, clearsight_bi '
                       'USING ((SELECT rpt.somebody_asks()))', t);
    END LOOP;
END $$;
