"""Whether the forwarder does its work: `/health` says so, and why not. Safe to be told and asked by several threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

STALE_COLD_PERIODS = 3


@dataclass
class _Group:
    through: int | None = None
    kind: str | None = None
    problem: str | None = None


class Health:
    """Unhealthy while a group may not be read, or is settled through less than three cold periods ago. One that stands
    by for another writer is healthy."""

    def __init__(self, clock: Callable[[], int], cold_interval_ms: int, leading: Callable[[], bool]) -> None:
        self._clock = clock
        self._limit_ms = STALE_COLD_PERIODS * cold_interval_ms
        self._leading = leading
        self._groups: dict[str, _Group] = {}
        self._lock = Lock()

    def settled(self, name: str, through: int) -> None:
        with self._lock:
            self._groups[name] = _Group(through)

    def failed(self, name: str, kind: str, problem: str) -> None:
        with self._lock:
            group = self._groups.setdefault(name, _Group())
            group.kind, group.problem = kind, problem

    def succeeded(self, name: str) -> None:
        with self._lock:
            self._groups.pop(name, None)

    def report(self) -> tuple[bool, dict[str, Any]]:
        """Whether all is well, and the answer's body: times as epoch milliseconds."""
        now, leading = self._clock(), self._leading()
        with self._lock:
            problems = (
                {}
                if not leading
                else {name: problem for name, group in self._groups.items() if (problem := self._problem(group, now))}
            )
            groups = {name: group.through for name, group in self._groups.items() if group.through is not None}
        body = {
            "status": "ok" if not problems else "failing",
            "role": "writing" if leading else "standing by",
            "through": groups,
            "problems": problems,
        }
        return not problems, body

    def _problem(self, group: _Group, now: int) -> str | None:
        if group.kind in ("denied", "expired"):
            return group.problem
        if group.through is not None and now - group.through > self._limit_ms:
            return group.problem or f"settled through {(now - group.through) // 1000} s ago only"
        return None
