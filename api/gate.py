"""Before every endpoint and page: who asks, whether they may, and headers that tell browsers what not to do.

It stands around the whole application, so that an endpoint that is added later is behind it too.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import unquote_plus

from rfc9457 import Problem
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import json_response
from api.callers import Caller
from api.keyring import Keyring, Refused
from api.limits import HeavyQuestions, Place, TooBusy
from api.metrics import ApiMetrics
from clearsight.errors import ClearSightError

KEY_PARAMETER = "api_key"
RETRY_AFTER_S = 2
CALLER = "clearsight.caller"

OPEN = ("/health/live", "/health/ready")
"""For whoever watches the process."""
OPEN_BELOW = ("/_nicegui/", "/_nicegui_ws/")
"""Scripts of the pages, and the channel of a page that was let in: its client id cannot be guessed."""
SCOPE_BELOW = {"/rca/": "rca", "/odata/": "odata", "/metrics": "metrics"}
HEAVY_BELOW = ("/rca/errors/", "/rca/user/", "/rca/changes/")
"""They add up rows of a whole period."""

_FOR_DATA = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
_FOR_PAGES = (
    b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws: wss:; "
    b"frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
_FOR_DOCS = (
    b"default-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; img-src 'self' data: https://fastapi.tiangolo.com; "
    b"frame-ancestors 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
OFF_HEADER = (b"x-clearsight-authentication", b"off")


class Gate:
    """ASGI middleware. The caller is left in the scope, under CALLER."""

    def __init__(
        self,
        app: ASGIApp,
        keyring: Keyring,
        heavy: HeavyQuestions,
        metrics: ApiMetrics,
        hosts: Iterable[str],
        https: bool = False,
    ) -> None:
        """`hosts`: names by which a browser may reach an API without authentication; none: any."""
        self._app = app
        self._keyring = keyring
        self._heavy = heavy
        self._metrics = metrics
        self._hosts = frozenset(hosts)
        self._always = list(_HEADERS)
        if https:
            self._always.append((b"strict-transport-security", b"max-age=31536000"))
        if not keyring.required:
            self._always.append(OFF_HEADER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = _take_key(scope)
        try:
            scope[CALLER] = await self._admit(scope, given)
            place = self._heavy.take(scope["path"].startswith(HEAVY_BELOW))
            try:
                await self._answer(scope, receive, send, place)
            finally:
                place.leave()
        except Refused as refused:
            await self._refuse(scope, receive, send, _refusal(refused, _wants_page(scope)))
        except TooBusy as busy:
            problem = Problem("Too many heavy questions", type_="too-busy", status=429, detail=str(busy))
            await self._refuse(scope, receive, send, _answer(problem, {"Retry-After": str(RETRY_AFTER_S)}))
        except _Away as away:
            problem = Problem("Unavailable", type_="unavailable", status=503, detail=str(away))
            await self._refuse(scope, receive, send, _answer(problem, {"Retry-After": str(RETRY_AFTER_S)}))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, place: Place) -> None:
        """The place is left with the answer's end: what is tidied up behind it holds up nobody's next question."""
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        began_s, status = time.perf_counter(), 499  # as it stays where the client goes before the answer begins

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(message, scope["path"])
            elif message["type"] == "http.response.body" and not message.get("more_body", False):
                place.leave()
            await send(message)

        self._metrics.begun()
        try:
            await self._app(scope, receive, told)
        finally:
            self._metrics.answered(scope, status, time.perf_counter() - began_s)

    async def _admit(self, scope: Scope, given: str | None) -> Caller | None:
        path: str = scope["path"]
        if path in OPEN or path.startswith(OPEN_BELOW):
            return None
        self._check_host(scope)
        try:
            caller = await self._keyring.caller(given)
        except ClearSightError as error:
            raise _Away(error.message) from error
        needed = next((name for prefix, name in SCOPE_BELOW.items() if path.startswith(prefix)), "pages")
        if needed not in caller.scopes and path not in ("/openapi.json", "/docs"):
            raise Refused(403, f"this key may not be used here: it lacks the scope {needed}")
        return caller

    def _check_host(self, scope: Scope) -> None:
        """Without authentication a web site whose name leads here could read everything through a visitor's browser, and a
        proxy could show it to the world."""
        if self._keyring.required or not self._hosts:
            return
        headers = Headers(scope=scope)
        name = headers.get("host", "").rsplit(":", 1)[0].strip("[]").lower()
        if name not in self._hosts or "x-forwarded-for" in headers or "forwarded" in headers:
            raise Refused(
                403, "authentication is off: only this machine itself may ask (set CLEARSIGHT_API__AUTH=keys)"
            )

    def _add_headers(self, message: Message, path: str) -> None:
        """Where the answer does not have them of its own. Raw, because this is a part of every answer's time."""
        headers: list[tuple[bytes, bytes]] = list(message["headers"])
        present = dict(headers)
        html = present.get(b"content-type", b"").startswith(b"text/html")
        policy = (_FOR_DOCS if path == "/docs" else _FOR_PAGES) if html else _FOR_DATA
        wanted = [*self._always, (b"content-security-policy", policy)]
        if path.startswith(("/rca/", "/odata/")):
            wanted.append((b"cache-control", b"private, no-cache"))
            headers.append((b"vary", b"X-API-Key, Authorization"))
        headers += [pair for pair in wanted if pair[0] not in present]
        message["headers"] = headers

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, response: Response) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        self._metrics.refused(response.status_code)
        told: Message = {"headers": response.raw_headers}
        self._add_headers(told, scope["path"])
        response.raw_headers = told["headers"]
        await response(scope, receive, send)


class _Away(Exception):
    """Keys cannot be looked up now."""


def _take_key(scope: MutableMapping[str, Any]) -> str | None:
    """The key of a request. It is taken out of the scope, so that no log, link or error can repeat it."""
    rest, from_query = _without_key(scope.get("query_string", b""))
    scope["query_string"] = rest
    headers = Headers(scope=scope)
    found = headers.get("x-api-key") or _from_authorization(headers.get("authorization", "")) or from_query
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in (b"x-api-key", b"authorization")]
    return found


def _without_key(query: bytes) -> tuple[bytes, str | None]:
    pairs = [pair for pair in query.decode("latin-1").split("&") if pair]
    keys = [pair for pair in pairs if unquote_plus(pair.partition("=")[0]).lower() == KEY_PARAMETER]
    if not keys:
        return query, None
    rest = "&".join(pair for pair in pairs if pair not in keys).encode("latin-1")
    return rest, unquote_plus(keys[-1].partition("=")[2])


def _from_authorization(value: str) -> str | None:
    """`Bearer <key>`; or what a browser sends: the key as the password, whatever the name."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return None


def _wants_page(scope: Scope) -> bool:
    return not scope["path"].startswith(tuple(SCOPE_BELOW)) and "text/html" in Headers(scope=scope).get("accept", "")


def _refusal(refused: Refused, page: bool) -> Response:
    title = "Key needed" if refused.status == 401 else "Not allowed"
    kind = "unauthenticated" if refused.status == 401 else "forbidden"
    problem = Problem(title, type_=kind, status=refused.status, detail=str(refused))
    asks = 'Basic realm="ClearSight: any name, the API key as password"' if page else 'Bearer realm="ClearSight"'
    return _answer(problem, {"WWW-Authenticate": asks} if refused.status == 401 else {})


def _answer(problem: Problem, headers: dict[str, str]) -> Response:
    response = json_response(problem.marshal(uri="", strict=False), problem.status)
    response.headers["content-type"] = "application/problem+json"
    response.headers.update(headers)
    return response
