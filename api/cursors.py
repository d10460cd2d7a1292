"""Opaque paging cursors: where a page ended, signed, and valid for one query only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from clearsight.settings import Settings, required

Shape = tuple[type[datetime] | type[int] | type[str], ...]
"""The types of a key's parts."""


class BadCursor(ValueError):
    """The message says what is wrong with it."""


class Cursors:
    def __init__(self, secret: bytes) -> None:
        self._serializer = URLSafeSerializer(secret, salt="clearsight.cursor")

    def sign(self, query: str, key: Sequence[Any]) -> str:
        """`query` identifies the question with all its filters."""
        return str(self._serializer.dumps([_digest(query), *map(_plain, key)]))

    def read(self, query: str, cursor: str, shape: Shape) -> tuple[Any, ...]:
        """A key of this shape. Raises BadCursor where it was tampered with or belongs to another query."""
        try:
            digest, *parts = self._serializer.loads(cursor)
        except (BadData, ValueError, TypeError):
            raise BadCursor("this is no cursor of this API; use next_cursor as it came, or start without") from None
        if digest != _digest(query):
            raise BadCursor("this cursor belongs to another query; keep the filters while paging, or start without")
        if len(parts) != len(shape):
            raise BadCursor("this cursor is of another version of this API; start without")
        return tuple(_part(part, kind) for part, kind in zip(parts, shape, strict=True))


def _part(part: Any, kind: type[Any]) -> Any:
    return datetime.fromisoformat(part) if kind is datetime else kind(part)


def _plain(part: Any) -> Any:
    return part.isoformat() if isinstance(part, datetime) else part


def _digest(query: str) -> str:
    return hashlib.blake2b(query.encode(), digest_size=12).hexdigest()


def cursors_of(settings: Settings) -> Cursors:
    """All processes with the same settings sign alike."""
    if settings.api.cursor_secret is not None:
        return Cursors(settings.api.cursor_secret.get_secret_value().encode())
    dsn = required(settings.report.api_dsn, "report.api_dsn")
    return Cursors(hashlib.blake2b(dsn.encode(), person=b"cs.cursor", digest_size=32).digest())
