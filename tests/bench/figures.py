"""How figures are summed up and handed over: percentiles, a table, a row for docs/BENCHMARKS.md, a JSON file."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from clearsight.stack import versions

FOLDER = Path("bench-results")
WIDEST = 10
"""Figures in one row of a table."""


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank; None without values."""
    if not values:
        return None
    return round(sorted(values)[math.ceil(share * len(values)) - 1], 1)


def spread(values: Sequence[float]) -> float:
    """How far apart the repetitions are, as a share of the best."""
    return round((max(values) - min(values)) / max(values), 3)


def surroundings() -> dict[str, Any]:
    """When, on what machine and of which commit the figures are."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "commit": _commit(),
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "system": platform.platform(terse=True),
        },
        "versions": {
            "python": platform.python_version(),
            "postgres": versions.POSTGRES,
            "kafka": versions.KAFKA,
            "debezium": versions.DEBEZIUM,
            "java": versions.JAVA,
        },
    }


def hand_over(name: str, title: str, figures: dict[str, Any], detail: dict[str, Any]) -> None:
    """Write `bench-results/<name>.json`, the figures at its top level; print the table and a row in Markdown."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({**figures, "detail": {**surroundings(), **detail}}, indent=2) + "\n", encoding="utf-8")
    flat = flattened(figures)
    table = Table("figure", "value", title=title)
    for label, value in flat.items():
        table.add_row(label, shown(value))
    out = Console(highlight=False)
    out.print(table)
    out.print(f"{path} has the details. For docs/BENCHMARKS.md:")
    print(in_markdown(flat, datetime.now(UTC).date().isoformat()))


def in_markdown(flat: dict[str, Any], when: str) -> str:
    """A row below its heading; one figure a line where they are too many for a row."""
    if len(flat) > WIDEST:
        rows = [("figure", when), *((label, shown(value)) for label, value in flat.items())]
        head, *rest = [f"| {label} | {value} |" for label, value in rows]
        return "\n".join([head, "|---|---|", *rest])
    return f"| when | {' | '.join(flat)} |\n|{'---|' * (len(flat) + 1)}\n| {when} | {' | '.join(map(shown, flat.values()))} |"


def flattened(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested figures by their joined names: {"a": {"b": 1}} gives {"a b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        label = f"{prefix} {name}".strip()
        flat.update(flattened(value, label) if isinstance(value, dict) else {label: value})
    return flat


def shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else "–" if value is None else str(value)


def _commit() -> str | None:
    try:
        asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return asked.stdout.strip() or None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
