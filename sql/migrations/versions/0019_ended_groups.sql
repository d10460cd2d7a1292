-- As in 0013, without the watermarks of log groups that are read no longer.
CREATE OR REPLACE VIEW bi.data_freshness WITH (security_invoker = true) AS
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
           min(newest.through_at) FILTER (WHERE names.kind = 'logs' AND newest.through_at < '9999-01-01Z') AS logs_through
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
