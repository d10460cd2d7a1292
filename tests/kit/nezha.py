"""The train ticket shop of the Nezha data: its log lines, and its database writes as the connector would have sent them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from kit.debezium import NAMES, Transaction, partitioned
from kit.forwarded import forwarded

from clearsight.mapping import Mapping
from clearsight.mapping_file import load_mapping
from connectors.cloudwatch.event_ids import compose, text
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pages import Event
from stream_processors.records import RawRecord

ORIGIN = Origin("000000000000", "eu-west-1", "/train-ticket")

Row = dict[str, str]


def mapping() -> Mapping:
    return load_mapping(Path(__file__).parents[1] / "data" / "nezha.toml")


class Day:
    """Rows in the order of the files, exact duplicates included."""

    def __init__(self, folder: Path) -> None:
        self.lines = _rows(gzip.decompress((folder / "logs-2023-01-30.csv.gz").read_bytes()))
        self.faultless = _rows(gzip.decompress((folder / "faultfree-2023-01-30-11_39_log.csv.gz").read_bytes()))
        self.writes = _rows((folder / "db_writes-2023-01-30.csv").read_bytes())
        self.faults: dict[str, list[Row]] = json.loads((folder / "2023-01-30-fault_list.json").read_text())


def events(rows: list[Row]) -> list[Event]:
    """As CloudWatch would have them; a row that comes twice is one event that is read twice."""
    return [_event(row) for row in rows]


def log_records(found: list[Event]) -> Iterator[RawRecord]:
    return forwarded(found, ORIGIN, NAMES.logs)


def change_records(writes: list[Row]) -> list[RawRecord]:
    """One transaction a write, committed in the order of time, read in the order of the file; the trace id is its context.
    A row that comes twice is redelivered."""
    in_time = sorted({row["SpanID"]: row for row in writes}.values(), key=lambda row: int(row["StartTimeUnixNano"]))
    transactions = {row["SpanID"]: _transaction(place, row) for place, row in enumerate(in_time)}
    return partitioned([record for row in writes for record in transactions[row["SpanID"]].records])


def _transaction(place: int, row: Row) -> Transaction:
    verb, table = row["OperationName"].split(" ")
    made = Transaction(10_000 + place, int(row["StartTimeUnixNano"]) // 1000, 1_000_000 + place * 1_000)
    made.context(row["TraceID"])
    image = {"span_id": row["SpanID"], "trace_id": row["TraceID"], "service": _service(row)}
    return made.insert(table, image) if verb == "INSERT" else made.update(table, None, image)


def _event(row: Row) -> Event:
    timestamp = int(row["TimeUnixNano"]) // 1_000_000
    digest = blake2b("\x1f".join(row.values()).encode(), digest_size=8).digest()
    number = compose(timestamp, timestamp, int.from_bytes(digest), 0)
    return Event(text(number), timestamp, timestamp, row["PodName"], row["Log"])


def _service(row: Row) -> str:
    return row["PodName"].rsplit("-", 2)[0]


def _rows(content: bytes) -> list[Row]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))
