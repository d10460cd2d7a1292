"""The least that can answer the same page: Starlette and asyncpg, one statement, no keys, no policy, no filters, no coverage.

It logs in as the owner, whom no policy concerns, and sends what the API's own statement finds, of the table of log lines
instead of its masked view. `python -m bench.api_peer PORT FILE`.
"""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_SEES = {"clearsight.role": "admin", "clearsight.sees": "{(,)}", "jit": "off"}
_TYPES = {datetime: "::timestamptz", timedelta: "::interval", str: "::text"}
_MASKED, _TABLE = "rpt.view_log", "rpt.fact_cloudwatch_log"
_PLACE = re.compile(r"%\((\w+)\)s|%%")


def numbered(statement: str, parameters: dict[str, Any]) -> tuple[str, list[Any]]:
    """A statement with psycopg's placeholders as asyncpg takes it, which must be told the types that psycopg tells."""
    names = list(dict.fromkeys(found[1] for found in _PLACE.finditer(statement) if found[1]))

    def place(found: re.Match[str]) -> str:
        if found[1] is None:
            return "%"
        return f"${names.index(found[1]) + 1}{_TYPES.get(type(parameters[found[1]]), '')}"

    return _PLACE.sub(place, statement.replace(_MASKED, _TABLE)), [parameters[name] for name in names]


def application(dsn: str, questions: list[tuple[str, list[Any]]], size: int) -> Starlette:
    """`/page/{n}` answers the n-th question."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=size, max_size=size, server_settings=_SEES) as pool:
            app.state.pool = pool
            yield

    async def page(request: Request) -> Response:
        statement, parameters = questions[request.path_params["number"]]
        async with request.app.state.pool.acquire() as connection:
            rows = await connection.fetch(statement, *parameters)
        items = [dict(row) for row in rows]
        return Response(orjson.dumps({"items": items}, default=str), media_type="application/json")

    return Starlette(routes=[Route("/page/{number:int}", page)], lifespan=lifespan)


if __name__ == "__main__":
    given = pickle.loads(Path(sys.argv[2]).read_bytes())
    uvicorn.run(application(**given), host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
