-- Facts that one transaction was too short to amend: transactions (tx id and commit time), correlations and runs (their keys) that
-- the worker's timer goes on with. `at` is 1970 where a number alone identifies.
CREATE TABLE rpt.amendment_left (
    kind TEXT NOT NULL CHECK (kind IN ('transaction', 'correlation', 'run')),
    key BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (kind, key, at)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON rpt.amendment_left TO clearsight_writer;
ALTER TABLE rpt.amendment_left ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DO $$
BEGIN
    EXECUTE format('CREATE POLICY owner ON rpt.amendment_left TO CURRENT_USER USING (current_user = %L)', current_user);
END $$;
CREATE POLICY writer ON rpt.amendment_left TO clearsight_writer USING (true);
