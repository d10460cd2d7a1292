-- Facts of 300 scenarios and 60 users in two months, so that each month of a fact has more than 10,000 rows.
SELECT rpt.ensure_month(now()), rpt.ensure_month(now() - interval '28 days'), rpt.ensure_month(now() - interval '1 month');

INSERT INTO rpt.dim_user (user_id, name, first_seen_at)
SELECT 'user-' || n, 'User ' || n, now() - interval '40 days' FROM generate_series(1, 60) n;

INSERT INTO rpt.dim_scenario (scenario_id, name, owner, status, first_seen_at)
SELECT 'scenario-' || n, 'Plan ' || n, 'user-' || (n % 60 + 1), 'draft', now() - interval '40 days' FROM generate_series(1, 300) n;

-- the first scenario is hot
CREATE TEMPORARY TABLE told AS
SELECT n, at, uuid_of(at, n) AS event_id,
       CASE WHEN n % 5 = 0 THEN 1 ELSE n % 300 + 1 END AS scenario_key, n % 60 + 1 AS user_key, n / 6 + 1 AS correlation_key
FROM (SELECT n, now() - interval '27 days' + n * (interval '27 days' / 90000) AS at FROM generate_series(1, 90000) n) times;

INSERT INTO rpt.correlation (correlation_id, first_seen_at)
SELECT 'correlation-' || correlation_key, min(at) FROM told GROUP BY correlation_key ORDER BY correlation_key;
INSERT INTO rpt.correlation_touch (correlation_key, kind, key) SELECT DISTINCT correlation_key, 'scenario', scenario_key FROM told;

INSERT INTO rpt.transaction_context (tx_id, committed_at, commit_lsn, correlation_id, user_id)
SELECT n, at, n, 'correlation-' || correlation_key, 'user-' || user_key FROM told;

INSERT INTO rpt.dim_run (run_id, scenario_key, first_seen_at)
SELECT 'run-' || n, scenario_key, at FROM told WHERE n % 6 = 0;

INSERT INTO rpt.fact_run_diagnostic (run_key, scenario_key, user_key, status, outcome, started_at, finished_at, duration_ms, category,
    error_message, failing_node, inputs_at_start, last_good_run_key, correlation_id, start_epoch, start_commit_lsn, start_lsn,
    start_total_order, succeeded_commit_lsn, succeeded_lsn)
SELECT n / 6, scenario_key, user_key, outcome, outcome, at, at + interval '1 second', 1000,
       CASE outcome WHEN 'failed' THEN 'timeout' END, CASE outcome WHEN 'failed' THEN 'too long' END,
       CASE outcome WHEN 'failed' THEN 'demand' END, '{"input-1": {"node": "demand", "name": "growth", "value": "1", "event_id": null}}',
       CASE WHEN outcome = 'failed' AND n > 60 THEN n / 6 - 5 END, 'correlation-' || correlation_key, 1, n, n, 1,
       CASE outcome WHEN 'succeeded' THEN n END, CASE outcome WHEN 'succeeded' THEN n END
FROM (SELECT *, CASE WHEN n % 30 = 0 THEN 'failed' ELSE 'succeeded' END AS outcome FROM told WHERE n % 6 = 0) runs;

INSERT INTO rpt.fact_row_change (event_id, occurred_at, op, part, table_schema, table_name, row_key, before, after, changed, action,
    scenario_key, run_key, user_key, node, tx_id, correlation_id, correlation_key, link, epoch, commit_lsn, lsn, total_order, topic,
    kafka_partition, kafka_offset)
SELECT event_id, at, 'u', part, 'forecast', part || 's', part || '-' || n % 40, '{"name": "growth", "value_number": "1"}',
       '{"name": "growth", "value_number": "2"}', '{value_number}', CASE part WHEN 'input' THEN 'input.changed' END, scenario_key,
       CASE part WHEN 'run' THEN n / 6 END, user_key, 'demand', n,
       CASE WHEN n % 100 <> 0 THEN 'correlation-' || correlation_key END, CASE WHEN n % 100 <> 0 THEN correlation_key END,
       CASE WHEN n % 100 <> 0 THEN 'correlated' ELSE 'unlinked' END, 1, n, n, 1, 'changes', 0, n
FROM (SELECT *, CASE WHEN n % 6 = 0 THEN 'run' WHEN n % 6 = 1 THEN 'other' ELSE 'input' END AS part FROM told) changes;

INSERT INTO rpt.fact_user_action (event_id, occurred_at, action, change_event_id, user_key, scenario_key, node, details, tx_id,
    correlation_id, correlation_key, link, epoch, commit_lsn, lsn, total_order)
SELECT event_id, at, 'input.changed', event_id, user_key, scenario_key, 'demand', '{"label": "demand.growth: 1 → 2"}', n,
       'correlation-' || correlation_key, correlation_key, 'correlated', 1, n, n, 1
FROM told WHERE n % 6 > 1;

INSERT INTO rpt.fact_scenario_state_change (event_id, occurred_at, scenario_key, to_state, how_known, change_event_id, user_key, tx_id,
    correlation_id, correlation_key, link, epoch, commit_lsn, lsn, total_order)
SELECT event_id, at, scenario_key, 'submitted', 'column', event_id, user_key, n, 'correlation-' || correlation_key, correlation_key,
       'correlated', 1, n, n, 1
FROM told WHERE n % 2 = 0;

INSERT INTO rpt.fact_cloudwatch_log (event_id, occurred_at, cloudwatch_id, log_group, log_stream, level, category, message, error_type,
    fingerprint, node, service, scenario_key, run_key, correlation_id, correlation_key, link, correlation_source, topic,
    kafka_partition, kafka_offset)
SELECT event_id, at, '0', '/g', 's', level, CASE level WHEN 'ERROR' THEN 'timeout' END, 'line ' || n,
       CASE level WHEN 'ERROR' THEN 'TimeoutError' END, CASE level WHEN 'ERROR' THEN 'f' || n % 7 END, 'demand', 'engine',
       CASE WHEN n % 200 <> 0 THEN scenario_key END, CASE WHEN n % 200 <> 0 THEN n / 6 + 1 END, 'correlation-' || correlation_key,
       correlation_key, CASE WHEN n % 200 <> 0 THEN 'direct' ELSE 'shared' END, 'field', 'logs', 0, n
FROM (SELECT *, CASE WHEN n % 30 = 0 THEN 'ERROR' ELSE 'INFO' END AS level FROM told WHERE n / 6 + 1 <= 15000) lines;

INSERT INTO rpt.consumer_position (topic, kafka_partition, next_offset, owner_epoch, cluster_id, topic_id)
VALUES ('changes', 0, 90001, 1, 'c', 'i'), ('logs', 0, 90001, 1, 'c', 'i');
INSERT INTO rpt.batch (topic, kafka_partition, first_offset, next_offset, first_event_at, last_event_at)
SELECT topic, 0, min(n), max(n) + 1, min(at), max(at)
FROM told CROSS JOIN (VALUES ('changes'), ('logs')) AS topics(topic) GROUP BY topic, n / 200;

INSERT INTO rpt.amendment (xid, kind, event_id, occurred_at)
SELECT n % 300, kind, event_id, at FROM told CROSS JOIN (VALUES ('change'), ('state_change'), ('log')) AS kinds(kind) WHERE n > 80000;
