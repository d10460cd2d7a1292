"""Ask the product why a run failed, as a person does: with its command, knowing the run's id and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

CAUSE_KEYS = ("kind", "category", "node", "change_key")
LIMIT_S = 60
"""A second on an idle machine; one that is busy with everything else may need long to start Python."""

TOGETHER = 2
"""Answers for people, asked for at the same time; what is timed is asked for alone."""


@dataclass(frozen=True)
class Explanation:
    found_cause: dict[str, str | None] | None
    seconds: float
    text: str
    """What a person reads."""


def explain(run_ids: Sequence[UUID]) -> list[Explanation]:
    """The answers of `clearsight why`; no cause where it found or said none."""
    timed = [_timed_cause(run_id) for run_id in run_ids]
    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = list(pool.map(_why, run_ids))
    return [
        Explanation(cause, seconds, (answer.stdout or answer.stderr).rstrip())
        for (cause, seconds), answer in zip(timed, answers, strict=True)
    ]


def _timed_cause(run_id: UUID) -> tuple[dict[str, str | None] | None, float]:
    started_s = time.monotonic()
    answer = _why(run_id, "--json")
    return _cause(answer.stdout), round(time.monotonic() - started_s, 2)


def _why(run_id: UUID, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clearsight", "why", str(run_id), *options]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {LIMIT_S} s")


def _cause(answer: str) -> dict[str, str | None] | None:
    try:
        cause = json.loads(answer)["cause"]
    except (ValueError, KeyError, TypeError):
        return None
    return {key: cause.get(key) for key in CAUSE_KEYS} if isinstance(cause, dict) else None
