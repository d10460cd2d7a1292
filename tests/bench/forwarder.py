"""The forwarder: history, lag, cost of a line, start, other forwarders' algorithms, and a soak with kills that must lose and
double nothing. JSON at the end: events, replay_eps, parse_us, pull_latency_s, lost, duplicated, kills, rss_mb, …"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import forwarder_measures as measures
from figures import hand_over
from forwarder_peers import compared
from ground import console, phase, run
from kit.forwarding import Programs, fresh_topics
from kit.soak import Plan, Soak
from kit.stacks import servers_of, stack_of
from rich.table import Table

PARTS = ("parse", "peers", "replay", "pull", "start", "soak")


def main() -> None:
    asked = _arguments()
    found: dict[str, Any] = {}
    detail: dict[str, Any] = {"arguments": {name: str(value) for name, value in vars(asked).items()}}
    with tempfile.TemporaryDirectory(prefix="clearsight-bench-") as folder:
        if "parse" in asked.only:
            with phase("reading, redacting and encoding lines"):
                found["parse_us"] = measures.parse_us(asked.lines)
        if "peers" in asked.only:
            with phase("the algorithms of other forwarders on one stream") as say:
                rows = compared(asked.peer_events, 100, asked.seed, say)
            detail["peers"] = [asdict(row) for row in rows]
            _show(detail["peers"])
        if {"replay", "pull", "start", "soak"} & set(asked.only):
            with stack_of(Path(folder), "kafka") as stack:
                _on_kafka(asked, Path(folder), servers_of(stack), found, detail)
    hand_over("forwarder", "the forwarder", found, detail)


def _on_kafka(
    asked: argparse.Namespace, folder: Path, servers: str, found: dict[str, Any], detail: dict[str, Any]
) -> None:
    if "replay" in asked.only:
        with _programs(folder, servers, "replay", "calm") as programs:
            with phase("writing history") as say:
                measures.write_history(programs, asked.history, say)
            with phase("reading history") as say:
                found["replay_eps"] = measures.replay_eps(programs, asked.history, say)
    if "pull" in asked.only:
        with _programs(folder, servers, "pull", "aws") as programs, phase("polling at 1,000 lines a second") as say:
            pulled = measures.pull_latency(programs, 1_000, asked.pull_seconds, 100.0, say)
        found["pull_latency_s"] = {"p50": pulled.p50_s, "p95": pulled.p95_s}
        found["rss_mb"] = pulled.rss_mb
        detail["pull"] = pulled._asdict()
    if "start" in asked.only:
        with fresh_topics(servers) as names, phase("starting with a million known ids") as say:
            started = measures.start_with_known_ids(servers, names, asked.known_ids, say)
        found["start_s"] = started.seconds
        detail["start"] = started._asdict()
    if "soak" in asked.only:
        plan = Plan(asked.soak_events, asked.soak_minutes, asked.soak_speed, asked.kills, asked.seed)
        with fresh_topics(servers) as names, phase("soak") as say:
            soak = Soak(measures.folder(folder, "soak"), servers, names, plan)
            try:
                outcome = soak.run(say)
            finally:
                soak.programs.close()
        found |= {
            "events": outcome.events,
            "lost": outcome.lost,
            "duplicated": outcome.doubled,
            "kills": outcome.kills,
            "writers_killed": outcome.writers_killed,
            "soak_rss_mb": outcome.rss_mb,
            "cold_periods": outcome.cold_periods,
        }
        detail["soak"] = asdict(outcome) | asdict(plan)


@contextmanager
def _programs(folder: Path, servers: str, name: str, profile: str) -> Iterator[Programs]:
    with fresh_topics(servers) as names:
        programs = Programs(measures.folder(folder, name), servers, names, (measures.GROUP,))
        try:
            programs.simulator("--profile", profile)
            yield programs
        finally:
            programs.close()


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table("algorithm", "lost %", "p50 s", "p95 s", "p99 s", "calls/min", "each line read")
    for row in rows:
        table.add_row(*map(str, row.values()))
    console.print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure these")
    parser.add_argument("--seed", type=int, default=1, help="lags, kills and order follow from it")
    parser.add_argument("--lines", type=int, default=30_000, help="for the cost of a line")
    parser.add_argument(
        "--peer-events", type=int, default=720_000, help="of the stream that algorithms are compared on"
    )
    parser.add_argument("--history", type=int, default=300_000, help="lines of history")
    parser.add_argument("--pull-seconds", type=float, default=180.0, help="for how long lines are polled")
    parser.add_argument("--known-ids", type=int, default=1_000_000)
    parser.add_argument("--soak-events", type=int, default=720_000)
    parser.add_argument("--soak-minutes", type=float, default=120.0, help="of event time")
    parser.add_argument("--soak-speed", type=float, default=12.0, help="how fast time runs in the soak")
    parser.add_argument("--kills", type=int, default=50)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
