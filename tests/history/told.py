"""One episode of history as the records that the connector and the forwarder would have put on Kafka."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from typing import Any

import msgspec

from clearsight.logline import LogError, LogLine
from clearsight.topics import TopicNames
from stream_processors.records import RawRecord

GROUPS = ("/clearsight/forecast-api", "/clearsight/forecast-engine")
ACCOUNT, REGION = "000000000000", "eu-west-1"
_encode = msgspec.json.Encoder().encode


class Stream:
    """Where the source's log and the topics stand. Several streams of one history differ in `number` of `among`."""

    def __init__(self, names: TopicNames, number: int = 0, among: int = 1) -> None:
        self.names = names
        self.number = number
        self._among = among
        self._tx = 1000 + number
        self._commit_lsn = 1 << 30
        self._lines = number
        self.next_offsets: Counter[str] = Counter()

    def transaction(self, committed_us: int) -> Transaction:
        """The next one; it commits after all before it."""
        self._tx += self._among
        before = self._commit_lsn
        self._commit_lsn += 100_000
        return Transaction(self, self._tx, committed_us, before, self._commit_lsn - 90_000 + 1_000 * self.number)

    def line(self, time_us: int, message: str, group: int, **told: Any) -> RawRecord:
        """`told` are further fields of LogLine."""
        self._lines += self._among
        correlation_id = told.get("correlation_id")
        line = LogLine(
            event_id=f"{self._lines:056d}",
            event_time=time_us // 1000,
            ingestion_time=time_us // 1000 + 400,
            forwarded_time=time_us // 1000 + 900,
            account=ACCOUNT,
            region=REGION,
            log_group=GROUPS[group],
            log_stream=f"2026/{self.number:02d}/instance",
            message=message,
            correlation_source="field" if correlation_id else "none",
            **told,
        )
        return self.record(self.names.logs, _encode(line), time_us)

    def record(self, topic: str, value: bytes, time_us: int) -> RawRecord:
        offset = self.next_offsets[topic]
        self.next_offsets[topic] = offset + 1
        return RawRecord(topic, self.number, offset, time_us // 1000 + 1_000, None, value)


class Transaction:
    """One source transaction; its rows and message share txId, commit time and the commit before it."""

    def __init__(self, stream: Stream, tx_id: int, committed_us: int, commit_lsn: int, lsn: int) -> None:
        self._stream = stream
        self._committed_us = committed_us
        self._lsn = lsn
        self._source = {
            "ts_ms": committed_us // 1000,
            "ts_us": committed_us,
            "txId": tx_id,
            "sequence": f'["{commit_lsn}","{lsn}"]',
            "snapshot": "false",
        }
        self._order = 0
        self.records: list[RawRecord] = []

    def context(self, correlation_id: str, user: str, use_case: str) -> Transaction:
        content = _encode({"correlation_id": correlation_id, "user": user, "use_case": use_case})
        message = {"prefix": "clearsight", "content": base64.b64encode(content).decode()}
        self._add(self._stream.names.message, {"op": "m", "message": message}, "", "")
        return self

    def row(self, table: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Transaction:
        """An insert, update or delete, as the images say."""
        op = "c" if before is None else "d" if after is None else "u"
        schema, _, name = table.partition(".")
        self._add(self._stream.names.change(table), {"op": op, "before": before, "after": after}, schema, name)
        return self

    def _add(self, topic: str, value: dict[str, Any], schema: str, table: str) -> None:
        self._lsn += 40
        self._order += 1
        value["source"] = {**self._source, "lsn": self._lsn, "schema": schema, "table": table}
        value["transaction"] = {"id": f"{self._source['txId']}:{self._lsn}", "total_order": self._order}
        self.records.append(self._stream.record(topic, _encode(value), self._committed_us))


def error(kind: str, message: str, node: str) -> LogError:
    stack = (
        "Traceback (most recent call last):\n"
        f'  File "/srv/engine/run.py", line 88, in compute\n    value = nodes["{node}"](inputs)\n'
        f'  File "/srv/engine/nodes/{node}.py", line 41, in {node}\n    return solve(inputs)\n'
        f"{kind}: {message}"
    )
    return LogError(
        type=kind,
        message=message,
        stack=stack,
        fingerprint=hashlib.blake2b(f"{kind}|{node}".encode(), digest_size=8).hexdigest(),
    )
