"""Reads what was committed, from the source's own ledger, and what landed, from the facts and the audit topic."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg
from bench.ground import Ground
from chaos.intents import Intent
from chaos.verdict import Facts, GapRow, Ledger, Link
from confluent_kafka import Consumer, TopicPartition

from clearsight.demo.truth import XID_MASK, Change, Mark, Truth
from clearsight.errors import LandingError
from clearsight.settings import required
from clearsight.topics import TopicNames

SLOT = "truth_commits"
AUDIT_LIMIT_S = 60.0

# The triggers write in the order of statements. In which order transactions were committed only the log of the database
# tells exactly: commit times may run against it by a millisecond.
_COMMITS = """
SELECT split_part(data, ' ', 2)::bigint, substring(data FROM '\\(at (.*)\\)')::timestamptz
FROM pg_logical_slot_get_changes(%s, NULL, NULL, 'skip-empty-xacts', '1', 'include-timestamp', '1')
WITH ORDINALITY AS decoded(lsn, xid, data, place) WHERE data LIKE 'COMMIT %%' ORDER BY place
"""
_CHANGES = "SELECT txid, table_name, op::text, row_key FROM truth.change WHERE seq > %s ORDER BY seq"

_POSITION = "f.epoch, f.commit_lsn, f.lsn, f.total_order, f.op <> 'd'"
_LANDED = f"""
SELECT f.tx_id, f.table_schema || '.' || f.table_name, f.op::text, f.row_key
FROM rpt.fact_row_change f WHERE f.tx_id >= %s ORDER BY {_POSITION}
"""
_TIMELINES = f"""
SELECT s.scenario_id, f.tx_id, f.table_schema || '.' || f.table_name, f.op::text, f.row_key
FROM rpt.fact_row_change f JOIN rpt.dim_scenario s USING (scenario_key)
WHERE f.tx_id >= %s ORDER BY f.occurred_at, {_POSITION}
"""
_LINKS = " UNION ALL ".join(
    f"SELECT f.event_id::text, f.tx_id, f.correlation_id, u.user_id FROM rpt.{fact} f LEFT JOIN rpt.dim_user u USING (user_key)"
    " WHERE f.tx_id >= %(since)s"
    for fact in ("fact_row_change", "fact_user_action", "fact_scenario_state_change")
)
_PENDING = " UNION ALL ".join(
    f"SELECT event_id::text FROM rpt.{fact} WHERE link = 'pending'"
    for fact in ("fact_row_change", "fact_user_action", "fact_scenario_state_change", "fact_cloudwatch_log")
)
_GAPS = """
SELECT topic, reason, detected_at, events_after, events_before, from_offset IS NOT NULL FROM rpt.gap ORDER BY gap_id
"""
_REVISIONS = """
SELECT event_id::text, revision FROM rpt.fact_row_change UNION ALL
SELECT event_id::text, revision FROM rpt.fact_scenario_state_change UNION ALL
SELECT event_id::text, revision FROM rpt.fact_schema_change UNION ALL
SELECT event_id::text, revision FROM rpt.fact_cloudwatch_log
"""


class Evidence:
    """Of everything that happens after it was made."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._truth = Truth(ground.settings, ground.stack.home)
        with self._source() as connection:
            connection.execute("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", [SLOT])
        self.since: Mark = self._truth.mark()

    @property
    def truth(self) -> Truth:
        return self._truth

    def newest(self) -> tuple[int | None, str | None]:
        """The transaction of the last change that was written down, the id of the last log line that CloudWatch accepted."""
        with self._source() as connection:
            row = connection.execute("SELECT txid FROM truth.change ORDER BY seq DESC LIMIT 1").fetchone()
        change = int(row[0]) & XID_MASK if row else None
        return change, max(self._truth.log_lines(self.since), default=None)

    def has_landed(self, txid: int | None, line: str | None) -> tuple[bool, bool]:
        with self._ground.reporting() as connection:
            row = connection.execute(
                "SELECT EXISTS (SELECT FROM rpt.fact_row_change WHERE tx_id = %s),"
                " EXISTS (SELECT FROM rpt.fact_cloudwatch_log WHERE cloudwatch_id = %s)",
                [txid, line],
            ).fetchone()
        assert row
        return (txid is None or row[0], line is None or row[1])

    def has_beaten_since(self, instant: datetime) -> bool:
        """Whether a heartbeat of later has landed."""
        with self._ground.reporting() as connection:
            row = connection.execute(
                "SELECT EXISTS (SELECT FROM rpt.source_state WHERE beat_at > %s)", [instant]
            ).fetchone()
        return bool(row and row[0])

    def ledger(self, intents: Mapping[int, Intent]) -> Ledger:
        """Ends the slot's use. Raises LandingError where the ledgers do not agree; `intents` is the application's."""
        with self._source() as connection:
            committed_at: dict[int, datetime] = dict(connection.execute(_COMMITS, [SLOT]).fetchall())
            rows = connection.execute(_CHANGES, [self.since.seq]).fetchall()
            connection.execute("SELECT pg_drop_replication_slot(%s)", [SLOT])
        changes = [Change(txid & XID_MASK, table, op, key) for txid, table, op, key in rows]
        rank = {txid: place for place, txid in enumerate(committed_at)}
        written = {change.txid for change in changes}
        for known, where in ((rank.keys(), "the database's log"), (intents.keys(), "the application's ledger")):
            if unknown := written - known:
                raise LandingError(f"{len(unknown)} transactions of the ledger are not in {where}", "run it again")
        in_order = sorted(changes, key=lambda change: rank[change.txid])
        return Ledger(in_order, self._truth.log_lines(self.since), committed_at, intents)

    def facts(self) -> Facts:
        """What landed, and what of it was published."""
        with self._ground.reporting() as connection:
            landed = [Change(*row) for row in connection.execute(_LANDED.encode(), [self.since.txid])]
            timelines: defaultdict[str, list[Change]] = defaultdict(list)
            for scenario, *change in connection.execute(_TIMELINES.encode(), [self.since.txid]):
                timelines[scenario].append(Change(*change))
            lines = connection.execute(
                "SELECT cloudwatch_id, count(*) FROM rpt.fact_cloudwatch_log GROUP BY 1"
            ).fetchall()
            gaps = [GapRow(*row) for row in connection.execute(_GAPS)]
            revisions = dict(connection.execute(_REVISIONS).fetchall())
            of_transactions = connection.execute(_LINKS.encode(), {"since": self.since.txid})
            links = [Link(event_id, txid, Intent(*intent)) for event_id, txid, *intent in of_transactions]
            pending = [event_id for (event_id,) in connection.execute(_PENDING.encode())]
        return Facts(landed, timelines, Counter(dict(lines)), gaps, revisions, self._published(), links, pending)

    def unsettled(self) -> str:
        """What is still to be closed or published, in words; empty where nothing is."""
        with self._ground.reporting() as connection:
            pending = len(connection.execute(_PENDING.encode()).fetchall())
            waiting = len(connection.execute("SELECT FROM rpt.audit_outbox").fetchall())
        return f"{pending:,} facts are pending, {waiting:,} amendments not published" if pending or waiting else ""

    def _published(self) -> dict[str, int]:
        kafka = self._ground.settings.kafka
        found: dict[str, int] = {}
        for value in _records(kafka.bootstrap_servers, TopicNames(kafka.topic_prefix).audit):
            event = json.loads(value)
            found[event["event_id"]] = max(event["revision"], found.get(event["event_id"], 0))
        return found

    def _source(self) -> psycopg.Connection[Any]:
        dsn = required(self._ground.settings.source.admin_dsn, "source.admin_dsn")
        return psycopg.connect(dsn, autocommit=True)


def _records(servers: str, topic: str) -> list[bytes]:
    """Every record of the topic. Raises LandingError where Kafka does not give all of them in time."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "chaos", "enable.auto.commit": False})
    try:
        numbers = consumer.list_topics(topic, timeout=AUDIT_LIMIT_S).topics[topic].partitions
        ends: dict[int, int] = {}
        for number in numbers:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=AUDIT_LIMIT_S)
            if high > low:
                ends[number] = high
        consumer.assign([TopicPartition(topic, number, 0) for number in ends])
        values: list[bytes] = []
        give_up_s = time.monotonic() + AUDIT_LIMIT_S
        while ends:
            if time.monotonic() > give_up_s:
                raise LandingError(f"{topic} was not read to its end within {AUDIT_LIMIT_S:.0f} s", "look at Kafka")
            for message in consumer.consume(5000, 0.5):
                if message.error():
                    continue
                values.append(message.value() or b"")
                if message.offset() + 1 >= ends.get(message.partition(), 0):
                    ends.pop(message.partition(), None)
        return values
    finally:
        consumer.close()
