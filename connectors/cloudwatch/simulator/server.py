"""The simulator on HTTP: CloudWatch's JSON 1.1 protocol on `/`, `GET /_health` and `GET /_ledger/count` for people."""

from __future__ import annotations

import re
import signal
import socket
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from clearsight.errors import StackError
from connectors.cloudwatch.simulator.faults import ServiceFault
from connectors.cloudwatch.simulator.ledger import Ledger
from connectors.cloudwatch.simulator.profile import Profile
from connectors.cloudwatch.simulator.service import Simulator

CONTENT_TYPE = "application/x-amz-json-1.1"
_ACCESS_KEY = re.compile(r"Credential=([^/,\s]+)/")


def application(simulator: Simulator) -> Starlette:
    """The ASGI application over a simulator."""

    async def call(request: Request) -> Response:
        target = request.headers.get("x-amz-target", "")
        access_key = _ACCESS_KEY.search(request.headers.get("authorization", ""))
        try:
            answer, status = simulator.call(target, await request.body(), access_key[1] if access_key else ""), 200
        except ServiceFault as fault:
            answer, status = orjson.dumps({"__type": fault.code, "message": fault.message}), fault.status
        return Response(answer, status, {"x-amzn-RequestId": str(uuid.uuid4())}, CONTENT_TYPE)

    async def health(_: Request) -> Response:
        return _json({"status": "ok", "profile": simulator.profile.name, "lines": simulator.counts()["lines"]})

    async def count(_: Request) -> Response:
        return _json(simulator.counts())

    return Starlette(
        routes=[
            Route("/", call, methods=["POST"]),
            Route("/_health", health),
            Route("/_ledger/count", count),
        ]
    )


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


def serve(
    host: str,
    port: int,
    ledger_path: Path,
    profile: Profile,
    *,
    seed: int,
    account_id: str,
    region: str,
    groups: Iterable[str] = (),
) -> None:
    """Serve an account that has these log groups from the start, until SIGTERM or SIGINT.

    Raises StackError for a taken port or a broken ledger.
    """
    listener = _listen(host, port)
    ledger = Ledger(ledger_path)
    simulator = Simulator(ledger, _now_ms, profile=profile, seed=seed, account_id=account_id, region=region)
    simulator.have_groups(groups)
    signal.signal(signal.SIGTERM, _stopped)
    config = uvicorn.Config(
        application(simulator),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        timeout_keep_alive=60,
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        ledger.close()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StackError(f"port {port} cannot be used: {error.strerror}", "choose another --port") from None
    return listener


def _stopped(_signal: int, _frame: FrameType | None) -> None:
    """uvicorn raises the signal again after it has shut down in order; that is exit 0."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
