-- Names and e-mail addresses are for analyst and admin; a viewer sees their own. The ids are for everybody, because they say
-- who changed what: they stand in a table of their own, kept by a trigger.
CREATE TABLE rpt.user_id (
    user_key BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (user_key),
    UNIQUE (user_id)
);
INSERT INTO rpt.user_id (user_key, user_id) SELECT user_key, user_id FROM rpt.dim_user;

CREATE FUNCTION rpt.keep_user_ids() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO rpt.user_id (user_key, user_id) SELECT n.user_key, n.user_id FROM new_users n ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION rpt.keep_user_ids() FROM PUBLIC;
CREATE TRIGGER keep_user_ids AFTER INSERT ON rpt.dim_user REFERENCING NEW TABLE AS new_users
FOR EACH STATEMENT EXECUTE FUNCTION rpt.keep_user_ids();

GRANT SELECT ON rpt.user_id TO clearsight_api, clearsight_writer;

CREATE VIEW rpt.view_user WITH (security_invoker = true) AS
SELECT i.user_key, i.user_id, u.name, u.email, u.first_seen_at
FROM rpt.user_id i LEFT JOIN rpt.dim_user u ON u.user_key = i.user_key;

-- A line that belongs to several scenarios may name them all.
CREATE FUNCTION rpt.without_others(line text, correlation bigint) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other text;
BEGIN
    FOR other IN
        SELECT s.scenario_id FROM rpt.correlation_touch t JOIN rpt.dim_scenario s ON s.scenario_key = t.key
        WHERE t.correlation_key = correlation AND t.kind = 'scenario' AND NOT s.scenario_key <@ rpt.sees()
          AND strpos(line, s.scenario_id) > 0
        ORDER BY length(s.scenario_id) DESC
    LOOP
        line := regexp_replace(line, '(?<![[:alnum:]_-])' || regexp_replace(other, '([^[:alnum:]])', '\\\1', 'g')
                                     || '(?![[:alnum:]_-])', '[another scenario]', 'g');
    END LOOP;
    RETURN line;
END $$;
REVOKE ALL ON FUNCTION rpt.without_others(text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpt.without_others(text, bigint) TO clearsight_api, clearsight_bi;

CREATE VIEW rpt.view_log WITH (security_invoker = true) AS
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
FROM rpt.fact_cloudwatch_log f;

CREATE OR REPLACE VIEW rpt.view_scenario_audit_trail WITH (security_invoker = true) AS
SELECT f.scenario_key,
       s.scenario_id,
       f.event_id,
       f.occurred_at,
       'action' AS kind,
       f.action AS event_type,
       f.action || coalesce(' ' || (f.details ->> 'label'), '') AS summary,
       u.user_id,
       u.name AS user_name,
       r.run_id,
       f.node,
       NULL::text AS level,
       NULL::text AS category,
       f.correlation_id,
       NULL::text AS correlation_source,
       f.link,
       f.revision,
       f.details,
       false AS approximate_order,
       f.epoch, f.commit_lsn, f.lsn, f.total_order
FROM rpt.fact_user_action f
JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.view_user u ON u.user_key = f.user_key
LEFT JOIN rpt.dim_run r ON r.run_key = f.run_key
UNION ALL
SELECT f.scenario_key,
       s.scenario_id,
       f.event_id,
       f.occurred_at,
       'change',
       f.part || CASE f.op WHEN 'c' THEN '.inserted' WHEN 'u' THEN '.updated' WHEN 'd' THEN '.deleted' ELSE '.truncated' END,
       f.table_name || ' ' || f.row_key || coalesce(': ' || nullif(array_to_string(f.changed, ', '), ''), ''),
       u.user_id,
       u.name,
       r.run_id,
       f.node,
       NULL, NULL,
       f.correlation_id,
       NULL,
       f.link,
       f.revision,
       jsonb_build_object('before', f.before, 'after', f.after, 'changed', f.changed, 'tx_id', f.tx_id),
       false,
       f.epoch, f.commit_lsn, f.lsn, f.total_order
FROM rpt.fact_row_change f
JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.view_user u ON u.user_key = f.user_key
LEFT JOIN rpt.dim_run r ON r.run_key = f.run_key
WHERE f.action IS NULL
UNION ALL
SELECT f.scenario_key,
       s.scenario_id,
       f.event_id,
       f.occurred_at,
       'state_change',
       'scenario.' || f.to_state,
       coalesce(f.from_state, '(new)') || ' → ' || f.to_state,
       u.user_id,
       u.name,
       NULL, NULL, NULL, NULL,
       f.correlation_id,
       NULL,
       f.link,
       f.revision,
       jsonb_build_object('from_state', f.from_state, 'to_state', f.to_state, 'how_known', f.how_known,
                          'ms_in_state_before', f.ms_in_state_before),
       false,
       f.epoch, f.commit_lsn, f.lsn, f.total_order
FROM rpt.fact_scenario_state_change f
JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.view_user u ON u.user_key = f.user_key
UNION ALL
SELECT f.scenario_key,
       s.scenario_id,
       f.event_id,
       f.occurred_at,
       'log',
       'log.' || lower(f.level),
       f.message,
       u.user_id,
       u.name,
       r.run_id,
       f.node,
       f.level,
       f.category,
       f.correlation_id,
       f.correlation_source,
       f.link,
       f.revision,
       jsonb_strip_nulls(jsonb_build_object('service', f.service, 'error_type', f.error_type, 'error_message', f.error_message,
                                            'stack', f.stack, 'log_group', f.log_group, 'log_stream', f.log_stream)),
       true,
       0, 0::bigint, 0::bigint, 0::bigint
FROM rpt.view_log f
JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.view_user u ON u.user_key = f.user_key
LEFT JOIN rpt.dim_run r ON r.run_key = f.run_key
UNION ALL
-- a line whose correlation id touched several scenarios shows in each
SELECT s.scenario_key,
       s.scenario_id,
       f.event_id,
       f.occurred_at,
       'log',
       'log.' || lower(f.level),
       f.message,
       u.user_id,
       u.name,
       NULL,
       f.node,
       f.level,
       f.category,
       f.correlation_id,
       f.correlation_source,
       f.link,
       f.revision,
       jsonb_strip_nulls(jsonb_build_object('service', f.service, 'error_type', f.error_type, 'error_message', f.error_message,
                                            'stack', f.stack, 'log_group', f.log_group, 'log_stream', f.log_stream)),
       true,
       0, 0::bigint, 0::bigint, 0::bigint
FROM rpt.view_log f
JOIN rpt.correlation_touch t ON t.correlation_key = f.correlation_key AND t.kind = 'scenario'
JOIN rpt.dim_scenario s ON s.scenario_key = t.key
LEFT JOIN rpt.view_user u ON u.user_key = f.user_key
WHERE f.link = 'shared' AND f.scenario_key IS NULL;

GRANT SELECT ON rpt.view_user, rpt.view_log TO clearsight_api;
