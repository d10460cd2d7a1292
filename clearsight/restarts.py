"""When a connector that failed is restarted, and when it is given up. Pure.

Kafka Connect restarts no task that failed. Workers do: at once, then after a pause that doubles, so often in a row and no
more. A connector that ran for a while begins anew; one that was given up does once somebody got it to run.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

State = Literal["running", "failing", "given_up"]

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
STEADY = timedelta(minutes=10)
"""A connector that ran for so long has recovered."""


class Watch(NamedTuple):
    """What is remembered of a connector: since when it is in this state, how often it was restarted in a row."""

    state: State
    since: datetime
    restarts: int = 0
    restarted_at: datetime | None = None
    reason: str | None = None


class Step(NamedTuple):
    watch: Watch
    restart: bool


def step(kept: Watch | None, failed: str | None, now: datetime, limit: int) -> Step:
    """What to remember and whether to restart a connector that runs, or failed for this reason.

    `limit` restarts in a row are tried; 0 is none at all.
    """
    if failed is None:
        return Step(_running(kept, now), restart=False)
    if kept is not None and kept.state == "given_up":
        return Step(kept._replace(reason=failed), restart=False)
    failing = _failing(kept, failed, now)
    if now < due_at(failing):
        return Step(failing, restart=False)
    if failing.restarts >= limit:
        return Step(failing._replace(state="given_up", since=now), restart=False)
    return Step(failing._replace(restarts=failing.restarts + 1, restarted_at=now), restart=True)


def due_at(watch: Watch) -> datetime:
    """When a connector that is failing is restarted, or given up."""
    if watch.restarted_at is None or watch.restarts == 0:
        return watch.since
    doublings = min(watch.restarts - 1, 16)
    return watch.restarted_at + min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def _running(kept: Watch | None, now: datetime) -> Watch:
    if kept is None or kept.state == "given_up":
        return Watch("running", now)
    if kept.state == "failing":
        return kept._replace(state="running", since=now)
    if kept.restarts and now - kept.since >= STEADY:
        return Watch("running", kept.since)
    return kept


def _failing(kept: Watch | None, reason: str, now: datetime) -> Watch:
    if kept is not None and kept.state == "failing":
        return kept._replace(reason=reason)
    kept = _running(kept, now)
    return Watch("failing", now, kept.restarts, kept.restarted_at, reason)
