"""Whether the forwarder does its work: `/health` says so, and why not. Safe to be told and asked by several threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Literal

import msgspec

from clearsight import readable
from clearsight.instants import from_us
from connectors.cloudwatch.lease import Lease, is_away

STALE_COLD_PERIODS = 3

Role = Literal["writing", "standing by", "waiting for Kafka"]


class _Subject(msgspec.Struct):
    """A log group, or something else that can fail."""

    through: int | None = None
    through_moved: int = 0
    """When `through` was last seen to move."""
    swept: Mapping[str, int] = {}
    swept_moved: Mapping[str, int] = {}
    kind: str | None = None
    problem: str | None = None
    failing_since: int | None = None


class Health:
    """Unhealthy while a group may not be read, or when something is not done for three cold periods: a group is settled
    through no later, one of its tiers was read no later, Kafka was not heard from, a thing fails that has to work. A group
    that catches up is well, however far behind it is.

    `clock` is epoch milliseconds that run `speed` times as fast as this machine's.
    """

    def __init__(self, clock: Callable[[], int], cold_interval_ms: int, lease: Lease, speed: float = 1.0) -> None:
        self._clock = clock
        self._limit_ms = STALE_COLD_PERIODS * cold_interval_ms
        self._lease = lease
        self._speed = speed
        self._subjects: dict[str, _Subject] = {}
        self._dropped: dict[str, int] = {}
        self._lock = Lock()

    def settled(self, name: str, through: int, swept: Mapping[str, int] | None = None) -> None:
        """A window of this group was read. `swept`: tier → up to when its work is done (`Progress.swept`)."""
        swept, now = swept or {}, self._clock()
        with self._lock:
            before = self._subjects.get(name, _Subject())
            stands_still = before.swept and swept and min(swept.values()) <= min(before.swept.values())
            problem = before.problem if stands_still else None
            self._subjects[name] = _Subject(
                through=through,
                through_moved=_moved(before.through, through, before.through_moved, now),
                swept=swept,
                swept_moved={
                    tier: _moved(before.swept.get(tier), at, before.swept_moved.get(tier, now), now)
                    for tier, at in swept.items()
                },
                problem=problem,
            )

    def failed(self, name: str, kind: str, problem: str) -> None:
        with self._lock:
            subject = self._subjects.setdefault(name, _Subject())
            subject.kind, subject.problem = kind, problem
            if subject.failing_since is None:
                subject.failing_since = self._clock()

    def succeeded(self, name: str) -> None:
        """It works, or nobody waits for it any more."""
        with self._lock:
            self._subjects.pop(name, None)

    def dropped(self, name: str, records: int) -> None:
        """Lambda says that it has dropped that many lines of this group before CloudWatch had them."""
        with self._lock:
            self._dropped[name] = self._dropped.get(name, 0) + records

    def report(self) -> tuple[bool, dict[str, Any]]:
        """Whether all is well, and the answer's body: times as epoch milliseconds."""
        now, role = self._clock(), self._role()
        with self._lock:
            problems = {} if role == "standing by" else self._problems(now)
            through = {name: one.through for name, one in self._subjects.items() if one.through is not None}
            dropped = dict(self._dropped)
        problems |= self._kafka(now, role)
        body = {
            "status": "ok" if not problems else "failing",
            "role": role,
            "through": through,
            "problems": problems,
            "dropped_by_lambda": dropped,
        }
        return not problems, body

    def _role(self) -> Role:
        if self._lease.term:
            return "writing"
        return "waiting for Kafka" if is_away(self._lease) else "standing by"

    def _kafka(self, now: int, role: Role) -> dict[str, str]:
        silent_ms = int(self._lease.silent_s * 1000 * self._speed)
        if role == "writing" or silent_ms <= self._limit_ms:
            return {}
        return {"Kafka": f"has not been heard from since {readable.clock(from_us((now - silent_ms) * 1000))}"}

    def _problems(self, now: int) -> dict[str, str]:
        found = {name: self._problem(subject, now) for name, subject in self._subjects.items()}
        return {name: problem for name, problem in found.items() if problem}

    def _problem(self, subject: _Subject, now: int) -> str | None:
        if subject.kind in ("denied", "expired"):
            return subject.problem
        if subject.through is None:
            return subject.problem if now - (subject.failing_since or now) > self._limit_ms else None
        if now - subject.through_moved > self._limit_ms:
            return subject.problem or f"settled through {(now - subject.through) // 1000} s ago only"
        return self._late_tier(subject, now)

    def _late_tier(self, subject: _Subject, now: int) -> str | None:
        for tier, swept in subject.swept.items():
            if now - subject.swept_moved[tier] > self._limit_ms:
                why = f": {subject.problem}" if subject.problem else ""
                return f"the {tier} tier was last read {(now - swept) // 1000} s ago{why}"
        return None


def _moved(before: int | None, time: int, moved: int, now: int) -> int:
    """When this time was last seen to move: now, or as long ago as before."""
    return now if before is None or time > before else moved
