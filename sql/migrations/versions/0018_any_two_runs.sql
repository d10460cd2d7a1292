-- What the report needs to compare any two runs: a run's name in a list, which run is looked at where none is chosen (the newest
-- failure with a good run before it, else the newest), inputs with a form that is the same for equal values (numbers by what they
-- count), and when a run's input got its value.
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
       g.run_id AS last_good_run_id,
       concat_ws(' ', to_char(f.started_second, 'YYYY-MM-DD HH24:MI:SS'), coalesce(f.outcome, 'running'), left(r.run_id, 200)) AS label,
       (extract(epoch FROM coalesce(f.finished_at, f.started_at)) * 1000000)::bigint AS ended_seq,
       (extract(epoch FROM f.started_at) * 1000000)::bigint
           + CASE WHEN f.outcome = 'failed' AND f.last_good_run_key IS NOT NULL THEN 4000000000000000 ELSE 0 END AS comparison_order
FROM rpt.fact_run_diagnostic f
JOIN rpt.dim_run r ON r.run_key = f.run_key
LEFT JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
LEFT JOIN rpt.user_id i ON i.user_key = f.user_key
LEFT JOIN rpt.dim_run g ON g.run_key = f.last_good_run_key
WHERE NOT f.deleted;

CREATE OR REPLACE VIEW bi.run_inputs WITH (security_invoker = true) AS
SELECT f.run_key,
       r.run_id,
       f.scenario_key,
       p.key AS input_key,
       p.value ->> 'node' AS node,
       coalesce(p.value ->> 'name', p.key) AS name,
       left(p.value ->> 'value', 32000) AS value,
       p.value ->> 'event_id' AS change_event_id,
       left(concat_ws('.', nullif(p.value ->> 'node', ''), coalesce(nullif(p.value ->> 'name', ''), p.key)), 1000) AS input,
       CASE WHEN p.value ->> 'value' ~ '^\s*[+-]?(\d{1,200}(\.\d{0,200})?|\.\d{1,200})([eE][+-]?\d{1,2})?\s*$'
            THEN ((p.value ->> 'value')::float8 + 0)::text ELSE left(coalesce(p.value ->> 'value', ''), 32000) END AS comparable,
       date_trunc('second', c.set_at) AS set_at,
       (extract(epoch FROM f.started_at AT TIME ZONE 'UTC' - c.set_at) * 1000)::bigint AS ms_before_run
FROM rpt.fact_run_diagnostic f
JOIN rpt.dim_run r ON r.run_key = f.run_key
CROSS JOIN LATERAL jsonb_each(f.inputs_at_start) p
-- the id of an event begins with its time in milliseconds
LEFT JOIN LATERAL (
    SELECT to_timestamp(('x' || lpad(left(replace(p.value ->> 'event_id', '-', ''), 12), 16, '0'))::bit(64)::bigint / 1000.0)
           AT TIME ZONE 'UTC' AS set_at
    WHERE p.value ->> 'event_id' IS NOT NULL
) c ON true
WHERE NOT f.deleted;
