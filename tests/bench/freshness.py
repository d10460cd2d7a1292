"""How fresh the answers are under a steady load: `make bench-freshness`.

A process commits at a steady rate, one row change and one context a commit. For every commit it is measured when a plain
Kafka consumer has the raw record, which is the floor that Debezium sets, and for one in 25 when the API shows it in the
trail of its scenario. Both watch in the same process and by the same clock. Writes bench-results/freshness.json.
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import figures
import freshness_commits
import psutil
from freshness_commits import Schedule
from freshness_watch import GIVE_UP_S, POLL_S, RawClient, TrailClient, Watch
from ground import Ground, Say, arguments, ground, phase, run
from load import TABLE
from raw_topics import names

from clearsight.demo.landed import Landed, Reporting, wait_until_landed
from clearsight.demo.truth import Truth
from clearsight.errors import LandingError
from clearsight.settings import required

LEAD_S = 3.0
"""The process that commits starts, connects and waits for its first turn."""
LANDING_LIMIT_S = 120.0
LEAST_PACE = 0.98


@dataclass(frozen=True)
class Watched:
    """When every commit was done and seen, monotonic seconds by its number."""

    schedule: Schedule
    committed_s: dict[int, float]
    raw_s: dict[int, float]
    api_s: dict[int, float]
    answer_ms: list[float]
    busy_share: float
    """Of all cores, over the whole time."""

    def after_ms(self, seen_s: dict[int, float]) -> list[float]:
        """Of the measured commits, not of the warm-up's."""
        first = self.schedule.first_measured
        return [(seen_s[n] - at_s) * 1000 for n, at_s in self.committed_s.items() if n >= first and n in seen_s]

    def rate(self) -> float:
        """Measured commits a second, as they were done."""
        done_s = [at_s for number, at_s in self.committed_s.items() if number >= self.schedule.first_measured]
        return len(done_s) / max(max(done_s) - self.schedule.due_s(self.schedule.first_measured), 1e-9)

    def unseen(self) -> int:
        """Commits that Kafka did not have, and probes that the API did not show, when nobody waited any longer."""
        raw = sum(number not in self.raw_s for number in self.committed_s)
        return raw + sum(number not in self.api_s for number in self.schedule.probes())


def main() -> None:
    given = _arguments()
    with ground(given.home) as stack:
        truth = Truth(stack.settings, stack.stack.home)
        since = truth.mark()
        with phase(f"{given.rate:g} commits/s for {given.warm_up:g} s of warm-up and {given.seconds:g} s") as say:
            watched = _watched(stack, given, say)
        reporting = Reporting(required(stack.settings.report.api_dsn, "report.api_dsn"))
        with phase("comparing what was committed with the facts") as say:
            landed = wait_until_landed(
                truth, reporting, since, LANDING_LIMIT_S, lambda found: say(f"{found.lost:,} to come")
            )
    figures.hand_over("freshness", "Commit → visible", _figures(watched, landed), _detail(watched, landed, given))
    _require_sound(watched, landed, given.rate)


def _require_sound(watched: Watched, landed: Landed, rate: float) -> None:
    """Raises LandingError where the figures are not what they look like."""
    if landed.lost or landed.duplicated:
        raise LandingError(landed.missing() if landed.lost else f"{landed.duplicated} doubled", "look for the reason")
    if watched.unseen():
        raise LandingError(
            f"{watched.unseen():,} commits were not seen within {GIVE_UP_S:.0f} s: the figures are of the others",
            "run it where nothing else works, or with a lower --rate",
        )
    if watched.rate() < rate * LEAST_PACE:
        raise LandingError(
            f"{watched.rate():.0f} of {rate:g} commits/s were made: this machine does not keep the pace",
            "run it where nothing else works, or with a lower --rate",
        )


def _arguments() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--rate", type=float, default=500, help="commits a second")
    parser.add_argument("--seconds", type=float, default=60, help="how long is measured")
    parser.add_argument("--warm-up", type=float, default=15, help="seconds before, not measured: the JVMs compile")
    given = parser.parse_args()
    if given.rate <= 0 or given.seconds < 1 or given.warm_up < 0:
        parser.error("--rate is above 0, --seconds at least 1, --warm-up at least 0")
    return given


def _watched(stack: Ground, given: argparse.Namespace, say: Say) -> Watched:
    settings = stack.settings
    dsn = required(settings.demo.dsn, "demo.dsn")
    place = freshness_commits.prepare(dsn)
    schedule = Schedule(given.rate, given.warm_up, given.seconds, time.monotonic() + LEAD_S, time.time() + LEAD_S)
    psutil.cpu_percent()
    with (
        closing(RawClient(settings.kafka.bootstrap_servers, names(settings).change(TABLE))) as consumer,
        closing(TrailClient(settings.api.url, place.probe, schedule)) as client,
        Watch(consumer.look) as raw,
        Watch(client.look) as api,
        freshness_commits.committing(dsn, place, schedule) as commits,
    ):
        while not commits.poll(1.0):
            raw.check()
            api.check()
            say(f"{len(raw.seen_s):,} of {schedule.commits:,} commits on Kafka, {len(api.seen_s):,} probes in the API")
        committed_s = freshness_commits.receive(commits)
        busy_share = psutil.cpu_percent() / 100
        raw.await_all(set(committed_s), GIVE_UP_S)
        api.await_all(set(schedule.probes()), GIVE_UP_S)
    return Watched(schedule, committed_s, raw.seen_s, api.seen_s, client.answer_ms, busy_share)


def _figures(watched: Watched, landed: Landed) -> dict[str, Any]:
    return {
        "rate": round(watched.rate()),
        "floor_ms": _percentiles(watched.after_ms(watched.raw_s)),
        "api_ms": _percentiles(watched.after_ms(watched.api_s)),
        "lost": landed.lost,
        "duplicated": landed.duplicated,
    }


def _detail(watched: Watched, landed: Landed, given: argparse.Namespace) -> dict[str, Any]:
    return {
        "warm_up_s": given.warm_up,
        "measured_s": given.seconds,
        "commits": len(watched.committed_s),
        "changes_landed": landed.changes.landed,
        "floor_samples": len(watched.after_ms(watched.raw_s)),
        "api_samples": len(watched.after_ms(watched.api_s)),
        "unseen": watched.unseen(),
        "api_poll_ms": POLL_S * 1000,
        "api_answer_ms": _percentiles(watched.answer_ms),
        "api_questions": len(watched.answer_ms),
        "floor_ms_p95": figures.percentile(watched.after_ms(watched.raw_s), 0.95),
        "api_ms_p95": figures.percentile(watched.after_ms(watched.api_s), 0.95),
        "cores_busy_share": round(watched.busy_share, 2),
    }


def _percentiles(values: list[float]) -> dict[str, float | None]:
    return {"p50": figures.percentile(values, 0.5), "p99": figures.percentile(values, 0.99)}


if __name__ == "__main__":
    run(main)
