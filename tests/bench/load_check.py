"""Whether a load is what it claims to be, counted from the raw topics and not by the one who made it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec
from ground import Ground
from load import MOST_CHANGES, TABLE, UPDATES, Load
from raw_topics import names, records

from clearsight.errors import LandingError

IMAGE_BYTES = 300
MEAN, MEAN_TOLERANCE = 5.0, 0.1
SHARE_TOLERANCE = 0.01
CONTEXT_PREFIX = "clearsight"


class _Source(msgspec.Struct):
    txId: int | None


class _Change(msgspec.Struct):
    """A row change; the images as the bytes that they are in the record."""

    op: str
    source: _Source
    before: msgspec.Raw = msgspec.Raw(b"null")
    after: msgspec.Raw = msgspec.Raw(b"null")


class _Message(msgspec.Struct):
    prefix: str


class _ContextMessage(msgspec.Struct):
    source: _Source
    message: _Message | None = None


@dataclass(frozen=True)
class Properties:
    """What the topics hold."""

    transactions: int
    events: int
    changes: int
    log_lines: int
    fewest_changes: int
    most_changes: int
    mean_changes: float
    updates_share: float
    smallest_before_bytes: int
    smallest_after_bytes: int
    contexts_a_transaction: tuple[int, int]
    """The fewest and the most."""

    def shown(self) -> dict[str, Any]:
        fewest, most = self.contexts_a_transaction
        return {
            "transactions": self.transactions,
            "events": self.events,
            "changes of rows": self.changes,
            "log lines": self.log_lines,
            "changes a transaction": f"{self.fewest_changes}–{self.most_changes}, mean {self.mean_changes:.2f}",
            "updates": f"{self.updates_share:.1%}",
            "smallest image before, after": f"{self.smallest_before_bytes}, {self.smallest_after_bytes} bytes",
            "contexts a transaction": f"{fewest}–{most}",
        }


def properties(ground: Ground) -> Properties:
    settings = ground.settings
    changes, contexts = _Changes(), Counter[int]()
    decode = msgspec.json.Decoder(_Change).decode
    for record in records(settings, names(settings).change(TABLE)):
        changes.add(decode(record.value()))
    decode_context = msgspec.json.Decoder(_ContextMessage).decode
    for record in records(settings, names(settings).message):
        found = decode_context(record.value())
        if found.message and found.message.prefix == CONTEXT_PREFIX and found.source.txId in changes.of_transaction:
            contexts[found.source.txId] += 1
    lines = sum(1 for _ in records(settings, names(settings).logs))
    counts = changes.of_transaction
    told = [contexts[transaction] for transaction in counts]
    return Properties(
        transactions=len(counts),
        events=counts.total() + lines,
        changes=counts.total(),
        log_lines=lines,
        fewest_changes=min(counts.values()),
        most_changes=max(counts.values()),
        mean_changes=counts.total() / len(counts),
        updates_share=changes.updates / counts.total(),
        smallest_before_bytes=changes.smallest_before,
        smallest_after_bytes=changes.smallest_after,
        contexts_a_transaction=(min(told), max(told)),
    )


class _Changes:
    def __init__(self) -> None:
        self.of_transaction = Counter[int]()
        self.updates = 0
        self.smallest_before = self.smallest_after = 1 << 30

    def add(self, change: _Change) -> None:
        assert change.source.txId is not None
        self.of_transaction[change.source.txId] += 1
        self.smallest_after = min(self.smallest_after, len(bytes(change.after)))
        if change.op == "u":
            self.updates += 1
            self.smallest_before = min(self.smallest_before, len(bytes(change.before)))


def require(found: Properties, load: Load) -> None:
    """Raises LandingError naming the first property that the load must have and has not."""
    wanted: list[tuple[str, bool]] = [
        (f"{load.transactions:,} transactions", found.transactions == load.transactions),
        (f"{load.changes:,} changes", found.changes == load.changes),
        (f"{load.lines:,} log lines", found.log_lines == load.lines),
        (f"1–{MOST_CHANGES} changes a transaction", 1 <= found.fewest_changes <= found.most_changes <= MOST_CHANGES),
        (f"a mean of {MEAN:g} changes", _large(load, abs(found.mean_changes - MEAN) <= MEAN_TOLERANCE)),
        (f"{UPDATES:.0%} updates", _large(load, abs(found.updates_share - UPDATES) <= SHARE_TOLERANCE)),
        (f"images of {IMAGE_BYTES} bytes", min(found.smallest_before_bytes, found.smallest_after_bytes) >= IMAGE_BYTES),
        ("one context a transaction", found.contexts_a_transaction == (1, 1)),
        ("as many log lines as changes", found.log_lines == found.changes),
    ]
    for words, holds in wanted:
        if not holds:
            raise LandingError(f"the load has not {words}: {found.shown()}", "mend tests/bench/load.py")


def _large(load: Load, holds: bool) -> bool:
    """A quick look with few transactions may miss a mean by chance."""
    return holds or load.transactions < 10_000
