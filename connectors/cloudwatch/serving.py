"""HTTP of the forwarder: GET /health, GET /metrics, and POST /push where push is taken."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clearsight.listening import bound
from connectors.cloudwatch.health import Health

log = logging.getLogger(__name__)

CLOSE_WITHIN_S = 3.0


def application(health: Health, registry: CollectorRegistry, routes: Sequence[Route] = ()) -> Starlette:
    async def healthy(_: Request) -> Response:
        well, body = health.report()
        return JSONResponse(body, 200 if well else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/health", healthy), Route("/metrics", metrics), *routes])


class HttpServer:
    """Serves in a thread of its own. A port that is taken is a warning, never a reason not to forward."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port: int | None = None
        try:
            listener = bound(host, port)
        except OSError as error:
            log.warning("port %d cannot be used (%s): no /health, no /metrics, no /push", port, error.strerror)
            return
        self.port = listener.getsockname()[1]
        self._server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning"))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="http", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(CLOSE_WITHIN_S)
