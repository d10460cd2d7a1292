"""POST /push: lines as Firehose's HTTP endpoint delivery sends them. The answer comes when Kafka has them."""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import time
from collections.abc import Iterator

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clearsight.errors import ClearSightError
from connectors.cloudwatch.inbox import PushBatch, Refused, Routes
from connectors.cloudwatch.metrics import Meter
from connectors.cloudwatch.pages import UNREADABLE
from connectors.cloudwatch.push.payload import BadPayload, unpack

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Firehose sends 64 MiB at most."""
ANSWER_WITHIN_S = 30.0

log = logging.getLogger(__name__)


class _Record(msgspec.Struct):
    data: str


class _Request(msgspec.Struct, rename="camel"):
    request_id: str
    records: list[_Record]


_decode = msgspec.json.Decoder(_Request).decode


class PushEndpoint:
    """200 when all is in Kafka; 503 where it has to come again; 400 where a record cannot be read or is of a group that
    is not read. Good records are delivered whatever the others are: a request that comes again doubles nothing."""

    def __init__(self, routes: Routes, meter: Meter, access_key: str | None) -> None:
        self._routes = routes
        self._meter = meter
        self._access_key = access_key

    def route(self) -> Route:
        return Route("/push", self._push, methods=["POST"])

    async def _push(self, request: Request) -> Response:
        given = request.headers.get("x-amz-firehose-access-key", "")
        if self._access_key is not None and not hmac.compare_digest(given.encode(), self._access_key.encode()):
            return _answer("", 401, "the access key is another one")
        body = await _body(request)
        if body is None:
            return _answer("", 413, f"more than {MAX_BODY_BYTES} bytes")
        try:
            asked = _decode(body)
        except UNREADABLE:
            return _answer("", 400, "the body is not what Firehose sends")
        problems: list[ClearSightError] = []
        region = _region(request.headers.get("x-amz-firehose-source-arn", ""))
        await self._deliver(list(self._batches(asked, region, problems)), problems)
        for problem in problems[:1]:
            log.warning("pushed lines are refused: %s", problem.message)
            coming_again = any(isinstance(problem, Refused) for problem in problems)
            return _answer(asked.request_id, 503 if coming_again else 400, problem.message)
        return _answer(asked.request_id, 200)

    def _batches(self, asked: _Request, region: str | None, problems: list[ClearSightError]) -> Iterator[PushBatch]:
        for record in asked.records:
            try:
                payload = unpack(_bytes(record.data))
            except BadPayload as error:
                self._meter.pushed("unreadable")
                problems.append(error)
                continue
            self._meter.pushed("control" if payload.is_control else "data")
            if not payload.is_control:
                yield PushBatch(payload.owner, payload.log_group, payload.events(), region)

    async def _deliver(self, batches: list[PushBatch], problems: list[ClearSightError]) -> None:
        waiting = []
        for batch in batches:
            try:
                self._routes.put(batch)
            except ClearSightError as error:
                problems.append(error)
            else:
                waiting.append(asyncio.wrap_future(batch.done))
        if not waiting:
            return
        done, late = await asyncio.wait(waiting, timeout=ANSWER_WITHIN_S)
        for future in late:
            future.cancel()
            problems.append(Refused("it was not delivered in time", "send it again"))
        problems += [failure for future in done if isinstance(failure := future.exception(), ClearSightError)]


async def _body(request: Request) -> bytes | None:
    """None where it is too large."""
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > MAX_BODY_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _bytes(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:  # binascii's own is one, and so is what it raises for characters that are not ASCII
        raise BadPayload("its base64 is broken") from None


def _region(source_arn: str) -> str | None:
    """Of the delivery stream: arn:aws:firehose:<region>:…"""
    parts = source_arn.split(":")
    return parts[3] if len(parts) > 3 else None


def _answer(request_id: str, status: int, problem: str | None = None) -> Response:
    body: dict[str, object] = {"requestId": request_id, "timestamp": time.time_ns() // 1_000_000}
    if problem:
        body["errorMessage"] = problem
    return JSONResponse(body, status)
