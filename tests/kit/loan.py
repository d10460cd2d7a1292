"""The capture debezium-pg-loan: what the connector sent, what PostgreSQL logged, and what really happened."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
from kit.forwarded import forwarded

from clearsight.mapping import Mapping
from clearsight.mapping_file import load_mapping
from clearsight.topics import PARTITIONS, TopicNames
from connectors.cloudwatch.event_ids import compose, text
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pages import Event
from stream_processors.records import RawRecord

NAMES = TopicNames("loanmain")
ORIGIN = Origin("000000000000", "eu-west-1", "/loan/postgresql")

Row = dict[str, Any]


def mapping() -> Mapping:
    return load_mapping(Path(__file__).parents[1] / "data" / "loan.toml")


class Record(NamedTuple):
    """As a line of the capture has it; `value` is None for a tombstone."""

    topic: str
    key: str | None
    value: str | None
    headers: Row

    def decoded(self) -> Row:
        found: Row = json.loads(self.value) if self.value else {}
        return found


class Capture:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def stream(self) -> list[Record]:
        """In the order in which the connector sent it."""
        return [Record(**line) for line in self._lines("stream-main.jsonl.gz")]

    def log(self) -> list[Row]:
        return self._lines("pglog-main.jsonl.gz")

    def truth(self) -> list[Row]:
        """One a transaction."""
        return self._lines("truth-main.jsonl.gz")

    def final_state(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = json.loads(
            gzip.decompress((self._folder / "final_state-main.json.gz").read_bytes())
        )
        return found

    def stats(self) -> Row:
        found: Row = json.loads((self._folder / "stats-main.json").read_text())
        return found

    def _lines(self, name: str) -> list[Row]:
        with gzip.open(self._folder / name) as lines:
            return [msgspec.json.decode(line) for line in lines]


def consumed(stream: list[Record]) -> Iterator[RawRecord]:
    """The records that a worker reads, divided among partitions by key as Kafka does, with running offsets."""
    wanted = set(NAMES.consumed(mapping().tables()))
    offsets = defaultdict[tuple[str, int], int](int)
    for record in stream:
        if record.topic not in wanted:
            continue
        key = None if record.key is None else record.key.encode()
        divided = record.topic not in (NAMES.message, NAMES.transaction)
        partition = crc32(key or b"") % PARTITIONS if divided else 0
        offset = offsets[record.topic, partition]
        offsets[record.topic, partition] += 1
        value = None if record.value is None else record.value.encode()
        yield RawRecord(record.topic, partition, offset, _sent_ms(record), key, value)


def log_records(log: list[Row]) -> Iterator[RawRecord]:
    """PostgreSQL's log through CloudWatch and the forwarder; a session is a stream."""
    return forwarded(map(_event, log), ORIGIN, NAMES.logs)


def _sent_ms(record: Record) -> int:
    found: int = record.decoded().get("ts_ms", 0)
    return found


def _event(line: Row) -> Event:
    instant = datetime.fromisoformat(line["timestamp"].replace(" UTC", "+00:00"))
    timestamp = round(instant.timestamp() * 1000)
    number = compose(timestamp, timestamp + 20, line["pid"], line["line_num"])
    return Event(text(number), timestamp, timestamp + 20, line.get("session_id", "server"), json.dumps(line))


class Excerpt(NamedTuple):
    """The records and log lines of some cases, whole transactions each, and everything that belongs to no case."""

    stream: list[Record]
    log: list[Row]


def excerpt(capture: Capture, stream: list[Record], cases: set[str]) -> Excerpt:
    """Of these cases alone: what happens to a case does not depend on the others."""
    truth = [told for told in capture.truth() if told["case_id"] in cases]
    others = {told["txid"] for told in capture.truth() if told["case_id"] not in cases}
    ids = {told["correlation_id"] for told in truth}
    kept = [record for record in stream if _belongs(record.decoded(), cases, others)]
    return Excerpt(kept, [line for line in capture.log() if line.get("application_name") in ids])


def _belongs(value: Row, cases: set[str], others: set[int]) -> bool:
    if "status" in value:
        return int(value["id"].partition(":")[0]) not in others
    if value.get("op") == "r":
        row = value["after"]
        return str(row.get("application_id", row.get("id", ""))) in cases or "resource" in row
    if value.get("op") == "m" and value["source"]["txId"] is None:
        told: Row = json.loads(b64decode(value["message"]["content"]))
        return told["case_id"] in cases
    return bool(value) and value.get("source", {}).get("txId") not in others
