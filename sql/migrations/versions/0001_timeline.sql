-- One timeline: every audit event of a scenario. A live view, because a materialised one is stale.
CREATE VIEW rpt.view_scenario_audit_trail WITH (security_invoker = true) AS
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
LEFT JOIN rpt.dim_user u ON u.user_key = f.user_key
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
LEFT JOIN rpt.dim_user u ON u.user_key = f.user_key
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
LEFT JOIN rpt.dim_user u ON u.user_key = f.user_key
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
FROM rpt.fact_cloudwatch_log f
JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.dim_user u ON u.user_key = f.user_key
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
FROM rpt.fact_cloudwatch_log f
JOIN rpt.correlation_touch t ON t.correlation_id = f.correlation_id AND t.kind = 'scenario'
JOIN rpt.dim_scenario s ON s.scenario_key = t.key
LEFT JOIN rpt.dim_user u ON u.user_key = f.user_key
WHERE f.link = 'shared' AND f.scenario_key IS NULL;
