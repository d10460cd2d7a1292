"""CloudWatch and the API, broken. Refusals and a wrong clock are the simulator's, changed on their way out."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import uvicorn
from kit.waiting import until
from starlette.requests import Request
from starlette.responses import Response

from api.main import create_api
from clearsight.doctor.finding import Report
from connectors.cloudwatch.simulator.ledger import Ledger
from connectors.cloudwatch.simulator.profile import CALM
from connectors.cloudwatch.simulator.server import application
from connectors.cloudwatch.simulator.service import Simulator
from tests.integration.doctor.world import World, breaks, elsewhere, environment

Handler = Callable[[Any, Any, Any], Awaitable[None]]


@contextmanager
def served(app: Any, **options: Any) -> Iterator[int]:
    """The port of an ASGI application."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started, "the server listens")
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(60)


def simulator(world: World, ledger: str) -> Simulator:
    made = Simulator(Ledger(Path(world.folder / ledger)), lambda: 0, profile=CALM)
    made.have_groups(world.settings.cloudwatch.groups)
    return made


@breaks("cloudwatch.no-groups")
def no_groups(world: World) -> Report:
    return world.examine(cloudwatch={"groups": ()})


@breaks("cloudwatch.unreachable")
def cloudwatch_away(world: World) -> Report:
    return world.examine(cloudwatch={"endpoint_url": "http://127.0.0.1:1"})


@breaks("cloudwatch.credentials")
def no_credentials(world: World) -> Report:
    nowhere = str(world.folder / "nowhere")
    files = {"AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_CONFIG_FILE": nowhere}
    with environment(AWS_EC2_METADATA_DISABLED="true", AWS_ACCESS_KEY_ID="", **files):
        return world.examine(cloudwatch={"endpoint_url": None})


@breaks("cloudwatch.group-missing")
def group_missing(world: World) -> Report:
    groups = (*world.settings.cloudwatch.groups, "/clearsight/nowhere")
    return world.examine(cloudwatch={"groups": groups})


@breaks("cloudwatch.denied")
def denied(world: World) -> Report:
    return refused(world, "AccessDeniedException")


@breaks("cloudwatch.group-name")
def badly_named(world: World) -> Report:
    return refused(world, "InvalidParameterException")


@breaks("cloudwatch.not-cloudwatch")
def another_service(world: World) -> Report:
    """Kafka Connect, which answers 404 or 405."""
    return world.examine(cloudwatch={"endpoint_url": world.settings.connect.url})


def refused(world: World, code: str) -> Report:
    usual = application(simulator(world, f"{code}.jsonl"))

    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and Request(scope).headers.get("x-amz-target", "").endswith("FilterLogEvents"):
            body = f'{{"__type":"{code}","message":"User arn:aws:iam::1:user/x is not authorized"}}'
            await Response(body, 400, media_type="application/x-amz-json-1.1")(scope, receive, send)
        else:
            await usual(scope, receive, send)

    groups = world.settings.cloudwatch.groups[:1]
    with served(refusing) as port:
        return world.examine(cloudwatch={"endpoint_url": f"http://127.0.0.1:{port}", "groups": groups})


@breaks("cloudwatch.clock")
def clock_behind(world: World) -> Report:
    past = {"date_header": False, "headers": [("Date", formatdate(1_795_000_000, usegmt=True))]}
    with served(application(simulator(world, "clock.jsonl")), **past) as port:
        return world.examine(cloudwatch={"endpoint_url": f"http://127.0.0.1:{port}"})


@breaks("api.unreachable")
def api_away(world: World) -> Report:
    return world.examine(api={"port": 1})


@breaks("api.not-ours")
def another_server(world: World) -> Report:
    return world.examine(api={"port": int(world.settings.connect.url.rpartition(":")[2])})


@breaks("api.not-ready")
def api_without_database(world: World) -> Report:
    broken = world.changed(report={"api_dsn": elsewhere(world.settings.report.api_dsn)})
    with served(create_api(broken)) as port:
        return world.examine(api={"port": port})


@breaks("api.version")
def older_api(world: World) -> Report:
    api = create_api(world.settings)
    api.version = "0.0.9"
    with served(api) as port:
        return world.examine(api={"port": port})
