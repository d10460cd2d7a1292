CREATE TABLE rpt.connector_watch (
    connector TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('running', 'failing', 'given_up')),
    since TIMESTAMPTZ NOT NULL,
    restarts INTEGER NOT NULL,
    restarted_at TIMESTAMPTZ,
    reason TEXT
);
GRANT SELECT, INSERT, UPDATE ON rpt.connector_watch TO clearsight_writer;
GRANT SELECT ON rpt.connector_watch TO clearsight_api;

ALTER TABLE rpt.connector_watch ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DO $$
BEGIN
    EXECUTE format('CREATE POLICY owner ON rpt.connector_watch TO CURRENT_USER USING (current_user = %L)', current_user);
END $$;
CREATE POLICY writer ON rpt.connector_watch TO clearsight_writer USING (true);
CREATE POLICY reader ON rpt.connector_watch FOR SELECT TO clearsight_api, clearsight_bi USING ((SELECT rpt.somebody_asks()));
