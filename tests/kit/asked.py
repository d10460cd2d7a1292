"""The statements that an answer of the API is made of, as they go to the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import httpx
from sqlalchemy import event

from api.main import create_api
from clearsight.settings import Settings


class Asked(NamedTuple):
    statement: str
    """With psycopg's placeholders."""
    parameters: Any


class Answer(NamedTuple):
    status: int
    text: str
    asked: list[Asked]


async def answers(settings: Settings, paths: Iterable[str]) -> dict[str, Answer]:
    """Ask these paths one after the other, authentication off, and keep what the database was asked."""
    api = create_api(settings)
    engine = api.state.service.engine
    heard: list[Asked] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def hear(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        heard.append(Asked(statement, parameters))

    found = {}
    transport = httpx.ASGITransport(app=api)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=120) as client:
        for path in paths:
            heard.clear()
            answer = await client.get(path)
            found[path] = Answer(answer.status_code, answer.text, list(heard))
    await engine.dispose()
    return found
