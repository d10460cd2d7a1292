"""The simulator on HTTP: CloudWatch's JSON 1.1 protocol on `/`, `GET /_health` and `GET /_ledger/count` for people."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from types import FrameType

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from clearsight.errors import StackError
from clearsight.listening import bound
from connectors.cloudwatch.clock import ScaledClock
from connectors.cloudwatch.simulator.delivery import Courier
from connectors.cloudwatch.simulator.faults import ServiceFault
from connectors.cloudwatch.simulator.ledger import Ledger
from connectors.cloudwatch.simulator.profile import Profile
from connectors.cloudwatch.simulator.service import TARGET_PREFIX, Simulator

CONTENT_TYPE = "application/x-amz-json-1.1"
_REAL = ScaledClock()
_ACCESS_KEY = re.compile(r"Credential=([^/,\s]+)/")


@dataclass(frozen=True)
class Site:
    """Where a simulated account is served, and what it is like."""

    host: str
    port: int
    ledger: Path
    profile: Profile
    seed: int
    account_id: str
    region: str
    groups: Iterable[str] = ()
    denied: tuple[str, ...] = ()
    clock: ScaledClock = field(default_factory=ScaledClock)
    kinesis_url: str | None = None
    push_url: str | None = None
    push_access_key: str | None = None


class _Severed(Response):
    """An answer whose connection breaks off in the middle."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: len(bytes(self.body)) // 2], "more_body": True})


def application(simulator: Simulator, clock: ScaledClock = _REAL) -> Starlette:
    """The ASGI application over a simulator; `clock` is what its answers are dated by."""

    async def call(request: Request) -> Response:
        target = request.headers.get("x-amz-target", "")
        access_key = _ACCESS_KEY.search(request.headers.get("authorization", ""))
        disturbed = simulator.disturbance.of(target.removeprefix(TARGET_PREFIX))
        if disturbed == "slow":
            await asyncio.sleep(clock.real_wait_s(simulator.profile.slow_ms))
        try:
            _refuse(disturbed)
            answer, status = simulator.call(target, await request.body(), access_key[1] if access_key else ""), 200
        except ServiceFault as fault:
            answer, status = orjson.dumps({"__type": fault.code, "message": fault.message}), fault.status
        headers = {"x-amzn-RequestId": str(uuid.uuid4()), "Date": formatdate(clock() / 1000, usegmt=True)}
        kind = _Severed if disturbed == "reset" else Response
        return kind(answer, status, headers, CONTENT_TYPE)

    async def health(_: Request) -> Response:
        return _json({"status": "ok", "profile": simulator.profile.name, "lines": simulator.counts()["lines"]})

    async def count(_: Request) -> Response:
        return _json(simulator.counts())

    async def now(_: Request) -> Response:
        return _json({"now": clock()})

    return Starlette(
        routes=[
            Route("/", call, methods=["POST"]),
            Route("/_health", health),
            Route("/_ledger/count", count),
            Route("/_clock", now),
        ]
    )


def _refuse(disturbed: str | None) -> None:
    if disturbed == "throttled":
        raise ServiceFault("ThrottlingException", "Rate exceeded")
    if disturbed == "unavailable":
        raise ServiceFault("ServiceUnavailableException", "The service cannot complete the request.", 503)


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


def serve(site: Site) -> None:
    """Serve an account that has its log groups from the start, until SIGTERM or SIGINT.

    Raises StackError for a taken port or a broken ledger.
    """
    listener = _listen(site.host, site.port)
    ledger = Ledger(site.ledger)
    simulator = Simulator(
        ledger,
        site.clock,
        profile=site.profile,
        seed=site.seed,
        account_id=site.account_id,
        region=site.region,
        denied=site.denied,
        deliver=Courier(site.region, site.kinesis_url, site.push_url, site.push_access_key),
    )
    simulator.have_groups(site.groups)
    signal.signal(signal.SIGTERM, _stopped)
    config = uvicorn.Config(
        application(simulator, site.clock),
        host=site.host,
        port=site.port,
        access_log=False,
        log_level="critical" if site.profile.reset_share else "warning",
        date_header=False,
        timeout_keep_alive=60,
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        ledger.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return bound(host, port)
    except OSError as error:
        raise StackError(f"port {port} cannot be used: {error.strerror}", "choose another --port") from None


def _stopped(_signal: int, _frame: FrameType | None) -> None:
    """uvicorn raises the signal again after it has shut down in order; that is exit 0."""
