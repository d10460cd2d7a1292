-- What the pages of the Power BI report need beside: values to choose from, labels that are never empty, both sides of a
-- comparison, and when an input that differs got its value.

CREATE VIEW bi.severities WITH (security_invoker = true) AS
SELECT l.level, l.severity
FROM (VALUES ('FATAL', 6), ('ERROR', 5), ('WARN', 4), ('INFO', 3), ('DEBUG', 2), ('TRACE', 1)) AS l (level, severity)
WHERE rpt.somebody_asks();

-- The product's own categories, and those that runs have by rules of the mapping file. Read step by step from an index.
CREATE INDEX ix_run_diagnostic_category ON rpt.fact_run_diagnostic (category) WHERE category IS NOT NULL;
CREATE VIEW bi.categories WITH (security_invoker = true) AS
WITH RECURSIVE found (category) AS (
    (SELECT f.category FROM rpt.fact_run_diagnostic f WHERE f.category IS NOT NULL ORDER BY f.category LIMIT 1)
    UNION ALL
    SELECT (SELECT f.category FROM rpt.fact_run_diagnostic f WHERE f.category > found.category ORDER BY f.category LIMIT 1)
    FROM found WHERE found.category IS NOT NULL
)
SELECT found.category FROM found WHERE found.category IS NOT NULL
UNION
SELECT own.category
FROM (VALUES ('timeout'), ('resource'), ('security'), ('database'), ('validation'), ('calculation'), ('dependency'), ('unknown'))
     AS own (category)
WHERE rpt.somebody_asks();

CREATE OR REPLACE VIEW bi.scenarios WITH (security_invoker = true) AS
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
        ORDER BY r.start_commit_lsn DESC LIMIT 1) AS last_run_started_at,
       coalesce(s.name, s.scenario_id) AS label
FROM rpt.dim_scenario s
LEFT JOIN rpt.dim_user u ON u.user_id = s.owner;

CREATE OR REPLACE VIEW bi.users WITH (security_invoker = true) AS
SELECT i.user_key,
       i.user_id,
       u.name,
       u.email,
       date_trunc('second', u.first_seen_at AT TIME ZONE 'UTC') AS first_seen_at,
       coalesce(u.name, i.user_id) AS label
FROM rpt.user_id i
LEFT JOIN rpt.dim_user u ON u.user_key = i.user_key;

CREATE OR REPLACE VIEW bi.runs WITH (security_invoker = true) AS
SELECT f.run_key,
       r.run_id,
       f.scenario_key,
       s.scenario_id,
       f.user_key,
       i.user_id,
       f.status,
       coalesce(f.outcome, 'running') AS outcome,
       f.started_second AS started_at,
       f.started_at AT TIME ZONE 'UTC' AS started_at_exact,
       f.started_on,
       date_trunc('hour', f.started_second) AS started_hour,
       date_bin('15 minutes', f.started_second, '2000-01-01') AS started_quarter_hour,
       date_trunc('second', f.finished_at AT TIME ZONE 'UTC') AS finished_at,
       f.finished_at AT TIME ZONE 'UTC' AS finished_at_exact,
       f.duration_ms,
       (extract(epoch FROM f.started_at) * 1000000)::bigint AS event_seq,
       CASE WHEN f.outcome = 'failed' THEN coalesce(f.category, 'unknown') ELSE f.category END AS category,
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

-- What a run's inputs have that those of the last good run before it had not, by node and name. Ask for runs.
CREATE OR REPLACE VIEW bi.run_input_differences WITH (security_invoker = true) AS
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
       d.change_event_id,
       date_trunc('second', c.changed_at) AS changed_at,
       (extract(epoch FROM f.started_at AT TIME ZONE 'UTC' - c.changed_at) * 1000)::bigint AS ms_before_run,
       left(concat_ws('.', nullif(d.node, ''), d.name) || ': ' || coalesce(d.old_value #>> '{}', '(none)') || ' → '
            || coalesce(d.new_value #>> '{}', '(none)'), 1000) AS summary
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
-- the id of an event begins with its time in milliseconds
LEFT JOIN LATERAL (
    SELECT to_timestamp(('x' || lpad(left(replace(d.change_event_id, '-', ''), 12), 16, '0'))::bit(64)::bigint / 1000.0)
           AT TIME ZONE 'UTC' AS changed_at
    WHERE d.change_event_id IS NOT NULL
) c ON true
WHERE NOT f.deleted;

-- Each run beside the last good run before it.
CREATE OR REPLACE VIEW bi.run_comparisons WITH (security_invoker = true) AS
SELECT f.run_key,
       r.run_id,
       f.scenario_key,
       s.scenario_id,
       f.last_good_run_key AS before_run_key,
       b.run_id AS before_run_id,
       coalesce(f.outcome, 'running') AS outcome,
       f.started_second AS started_at,
       f.started_on,
       g.started_second AS before_started_at,
       date_trunc('second', g.finished_at AT TIME ZONE 'UTC') AS before_finished_at,
       (extract(epoch FROM f.started_at - coalesce(g.finished_at, g.started_at)) * 1000)::bigint AS gap_ms,
       f.duration_ms,
       g.duration_ms AS before_duration_ms,
       f.duration_ms - g.duration_ms AS duration_delta_ms,
       f.duration_ms::float8 / nullif(g.duration_ms, 0) AS duration_ratio,
       CASE WHEN f.outcome = 'failed' THEN coalesce(f.category, 'unknown') ELSE f.category END AS category,
       f.error_type,
       left(f.error_message, 32000) AS error_message,
       f.failing_node,
       f.log_warnings - g.log_warnings AS log_warnings_delta,
       f.log_errors - g.log_errors AS log_errors_delta,
       (SELECT count(*) FROM bi.run_input_differences d WHERE d.run_key = f.run_key)::integer AS input_differences,
       g.log_warnings AS before_log_warnings,
       f.log_warnings,
       g.log_errors AS before_log_errors,
       f.log_errors
FROM rpt.fact_run_diagnostic f
JOIN rpt.dim_run r ON r.run_key = f.run_key
JOIN rpt.fact_run_diagnostic g ON g.run_key = f.last_good_run_key
JOIN rpt.dim_run b ON b.run_key = g.run_key
LEFT JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
WHERE NOT f.deleted;

GRANT SELECT ON bi.severities, bi.categories TO clearsight_bi, clearsight_api;
