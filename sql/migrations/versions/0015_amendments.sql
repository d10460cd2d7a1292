-- What was amended, or came out of its turn (a dead letter that was redriven), for those who follow the timeline as it lands:
-- whatever is queued for the audit topic for that is noted here too, and stays a day. `xid` is the transaction: what committed
-- before a snapshot's xmin is seen whole, so readers go from one xmin to the next.
CREATE TABLE rpt.amendment (
    xid BIGINT NOT NULL,
    kind TEXT NOT NULL,
    event_id UUID NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    noted_at TIMESTAMPTZ DEFAULT now() NOT NULL
);
CREATE INDEX ix_amendment_xid ON rpt.amendment (xid);

CREATE FUNCTION rpt.note_amendments() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO rpt.amendment (xid, kind, event_id, occurred_at)
    SELECT pg_current_xact_id()::text::bigint, q.kind, q.event_id, q.occurred_at FROM queued q WHERE q.kind <> 'schema_change';
    -- more than is added, so that it never grows for long
    DELETE FROM rpt.amendment WHERE ctid = ANY (ARRAY(
        SELECT a.ctid FROM rpt.amendment a WHERE a.noted_at < now() - interval '1 day' ORDER BY a.xid
        LIMIT 2 * (SELECT count(*) FROM queued) FOR UPDATE SKIP LOCKED));
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION rpt.note_amendments() FROM PUBLIC;
CREATE TRIGGER note_amendments AFTER INSERT ON rpt.audit_outbox REFERENCING NEW TABLE AS queued
FOR EACH STATEMENT EXECUTE FUNCTION rpt.note_amendments();

GRANT SELECT ON rpt.amendment TO clearsight_api, clearsight_writer;
ALTER TABLE rpt.amendment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DO $$
BEGIN
    EXECUTE format('CREATE POLICY owner ON rpt.amendment TO CURRENT_USER USING (current_user = %L)', current_user);
END $$;
CREATE POLICY writer ON rpt.amendment TO clearsight_writer USING (true);
CREATE POLICY reader ON rpt.amendment FOR SELECT TO clearsight_api, clearsight_bi USING ((SELECT rpt.somebody_asks()));
