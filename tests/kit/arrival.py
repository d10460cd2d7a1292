"""Records that arrive in groups, each a batch: what becomes of them in any order."""

from __future__ import annotations

import json
from typing import Any

from kit.debezium import NAMES, T0_US, Transaction, partitioned
from kit.reporting import Facts, Reporting
from kit.story import Record

from stream_processors.records import RawRecord


def transaction(number: int, correlation_id: str | None = None) -> Transaction:
    """The transaction at this second, with the commit position that goes with it."""
    made = Transaction(700 + number, T0_US + number * 1_000_000, 10_000 + number * 1_000)
    return made.context(correlation_id, "u1") if correlation_id else made


def snapshot(table: str, row: dict[str, Any]) -> Record:
    schema, name = table.split(".")
    source = {"ts_ms": T0_US // 1000, "snapshot": "true", "schema": schema, "table": name, "txId": 1, "lsn": 5}
    return NAMES.change(table), b"k", json.dumps({"op": "r", "before": None, "after": row, "source": source}).encode()


def batches(*groups: list[Record]) -> list[list[RawRecord]]:
    """The groups as batches with running offsets."""
    flat = iter(partitioned([record for group in groups for record in group]))
    return [[next(flat) for _ in group] for group in groups]


def facts_of(reporting: Reporting, *groups: list[Record]) -> Facts:
    """The facts once the groups have landed in this order and the deadline has passed."""
    reporting.empty()
    land = reporting.worker()
    for batch in batches(*groups):
        land(batch)
    reporting.settle()
    return reporting.facts()
