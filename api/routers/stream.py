"""The timeline as it lands, as server-sent events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from api.cursors import BadCursor
from api.database import question
from api.documents import stream_documents
from api.parameters import StreamParameters
from api.problems import field_problem
from api.queries.branch import TrailFilter
from api.queries.coverage import coverage
from api.queries.known import scenario_key
from api.queries.stream import After, Mark, Window, arrived, opened, window
from api.queries.timeline import TrailEvent
from api.reply import wanted_fields
from api.service import Service, TheCaller, TheService
from clearsight.coverage import Coverage
from clearsight.errors import ClearSightError

POLL_S = 0.5
COVERAGE_S = 15.0
PAGE = 500
RETRY_MS = 2000
LONGEST_S = 600.0
"""A stream ends then, and the client asks again: whether its key still holds is only looked at when it asks."""
LONGEST_ID = 8000
_SHAPE = (str, str, int, int, str, str)

router = APIRouter(prefix="/rca/events", tags=["stream"])


@dataclass(slots=True)
class _Reader:
    """Where one client stands."""

    service: Service
    caller: TheCaller
    query: str
    filters: TrailFilter
    fields: tuple[str, ...] | None
    scenario_key: int | None
    within: Window
    after: After | None = None
    more: bool = False
    """There is more in `within`; else the next window begins at its end."""

    async def read(self, connection: AsyncConnection) -> list[bytes]:
        """What has landed and was not told yet, a page of it."""
        if not self.more:
            self.within, self.after = await window(connection, self.within), None
        found = await arrived(connection, self.within, self.filters, self.scenario_key, self.after, PAGE)
        self.more = found.more
        return [self._event(event) for event in found.events]

    def coverage(self, covered: Coverage) -> bytes:
        return b"event: coverage\n" + self._told(covered)

    def _event(self, event: TrailEvent) -> bytes:
        self.after = (event.occurred_at, event.event_id)
        return self._told(event if self.fields is None else {name: getattr(event, name) for name in self.fields})

    def _told(self, data: Any) -> bytes:
        """The id says where the client stands after this."""
        return b"id: " + self._place().encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"

    def _place(self) -> str:
        at, identifier = (self.after[0].isoformat(), self.after[1]) if self.after else ("", "")
        within = self.within
        key = (_text(within.start), _text(within.end), *within.amended, at, identifier)
        return self.service.cursors.sign(self.query, key)


@router.get("/stream", **stream_documents())
async def stream(
    asked: Annotated[StreamParameters, Query()],
    service: TheService,
    caller: TheCaller,
    last_event_id: Annotated[str | None, Header(max_length=LONGEST_ID)] = None,
) -> StreamingResponse:
    """Events of the timeline as they land, from now on, or from after Last-Event-ID on: none is left out.

    Each is an event of the timeline, but one named `coverage`, which comes at the beginning and every 15 seconds. An event is
    told once, and once more whenever it was amended, with a higher `revision`: its context came, or nobody's context came in
    time. One that belonged to no scenario is told when it does; one of a redriven dead letter when it lands. What was
    amended longer than a day ago is not told again after Last-Event-ID. A stream ends after ten minutes; clients such as a
    browser's EventSource go on by themselves.
    """
    fields = wanted_fields(asked.fields, TrailEvent)
    query = f"stream\n{asked.fingerprint()}"
    async with question(service.engine, caller) as connection:
        key = None if asked.scenario is None else await scenario_key(connection, asked.scenario)
        within, after = await _begin(connection, service, query, last_event_id)
    reader = _Reader(service, caller, query, asked.filters(), fields, key, within, after, more=after is not None)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(reader), media_type="text/event-stream", headers=headers)


async def _begin(
    connection: AsyncConnection, service: Service, query: str, last: str | None
) -> tuple[Window, After | None]:
    if last is None:
        return await opened(connection), None
    try:
        start, end, since, until, at, identifier = service.cursors.read(query, last, _SHAPE)
    except BadCursor as error:
        raise field_problem("Last-Event-ID", str(error)) from None
    within = Window(_mark(start), _mark(end), (since, until))
    return within, (datetime.fromisoformat(at), identifier) if at else None


async def _events(reader: _Reader) -> AsyncIterator[bytes]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    told_s, end_s = float("-inf"), time.monotonic() + LONGEST_S
    while time.monotonic() < end_s:
        try:
            async with question(reader.service.engine, reader.caller) as connection:
                told = await reader.read(connection)
                if time.monotonic() - told_s >= COVERAGE_S:
                    told.append(reader.coverage(await coverage(connection, reader.service.groups)))
                    told_s = time.monotonic()
            for event in told:
                yield event
        except ClearSightError as error:
            yield f": {error.message}\n\n".encode()
        if not reader.more:
            await asyncio.sleep(POLL_S)


def _text(offsets: Mark) -> str:
    return json.dumps({f"{topic}/{partition}": offset for (topic, partition), offset in sorted(offsets.items())})


def _mark(text: str) -> Mark:
    return {
        (place.rpartition("/")[0], int(place.rpartition("/")[2])): offset for place, offset in json.loads(text).items()
    }
