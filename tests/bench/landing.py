"""How fast a full topic lands, beside two peers: `make bench-landing`.

The worker is stopped while the real connector and the real forwarder fill the raw topics. Then, in turns: the worker lands
all of it into an empty reporting database; Debezium's JDBC sink writes the same change records; the fact rows that the
worker made are put into empty tables like the facts by raw COPY. Writes bench-results/landing.json.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import figures
import landing_copy
import landing_sink
import landing_worker
import load_check
import profiling
from ground import Ground, Say, arguments, console, ground, phase, run
from landing_sink import Setting, settings_for
from landing_worker import Landing
from load import Load, fill
from rich.table import Table

from clearsight.stack.programs import all_parts

MEASURED_ALONE = ("forwarder", "cloudwatch", "api")
"""Parts that have done their work once the topics are full: none of the contestants needs them."""

FEWEST_TRANSACTIONS = 100
SINKS_AGAIN = 2
"""How many of the sink's settings, the best ones, have a turn again."""


@dataclass
class Results:
    """Every repetition of every contestant."""

    landings: list[Landing] = field(default_factory=list)
    sinks: dict[Setting, list[float]] = field(default_factory=dict)
    """Records a second."""
    copies: dict[str, list[float]] = field(default_factory=dict)
    """Fact rows a second, by format."""

    def best_sinks(self) -> list[Setting]:
        return sorted(self.sinks, key=lambda setting: max(self.sinks[setting]), reverse=True)

    def best_copy(self) -> str:
        return max(self.copies, key=lambda form: max(self.copies[form]))

    def best_landing(self) -> Landing:
        return min(self.landings, key=lambda landing: landing.seconds)


def main() -> None:
    given = _arguments()
    # a peer that cannot be had is known before anything takes long
    parts = all_parts() if given.no_peers else landing_sink.parts_with_sink()
    with ground(given.home, parts) as stack:
        if given.profile:
            profiling.require_profilers(stack)
        load, found = _filled(stack, given.transactions, given.seed)
        results = _measured(stack, load, given.repeats, not given.no_peers)
        profile = _profiled(stack, load) if given.profile else None
    detail = {"load": found.shown(), **_detail(load, results), "profile": profile and profile.detail()}
    figures.hand_over("landing", "Landing a full topic", _figures(load, results), detail)
    if profile:
        profiling.show(profile)


def _arguments() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--transactions", type=int, default=60_000, help="fewer for a quick look")
    parser.add_argument("--repeats", type=int, default=2, help="how often each contestant has its turn")
    parser.add_argument("--no-peers", action="store_true", help="the worker alone: no ratios are written")
    parser.add_argument("--profile", action="store_true", help="one more landing, under py-spy, that does not count")
    given = parser.parse_args()
    if given.transactions < FEWEST_TRANSACTIONS or given.repeats < 1:
        parser.error(f"--transactions is at least {FEWEST_TRANSACTIONS}, --repeats at least 1")
    return given


def _filled(stack: Ground, transactions: int, seed: int) -> tuple[Load, load_check.Properties]:
    stack.stop("worker")
    with phase(f"filling the topics with {transactions:,} transactions") as say:
        load = fill(stack, transactions, seed, say)
    with phase("counting what the topics hold"):
        found = load_check.properties(stack)
    load_check.require(found, load)
    table = Table("the load", "as the topics hold it")
    for name, value in found.shown().items():
        table.add_row(name, figures.shown(value))
    console.print(table)
    stack.stop(*MEASURED_ALONE)
    return load, found


def _measured(stack: Ground, load: Load, repeats: int, peers: bool) -> Results:
    """In turns, so that a slow minute of the machine hits them all; from the second turn on the peers' best settings."""
    results, folder = Results(), stack.stack.home / "run" / "copy"
    for turn in range(1, repeats + 1):
        with phase(f"turn {turn}: the worker lands {load.events:,} events") as say:
            results.landings.append(landing_worker.land(stack, load, say))
        if not peers:
            continue
        for form in landing_copy.FORMATS if turn == 1 else (results.best_copy(),):
            with phase(f"turn {turn}: COPY, {form}") as say:
                results.copies.setdefault(form, []).append(_copy(stack, folder, form, results, say))
        for setting in settings_for(load.changes) if turn == 1 else results.best_sinks()[:SINKS_AGAIN]:
            with phase(f"turn {turn}: the JDBC sink, {setting.name}") as say:
                results.sinks.setdefault(setting, []).append(landing_sink.sink(stack, setting, say))
    return results


def _copy(stack: Ground, folder: Path, form: str, results: Results, say: Say) -> float:
    say("writing the facts to files")
    landing_copy.export(stack, folder, form)
    try:
        return results.landings[-1].fact_rows / landing_copy.copy_in(stack, folder, form, say)
    finally:
        shutil.rmtree(folder)


def _profiled(stack: Ground, load: Load) -> profiling.Profile:
    with phase("the worker lands once more, under py-spy") as say:

        def land(when_running: Callable[[], None]) -> Landing:
            return landing_worker.land(stack, load, say, when_running)

        return profiling.profiled(stack, land, stack.stack.home / "run")


def _figures(load: Load, results: Results) -> dict[str, Any]:
    """The best of each; a peer that was left out has null."""
    best = results.best_landing()
    sink = max(results.sinks[results.best_sinks()[0]]) if results.sinks else None
    copy = max(results.copies[results.best_copy()]) if results.copies else None
    return {
        "events": load.events,
        "fact_rows": best.fact_rows,
        "amended_share": best.amended_share,
        "landing_eps": round(best.events_per_s(load)),
        "jdbc_sink_eps": round(sink) if sink else None,
        "copy_eps": round(copy) if copy else None,
        "ratio_to_jdbc_sink": round(best.events_per_s(load) / sink, 2) if sink else None,
        "ratio_to_copy": round(best.fact_rows_per_s / copy, 3) if copy else None,
        "worker_rss_mb": round(max(landing.peak_rss_bytes for landing in results.landings) / 2**20),
    }


def _detail(load: Load, results: Results) -> dict[str, Any]:
    landings = [landing.events_per_s(load) for landing in results.landings]
    return {
        "of_repetitions": "best",
        "landing": {
            "eps": [round(rate) for rate in landings],
            "fact_rows_per_s": [round(landing.fact_rows_per_s) for landing in results.landings],
            "spread": figures.spread(landings),
        },
        "jdbc_sink": {setting.name: _repetitions(rates) for setting, rates in results.sinks.items()},
        "copy": {form: _repetitions(rates) for form, rates in results.copies.items()},
    }


def _repetitions(rates: list[float]) -> dict[str, Any]:
    return {"eps": [round(rate) for rate in rates], "spread": figures.spread(rates)}


if __name__ == "__main__":
    run(main)
