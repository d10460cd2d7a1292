"""The reply to a request: only the fields asked for, and a tag by which a client asks again."""

from __future__ import annotations

import hashlib
from dataclasses import fields as dataclass_fields
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
from fastapi import Depends, Request, Response

from api.problems import field_problem
from api.rows import rows_of
from clearsight.coverage import Coverage

_ENCODER = msgspec.json.Encoder()
_LONGEST_TAG = 1000


class Reply:
    """To one request. Every answer has `coverage`."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._known = request.headers.get("if-none-match", "")[:_LONGEST_TAG]

    def __call__(self, answer: Any, fields: str | None = None) -> Response:
        """Raises a 422 that names a field which the answer does not have; 304 where the client has this answer.

        The tag is weak: up to when the changes have landed moves on every second, and does not make another answer.
        """
        chosen = _chosen(answer, fields)
        if self._request.query_params.get("format") == "rows":
            told = rows_of(self._request, chosen["items"], answer.next_cursor, answer.coverage.complete)
            return Response(_ENCODER.encode(told), media_type="application/json")
        body = _ENCODER.encode(chosen)
        coverage = _ENCODER.encode(answer.coverage)
        tag = f'W/"{hashlib.blake2b(body + _standing(answer.coverage), digest_size=12).hexdigest()}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if any(each in ("*", tag, tag[2:]) for each in map(str.strip, self._known.split(","))):
            return Response(status_code=304, headers=headers)
        content = body[:-1] + (b"," if len(body) > 2 else b"") + b'"coverage":' + coverage + b"}"
        return Response(content, media_type="application/json", headers=headers)


async def _reply(request: Request) -> Reply:
    """A coroutine: FastAPI runs everything else in a thread, which costs more than it does."""
    return Reply(request)


TheReply = Annotated[Reply, Depends(_reply)]


def _standing(coverage: Coverage) -> bytes:
    """What is left of a coverage when time alone goes on."""
    return _ENCODER.encode(
        (coverage.complete, coverage.pending, coverage.unlinked, coverage.gaps, coverage.dead_letters)
    )


def _chosen(answer: Any, fields: str | None) -> dict[str, Any]:
    parts = {name: getattr(answer, name) for name in _names(type(answer)) if name != "coverage"}
    if fields is None:
        return parts
    item = _item_type(type(answer))
    wanted = wanted_fields(fields, item or type(answer)) or ()
    if item is None:
        return {name: value for name, value in parts.items() if name in wanted}
    return parts | {"items": [{name: getattr(each, name) for name in wanted} for each in parts["items"]]}


def wanted_fields(fields: str | None, kind: type[Any]) -> tuple[str, ...] | None:
    """None: all. Raises a 422 that names one which there is not."""
    if fields is None:
        return None
    wanted = tuple(name.strip() for name in fields.split(","))
    for name in wanted:
        if name not in _names(kind):
            raise field_problem("fields", f"no field {name}; there are {', '.join(_names(kind))}")
    return wanted


def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclass_fields(kind))


def _item_type(kind: type[Any]) -> type[Any] | None:
    items = get_type_hints(kind).get("items")
    return get_args(items)[0] if items is not None else None
