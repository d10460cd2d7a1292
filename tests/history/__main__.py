"""Fill a reporting database with realistic history: `make seed EVENTS=10000000`.

Without --dsn the local stack's PostgreSQL of CLEARSIGHT_HOME is started, migrated and filled. What is there already stays.
"""

from __future__ import annotations

import argparse
import json
import os
import time

import psycopg
from bench.ground import run
from history.fill import fill
from rich.console import Console

from clearsight.settings import home, load_settings, required
from clearsight.stack.supervisor import Stack
from sql.migrate import migrate

SCENARIO_SIZES = """
SELECT count(*), count(*) FILTER (WHERE events > 1000), max(events) FROM (
    SELECT sum(events) AS events FROM (
        SELECT scenario_key, count(*) AS events FROM rpt.fact_user_action GROUP BY 1
        UNION ALL SELECT scenario_key, count(*) FROM rpt.fact_cloudwatch_log WHERE scenario_key IS NOT NULL GROUP BY 1
    ) parts GROUP BY scenario_key
) sizes
"""


def main() -> None:
    given = _arguments()
    if not given.dsn:
        Stack(home()).up(["postgres"])
    report = load_settings().report
    if not given.dsn:
        migrate(required(report.owner_dsn, "report.owner_dsn"))
    dsn = given.dsn or required(report.writer_dsn, "report.writer_dsn")
    began_s = time.monotonic()
    rows = fill(dsn, given.events, given.seed, given.processes)
    seconds = time.monotonic() - began_s
    if report.owner_dsn and not given.dsn:
        _settle(report.owner_dsn.get_secret_value())
    with psycopg.connect(dsn, autocommit=True) as connection:
        scenarios, big, biggest = connection.execute(SCENARIO_SIZES).fetchone() or (0, 0, 0)
    told = {"events": given.events, "rows": rows, "seconds": round(seconds, 1), "rows_per_s": round(rows / seconds)}
    sizes = {"scenarios": scenarios, "above_1000_events": big, "largest_scenario": int(biggest or 0)}
    print(json.dumps({**told, **sizes}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="row changes and log lines, about")
    parser.add_argument("--seed", type=int, default=1, help="everything follows from it")
    parser.add_argument("--dsn", help="of clearsight_writer at a migrated reporting database; empty: the local stack's")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many share the work")
    return parser.parse_args()


def _settle(owner_dsn: str) -> None:
    """What autovacuum would have done in the months that the history took."""
    with psycopg.connect(owner_dsn, autocommit=True) as connection, Console(stderr=True).status("vacuum and analyze"):
        connection.execute("VACUUM (ANALYZE)")


if __name__ == "__main__":
    run(main)
