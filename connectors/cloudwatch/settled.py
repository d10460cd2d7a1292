"""Whether a log group is settled as far as a forwarder that runs would have settled it. Pure."""

from __future__ import annotations

import msgspec

from clearsight import readable
from clearsight.instants import from_us
from clearsight.logline import ForwarderState
from clearsight.settings import ForwarderSettings
from connectors.cloudwatch import tiers

SLACK_MS = 60_000
"""Of real time: a slow machine, a call that is tried again, clocks that differ."""


class Running(msgspec.Struct, frozen=True):
    """What a forwarder that runs may not have settled yet, and how long it may say nothing; by the lines' clock."""

    unsettled_ms: int
    silent_ms: int


def running(settings: ForwarderSettings, groups: int, tps: float, clock_speed: float = 1.0) -> Running:
    """Of one with so many groups, whose tiers are as wide as tuning makes them."""
    hot, *_ = every = tiers.limits(settings, groups, tps)
    cold = every[-1].most if settings.tune else every[-1].least
    slack_ms = int(SLACK_MS * clock_speed)
    return Running(
        unsettled_ms=cold.back_ms + 2 * cold.every_ms + slack_ms,
        silent_ms=3 * hot.most.every_ms + settings.state_interval_ms + slack_ms,
    )


def settled_through(state: ForwarderState) -> int:
    """Every line up to this event time that came within reach of every tier was delivered."""
    return min((*state.settled, state.through))


def why_short(state: ForwarderState, until: int, now: int, running: Running) -> str | None:
    """Why what is wanted up to `until` is settled for a part only. None where it is settled, or where the rest is what a
    forwarder that runs has yet to settle."""
    end = settled_through(state)
    if end >= min(until, now):
        return None
    if now - end <= running.unsettled_ms and now - state.written <= running.silent_ms:
        return None
    return (
        f"settled through {readable.clock(from_us(end * 1000))} only: the forwarder is behind or does not run; "
        "start it and compare again when it has caught up, or compare up to there"
    )
