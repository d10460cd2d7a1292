"""Where the time goes while the worker lands: its own by py-spy, the server's by pg_stat_statements."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from ground import Ground, console
from landing_worker import Landing
from rich.table import Table
from rich.text import Text

from clearsight.errors import ConfigurationError, Unavailable

RATE_HZ = 100
LONGEST_S = 3600
TOP = 15
STOP_LIMIT_S = 30
STATEMENT_WIDTH = 110


class Statement(NamedTuple):
    share: float
    """Of the server's time for all statements."""
    calls: int
    mean_ms: float
    rows: int
    text: str


class Function(NamedTuple):
    name: str
    own: float
    """Share of the samples in which it was at work itself."""
    inclusive: float
    """Share in which it was on the stack, with all that it called."""


@dataclass(frozen=True)
class Profile:
    landing: Landing
    functions: list[Function]
    statements: list[Statement]

    def detail(self) -> dict[str, Any]:
        return {
            "seconds": round(self.landing.seconds, 1),
            "functions": [function._asdict() for function in self.functions],
            "statements": [statement._asdict() for statement in self.statements],
        }


def profiled(ground: Ground, landing: Callable[[Callable[[], None]], Landing], folder: Path) -> Profile:
    """Run `landing`, which calls what it is given once the worker runs. Raises Unavailable, ConfigurationError."""
    samples, recording = folder / "worker.samples", []
    _reset_statements(ground)
    made = landing(lambda: recording.append(_record(ground.process("worker").pid, samples)))
    for process in recording:
        try:
            _, said = process.communicate(timeout=STOP_LIMIT_S)
        finally:
            process.kill()
        if not samples.exists():
            raise Unavailable(f"py-spy recorded nothing: {said.strip()}", "allow it to trace processes (ptrace_scope)")
    return Profile(made, _functions(samples), _statements(ground))


def require_profilers(ground: Ground) -> None:
    """Before anything takes long. Raises ConfigurationError."""
    if shutil.which("py-spy", path=str(Path(sys.executable).parent)) is None:
        raise ConfigurationError("py-spy is not installed", "run `make venv`")
    with ground.administrator("report") as connection:
        try:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        except psycopg.Error as error:
            raise ConfigurationError(f"pg_stat_statements cannot be used: {error}", "run without --profile") from None


def show(profile: Profile) -> None:
    functions = Table(
        "own", "with callees", "function", title="py-spy: the worker, share of all samples of busy threads"
    )
    for function in profile.functions:
        functions.add_row(f"{function.own:.1%}", f"{function.inclusive:.1%}", Text(function.name))
    console.print(functions)
    statements = Table("share", "calls", "mean ms", "rows", "statement", title="pg_stat_statements: the server")
    for statement in profile.statements:
        statements.add_row(
            f"{statement.share:.1%}",
            f"{statement.calls:,}",
            f"{statement.mean_ms}",
            f"{statement.rows:,}",
            Text(statement.text),
        )
    console.print(statements)


def _record(pid: int, samples: Path) -> subprocess.Popen[str]:
    """py-spy writes what it has seen when the process ends."""
    command = [Path(sys.executable).with_name("py-spy"), "record", "--pid", str(pid), "--rate", str(RATE_HZ)]
    options = ["--duration", str(LONGEST_S), "--format", "raw", "--output", str(samples), "--nonblocking"]
    return subprocess.Popen(
        [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def _functions(samples: Path) -> list[Function]:
    """Of lines like "outer (file:1);inner (file:2) 17"."""
    own, inclusive = Counter[str](), Counter[str]()
    for line in samples.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        if not stack:  # the worker went on while it was being looked at
            continue
        names = [_function(frame) for frame in stack.split(";")]
        own[names[-1]] += int(count)
        inclusive.update(dict.fromkeys(names, int(count)))
    total = own.total() or 1
    return [
        Function(name, round(count / total, 4), round(inclusive[name] / total, 4))
        for name, count in own.most_common(TOP)
    ]


def _function(frame: str) -> str:
    """Without the line number, which would part one function into many."""
    return frame.rpartition(":")[0] + ")" if ":" in frame else frame


def _reset_statements(ground: Ground) -> None:
    with ground.administrator("report") as connection:
        connection.execute("SELECT pg_stat_statements_reset()")


def _statements(ground: Ground) -> list[Statement]:
    with ground.administrator("report") as connection:
        rows = connection.execute(
            "SELECT total_exec_time / sum(total_exec_time) OVER (), calls, mean_exec_time, rows, query"
            " FROM pg_stat_statements WHERE userid = 'clearsight_writer'::regrole"
            " ORDER BY total_exec_time DESC LIMIT %s",
            [TOP],
        ).fetchall()
    return [
        Statement(round(share, 4), calls, round(mean_ms, 2), count, " ".join(text.split())[:STATEMENT_WIDTH])
        for share, calls, mean_ms, count, text in rows
    ]
