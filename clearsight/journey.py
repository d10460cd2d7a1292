"""A user's actions as a story: sessions, velocity, and how active the user is beside others. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

Activity = Literal["power", "regular", "occasional"]

IDLE = timedelta(minutes=30)
COMMON = 5
"""Most common actions that are told."""
POWER_QUANTILE, OCCASIONAL_QUANTILE = 0.75, 0.25

_MS = timedelta(milliseconds=1)


class Act(NamedTuple):
    """One action, as far as sessions and velocity need it."""

    occurred_at: datetime
    action: str
    scenario: str | None


@dataclass(frozen=True, slots=True)
class Session:
    number: int
    """From 1, the oldest of the range."""
    started_at: datetime
    ended_at: datetime
    duration_ms: int
    actions: int
    scenarios: list[str]


@dataclass(frozen=True, slots=True)
class ActionCount:
    action: str
    count: int


@dataclass(frozen=True, slots=True)
class Velocity:
    actions: int
    active_days: int
    """UTC days with at least one action."""
    actions_a_day: float
    """Of the days between the first and the last action, both counted."""
    actions_an_active_day: float
    scenarios_touched: int
    most_common: list[ActionCount]
    activity: Activity | None
    """power: at least as active as three quarters of the users; occasional: less than three quarters are; null: no other user
    to compare with."""
    quantile: float | None
    """The share of other users who did less in the same time."""
    compared_with: int
    """Users; a sample where there are many."""


def sessions(acts: Sequence[Act], idle: timedelta = IDLE) -> list[Session]:
    """Of actions in order of time. One that comes `idle` or more after the one before begins a new session."""
    groups: list[list[Act]] = []
    for act in acts:
        if not groups or act.occurred_at - groups[-1][-1].occurred_at >= idle:
            groups.append([])
        groups[-1].append(act)
    return [_session(number, group) for number, group in enumerate(groups, start=1)]


def _session(number: int, acts: list[Act]) -> Session:
    first, last = acts[0].occurred_at, acts[-1].occurred_at
    scenarios = list(dict.fromkeys(act.scenario for act in acts if act.scenario is not None))
    return Session(number, first, last, (last - first) // _MS, len(acts), scenarios)


class SessionOf:
    """The session that an event belongs to: the one going on, or the last before it; None before the first."""

    def __init__(self, found: Sequence[Session]) -> None:
        self._starts = [each.started_at for each in found]

    def __call__(self, occurred_at: datetime) -> int | None:
        return bisect_right(self._starts, occurred_at) or None


def velocity(acts: Sequence[Act], others: Sequence[int], most: int) -> Velocity:
    """Of actions in order of time; `others` are the actions of other users in the time of the newest `most` of them."""
    days = {act.occurred_at.date() for act in acts}
    span = (max(days) - min(days)).days + 1 if days else 0
    common = Counter(act.action for act in acts).most_common(COMMON)
    quantile = _quantile(min(len(acts), most), others)
    return Velocity(
        actions=len(acts),
        active_days=len(days),
        actions_a_day=round(len(acts) / span, 2) if span else 0.0,
        actions_an_active_day=round(len(acts) / len(days), 2) if days else 0.0,
        scenarios_touched=len({act.scenario for act in acts if act.scenario is not None}),
        most_common=[ActionCount(*each) for each in common],
        activity=None if quantile is None else activity_of(quantile),
        quantile=quantile,
        compared_with=len(others),
    )


def _quantile(own: int, others: Sequence[int]) -> float | None:
    return round(sum(count < own for count in others) / len(others), 3) if others else None


def activity_of(quantile: float) -> Activity:
    if quantile >= POWER_QUANTILE:
        return "power"
    return "occasional" if quantile <= OCCASIONAL_QUANTILE else "regular"
