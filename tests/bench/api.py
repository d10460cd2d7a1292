"""How fast the API answers on a long history, beside its bare SQL and the least server that could give the same page.

Seeds a database of its own in `.clearsight-bench`, or asks that of CLEARSIGHT_HOME (`--seeded`), which then stays. The API
runs as it would for others: keys, row-level security, one process. `python -m bench.api`.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psycopg
from bench import figures
from bench.api_load import answers_a_second, one_at_a_time
from bench.api_peer import numbered
from bench.api_targets import COMPARED, ENDPOINTS, WIDE_INPUTS, Targets, choose
from bench.ground import Ground, arguments, ground, phase, run
from history.fill import fill
from history.wide import wide
from kit.asked import Asked, answers
from kit.ports import free_port

from clearsight.errors import StackError
from clearsight.keys import new_key
from clearsight.settings import ApiSettings, Settings, home, load_settings, required
from clearsight.stack.programs import all_parts
from clearsight.stack.supervisor import Stack
from sql import keys
from sql.migrate import migrate

REQUESTS, SECONDS_EACH = 300, 30.0
PARTS = 5
WARM_UP = 30
CLIENTS, LOAD_S, ROUNDS = 16, 8.0, 3
POOL = 8
START_LIMIT_S = 60.0


def main() -> None:
    given = _arguments()
    with seeded_ground(given) as (stack, settings):
        figures_of(stack, settings, given)


def _arguments() -> Any:
    parser = arguments(__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the history that is seeded")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="at most, to each endpoint one at a time")
    parser.add_argument("--seeded", action="store_true", help="ask the database of CLEARSIGHT_HOME, as it is")
    return parser.parse_args()


@contextmanager
def seeded_ground(given: Any) -> Iterator[tuple[Stack, Settings]]:
    if given.seeded:
        stack = Stack(home())
        stack.up(["postgres"])
        migrate(required(load_settings().report.owner_dsn, "report.owner_dsn"))
        yield stack, load_settings()
        return
    parts = [part for part in all_parts() if part.name in ("postgres", "migrate")]
    with ground(given.home, parts) as made:
        with phase(f"seeding {given.events:,} events"):
            fill(_writer(made), given.events, given.seed, os.cpu_count() or 1)
        with phase("vacuum and analyze"), made.reporting() as connection:
            connection.execute("VACUUM (ANALYZE)")
        yield made.stack, made.settings


def _writer(made: Ground) -> str:
    return required(made.settings.report.writer_dsn, "report.writer_dsn")


def figures_of(stack: Stack, settings: Settings, given: Any) -> None:
    with _connect(settings.report.owner_dsn) as connection:
        targets = choose(connection, given.seed)
        row = connection.execute(
            "SELECT (SELECT count(*) FROM rpt.fact_row_change) + (SELECT count(*) FROM rpt.fact_cloudwatch_log)"
        ).fetchone()
    compared = COMPARED.format(scenario=wide(required(settings.report.writer_dsn, "report.writer_dsn"), WIDE_INPUTS))
    asked = _recorded(settings, targets) | _answers(settings, [compared])
    key = key_of(settings, "rca")
    with tempfile.TemporaryDirectory() as folder, api_process(stack.home, settings) as port:
        headers = {"X-API-Key": key}
        endpoints = {}
        for name, template in ENDPOINTS.items():
            with phase(f"{name}, one at a time"):
                endpoints[name] = _latency(port, headers, settings, targets.paths(template), asked, given.requests)
        with phase(f"a comparison of {WIDE_INPUTS:,} inputs, one at a time"):
            wide_ms = _latency(port, headers, settings, [compared], asked, given.requests)
        pages = targets.paths(ENDPOINTS["audit-trail"])
        with (
            _peer(Path(folder), settings, pages, asked) as peer_port,
            phase(f"{CLIENTS} clients, each side {ROUNDS} times"),
        ):
            rates = _throughput(port, peer_port, headers, pages)
    ours, theirs = (round(median(each), 1) for each in zip(*rates, strict=True))
    told = {
        "events": row[0] if row else None,
        "endpoints": endpoints,
        "wide_comparison": {"inputs": WIDE_INPUTS, **wide_ms},
        "throughput_rps": ours,
        "peers": {"starlette_asyncpg_rps": theirs, "ratio": round(ours / theirs, 2)},
    }
    detail = {
        "clients": CLIENTS,
        "rounds_rps": rates,
        "targets": {name: len(found) for name, found in targets._asdict().items()},
    }
    figures.hand_over("api", "Answers", told, detail)


def _recorded(settings: Settings, targets: Targets) -> dict[str, list[Asked]]:
    """What each address asks the database. Raises StackError where one gives no answer."""
    return _answers(settings, [path for template in ENDPOINTS.values() for path in targets.paths(template)])


def _answers(settings: Settings, paths: list[str]) -> dict[str, list[Asked]]:
    alone = settings.model_copy(update={"api": ApiSettings(pool_size=1)})
    found = asyncio.run(answers(alone, paths))
    for path, answer in found.items():
        if answer.status != 200:
            raise StackError(f"GET {path} answered {answer.status}: {answer.text[:200]}", "mend it first")
    return {path: answer.asked for path, answer in found.items()}


def _latency(
    port: int,
    headers: dict[str, str],
    settings: Settings,
    paths: list[str],
    asked: dict[str, list[Asked]],
    requests: int,
) -> dict[str, float | None]:
    one_at_a_time(port, paths, headers, WARM_UP, SECONDS_EACH)
    sql_ms: list[float] = []
    times_ms: list[float] = []
    with _connect(settings.report.api_dsn, autocommit=False) as connection:
        for path in paths[:WARM_UP]:
            _bare(connection, asked[path])
        each, seconds = max(requests // PARTS, 1), SECONDS_EACH / PARTS
        for part in range(PARTS):  # side by side, so that both see the same machine
            times_ms += one_at_a_time(port, paths[part % len(paths) :] + paths, headers, each, seconds)
            until_s = time.monotonic() + seconds
            for number in range(each):
                sql_ms.append(_bare(connection, asked[paths[(part + number) % len(paths)]]))
                if time.monotonic() > until_s:
                    break
    p50, sql_p50 = figures.percentile(times_ms, 0.5), figures.percentile(sql_ms, 0.5)
    ratio = round(p50 / sql_p50, 2) if p50 and sql_p50 else None
    return {"p50_ms": p50, "p95_ms": figures.percentile(times_ms, 0.95), "sql_p50_ms": sql_p50, "ratio": ratio}


def _bare(connection: psycopg.Connection[Any], asked: list[Asked]) -> float:
    """Milliseconds of the same statements in one transaction, as the same caller."""
    began_s = time.perf_counter()
    connection.execute("SELECT rpt.ask_as('analyst', NULL)")
    for statement, parameters in asked:
        connection.execute(statement.encode(), parameters or None).fetchall()
    connection.commit()  # as the API does
    return (time.perf_counter() - began_s) * 1000


def _throughput(port: int, peer_port: int, headers: dict[str, str], pages: list[str]) -> list[tuple[float, float]]:
    """Answers a second of the API and of its peer, round by round."""
    peer_pages = [f"/page/{number}" for number in range(len(pages))]
    rates = []
    for _ in range(ROUNDS):
        ours = asyncio.run(answers_a_second(port, pages, headers, CLIENTS, LOAD_S))
        theirs = asyncio.run(answers_a_second(peer_port, peer_pages, {}, CLIENTS, LOAD_S))
        rates.append((round(ours, 1), round(theirs, 1)))
    return rates


@contextmanager
def api_process(folder: Path, settings: Settings) -> Iterator[int]:
    port = free_port()
    environment = {
        "CLEARSIGHT_HOME": str(folder),
        "CLEARSIGHT_API__AUTH": "keys",
        "CLEARSIGHT_API__PORT": str(port),
        "CLEARSIGHT_API__POOL_SIZE": str(POOL),
        "CLEARSIGHT_LOG_LEVEL": "WARNING",
    }
    with _process([sys.executable, "-m", "clearsight", "api"], environment, f"http://127.0.0.1:{port}/health/ready"):
        yield port


@contextmanager
def _peer(folder: Path, settings: Settings, pages: list[str], asked: dict[str, list[Asked]]) -> Iterator[int]:
    """The page's statement is the one that asks for most."""
    questions = [numbered(*max(asked[page], key=lambda each: len(each.statement))) for page in pages]
    dsn = required(settings.report.owner_dsn, "report.owner_dsn")
    given = folder / "questions"
    given.write_bytes(pickle.dumps({"dsn": dsn, "questions": questions, "size": POOL}))
    port = free_port()
    command = [sys.executable, "-m", "bench.api_peer", str(port), str(given)]
    with _process(command, {}, f"http://127.0.0.1:{port}/page/0"):
        yield port


@contextmanager
def _process(command: list[str], environment: dict[str, str], url: str) -> Iterator[None]:
    """Runs until the block ends. Raises StackError where it does not come to answer."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + START_LIMIT_S
        while True:
            if process.poll() is not None or time.monotonic() > until_s:
                raise StackError(f"{command[2]} does not answer at {url}", "see what it printed above")
            try:
                if httpx.get(url, timeout=10).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)


def key_of(settings: Settings, *scopes: str) -> str:
    key = new_key()
    with keys.key_table(required(settings.report.owner_dsn, "report.owner_dsn")) as connection:
        keys.add(
            connection,
            key,
            "analyst",
            None,
            list(scopes),
            "benchmark",
            "benchmark",
            datetime.now(UTC) + timedelta(hours=4),
        )
    return key.text


def _connect(dsn: Any, *, autocommit: bool = True) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn.get_secret_value(), autocommit=autocommit, options="-c timezone=UTC -c jit=off")


if __name__ == "__main__":
    run(main)
