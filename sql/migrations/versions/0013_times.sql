-- Power BI compares whole seconds without a zone, and days. Stored, because only a bare column can be looked up in an index
-- below row-level security: functions of time are not leakproof.
SET LOCAL statement_timeout = 0;

DO $$
DECLARE
    fact text;
BEGIN
    FOREACH fact IN ARRAY ARRAY['fact_row_change', 'fact_user_action', 'fact_scenario_state_change', 'fact_cloudwatch_log'] LOOP
        EXECUTE format('ALTER TABLE rpt.%I '
                       'ADD COLUMN occurred_second TIMESTAMP GENERATED ALWAYS AS (date_trunc(''second'', occurred_at AT TIME ZONE ''UTC'')) STORED, '
                       'ADD COLUMN occurred_on DATE GENERATED ALWAYS AS ((occurred_at AT TIME ZONE ''UTC'')::date) STORED', fact);
    END LOOP;
END $$;
ALTER TABLE rpt.fact_run_diagnostic
    ADD COLUMN started_second TIMESTAMP GENERATED ALWAYS AS (date_trunc('second', started_at AT TIME ZONE 'UTC')) STORED,
    ADD COLUMN started_on DATE GENERATED ALWAYS AS ((started_at AT TIME ZONE 'UTC')::date) STORED;

-- Seconds for pages and for what is newest, in order; days, which lie together in a fact, by BRIN, which costs landing nothing.
CREATE INDEX ix_row_change_second ON rpt.fact_row_change (occurred_second);
CREATE INDEX ix_row_change_day ON rpt.fact_row_change USING brin (occurred_on) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX ix_user_action_second ON rpt.fact_user_action (occurred_second);
CREATE INDEX ix_user_action_day ON rpt.fact_user_action USING brin (occurred_on) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX ix_state_change_second ON rpt.fact_scenario_state_change (occurred_second);
CREATE INDEX ix_state_change_day ON rpt.fact_scenario_state_change (occurred_on);
CREATE INDEX ix_log_second ON rpt.fact_cloudwatch_log (occurred_second);
CREATE INDEX ix_log_day ON rpt.fact_cloudwatch_log USING brin (occurred_on) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX ix_log_error_second ON rpt.fact_cloudwatch_log (occurred_second) WHERE level IN ('ERROR', 'FATAL');
CREATE INDEX ix_log_error_day ON rpt.fact_cloudwatch_log (occurred_on) WHERE level IN ('ERROR', 'FATAL');
CREATE INDEX ix_run_diagnostic_second ON rpt.fact_run_diagnostic (started_second);
CREATE INDEX ix_run_diagnostic_day ON rpt.fact_run_diagnostic (started_on)
    INCLUDE (scenario_key, outcome, category, failing_node, deleted);

CREATE OR REPLACE VIEW rpt.view_log WITH (security_invoker = false) AS
SELECT f.event_id, f.occurred_at, f.cloudwatch_id, f.ingested_at, f.log_group, f.log_stream, f.level, f.category,
       CASE WHEN f.link = 'shared' AND NOT 0::bigint <@ rpt.sees()
            THEN rpt.without_others(f.message, f.correlation_key) ELSE f.message END AS message,
       f.error_type,
       CASE WHEN f.link = 'shared' AND NOT 0::bigint <@ rpt.sees()
            THEN rpt.without_others(f.error_message, f.correlation_key) ELSE f.error_message END AS error_message,
       CASE WHEN f.link = 'shared' AND NOT 0::bigint <@ rpt.sees()
            THEN rpt.without_others(f.stack, f.correlation_key) ELSE f.stack END AS stack,
       f.fingerprint, f.service, f.node, f.scenario_key, f.run_key, f.names_run, f.user_key, f.correlation_id,
       f.correlation_key, f.link, f.revision, f.correlation_source, f.request_id, f.trace_id,
       CASE WHEN f.link = 'shared' AND NOT 0::bigint <@ rpt.sees() THEN NULL ELSE f.attributes END AS attributes,
       f.redactions, f.flags, f.topic, f.kafka_partition, f.kafka_offset, f.landed_at, f.occurred_second, f.occurred_on
FROM rpt.fact_cloudwatch_log f
WHERE coalesce(f.scenario_key <@ (SELECT rpt.sees()), 0::bigint <@ (SELECT rpt.sees()))
   OR (f.link = 'shared' AND rpt.touches_seen(f.correlation_key));
