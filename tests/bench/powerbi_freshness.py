"""How fresh Power BI's views are under a steady load: from a commit to the row in `bi`, as a DirectQuery visual would see it.

The same load as `freshness.py`; one commit in 25 is looked for by a login of `clearsight_bi`. Writes
bench-results/powerbi_freshness.json.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import figures
import freshness_commits
import psycopg
from freshness import LEAD_S
from freshness_commits import Schedule, number_of
from freshness_watch import GIVE_UP_S, POLL_S, Watch
from ground import Ground, Say, arguments, ground, phase, run

from clearsight.errors import LandingError
from clearsight.settings import required
from clearsight.stack.state import HOST, REPORT_DATABASE, load

SEEN = """
select "rows"."new_value" from (select "_"."new_value", "_"."scenario_id", "_"."event_seq" from "bi"."input_changes" "_") "rows"
where "rows"."scenario_id" = %s and "rows"."event_seq" >= %s limit 1000001
"""


class BiClient:
    """Asks for the probe scenario's changes from the oldest probe on that it has not seen, with one connection."""

    def __init__(self, dsn: str, scenario: str, schedule: Schedule) -> None:
        self.answer_ms: list[float] = []
        self._connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
        self._scenario = scenario
        self._schedule = schedule
        self._waited_for = list(schedule.probes())

    def look(self, seen_s: dict[int, float]) -> None:
        time.sleep(POLL_S)
        asked_s = time.monotonic()
        while self._waited_for and self._is_over(self._waited_for[0], seen_s, asked_s):
            self._waited_for.pop(0)
        if not self._waited_for or self._schedule.due_s(self._waited_for[0]) > asked_s:
            return
        since_us = int(self._schedule.due_wall_s(self._waited_for[0]) * 1_000_000)
        rows = self._connection.execute(SEEN, [self._scenario, since_us]).fetchall()
        now_s = time.monotonic()
        self.answer_ms.append((now_s - asked_s) * 1000)
        for (value,) in rows:
            number = number_of(value)
            if number is not None:
                seen_s.setdefault(number, now_s)

    def close(self) -> None:
        self._connection.close()

    def _is_over(self, number: int, seen_s: dict[int, float], now_s: float) -> bool:
        return number in seen_s or now_s - self._schedule.due_s(number) > GIVE_UP_S


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rate", type=float, default=500, help="commits a second")
    parser.add_argument("--seconds", type=float, default=60, help="how long is measured")
    parser.add_argument("--warm-up", type=float, default=15, help="seconds before, not measured: the JVMs compile")
    given = parser.parse_args()
    with ground(given.home) as stack, phase(f"{given.rate:g} commits/s for {given.warm_up + given.seconds:g} s") as say:
        schedule, committed_s, seen_s, answer_ms = _watched(stack, given, say)
    measured = [number for number in schedule.probes() if number >= schedule.first_measured and number in committed_s]
    seen_ms = [(seen_s[number] - committed_s[number]) * 1000 for number in measured if number in seen_s]
    told = {
        "rate": given.rate,
        "bi_ms": {
            name: figures.percentile(seen_ms, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        },
        "probes": len(measured),
        "unseen": len(measured) - len(seen_ms),
    }
    figures.hand_over(
        "powerbi_freshness", "Commit → row in bi", told, {"answer_p95_ms": figures.percentile(answer_ms, 0.95)}
    )
    if told["unseen"]:
        raise LandingError(
            f"{told['unseen']} commits were not seen within {GIVE_UP_S:.0f} s: the figures are of the others",
            "run it where nothing else works, or with a lower --rate",
        )


def _watched(stack: Ground, given: Any, say: Say) -> tuple[Schedule, dict[int, float], dict[int, float], list[float]]:
    dsn = required(stack.settings.demo.dsn, "demo.dsn")
    place = freshness_commits.prepare(dsn)
    schedule = Schedule(given.rate, given.warm_up, given.seconds, time.monotonic() + LEAD_S, time.time() + LEAD_S)
    with (
        closing(BiClient(_bi_dsn(stack), place.probe, schedule)) as client,
        Watch(client.look) as watch,
        freshness_commits.committing(dsn, place, schedule) as commits,
    ):
        while not commits.poll(1.0):
            watch.check()
            say(f"{len(watch.seen_s):,} of {len(schedule.probes()):,} probes in bi")
        committed_s = freshness_commits.receive(commits)
        watch.await_all(set(schedule.probes()), GIVE_UP_S)
    return schedule, committed_s, watch.seen_s, client.answer_ms


def _bi_dsn(stack: Ground) -> str:
    state = load(stack.stack.home)
    password, port = state.passwords["clearsight_bi"], state.ports["postgres"]
    return f"postgresql://clearsight_bi:{password}@{HOST}:{port}/{REPORT_DATABASE}"


if __name__ == "__main__":
    run(main)
