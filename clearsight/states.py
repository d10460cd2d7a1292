"""How long a scenario was in which state, from its transitions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class CurrentState:
    state: str
    since: datetime
    ms: int
    """Until the end of the question."""


@dataclass(frozen=True, slots=True)
class TimeInState:
    state: str
    ms: int
    times: int
    """How often it was entered."""


def current_state(transitions: Iterable[tuple[datetime, str]], end: datetime) -> CurrentState | None:
    """After these transitions (when, state entered), oldest first."""
    found = list(transitions)
    if not found:
        return None
    since, state = found[-1]
    return CurrentState(state, since, _ms(since, end))


def time_in_states(transitions: Iterable[tuple[datetime, str]], end: datetime) -> list[TimeInState]:
    """The longest first; the last state counts until `end`."""
    found = list(transitions)
    ends = [*(at for at, _ in found[1:]), end][: len(found)]
    totals: dict[str, tuple[int, int]] = {}
    for (since, state), until in zip(found, ends, strict=True):
        ms, times = totals.get(state, (0, 0))
        totals[state] = (ms + _ms(since, until), times + 1)
    every = [TimeInState(state, *total) for state, total in totals.items()]
    return sorted(every, key=lambda each: (-each.ms, each.state))


def _ms(since: datetime, until: datetime) -> int:
    return max((until - since) // _MS, 0)
