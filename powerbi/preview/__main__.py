"""Draws the pages of the Power BI report from live data: `make powerbi-preview` after `make demo`.

Without --dsn the local stack of CLEARSIGHT_HOME is asked, as clearsight_bi.
"""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from clearsight.settings import home
from clearsight.stack.state import HOST, REPORT_DATABASE, load
from powerbi.asking import Scope
from powerbi.describe import MODEL, REPORT
from powerbi.describe.pages.shared import PERIOD_DAYS
from powerbi.preview.picture import picture
from powerbi.preview.shown import shown

NEWEST_RUN = "SELECT max(started_on) FROM bi.runs"
TELLING_RUN = """
SELECT c.run_id FROM bi.run_comparisons c
WHERE c.outcome = 'failed' AND c.started_on >= %(since)s
ORDER BY (c.input_differences > 0) DESC, c.started_at DESC LIMIT 1
"""
"""The newest failure whose inputs differ from those of the good run before it."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m powerbi.preview", description=__doc__)
    parser.add_argument("--dsn", help="of a login that may read schema bi; empty: the local stack's")
    parser.add_argument("--to", type=Path, default=Path("docs/power-bi"), help="folder of the pictures")
    options = parser.parse_args(arguments)
    options.to.mkdir(parents=True, exist_ok=True)
    with psycopg.connect(options.dsn or _local(), autocommit=True) as connection:
        scope, selected = _scopes(connection)
        for page in REPORT.pages:
            path = options.to / f"{page.key}.png"
            things = shown(connection, MODEL, REPORT, page, selected if page.drill_by else scope, selected)
            path.write_bytes(picture(MODEL, REPORT, page, things))
            sys.stdout.write(f"{path}\n")
    return 0


def _scopes(connection: psycopg.Connection[Any]) -> tuple[Scope, Scope]:
    """The report's own period, up to the newest run; and a run of it that is worth a look."""
    (newest,) = connection.execute(NEWEST_RUN).fetchone() or (None,)
    if newest is None:
        raise SystemExit("there are no runs in schema bi yet: `make demo` makes some")
    since = newest - timedelta(days=PERIOD_DAYS - 1)
    (run,) = connection.execute(TELLING_RUN, {"since": since}).fetchone() or (None,)
    return Scope(since, newest), Scope(since, newest, {("Run Key", "Run ID"): (run,)})


def _local() -> str:
    state = load(home())
    if not state.ports:
        raise SystemExit("the local stack has not been started: `make demo` starts it, or name a database with --dsn")
    password, port = state.passwords["clearsight_bi"], state.ports["postgres"]
    return f"postgresql://clearsight_bi:{password}@{HOST}:{port}/{REPORT_DATABASE}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
