-- Least privilege: the worker writes rpt and deletes only what it has handed on; the API reads rpt; BI reads bi.
CREATE SCHEMA IF NOT EXISTS bi;
GRANT USAGE ON SCHEMA rpt TO clearsight_writer, clearsight_api;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA rpt TO clearsight_writer;
GRANT DELETE ON rpt.audit_outbox, rpt.watermark TO clearsight_writer;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA rpt TO clearsight_writer;
GRANT EXECUTE ON FUNCTION rpt.ensure_month(timestamptz) TO clearsight_writer;
GRANT SELECT ON ALL TABLES IN SCHEMA rpt TO clearsight_api;
GRANT USAGE ON SCHEMA bi TO clearsight_bi;
