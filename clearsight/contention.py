"""Lock conflicts between sessions, read from PostgreSQL's own messages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Conflict = Literal["deadlock", "lock timeout", "serialization failure"]

_SIGNS: tuple[tuple[Conflict, re.Pattern[str]], ...] = (
    ("deadlock", re.compile(r"deadlock detected|DeadlockDetected|\b40P01\b", re.I)),
    ("lock timeout", re.compile(r"lock timeout|LockNotAvailable|could not obtain lock|\b55P03\b", re.I)),
    ("serialization failure", re.compile(r"could not serialize access|SerializationFailure|\b40001\b", re.I)),
)
_WAIT = re.compile(
    r"process (?P<waiter>\d+) waits for \w+ on transaction (?P<tx>\d+); blocked by process (?P<holder>\d+)", re.I
)


@dataclass(frozen=True, slots=True)
class Wait:
    """Process `waiter` waited for transaction `tx_id` (32 bits), which process `holder` ran."""

    waiter: int
    tx_id: int
    holder: int


@dataclass(frozen=True, slots=True)
class LockConflict:
    kind: Conflict
    waits: tuple[Wait, ...]

    @property
    def transactions(self) -> tuple[int, ...]:
        """The transactions that the messages name, each once, in their order."""
        return tuple(dict.fromkeys(wait.tx_id for wait in self.waits))


def lock_conflict(texts: Iterable[str]) -> LockConflict | None:
    """The conflict that these messages and stacks tell of; None where they tell of none."""
    joined = "\n".join(texts)
    kind = next((kind for kind, pattern in _SIGNS if pattern.search(joined)), None)
    if kind is None:
        return None
    waits = (Wait(int(found["waiter"]), int(found["tx"]), int(found["holder"])) for found in _WAIT.finditer(joined))
    return LockConflict(kind, tuple(dict.fromkeys(waits)))
