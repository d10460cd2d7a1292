"""Ask the product why a run failed, as a person does: with its command, knowing the run's id and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from uuid import UUID

CAUSE_KEYS = ("kind", "category", "node", "change_key")
LIMIT_S = 30


@dataclass(frozen=True)
class Explanation:
    found_cause: dict[str, str | None] | None
    seconds: float
    text: str
    """What a person reads."""


def explain(run_id: UUID) -> Explanation:
    """The answer of `clearsight why`; no cause where it found or said none."""
    started_s = time.monotonic()
    answer = _why(run_id, "--json")
    seconds = round(time.monotonic() - started_s, 2)
    text = _why(run_id)
    return Explanation(_cause(answer.stdout), seconds, (text.stdout or text.stderr).rstrip())


def _why(run_id: UUID, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clearsight", "why", str(run_id), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def _cause(answer: str) -> dict[str, str | None] | None:
    try:
        cause = json.loads(answer)["cause"]
    except (ValueError, KeyError, TypeError):
        return None
    return {key: cause.get(key) for key in CAUSE_KEYS} if isinstance(cause, dict) else None
