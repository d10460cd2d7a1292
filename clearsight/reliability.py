"""How reliable runs are, from groups of failed runs and of error lines. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

UNKNOWN = "unknown"


class RunGroup(NamedTuple):
    """Runs of one UTC day with the same end."""

    day: date
    outcome: str | None
    category: str | None
    node: str | None
    runs: int


class LineGroup(NamedTuple):
    """Error lines with the same category, node and service."""

    category: str | None
    node: str | None
    service: str | None
    lines: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Top:
    """What failed most. `share` is of all failed runs, or of all error lines where no run failed."""

    name: str
    failed_runs: int
    error_lines: int
    share: float
    first_seen_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    """UTC."""
    runs: int
    succeeded: int
    failed: int
    success_rate: float | None
    """Of the runs that ended; null: none did."""


@dataclass(frozen=True, slots=True)
class Runs:
    runs: int
    succeeded: int
    failed: int
    running: int
    success_rate: float | None


def days(groups: Iterable[RunGroup]) -> list[Day]:
    """Days with runs, oldest first."""
    by_day: dict[date, list[RunGroup]] = {}
    for group in groups:
        by_day.setdefault(group.day, []).append(group)
    return [_day(day, found) for day, found in sorted(by_day.items())]


def _day(day: date, groups: Sequence[RunGroup]) -> Day:
    total = runs(groups)
    return Day(day, total.runs, total.succeeded, total.failed, total.success_rate)


def runs(groups: Iterable[RunGroup]) -> Runs:
    counts = {"succeeded": 0, "failed": 0, "running": 0}
    for group in groups:
        counts[group.outcome or "running"] += group.runs
    ended = counts["succeeded"] + counts["failed"]
    rate = round(counts["succeeded"] / ended, 4) if ended else None
    return Runs(sum(counts.values()), counts["succeeded"], counts["failed"], counts["running"], rate)


def top_categories(failed: Iterable[RunGroup], lines: Iterable[LineGroup], most: int) -> list[Top]:
    """An error without a category is "unknown"."""
    return _top(failed, lines, most, lambda each: each.category or UNKNOWN, lambda each: each.category or UNKNOWN)


def top_nodes(failed: Iterable[RunGroup], lines: Iterable[LineGroup], most: int) -> list[Top]:
    """What names no node counts for none."""
    return _top(failed, lines, most, lambda each: each.node, lambda each: each.node)


def top_services(lines: Iterable[LineGroup], most: int) -> list[Top]:
    """By error lines alone: a run is of no service."""
    return _top((), lines, most, lambda each: None, lambda each: each.service)


def _top(
    failed: Iterable[RunGroup],
    lines: Iterable[LineGroup],
    most: int,
    name_of_run: Callable[[RunGroup], str | None],
    name_of_line: Callable[[LineGroup], str | None],
) -> list[Top]:
    run_counts: dict[str, int] = {}
    for group in failed:
        if group.outcome == "failed" and (name := name_of_run(group)) is not None:
            run_counts[name] = run_counts.get(name, 0) + group.runs
    line_groups: dict[str, list[LineGroup]] = {}
    for each in lines:
        if (name := name_of_line(each)) is not None:
            line_groups.setdefault(name, []).append(each)
    all_runs = sum(run_counts.values())
    all_lines = sum(each.lines for group in line_groups.values() for each in group)
    found = [
        _one(name, run_counts.get(name, 0), line_groups.get(name, []), all_runs, all_lines)
        for name in run_counts.keys() | line_groups.keys()
    ]
    return sorted(found, key=lambda each: (-each.failed_runs, -each.error_lines, each.name))[:most]


def _one(name: str, failed: int, lines: Sequence[LineGroup], all_runs: int, all_lines: int) -> Top:
    count = sum(each.lines for each in lines)
    part, whole = (failed, all_runs) if all_runs else (count, all_lines)
    return Top(
        name=name,
        failed_runs=failed,
        error_lines=count,
        share=round(part / whole, 4) if whole else 0.0,
        first_seen_at=min((each.first_seen_at for each in lines), default=None),
        last_seen_at=max((each.last_seen_at for each in lines), default=None),
    )
