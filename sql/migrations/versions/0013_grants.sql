-- The views run with their reader's rights, so the reader needs those of the tables; without USAGE of the schema rpt they cannot
-- be named, and only `bi` can be asked.
GRANT SELECT ON rpt.dim_scenario, rpt.dim_user, rpt.user_id, rpt.dim_run, rpt.dim_date, rpt.fact_run_diagnostic, rpt.fact_row_change,
    rpt.fact_user_action, rpt.fact_scenario_state_change, rpt.view_log, rpt.view_log_told, rpt.correlation_touch,
    rpt.watermark, rpt.consumer_position, rpt.batch TO clearsight_bi;
GRANT SELECT ON rpt.view_log_told TO clearsight_api;
GRANT EXECUTE ON FUNCTION rpt.uncertain(timestamptz, timestamptz, timestamptz, interval, bigint),
    rpt.gaps_told(timestamptz, timestamptz, interval, bigint) TO clearsight_bi;
GRANT SELECT ON ALL TABLES IN SCHEMA bi TO clearsight_bi, clearsight_api;
GRANT USAGE ON SCHEMA bi TO clearsight_api;
REVOKE ALL ON FUNCTION rpt.same_value(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpt.same_value(jsonb, jsonb) TO clearsight_bi, clearsight_api;
