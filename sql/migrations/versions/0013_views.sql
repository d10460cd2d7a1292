-- One view a table of the semantic model. Types that Npgsql 4.0 knows well: text, bigint, integer, double precision, boolean,
-- date and timestamp without zone, which is UTC. Texts stay below the 32,764 characters that DirectQuery takes.
--   occurred_at        whole seconds, as far as Power BI sees
--   occurred_at_exact  microseconds
--   event_seq          microseconds since 1970; events of the same one are in order of commit_lsn and event_order

-- Two values of inputs, numbers by what they count: '10' is 10.0.
CREATE FUNCTION rpt.same_value(one jsonb, other jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN one IS NOT DISTINCT FROM other THEN true
    WHEN one IS NULL OR other IS NULL OR jsonb_typeof(one) = 'null' OR jsonb_typeof(other) = 'null' THEN false
    WHEN one #>> '{}' ~ '^\s*[+-]?(\d{1,200}(\.\d{0,200})?|\.\d{1,200})([eE][+-]?\d{1,2})?\s*$'
     AND other #>> '{}' ~ '^\s*[+-]?(\d{1,200}(\.\d{0,200})?|\.\d{1,200})([eE][+-]?\d{1,2})?\s*$'
    THEN (one #>> '{}')::float8 = (other #>> '{}')::float8
    ELSE false END;

CREATE VIEW bi.scenarios WITH (security_invoker = true) AS
SELECT s.scenario_key,
       s.scenario_id,
       s.name,
       s.owner AS owner_id,
       u.name AS owner_name,
       u.email AS owner_email,
       s.status,
       s.deleted,
       date_trunc('second', s.first_seen_at AT TIME ZONE 'UTC') AS first_seen_at,
       (s.first_seen_at AT TIME ZONE 'UTC')::date AS first_seen_on,
       (SELECT r.outcome FROM rpt.fact_run_diagnostic r
        WHERE r.scenario_key = s.scenario_key AND r.start_commit_lsn IS NOT NULL
        ORDER BY r.start_commit_lsn DESC LIMIT 1) AS last_run_outcome,
       (SELECT r.started_second FROM rpt.fact_run_diagnostic r
        WHERE r.scenario_key = s.scenario_key AND r.start_commit_lsn IS NOT NULL
        ORDER BY r.start_commit_lsn DESC LIMIT 1) AS last_run_started_at
FROM rpt.dim_scenario s
LEFT JOIN rpt.dim_user u ON u.user_id = s.owner;

CREATE VIEW bi.users WITH (security_invoker = true) AS
SELECT i.user_key,
       i.user_id,
       u.name,
       u.email,
       date_trunc('second', u.first_seen_at AT TIME ZONE 'UTC') AS first_seen_at
FROM rpt.user_id i
LEFT JOIN rpt.dim_user u ON u.user_key = i.user_key;

CREATE VIEW bi.runs WITH (security_invoker = true) AS
SELECT f.run_key,
       r.run_id,
       f.scenario_key,
       s.scenario_id,
       f.user_key,
       i.user_id,
       f.status,
       f.outcome,
       f.started_second AS started_at,
       f.started_at AT TIME ZONE 'UTC' AS started_at_exact,
       f.started_on,
       date_trunc('hour', f.started_second) AS started_hour,
       date_bin('15 minutes', f.started_second, '2000-01-01') AS started_quarter_hour,
       date_trunc('second', f.finished_at AT TIME ZONE 'UTC') AS finished_at,
       f.finished_at AT TIME ZONE 'UTC' AS finished_at_exact,
       f.duration_ms,
       (extract(epoch FROM f.started_at) * 1000000)::bigint AS event_seq,
       f.category,
       f.error_type,
       left(f.error_message, 32000) AS error_message,
       f.failing_node,
       f.log_lines,
       f.log_warnings,
       f.log_errors,
       f.correlation_id,
       f.last_good_run_key,
       g.run_id AS last_good_run_id
FROM rpt.fact_run_diagnostic f
JOIN rpt.dim_run r ON r.run_key = f.run_key
LEFT JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.user_id i ON i.user_key = f.user_key
LEFT JOIN rpt.dim_run g ON g.run_key = f.last_good_run_key
WHERE NOT f.deleted;

-- The inputs as a run found them, a row each. Ask for runs.
CREATE VIEW bi.run_inputs WITH (security_invoker = true) AS
SELECT f.run_key,
       r.run_id,
       f.scenario_key,
       p.key AS input_key,
       p.value ->> 'node' AS node,
       coalesce(p.value ->> 'name', p.key) AS name,
       left(p.value ->> 'value', 32000) AS value,
       p.value ->> 'event_id' AS change_event_id
FROM rpt.fact_run_diagnostic f
JOIN rpt.dim_run r ON r.run_key = f.run_key
CROSS JOIN LATERAL jsonb_each(f.inputs_at_start) p
WHERE NOT f.deleted;

-- What a run's inputs have that those of the last good run before it had not, by node and name. Ask for runs.
CREATE VIEW bi.run_input_differences WITH (security_invoker = true) AS
SELECT f.run_key,
       r.run_id,
       f.last_good_run_key AS before_run_key,
       b.run_id AS before_run_id,
       f.scenario_key,
       coalesce(d.new_key, d.old_key) AS input_key,
       CASE WHEN d.old_key IS NULL THEN 'added' WHEN d.new_key IS NULL THEN 'removed' ELSE 'changed' END AS kind,
       nullif(d.node, '') AS node,
       d.name,
       left(d.old_value #>> '{}', 32000) AS old_value,
       left(d.new_value #>> '{}', 32000) AS new_value,
       d.change_event_id
FROM rpt.fact_run_diagnostic f
JOIN rpt.dim_run r ON r.run_key = f.run_key
JOIN rpt.fact_run_diagnostic g ON g.run_key = f.last_good_run_key
JOIN rpt.dim_run b ON b.run_key = g.run_key
CROSS JOIN LATERAL (
    SELECT coalesce(n.node, o.node) AS node, coalesce(n.name, o.name) AS name, o.key AS old_key, n.key AS new_key,
           o.value AS old_value, n.value AS new_value, n.change_event_id
    FROM (SELECT key, coalesce(value ->> 'node', '') AS node, coalesce(nullif(value ->> 'name', ''), key) AS name,
                 nullif(value -> 'value', 'null') AS value, value ->> 'event_id' AS change_event_id
          FROM jsonb_each(f.inputs_at_start)) n
    FULL JOIN (SELECT key, coalesce(value ->> 'node', '') AS node, coalesce(nullif(value ->> 'name', ''), key) AS name,
                      nullif(value -> 'value', 'null') AS value
               FROM jsonb_each(g.inputs_at_start)) o
      ON o.node = n.node AND o.name = n.name
    WHERE o.key IS NULL OR n.key IS NULL OR NOT rpt.same_value(o.value, n.value)
) d
WHERE NOT f.deleted;

-- Each run beside the last good run before it.
CREATE VIEW bi.run_comparisons WITH (security_invoker = true) AS
SELECT f.run_key,
       r.run_id,
       f.scenario_key,
       s.scenario_id,
       f.last_good_run_key AS before_run_key,
       b.run_id AS before_run_id,
       f.outcome,
       f.started_second AS started_at,
       f.started_on,
       g.started_second AS before_started_at,
       date_trunc('second', g.finished_at AT TIME ZONE 'UTC') AS before_finished_at,
       (extract(epoch FROM f.started_at - coalesce(g.finished_at, g.started_at)) * 1000)::bigint AS gap_ms,
       f.duration_ms,
       g.duration_ms AS before_duration_ms,
       f.duration_ms - g.duration_ms AS duration_delta_ms,
       f.duration_ms::float8 / nullif(g.duration_ms, 0) AS duration_ratio,
       f.category,
       f.error_type,
       left(f.error_message, 32000) AS error_message,
       f.failing_node,
       f.log_warnings - g.log_warnings AS log_warnings_delta,
       f.log_errors - g.log_errors AS log_errors_delta,
       (SELECT count(*) FROM bi.run_input_differences d WHERE d.run_key = f.run_key)::integer AS input_differences
FROM rpt.fact_run_diagnostic f
JOIN rpt.dim_run r ON r.run_key = f.run_key
JOIN rpt.fact_run_diagnostic g ON g.run_key = f.last_good_run_key
JOIN rpt.dim_run b ON b.run_key = g.run_key
LEFT JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
WHERE NOT f.deleted;

CREATE VIEW bi.state_changes WITH (security_invoker = true) AS
SELECT f.event_id::text AS event_id,
       f.occurred_second AS occurred_at,
       f.occurred_at AT TIME ZONE 'UTC' AS occurred_at_exact,
       f.occurred_on,
       (extract(epoch FROM f.occurred_at) * 1000000)::bigint AS event_seq,
       f.commit_lsn,
       f.total_order AS event_order,
       f.scenario_key,
       s.scenario_id,
       f.from_state,
       f.to_state,
       f.how_known,
       f.ms_in_state_before,
       f.user_key,
       i.user_id,
       f.correlation_id,
       f.link,
       CASE WHEN f.link IN ('direct', 'correlated', 'shared') THEN 'exact' ELSE 'none' END AS confidence
FROM rpt.fact_scenario_state_change f
LEFT JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.user_id i ON i.user_key = f.user_key;

-- A session begins with an action that comes 30 minutes or more after the same user's action before it.
CREATE VIEW bi.user_actions WITH (security_invoker = true) AS
SELECT f.event_id::text AS event_id,
       f.occurred_second AS occurred_at,
       f.occurred_at AT TIME ZONE 'UTC' AS occurred_at_exact,
       f.occurred_on,
       (extract(epoch FROM f.occurred_at) * 1000000)::bigint AS event_seq,
       f.commit_lsn,
       f.total_order AS event_order,
       f.action,
       left(f.details ->> 'label', 32000) AS label,
       f.user_key,
       i.user_id,
       f.scenario_key,
       s.scenario_id,
       f.run_key,
       r.run_id,
       f.node,
       f.user_key IS NOT NULL AND NOT EXISTS (
           SELECT FROM rpt.fact_user_action p
           WHERE p.user_key = f.user_key AND p.occurred_at > f.occurred_at - interval '30 minutes'
             AND p.occurred_at <= f.occurred_at AND (p.occurred_at, p.event_id) < (f.occurred_at, f.event_id)
       ) AS begins_session,
       f.correlation_id,
       f.link,
       CASE WHEN f.link IN ('direct', 'correlated', 'shared') THEN 'exact' ELSE 'none' END AS confidence
FROM rpt.fact_user_action f
LEFT JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.dim_run r ON r.run_key = f.run_key
LEFT JOIN rpt.user_id i ON i.user_key = f.user_key;

CREATE VIEW bi.input_changes WITH (security_invoker = true) AS
SELECT f.event_id::text AS event_id,
       f.change_event_id::text AS change_event_id,
       f.occurred_second AS occurred_at,
       f.occurred_at AT TIME ZONE 'UTC' AS occurred_at_exact,
       f.occurred_on,
       (extract(epoch FROM f.occurred_at) * 1000000)::bigint AS event_seq,
       f.commit_lsn,
       f.total_order AS event_order,
       substr(f.action, 7) AS kind,
       f.scenario_key,
       s.scenario_id,
       f.node,
       f.details ->> 'name' AS name,
       left(f.details ->> 'old', 32000) AS old_value,
       left(f.details ->> 'new', 32000) AS new_value,
       f.user_key,
       i.user_id,
       f.tx_id,
       f.correlation_id,
       f.link,
       f.link = 'unlinked' AS out_of_band
FROM rpt.fact_user_action f
LEFT JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.user_id i ON i.user_key = f.user_key
WHERE f.action IN ('input.added', 'input.changed', 'input.removed');

CREATE VIEW bi.logs WITH (security_invoker = true) AS
SELECT f.event_id::text AS event_id,
       f.occurred_second AS occurred_at,
       f.occurred_at AT TIME ZONE 'UTC' AS occurred_at_exact,
       f.occurred_on,
       (extract(epoch FROM f.occurred_at) * 1000000)::bigint AS event_seq,
       date_trunc('second', f.ingested_at AT TIME ZONE 'UTC') AS ingested_at,
       f.level,
       CASE f.level WHEN 'FATAL' THEN 6 WHEN 'ERROR' THEN 5 WHEN 'WARN' THEN 4 WHEN 'INFO' THEN 3 WHEN 'DEBUG' THEN 2
                    WHEN 'TRACE' THEN 1 ELSE 0 END AS severity,
       f.category,
       left(f.message, 32000) AS message,
       f.error_type,
       left(f.error_message, 32000) AS error_message,
       left(f.stack, 32000) AS stack,
       f.fingerprint,
       f.service,
       f.node,
       f.scenario_key,
       s.scenario_id,
       f.run_key,
       r.run_id,
       f.user_key,
       i.user_id,
       f.correlation_id,
       f.correlation_source,
       f.link,
       CASE WHEN f.link = 'direct' THEN 'exact'
            WHEN f.link NOT IN ('correlated', 'shared') THEN 'none'
            ELSE CASE f.correlation_source WHEN 'field' THEN 'exact' WHEN 'inherited' THEN 'inherited' WHEN 'trace' THEN 'inherited'
                                           WHEN 'pattern' THEN 'pattern' ELSE 'none' END END AS confidence,
       f.request_id,
       f.trace_id,
       f.log_group,
       f.log_stream
FROM rpt.view_log f
LEFT JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.dim_run r ON r.run_key = f.run_key
LEFT JOIN rpt.user_id i ON i.user_key = f.user_key;

-- Lines of levels ERROR and FATAL. `pattern`: those that are alike.
CREATE VIEW bi.errors WITH (security_invoker = true) AS
SELECT f.event_id::text AS event_id,
       f.occurred_second AS occurred_at,
       f.occurred_at AT TIME ZONE 'UTC' AS occurred_at_exact,
       f.occurred_on,
       (extract(epoch FROM f.occurred_at) * 1000000)::bigint AS event_seq,
       f.level,
       coalesce(f.category, 'unknown') AS category,
       f.error_type,
       left(coalesce(f.error_message, f.message), 32000) AS message,
       left(f.stack, 32000) AS stack,
       coalesce(f.fingerprint, f.error_type, f.category, '') AS pattern,
       f.service,
       f.node,
       f.scenario_key,
       s.scenario_id,
       f.run_key,
       r.run_id,
       f.user_key,
       i.user_id,
       f.correlation_id,
       f.link
FROM rpt.view_log f
LEFT JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.dim_run r ON r.run_key = f.run_key
LEFT JOIN rpt.user_id i ON i.user_key = f.user_key
WHERE f.level IN ('ERROR', 'FATAL');

-- Of log lines what the timeline tells. As rpt.view_log with its owner's rights, and by the policy that stands on the table for
-- it; without a WHERE, so that an event's scenario can be looked up in its index: bi.events says in its own who sees it.
CREATE VIEW rpt.view_log_told WITH (security_invoker = false) AS
SELECT f.event_id, f.occurred_at, f.occurred_second, f.occurred_on, f.level, f.category,
       CASE WHEN f.link = 'shared' AND NOT 0::bigint <@ rpt.sees()
            THEN rpt.without_others(f.message, f.correlation_key) ELSE f.message END AS message,
       f.node, f.scenario_key, f.run_key, f.user_key, f.correlation_id, f.correlation_key, f.link, f.correlation_source
FROM rpt.fact_cloudwatch_log f;

-- Every audit event once; a line of several scenarios once for each. Its kinds are joined with names only after they were put
-- together, and conditions on a kind come last: so each can give its newest in the order of an index.
CREATE VIEW bi.events WITH (security_invoker = true) AS
SELECT e.event_key,
       e.event_id::text AS event_id,
       e.occurred_second AS occurred_at,
       e.occurred_at AT TIME ZONE 'UTC' AS occurred_at_exact,
       e.occurred_on,
       (extract(epoch FROM e.occurred_at) * 1000000)::bigint AS event_seq,
       e.commit_lsn,
       e.event_order,
       e.kind,
       e.event_type,
       left(e.summary, 32000) AS summary,
       e.scenario_key,
       s.scenario_id,
       e.user_key,
       i.user_id,
       e.run_key,
       r.run_id,
       e.node,
       e.level,
       e.category,
       e.correlation_id,
       e.link,
       CASE WHEN e.link = 'direct' THEN 'exact'
            WHEN e.link NOT IN ('correlated', 'shared') THEN 'none'
            WHEN e.correlation_source IS NULL THEN 'exact'
            ELSE CASE e.correlation_source WHEN 'field' THEN 'exact' WHEN 'inherited' THEN 'inherited' WHEN 'trace' THEN 'inherited'
                                           WHEN 'pattern' THEN 'pattern' ELSE 'none' END END AS confidence,
       e.kind = 'log' AS approximate_order
FROM (
    SELECT f.event_id::text AS event_key, f.event_id, f.occurred_second, f.occurred_at, f.occurred_on, f.commit_lsn,
           f.total_order AS event_order, 'action' AS kind, f.action AS event_type,
           f.action || coalesce(' ' || (f.details ->> 'label'), '') AS summary,
           f.scenario_key, f.user_key, f.run_key, f.node, NULL::text AS level, NULL::text AS category, f.correlation_id, f.link,
           NULL::text AS correlation_source, false AS told_elsewhere
    FROM rpt.fact_user_action f
    UNION ALL
    SELECT f.event_id::text, f.event_id, f.occurred_second, f.occurred_at, f.occurred_on, f.commit_lsn, f.total_order, 'change',
           f.part || CASE f.op WHEN 'c' THEN '.inserted' WHEN 'u' THEN '.updated' WHEN 'd' THEN '.deleted' ELSE '.truncated' END,
           f.table_name || ' ' || f.row_key || coalesce(': ' || nullif(array_to_string(f.changed, ', '), ''), ''),
           f.scenario_key, f.user_key, f.run_key, f.node, NULL, NULL, f.correlation_id, f.link, NULL, f.action IS NOT NULL
    FROM rpt.fact_row_change f
    UNION ALL
    SELECT f.event_id::text, f.event_id, f.occurred_second, f.occurred_at, f.occurred_on, f.commit_lsn, f.total_order, 'state_change',
           'scenario.' || f.to_state, coalesce(f.from_state, '(new)') || ' → ' || f.to_state,
           f.scenario_key, f.user_key, NULL, NULL, NULL, NULL, f.correlation_id, f.link, NULL, false
    FROM rpt.fact_scenario_state_change f
    UNION ALL
    SELECT f.event_id::text, f.event_id, f.occurred_second, f.occurred_at, f.occurred_on, 0::bigint, 0::bigint, 'log',
           'log.' || lower(f.level), f.message, f.scenario_key, f.user_key, f.run_key, f.node, f.level, f.category, f.correlation_id,
           f.link, f.correlation_source, f.link = 'shared' AND f.scenario_key IS NULL
    FROM rpt.view_log_told f
    UNION ALL
    SELECT f.event_id::text || '@' || t.key, f.event_id, f.occurred_second, f.occurred_at, f.occurred_on, 0::bigint, 0::bigint, 'log',
           'log.' || lower(f.level), f.message, t.key, f.user_key, NULL, f.node, f.level, f.category, f.correlation_id,
           f.link, f.correlation_source, false
    FROM rpt.view_log_told f
    JOIN rpt.correlation_touch t ON t.correlation_key = f.correlation_key AND t.kind = 'scenario'
    WHERE f.link = 'shared' AND f.scenario_key IS NULL
) e
LEFT JOIN rpt.dim_scenario s ON s.scenario_key = e.scenario_key
LEFT JOIN rpt.user_id i ON i.user_key = e.user_key
LEFT JOIN rpt.dim_run r ON r.run_key = e.run_key
WHERE NOT e.told_elsewhere AND coalesce(e.scenario_key <@ (SELECT rpt.sees()), 0::bigint <@ (SELECT rpt.sees()));
