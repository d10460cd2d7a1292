"""Facts of the past, made in PostgreSQL: they stand in this month's partitions, where a landing meets their indexes."""

from __future__ import annotations

from collections.abc import Callable

from ground import Ground

SCENARIOS, USERS = 2_000, 100
CHANGES_A_TRANSACTION = 5
ROWS_AT_ONCE = 200_000
ROWS_OF_A_CHANGE = 3
"""A change, its action and its log line."""

_MONTH = "SELECT rpt.ensure_month(date_trunc('month', now()))"
_DIMENSIONS = f"""
INSERT INTO rpt.dim_scenario (scenario_id, first_seen_at) SELECT 'past-' || n, now() FROM generate_series(1, {SCENARIOS}) n;
INSERT INTO rpt.dim_user (user_id, first_seen_at) SELECT 'past-' || n, now() FROM generate_series(1, {USERS}) n;
"""

# Events of transaction n lie at its share of the time from the month's beginning until now.
_TRANSACTIONS = f"""
CREATE TEMPORARY TABLE past ON COMMIT DROP AS
SELECT n, gen_random_uuid()::text AS correlation_id,
       1 + n %% {SCENARIOS} AS scenario_key, 1 + n %% {USERS} AS user_key,
       date_trunc('milliseconds', date_trunc('month', now()) + (now() - date_trunc('month', now())) * (n::float8 / %(all)s)) AS at
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
"""
_CORRELATIONS = """
INSERT INTO rpt.correlation (correlation_id, first_seen_at, correlation_key) OVERRIDING SYSTEM VALUE
SELECT correlation_id, at, n FROM past;
INSERT INTO rpt.correlation_touch (correlation_key, kind, key) SELECT n, 'scenario', scenario_key FROM past;
INSERT INTO rpt.transaction_context (tx_id, committed_at, commit_lsn, correlation_id, user_id, use_case)
SELECT n, at, n * 1000, correlation_id, 'past-' || user_key, 'past' FROM past;
"""
_ID = "(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || substr(md5(n || ':' || k || '{}'), 1, 20))::uuid"
_FACTS = f"""
INSERT INTO rpt.fact_row_change
    (event_id, occurred_at, op, part, table_schema, table_name, row_key, before, after, changed, action, scenario_key, user_key,
     node, tx_id, correlation_id, correlation_key, link, epoch, commit_lsn, lsn, total_order, topic, kafka_partition, kafka_offset)
SELECT {_ID.format("a")}, at, 'u', 'input', 'past', 'inputs', 'key-' || n || '-' || k, image, image, '{{value_number}}',
       'input.changed', scenario_key, user_key, 'demand', n, correlation_id, n, 'correlated', 1, n * 1000, n * 1000 + k, k,
       'past', 0, n * {CHANGES_A_TRANSACTION} + k
FROM past CROSS JOIN generate_series(1, {CHANGES_A_TRANSACTION}) k
CROSS JOIN (SELECT jsonb_build_object('value_number', '0.5', 'value_text', repeat('x', 220)) AS image) i;
INSERT INTO rpt.fact_user_action
    (event_id, occurred_at, action, change_event_id, user_key, scenario_key, node, details, tx_id, correlation_id,
     correlation_key, link, epoch, commit_lsn, lsn, total_order)
SELECT {_ID.format("b")}, at, 'input.changed', {_ID.format("a")}, user_key, scenario_key, 'demand',
       '{{"label": "demand.x: 1 → 2", "old": 1, "new": 2}}', n, correlation_id, n, 'correlated', 1, n * 1000, n * 1000 + k, k
FROM past CROSS JOIN generate_series(1, {CHANGES_A_TRANSACTION}) k;
INSERT INTO rpt.fact_cloudwatch_log
    (event_id, occurred_at, cloudwatch_id, log_group, log_stream, level, message, scenario_key, names_run, correlation_id,
     correlation_key, link, correlation_source, topic, kafka_partition, kafka_offset)
SELECT {_ID.format("c")}, at, lpad(n || '0' || k, 56, '0'), '/past', 's', 'INFO', 'changing input', scenario_key, false,
       correlation_id, n, 'correlated', 'field', 'past', 0, n * {CHANGES_A_TRANSACTION} + k
FROM past CROSS JOIN generate_series(1, {CHANGES_A_TRANSACTION}) k;
"""
_COUNTER = """
SELECT setval(pg_get_serial_sequence('rpt.correlation', 'correlation_key'), (SELECT max(correlation_key) FROM rpt.correlation))
"""


def fill(ground: Ground, rows: int, say: Callable[[str], None]) -> None:
    """Put about this many fact rows into an empty reporting database, within the month until now."""
    transactions = rows // (CHANGES_A_TRANSACTION * ROWS_OF_A_CHANGE)
    step = ROWS_AT_ONCE // CHANGES_A_TRANSACTION
    with ground.administrator("report") as connection:
        connection.execute("SET session_replication_role = replica")  # their keys are right: they are made together
        connection.execute("SET synchronous_commit = off")
        connection.execute(_MONTH)
        connection.execute(_DIMENSIONS)
        for first in range(1, transactions + 1, step):
            last = min(first + step - 1, transactions)
            with connection.transaction():
                connection.execute(_TRANSACTIONS, {"all": transactions, "first": first, "last": last})
                connection.execute(_CORRELATIONS)
                connection.execute(_FACTS.encode())
            say(f"{last * CHANGES_A_TRANSACTION * ROWS_OF_A_CHANGE:,} of {rows:,} rows of the past")
        connection.execute(_COUNTER)
        say("vacuum")
        connection.execute("VACUUM (ANALYZE)")
