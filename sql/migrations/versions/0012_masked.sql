-- What is masked in views must not be read beside them.

-- The text of a line of several scenarios names them all. Columns have no policies, so readers have the view alone. It runs with
-- its owner's rights, and shows what a policy of the owner's lets whoever asks see; its WHERE says the same once more, for an
-- owner whom row-level security does not bind.
DO $$
BEGIN
    EXECUTE format('CREATE POLICY of_view_log ON rpt.fact_cloudwatch_log FOR SELECT TO CURRENT_USER '
                   'USING (coalesce(scenario_key <@ (SELECT rpt.sees()), 0::bigint <@ (SELECT rpt.sees())) '
                   'OR (link = ''shared'' AND rpt.touches_seen(correlation_key)))');
END $$;
DROP POLICY reader ON rpt.fact_cloudwatch_log;
REVOKE SELECT ON rpt.fact_cloudwatch_log FROM clearsight_api, clearsight_bi;

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
       f.redactions, f.flags, f.topic, f.kafka_partition, f.kafka_offset, f.landed_at
FROM rpt.fact_cloudwatch_log f
WHERE coalesce(f.scenario_key <@ (SELECT rpt.sees()), 0::bigint <@ (SELECT rpt.sees()))
   OR (f.link = 'shared' AND rpt.touches_seen(f.correlation_key));

-- That something is missing, of what and of which time, is for everybody: an answer is not complete by it. Why it is missing, and
-- what a person wrote about it, is about the pipeline and its operators.
CREATE FUNCTION rpt.gaps_told(since timestamptz, until timestamptz, clock_skew interval, most bigint)
RETURNS TABLE (gap_id bigint, topic text, kafka_partition integer, from_offset bigint, to_offset bigint, reason text,
               detected_at timestamptz, events_after timestamptz, events_before timestamptz, acknowledged_at timestamptz,
               acknowledged_by text, acknowledged_because text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT g.gap_id, g.topic, g.kafka_partition, g.from_offset, g.to_offset, CASE WHEN all_seen THEN g.reason END,
           g.detected_at, g.events_after, g.events_before, g.acknowledged_at,
           CASE WHEN all_seen THEN g.acknowledged_by END, CASE WHEN all_seen THEN g.acknowledged_because END
    FROM rpt.gap g, (SELECT 0::bigint <@ rpt.sees()) AS asking (all_seen)
    WHERE rpt.somebody_asks()
      AND coalesce(g.events_before, 'infinity') >= since - clock_skew
      AND coalesce(g.events_after, '-infinity') <= until + clock_skew
    ORDER BY g.gap_id DESC LIMIT most
$$;
REVOKE ALL ON FUNCTION rpt.gaps_told(timestamptz, timestamptz, interval, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpt.gaps_told(timestamptz, timestamptz, interval, bigint) TO clearsight_api;

DO $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY ARRAY['rpt.gap', 'rpt.connector_watch', 'rpt.heartbeat', 'rpt.source_state', 'rpt.stream_start']::regclass[] LOOP
        EXECUTE format('ALTER POLICY reader ON %s USING (0::bigint <@ (SELECT rpt.sees()))', t);
    END LOOP;
END $$;
