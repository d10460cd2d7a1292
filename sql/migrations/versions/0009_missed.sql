-- What never reached a topic has no offsets there. `cause` names what it was missing for, so that it is written once.
ALTER TABLE rpt.gap
    ALTER COLUMN kafka_partition DROP NOT NULL,
    ALTER COLUMN from_offset DROP NOT NULL,
    ADD COLUMN cause TEXT;
CREATE UNIQUE INDEX ux_gap_cause ON rpt.gap (topic, cause);

-- The last day of heartbeats: the one before and the one after a position say when it was.
CREATE TABLE rpt.heartbeat (
    source TEXT NOT NULL,
    position BIGINT NOT NULL,
    commit_lsn BIGINT NOT NULL,
    beat_at TIMESTAMPTZ NOT NULL,
    acknowledged BIGINT,
    PRIMARY KEY (source, position)
);

-- What the source said of itself last.
CREATE TABLE rpt.source_state (
    source TEXT NOT NULL,
    position BIGINT NOT NULL,
    beat_at TIMESTAMPTZ NOT NULL,
    sign JSONB NOT NULL,
    PRIMARY KEY (source)
);

-- Snapshots with which the stream began anew, until the heartbeats around them are known.
CREATE TABLE rpt.stream_start (
    source TEXT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (source, position)
);

GRANT SELECT, INSERT, UPDATE ON rpt.heartbeat, rpt.source_state, rpt.stream_start TO clearsight_writer;
GRANT DELETE ON rpt.heartbeat, rpt.stream_start TO clearsight_writer;
GRANT SELECT ON rpt.heartbeat, rpt.source_state, rpt.stream_start TO clearsight_api;

DO $$
DECLARE
    t REGCLASS;
BEGIN
    FOREACH t IN ARRAY ARRAY['rpt.heartbeat', 'rpt.source_state', 'rpt.stream_start']::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner ON %s TO CURRENT_USER USING (current_user = %L)', t, current_user);
        EXECUTE format('CREATE POLICY writer ON %s TO clearsight_writer USING (true)', t);
        EXECUTE format('CREATE POLICY reader ON %s FOR SELECT TO clearsight_api, clearsight_bi '
                       'USING ((SELECT rpt.somebody_asks()))', t);
    END LOOP;
END $$;
