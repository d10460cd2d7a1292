"""Records as the real connector produced them (shape of 3.7.0.Final, schemas off), for tests that need many."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import msgspec

from clearsight.logline import Ended, ForwarderState, LogError, LogLine
from clearsight.topics import TopicNames
from stream_processors.records import RawRecord

NAMES = TopicNames()
T0_US = 1_795_389_509_000_000  # 2026-11-22T23:18:29Z


@dataclass
class Transaction:
    """One source transaction; its rows and message share txId, commit time and the commit before it."""

    tx_id: int
    committed_us: int
    commit_lsn: int
    lsn: int = 0
    order: int = 0
    records: list[tuple[str, bytes | None, bytes | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lsn = self.lsn or self.commit_lsn + 100

    def context(self, correlation_id: str, user: str | None = None) -> Transaction:
        return self.message(json.dumps({"correlation_id": correlation_id, "user": user, "use_case": "test"}))

    def heartbeat(self, told: Any) -> Transaction:
        """`told` as JSON, or as it is where it is text."""
        return self.message(told if isinstance(told, str) else json.dumps(told), "clearsight.heartbeat")

    def message(self, content: str, prefix: str = "clearsight") -> Transaction:
        message = {"prefix": prefix, "content": base64.b64encode(content.encode()).decode()}
        self._add(NAMES.message, {"op": "m", "message": message, **self._source("", "")}, {"prefix": prefix})
        return self

    def snapshot(self, table: str, row: dict[str, Any], marker: str = "first") -> Transaction:
        """A row as a snapshot at `commit_lsn` saw it, with which the stream begins anew."""
        schema, name = table.split(".")
        value = {"op": "r", "before": None, "after": row, **self._source(schema, name)}
        position = {"snapshot": marker, "sequence": json.dumps([None, str(self.commit_lsn)]), "lsn": self.commit_lsn}
        self._add(NAMES.change(table), {**value, "source": {**value["source"], **position}}, row)
        return self

    def insert(self, table: str, row: dict[str, Any]) -> Transaction:
        return self._row("c", table, None, row)

    def update(self, table: str, before: dict[str, Any] | None, after: dict[str, Any]) -> Transaction:
        return self._row("u", table, before, after)

    def delete(self, table: str, before: dict[str, Any]) -> Transaction:
        return self._row("d", table, before, None)

    def end(self) -> Transaction:
        marker = {
            "status": "END",
            "id": f"{self.tx_id}:{self.lsn}",
            "ts_ms": self.committed_us // 1000,
            "event_count": self.order,
        }
        self.records.append((NAMES.transaction, None, json.dumps(marker).encode()))
        return self

    def _row(self, op: str, table: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Transaction:
        schema, name = table.split(".")
        image = after or before or {}
        self._add(
            NAMES.change(table), {"op": op, "before": before, "after": after, **self._source(schema, name)}, image
        )
        return self

    def _source(self, schema: str, table: str) -> dict[str, Any]:
        self.lsn += 10
        self.order += 1
        return {
            "source": {
                "version": "3.7.0.Final",
                "connector": "postgresql",
                "name": "clearsight",
                "ts_ms": self.committed_us // 1000,
                "snapshot": "false",
                "db": "source",
                "sequence": json.dumps([str(self.commit_lsn) if self.commit_lsn else None, str(self.lsn)]),
                "ts_us": self.committed_us,
                "schema": schema,
                "table": table,
                "txId": self.tx_id,
                "lsn": self.lsn,
                "xmin": None,
            },
            "transaction": {"id": f"{self.tx_id}:{self.lsn}", "total_order": self.order, "data_collection_order": 1},
        }

    def _add(self, topic: str, value: dict[str, Any], key: dict[str, Any]) -> None:
        self.records.append((topic, json.dumps(key).encode(), json.dumps(value).encode()))


def log_line(
    number: int, time_us: int, message: str, *, level: Any = "INFO", error: LogError | None = None, **ids: Any
) -> tuple[str, bytes | None, bytes | None]:
    line = LogLine(
        event_id=f"{number:056d}",
        event_time=time_us // 1000,
        forwarded_time=time_us // 1000 + 50,
        account="000000000000",
        region="eu-west-1",
        log_group="/clearsight/test",
        log_stream="s",
        message=message,
        level=level,
        error=error,
        correlation_source="field" if ids.get("correlation_id") else "none",
        **ids,
    )
    return NAMES.logs, str(ids.get("correlation_id") or "none").encode(), msgspec.json.encode(line)


def forwarder_state(
    through_us: int, offsets: dict[str, int], ended: Ended | None = None, written_us: int | None = None
) -> tuple[str, bytes | None, bytes | None]:
    state = ForwarderState(
        group="/clearsight/test",
        through=through_us // 1000,
        offsets=offsets,
        written=(written_us or through_us) // 1000,
        ended=ended,
    )
    return NAMES.forwarder_state, b"/clearsight/test", msgspec.json.encode(state)


def partitioned(
    records: list[tuple[str, bytes | None, bytes | None]], appended_ms: int = T0_US // 1000 + 1000
) -> list[RawRecord]:
    """The records with offsets, as they lie in partition 0 of their topics."""
    offsets: dict[str, int] = {}
    placed = []
    for topic, key, value in records:
        offset = offsets.get(topic, 0)
        offsets[topic] = offset + 1
        placed.append(RawRecord(topic, 0, offset, appended_ms, key, value))
    return placed
