"""Opaque paging cursors: where a page ended, signed, and valid for one query only."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from api.queries.trail import OrderKey
from clearsight.settings import Settings, required


class BadCursor(ValueError):
    """The message says what is wrong with it."""


class Cursors:
    def __init__(self, secret: bytes) -> None:
        self._serializer = URLSafeSerializer(secret, salt="clearsight.cursor")

    def sign(self, query: str, key: OrderKey) -> str:
        """`query` identifies the question with all its filters."""
        return str(self._serializer.dumps([_digest(query), key[0].isoformat(), *key[1:]]))

    def read(self, query: str, cursor: str) -> OrderKey:
        """Raises BadCursor where it was tampered with or belongs to another query."""
        try:
            digest, occurred_at, epoch, commit_lsn, lsn, total_order, event_id = self._serializer.loads(cursor)
            key = (
                datetime.fromisoformat(occurred_at),
                int(epoch),
                int(commit_lsn),
                int(lsn),
                int(total_order),
                event_id,
            )
            UUID(event_id)
        except (BadData, ValueError, TypeError):
            raise BadCursor("this is no cursor of this API; use next_cursor as it came, or start without") from None
        if digest != _digest(query):
            raise BadCursor("this cursor belongs to another query; keep the filters while paging, or start without")
        return key


def _digest(query: str) -> str:
    return hashlib.blake2b(query.encode(), digest_size=12).hexdigest()


def cursors_of(settings: Settings) -> Cursors:
    """All processes with the same settings sign alike."""
    if settings.api.cursor_secret is not None:
        return Cursors(settings.api.cursor_secret.get_secret_value().encode())
    dsn = required(settings.report.api_dsn, "report.api_dsn")
    return Cursors(hashlib.blake2b(dsn.encode(), person=b"cs.cursor", digest_size=32).digest())
