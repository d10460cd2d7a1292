"""The demonstration on a running stack: traffic with five incidents inside, then everything is counted and asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from clearsight.demo.application import Committed
from clearsight.demo.explain import Explanation, explain
from clearsight.demo.freshness import Freshness, FreshnessProbe, visible_after_ms
from clearsight.demo.incident_plans import NAMES, Name
from clearsight.demo.incidents import SeededIncident, seeded
from clearsight.demo.landed import Landed, Reporting, wait_until_landed
from clearsight.demo.pace import Pace
from clearsight.demo.seeds import Seeds, person
from clearsight.demo.session import Session, open_session
from clearsight.demo.traffic import WORKERS, Traffic
from clearsight.demo.truth import Mark, Truth
from clearsight.errors import Unavailable
from clearsight.settings import Settings, required

INCIDENT_SESSIONS = 2
WARM_UP_S = 5.0
"""Traffic before freshness is measured: Kafka's and Connect's machine code is made while they first work."""
LANDING_LIMIT_S = 120.0
"""Without anything more landing: a killed Kafka or connector takes up to a minute to be back on a small machine."""
FIRST_COMMIT_LIMIT_S = 60.0
FIRST_INCIDENT, LAST_INCIDENT = 0.1, 0.8
"""When they begin, as shares of the traffic's time."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Explained:
    incident: SeededIncident
    explanation: Explanation

    @property
    def correct(self) -> bool:
        return self.explanation.found_cause == self.incident.seeded_cause._asdict()


@dataclass(frozen=True)
class Demonstration:
    """What happened, what landed, what was found."""

    seconds_total: float
    traffic_s: float
    commits: int
    log_lines_accepted: int
    landed: Landed
    freshness: Freshness
    incidents: tuple[Explained, ...]

    @property
    def lost(self) -> int:
        """A line that CloudWatch acknowledged and its ledger lacks is lost as well."""
        return self.landed.lost + max(0, self.log_lines_accepted - self.landed.lines.expected.total())

    def figures(self) -> dict[str, Any]:
        """The result for programs."""
        landed = self.landed
        return {
            "seconds_total": round(self.seconds_total, 1),
            "changes_committed": landed.changes.expected.total(),
            "changes_landed": landed.changes.landed,
            "logs_written": landed.lines.expected.total(),
            "logs_landed": landed.lines.landed,
            "lost": self.lost,
            "duplicated": landed.duplicated,
            "correlated_share": landed.correlated_share,
            "freshness_ms": {"p50": self.freshness.percentile_ms(0.5), "p99": self.freshness.percentile_ms(0.99)},
            "incidents": [
                {
                    "name": one.incident.name,
                    "run_id": str(one.incident.run_id),
                    "seeded_cause": one.incident.seeded_cause._asdict(),
                    "found_cause": one.explanation.found_cause,
                    "correct": one.correct,
                    "seconds": one.explanation.seconds,
                }
                for one in self.incidents
            ],
        }


def demonstrate(
    settings: Settings, home: Path, *, seed: int, seconds: float, rate_per_s: float, began_s: float, say: Say
) -> Demonstration:
    """Traffic for `seconds` at `rate_per_s` commits. `began_s`: when the command began, monotonic.

    Raises Unavailable when a part of the stack is away, SourceError when an incident could not be made.
    """
    truth = Truth(settings, home)
    seeds = Seeds(seed, truth.claim_round(seed))
    since = truth.mark()
    client = httpx.Client(base_url=settings.api.url, timeout=5.0)
    probe = FreshnessProbe(client)
    with client, open_session(settings, WORKERS + INCIDENT_SESSIONS, probe.notice) as session:
        _await_pipeline(session, client, seeds, say)
        started_s = time.monotonic()
        try:
            incidents = _traffic_with_incidents(session, seeds, seconds, rate_per_s, probe.start, say)
        finally:
            traffic_s = time.monotonic() - started_s
            freshness = probe.stop()
    landed = _landed(settings, truth, since, say)
    say("asking why the runs failed")
    explanations = explain([incident.run_id for incident in incidents])
    return Demonstration(
        seconds_total=time.monotonic() - began_s,
        traffic_s=traffic_s,
        commits=len({change.txid for change in landed.changes.expected}),
        log_lines_accepted=session.writer.accepted,
        landed=landed,
        freshness=freshness,
        incidents=tuple(map(Explained, incidents, explanations)),
    )


def incident_times(seconds: float) -> list[float]:
    """When each incident begins, spread over the traffic so that the last has time to end within it."""
    step = (LAST_INCIDENT - FIRST_INCIDENT) / (len(NAMES) - 1)
    return [seconds * (FIRST_INCIDENT + step * number) for number in range(len(NAMES))]


def _await_pipeline(session: Session, client: httpx.Client, seeds: Seeds, say: Say) -> None:
    """One commit is followed to the API before anything is measured: the parts answer, but they have not met yet."""
    say("waiting for the first commit to show in the API")
    commits: list[Committed] = []
    ids = seeds.ids("first commit")
    application = replace(session.application, on_commit=commits.append)
    first = person(seeds.decisions("first commit"), ids)
    with application.request(first.user_id, "user.create", ids.correlation_id()):
        application.create_user(first)
    if visible_after_ms(client, commits[0], FIRST_COMMIT_LIMIT_S, threading.Event()) is None:
        raise Unavailable(
            f"a commit did not show in the API within {FIRST_COMMIT_LIMIT_S:.0f} s",
            "see what is dead: clearsight status",
        )


def _traffic_with_incidents(
    session: Session, seeds: Seeds, seconds: float, rate_per_s: float, when_warm: Callable[[], None], say: Say
) -> list[SeededIncident]:
    order = seeds.decisions("incidents").sample(NAMES, len(NAMES))
    traffic = Traffic.seeded(session.application, seeds)
    say(f"traffic at {rate_per_s:g} commits/s for {WARM_UP_S:g} + {seconds:g} s")
    traffic.start(Pace(rate_per_s, time.monotonic()))
    try:
        time.sleep(WARM_UP_S)
        when_warm()
        started_s = time.monotonic()
        incidents = [
            _incident(session, name, seeds, started_s + at_s, say)
            for name, at_s in zip(order, incident_times(seconds), strict=True)
        ]
        time.sleep(max(0.0, started_s + seconds - time.monotonic()))
    finally:
        traffic.stop()
    return incidents


def _incident(session: Session, name: Name, seeds: Seeds, at_s: float, say: Say) -> SeededIncident:
    time.sleep(max(0.0, at_s - time.monotonic()))
    incident = seeded(name, session.application, session.dsn, seeds)
    say(f"incident {name}: run {incident.run_id} failed")
    return incident


def _landed(settings: Settings, truth: Truth, since: Mark, say: Say) -> Landed:
    reporting = Reporting(required(settings.report.api_dsn, "report.api_dsn"))

    def progress(landed: Landed) -> None:
        done = landed.changes.landed + landed.lines.landed
        say(f"landed {done:,} of {done + landed.lost:,}")

    return wait_until_landed(truth, reporting, since, LANDING_LIMIT_S, progress)
