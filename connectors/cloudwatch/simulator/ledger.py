"""The ledger of accepted lines: the truth for tests, kept apart from what the API serves, and what a restart reads.

One JSON object a line: event_id, group, stream, timestamp, ingestion, message. Groups and streams are in a file beside
it. A batch is in the file before it is acknowledged; the machine's own crash is not survived (no fsync).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from clearsight.errors import StackError

_encode = msgspec.json.Encoder().encode


class Accepted(msgspec.Struct, frozen=True):
    event_id: str
    group: str
    stream: str
    timestamp: int
    ingestion: int
    message: str


class Named(msgspec.Struct, frozen=True):
    """A group was created, changed or removed, or a stream was created in it."""

    group: str
    created: int
    stream: str | None = None
    removed: bool = False
    retention_days: int | None = None
    """0: kept for ever again."""


class Ledger:
    """Append-only; one process may have it open."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lines = _Journal(path, Accepted)
        self._names = _Journal(path.with_name(path.name + ".names"), Named)
        self.count = 0

    def names(self) -> Iterator[Named]:
        return self._names.read()

    def lines(self) -> Iterator[Accepted]:
        """Every accepted line, oldest first. Counts them."""
        for line in self._lines.read():
            self.count += 1
            yield line

    def name(self, named: Named) -> None:
        self._names.append([named])

    def accept(self, lines: list[Accepted]) -> None:
        """On return the lines outlive this process."""
        self._lines.append(lines)
        self.count += len(lines)

    def close(self) -> None:
        self._lines.close()
        self._names.close()


class _Journal:
    def __init__(self, path: Path, kind: type[Any]) -> None:
        self._path = path
        self._decode = msgspec.json.Decoder(kind).decode
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def read(self) -> Iterator[Any]:
        """Each record; a torn last line, never acknowledged, is cut off."""
        whole_bytes = 0
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                whole_bytes += len(line)
                try:
                    yield self._decode(line)
                except msgspec.DecodeError as error:
                    raise StackError(
                        f"{self._path}:{number}: not a ledger line ({error})", "move the file away to start empty"
                    ) from None
        os.ftruncate(self._file, whole_bytes)

    def append(self, records: Iterable[msgspec.Struct]) -> None:
        data = b"".join(_encode(record) + b"\n" for record in records)
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        os.close(self._file)
