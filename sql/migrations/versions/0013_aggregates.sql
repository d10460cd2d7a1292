-- Sums are made of what a query asks for: a filter on a day or a scenario goes through the grouping to an index.
CREATE VIEW bi.errors_by_day WITH (security_invoker = true) AS
SELECT md5(ROW(f.occurred_on, f.scenario_key, f.level, coalesce(f.category, 'unknown'), f.error_type, f.node, f.service,
               coalesce(f.fingerprint, f.error_type, f.category, ''))::text) AS error_group,
       f.occurred_on AS day,
       f.scenario_key,
       f.level,
       coalesce(f.category, 'unknown') AS category,
       f.error_type,
       f.node,
       f.service,
       coalesce(f.fingerprint, f.error_type, f.category, '') AS pattern,
       count(*) AS error_lines,
       count(DISTINCT f.run_key) AS runs,
       min(f.occurred_second) AS first_seen_at,
       max(f.occurred_second) AS last_seen_at
FROM rpt.view_log f
WHERE f.level IN ('ERROR', 'FATAL')
GROUP BY f.occurred_on, f.scenario_key, f.level, coalesce(f.category, 'unknown'), f.error_type, f.node, f.service,
         coalesce(f.fingerprint, f.error_type, f.category, '');

CREATE VIEW bi.reliability_by_day WITH (security_invoker = true) AS
SELECT f.started_on || '/' || coalesce(f.scenario_key, 0) AS day_of_scenario,
       f.started_on AS day,
       f.scenario_key,
       count(*) AS runs,
       count(*) FILTER (WHERE f.outcome = 'succeeded') AS succeeded,
       count(*) FILTER (WHERE f.outcome = 'failed') AS failed,
       count(*) FILTER (WHERE f.outcome IS NULL OR f.outcome NOT IN ('succeeded', 'failed')) AS running,
       count(*) FILTER (WHERE f.outcome = 'succeeded')::float8
           / nullif(count(*) FILTER (WHERE f.outcome IN ('succeeded', 'failed')), 0) AS success_rate,
       avg(f.duration_ms)::float8 AS mean_duration_ms,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY f.duration_ms) AS p95_duration_ms
FROM rpt.fact_run_diagnostic f
WHERE f.started_on IS NOT NULL AND NOT f.deleted
GROUP BY f.started_on, f.scenario_key;

-- One row: up to when everything has landed, and what is known to be missing. `changes_through` is the slowest source's newest
-- watermark that holds on every partition, `logs_through` that of the slowest log group.
CREATE VIEW bi.data_freshness WITH (security_invoker = true) AS
SELECT date_trunc('second', now() AT TIME ZONE 'UTC') AS as_of,
       date_trunc('second', m.changes_through AT TIME ZONE 'UTC') AS changes_through,
       date_trunc('second', m.logs_through AT TIME ZONE 'UTC') AS logs_through,
       extract(epoch FROM now() - m.changes_through)::float8 AS changes_lag_s,
       extract(epoch FROM now() - m.logs_through)::float8 AS logs_lag_s,
       date_trunc('second', b.last_event_at AT TIME ZONE 'UTC') AS newest_event_at,
       date_trunc('second', b.landed_at AT TIME ZONE 'UTC') AS newest_landed_at,
       b.batch_id AS newest_batch,
       u.pending_changes,
       u.pending_logs,
       u.unlinked AS unlinked_changes,
       u.dead_letters,
       (SELECT count(*) FROM rpt.gaps_told('-infinity', 'infinity', interval '0', 10000) g WHERE g.acknowledged_at IS NULL) AS unexplained_gaps
FROM (
    SELECT min(newest.through_at) FILTER (WHERE names.kind = 'changes') AS changes_through,
           min(newest.through_at) FILTER (WHERE names.kind = 'logs') AS logs_through
    FROM (SELECT DISTINCT w.kind, w.name FROM rpt.watermark w WHERE w.kind IN ('changes', 'logs')) names
    CROSS JOIN LATERAL (
        SELECT w.through_at FROM rpt.watermark w
        WHERE w.kind = names.kind AND w.name = names.name
          AND NOT EXISTS (
              SELECT FROM jsonb_each_text(w.offsets) wanted
              WHERE NOT EXISTS (
                  SELECT FROM rpt.consumer_position p
                  WHERE p.topic = split_part(wanted.key, '/', 1) AND p.kafka_partition = split_part(wanted.key, '/', 2)::bigint
                    AND p.next_offset >= wanted.value::bigint))
        ORDER BY w.watermark_id DESC LIMIT 1
    ) newest
) m
LEFT JOIN (
    SELECT max(recent.last_event_at) AS last_event_at, max(recent.landed_at) AS landed_at, max(recent.batch_id) AS batch_id
    FROM (SELECT n.last_event_at, n.landed_at, n.batch_id FROM rpt.batch n ORDER BY n.batch_id DESC LIMIT 50) recent
) b ON true
CROSS JOIN LATERAL rpt.uncertain('-infinity', 'infinity', '-infinity', interval '0', 10000) u
WHERE rpt.somebody_asks();

CREATE VIEW bi.dates WITH (security_invoker = true) AS
SELECT d.date,
       d.year * 10000 + d.month * 100 + d.day AS date_key,
       d.year,
       d.quarter,
       d.month,
       to_char(d.date, 'FMMonth') AS month_name,
       date_trunc('month', d.date::timestamp)::date AS month_start,
       d.day,
       d.iso_week,
       date_trunc('week', d.date::timestamp)::date AS week_start,
       d.iso_weekday,
       to_char(d.date, 'FMDay') AS weekday_name
FROM rpt.dim_date d
WHERE d.date >= date '2015-01-01' AND d.date < date_trunc('year', now() AT TIME ZONE 'UTC' + interval '1 year')::date + 366;
