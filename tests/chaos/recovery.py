"""Waits until everything is back: every part runs, the connector works, and what is committed now lands."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
from bench.ground import Ground
from chaos.evidence import Evidence

from clearsight.errors import ClearSightError, LandingError, SourceError, StackError, Unavailable
from clearsight.java_trace import cause_of
from connectors.debezium.stream import stream

LIMIT_S = 300.0
POLL_S = 0.3
PATIENCE_S = 10.0
"""What was committed while a slot was lost never lands: then something later must."""

Newest = tuple[int | None, str | None]
"""The transaction of a change, and the id of a log line."""


def recover(ground: Ground, evidence: Evidence, say: Callable[[str], None], limit_s: float) -> None:
    """Start what died, as whoever runs the stack would, until what was committed afterwards has landed, heartbeats too, from
    one of which to another gaps reach: what was committed before may have been on its way already. Raises LandingError with
    what is not back after the limit."""
    give_up_s = time.monotonic() + limit_s
    since: datetime | None = None
    before: Newest | None = None
    target: Newest | None = None
    chosen_s = 0.0
    while True:
        missing = _missing_parts(ground)
        if not missing:
            try:
                before, since = before or evidence.newest(), since or datetime.now(UTC)
                if target is None or time.monotonic() - chosen_s > PATIENCE_S:
                    target, chosen_s = _later(evidence.newest(), before), time.monotonic()
                missing = ["new changes and log lines"] if target is None else _not_landed(evidence, target)
                missing += [] if evidence.has_beaten_since(since) else ["a heartbeat"]
            except (psycopg.OperationalError, Unavailable) as error:
                missing = [f"a database: {_first_line(error)}"]
        if not missing:
            return
        if time.monotonic() > give_up_s:
            raise LandingError(f"not back after {limit_s:.0f} s: {', '.join(missing)}", "see the logs of these parts")
        say(f"waiting for {', '.join(missing)}")
        time.sleep(POLL_S)


def _later(newest: Newest, before: Newest) -> Newest | None:
    is_later = all(now != then for now, then in zip(newest, before, strict=True))
    return newest if is_later else None


def _missing_parts(ground: Ground) -> list[str]:
    try:
        ground.stack.up()
    except StackError as error:  # of `register`, where the slot is gone: the connector needs the mend that this names
        return [error.message.splitlines()[0], *_connector(ground)]
    dead = [f"{part.name} ({part.state})" for part in ground.stack.status() if part.state not in ("running", "done")]
    return dead or _connector(ground)


def _connector(ground: Ground) -> list[str]:
    connect = ground.settings.connect
    try:
        answer = httpx.get(f"{connect.url}/connectors/{connect.connector_name}/status", timeout=30.0, trust_env=False)
        found: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return [f"Kafka Connect ({type(error).__name__})"]
    working = [found.get("connector", {}), *found.get("tasks", [])]
    states = [one.get("state") for one in working]
    if states == ["RUNNING", "RUNNING"]:
        return []
    if "FAILED" in states:
        _register_again(ground)
    if states[0] == "STOPPED":
        with suppress(httpx.HTTPError):
            httpx.put(f"{connect.url}/connectors/{connect.connector_name}/resume", timeout=30.0, trust_env=False)
    return [f"connector and task ({'; '.join(map(_state, working))})"]


def _register_again(ground: Ground) -> None:
    """Kafka Connect leaves a task that failed as it is; this is the mend that the product names."""
    settings = ground.settings
    with suppress(ClearSightError):  # the next look tells
        try:
            stream(settings, settings.mapping)
        except SourceError as error:
            if "--new-snapshot" not in error.mend:
                raise
            stream(settings, settings.mapping, new_snapshot=True)


def _state(one: dict[str, Any]) -> str:
    state = str(one.get("state"))
    return f"{state}: {cause_of(one['trace'])}" if "trace" in one else state


def _not_landed(evidence: Evidence, target: Newest) -> list[str]:
    change, line = evidence.has_landed(*target)
    return [
        *([] if change else [f"changes (transaction {target[0]} has not landed)"]),
        *([] if line else [f"log lines ({target[1]} has not landed)"]),
    ]


def _first_line(error: Exception) -> str:
    if isinstance(error, ClearSightError):
        return error.message
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
