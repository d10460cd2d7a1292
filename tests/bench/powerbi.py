"""How fast Power BI is served on a long history: the SQL of each visual by a login of `clearsight_bi`, the OData feed, its metadata.

Seeds a database of its own in `.clearsight-bench`, or asks that of CLEARSIGHT_HOME (`--seeded`), which then stays.
`python -m bench.powerbi`; freshness is `tests/bench/powerbi_freshness.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from statistics import median
from typing import Any

import httpx
import psycopg
from bench import figures
from bench.api import api_process, key_of, seeded_ground
from bench.ground import arguments, phase, run

from clearsight.settings import Settings
from clearsight.stack.state import HOST, REPORT_DATABASE, load
from clearsight.stack.supervisor import Stack
from powerbi.asking import Query, Scope, page_queries
from powerbi.describe import MODEL, REPORT
from powerbi.describe.pages.shared import PERIOD_DAYS

TIMES, WARM_UP = 20, 2
SCOPES = 5
FIRST_PAGES = 30
PAGES = 12
FEED_SETS = ("logs", "user_actions", "runs", "events")
SLOWEST = 8

RUNS = """
SELECT run_id, started_on FROM bi.run_comparisons
WHERE outcome = 'failed' AND started_on > (SELECT max(started_on) FROM bi.runs) - 60 ORDER BY hashtext(run_id || %(seed)s) LIMIT %(most)s
"""
EVENTS = "SELECT (SELECT count(*) FROM rpt.fact_row_change) + (SELECT count(*) FROM rpt.fact_cloudwatch_log)"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the history that is seeded")
    parser.add_argument(
        "--times", type=int, default=TIMES, help="how often each visual asks, in turn with other filters"
    )
    parser.add_argument("--seeded", action="store_true", help="ask the database of CLEARSIGHT_HOME, as it is")
    given = parser.parse_args()
    with seeded_ground(given) as (stack, settings):
        figures.hand_over("powerbi", "Power BI", *_figures(stack, settings, given))


def _figures(stack: Stack, settings: Settings, given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    with psycopg.connect(_bi_dsn(stack), autocommit=True, prepare_threshold=None) as connection:
        scopes = _scopes(connection, given.seed)
        with phase("each visual's SQL") as say:
            visuals = {}
            for name, queries in _visuals(scopes).items():
                say(name)
                visuals[name] = _times(connection, queries, given.times)
    with api_process(stack.home, settings) as port:
        base = f"http://127.0.0.1:{port}/odata/v1/"
        with httpx.Client(headers={"X-API-Key": key_of(settings, "odata")}, timeout=120) as client:
            with phase("metadata and first pages"):
                metadata_ms = _requests(client, [f"{base}$metadata"], FIRST_PAGES)
                first_ms = {name: _requests(client, [f"{base}{name}?$top=1000"], FIRST_PAGES) for name in FEED_SETS}
            with phase("pages of 5,000"):
                rates = {name: _rate(client, f"{base}{name}") for name in FEED_SETS}
    p95 = {name: figures.percentile(found, 0.95) or 0.0 for name, found in visuals.items()}
    slowest = sorted(p95, key=lambda name: -p95[name])
    told = {
        "events": _events(settings),
        "visuals": len(visuals),
        "visuals_p95_ms": max(p95.values()),
        "visuals_above_300_ms": sum(each > 300 for each in p95.values()),
        "slowest_p95_ms": {name: p95[name] for name in slowest[:SLOWEST]},
        "metadata_p95_ms": figures.percentile(metadata_ms, 0.95),
        "first_page_p95_ms": {name: figures.percentile(found, 0.95) for name, found in first_ms.items()},
        "feed_rows_per_s": {name: round(each) for name, each in rates.items()},
    }
    detail = {
        "visuals_median_ms": {name: round(median(each), 1) for name, each in visuals.items()},
        "visuals_p95_ms": p95,
    }
    return told, detail


def _bi_dsn(stack: Stack) -> str:
    state = load(stack.home)
    password, port = state.passwords["clearsight_bi"], state.ports["postgres"]
    return f"postgresql://clearsight_bi:{password}@{HOST}:{port}/{REPORT_DATABASE}"


def _events(settings: Settings) -> int | None:
    assert settings.report.owner_dsn is not None
    with psycopg.connect(settings.report.owner_dsn.get_secret_value()) as connection:
        row = connection.execute(EVENTS).fetchone()
    return row[0] if row else None


def _scopes(connection: psycopg.Connection[Any], seed: int) -> list[tuple[Scope, Scope]]:
    """Periods of the report's length that end with the run, and the same with that run chosen."""
    runs: list[tuple[str, date]] = connection.execute(RUNS, {"seed": str(seed), "most": SCOPES}).fetchall()
    periods = [(run_id, day - timedelta(days=PERIOD_DAYS - 1), day) for run_id, day in runs]
    return [
        (Scope(since, day), Scope(since, day, {("Run Key", "Run ID"): (run_id,)})) for run_id, since, day in periods
    ]


def _visuals(scopes: list[tuple[Scope, Scope]]) -> dict[str, list[Query]]:
    """By visual, what it asks in each scope."""
    found: dict[str, list[Query]] = {}
    for period, selected in scopes:
        for page in REPORT.pages:
            for name, query in page_queries(MODEL, REPORT, page, selected if page.drill_by else period):
                found.setdefault(name, []).append(query)
    return found


def _times(connection: psycopg.Connection[Any], queries: list[Query], times: int) -> list[float]:
    """As Npgsql asks: not prepared, all rows fetched."""

    def asked(query: Query) -> float:
        began_s = time.perf_counter()
        connection.execute(query.sql.encode(), query.parameters).fetchall()
        return (time.perf_counter() - began_s) * 1000

    for number in range(WARM_UP * len(queries)):
        asked(queries[number % len(queries)])
    return [asked(queries[number % len(queries)]) for number in range(times)]


def _requests(client: httpx.Client, paths: list[str], times: int) -> list[float]:
    found = []
    for number in range(times + WARM_UP):
        began_s = time.perf_counter()
        client.get(paths[number % len(paths)]).raise_for_status()
        found.append((time.perf_counter() - began_s) * 1000)
    return found[WARM_UP:]


def _rate(client: httpx.Client, path: str) -> float:
    """Rows a second over some pages, one after the other, as clients follow links."""
    next(_pages(client, path))
    began_s, rows = time.perf_counter(), 0
    for number, page in enumerate(_pages(client, path), 1):
        rows += page
        if number == PAGES:
            break
    return rows / (time.perf_counter() - began_s)


def _pages(client: httpx.Client, path: str) -> Iterator[int]:
    following: str | None = path
    while following:
        page = client.get(following).raise_for_status().json()
        yield len(page["value"])
        following = page.get("@odata.nextLink")


if __name__ == "__main__":
    run(main)
