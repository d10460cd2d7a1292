"""Whether landing costs more where there is more around it: `make bench-scale`.

The same topics land into an empty reporting database, by one worker and by three, and into one whose partition of the month
holds --history fact rows. Then --lines log lines land that belong to many correlation ids, and as many of one alone.
Writes bench-results/landing_scale.json.
"""

from __future__ import annotations

import argparse
from typing import Any

import figures
import landing_history
import landing_lines
import landing_worker
from ground import Ground, arguments, ground, phase, run
from landing_worker import Landing
from load import Load, fill

from clearsight.errors import LandingError

WORKERS = 3
MEASURED_ALONE = ("forwarder", "cloudwatch", "api")
LINES_OF_AN_ID = 50


def main() -> None:
    given = _arguments()
    with ground(given.home) as stack:
        stack.stop("worker")
        with phase(f"filling the topics with {given.transactions:,} transactions") as say:
            load = fill(stack, given.transactions, given.seed, say)
        stack.stop(*MEASURED_ALONE)
        alone = _best(stack, load, given.repeats, "one worker")
        shared = _best(stack, load, given.repeats, f"{WORKERS} workers", workers=WORKERS)
        if shared.digest != alone.digest:
            raise LandingError(f"{WORKERS} workers landed other facts than one", "compare the facts of two runs")
        full = _with_history(stack, load, given.history)
        many, one = _lines(stack, load, given.lines)
    table = _figures(load, alone, shared, full, given.history, given.lines, many, one)
    figures.hand_over("landing_scale", "Landing where there is more around it", table, {"repeats": given.repeats})


def _arguments() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--transactions", type=int, default=30_000, help="of the load that lands each time")
    parser.add_argument("--history", type=int, default=20_000_000, help="fact rows in the month's partitions")
    parser.add_argument("--lines", type=int, default=1_000_000, help="log lines of one correlation id")
    parser.add_argument(
        "--repeats", type=int, default=2, help="of the landings into an empty database; the best counts"
    )
    return parser.parse_args()


def _best(stack: Ground, load: Load, repeats: int, who: str, workers: int = 1) -> Landing:
    found = []
    for turn in range(1, repeats + 1):
        with phase(f"turn {turn}: {who}, {load.events:,} events") as say:
            found.append(landing_worker.land(stack, load, say, workers=workers))
    return min(found, key=lambda landing: landing.seconds)


def _with_history(stack: Ground, load: Load, rows: int) -> Landing:
    with phase(f"the same beside {rows:,} rows of the past") as say:
        return landing_worker.land(stack, load, say, before=lambda: landing_history.fill(stack, rows, say))


def _lines(stack: Ground, load: Load, count: int) -> tuple[Landing, Landing]:
    """Lines of many correlation ids that landed before, and of one of these."""
    with phase("the load once more, for its correlation ids") as say:
        landing_worker.land(stack, load, say)
    with stack.reporting() as connection:
        ids = [
            str(found)
            for (found,) in connection.execute(
                "SELECT correlation_id FROM rpt.correlation ORDER BY correlation_key LIMIT %s",
                [count // LINES_OF_AN_ID],
            )
        ]
    landings = []
    for chosen in (ids, ids[:1]):
        with phase(f"{count:,} log lines of {len(chosen):,} correlation ids") as say:
            landing_lines.put(stack, count, chosen, say)
            landings.append(landing_worker.landed(stack, say)[0])
    for landing in landings:
        if landing.fact_rows != count:
            raise LandingError(f"{landing.fact_rows:,} of {count:,} lines landed", "look for what was lost or doubled")
    return landings[0], landings[1]


def _figures(
    load: Load, alone: Landing, shared: Landing, full: Landing, history: int, lines: int, many: Landing, one: Landing
) -> dict[str, Any]:
    return {
        "events": load.events,
        "landing_eps": round(alone.events_per_s(load)),
        "three_workers": {"eps": round(shared.events_per_s(load)), "ratio": _ratio(alone, shared)},
        "history": {"rows": history, "eps": round(full.events_per_s(load)), "ratio": _ratio(alone, full)},
        "one_correlation_id": {
            "lines": lines,
            "eps": round(lines / one.seconds),
            "eps_of_many": round(lines / many.seconds),
            "ratio": _ratio(many, one),
        },
        "worker_rss_mb": round(max(landing.peak_rss_bytes for landing in (alone, shared, full, many, one)) / 2**20),
    }


def _ratio(base: Landing, other: Landing) -> float:
    """How fast the other is, as a share of the base."""
    return round(base.seconds / other.seconds, 2)


if __name__ == "__main__":
    run(main)
