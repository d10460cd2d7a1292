"""From a key to its caller. Where OIDC comes, it is another keyring: a bearer token in, a Caller out."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.callers import OPERATOR, Caller
from api.database import question
from clearsight.keys import RefusedKey, StoredKey, check, id_of

_FIND = text("SELECT secret_hash, role, user_id, scopes, expires_at, revoked_at FROM rpt.api_key_of(:id)")
REMEMBERED = 10_000


class Refused(Exception):
    """The message is for the caller."""

    def __init__(self, status: Literal[401, 403], message: str) -> None:
        super().__init__(message)
        self.status = status


class Keyring(Protocol):
    required: bool

    async def caller(self, given: str | None) -> Caller:
        """Raises Refused, and ClearSightError where the keys cannot be looked up."""


class Everybody:
    """Development mode: who asks is not asked."""

    required = False

    async def caller(self, given: str | None) -> Caller:
        return OPERATOR


class StoredKeys:
    """Keys of the reporting database. One that was found is remembered for `remember_s`: so long a revoked one may live."""

    required = True

    def __init__(self, engine: AsyncEngine, remember_s: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._remember_s = remember_s
        self._clock_s = clock_s
        self._found: dict[str, tuple[float, StoredKey]] = {}

    async def caller(self, given: str | None) -> Caller:
        if not given:
            raise Refused(401, "a key is needed: header X-API-Key, or Authorization: Bearer, or parameter api_key")
        key_id = id_of(given)
        stored = await self._stored(key_id) if key_id else None
        try:
            key = check(given, stored, datetime.now(UTC))
        except RefusedKey as refused:
            raise Refused(401, str(refused)) from None
        return Caller(key.role, key.user_id, key.scopes, key_id)

    async def _stored(self, key_id: str) -> StoredKey | None:
        seen_s, known = self._found.get(key_id, (0.0, None))
        if known is not None and self._clock_s() - seen_s < self._remember_s:
            return known
        async with question(self._engine) as connection:
            row = (await connection.execute(_FIND, {"id": key_id})).one_or_none()
        if row is None:
            self._found.pop(key_id, None)
            return None
        found = StoredKey(row.secret_hash, row.role, row.user_id, frozenset(row.scopes), row.expires_at, row.revoked_at)
        if len(self._found) >= REMEMBERED:
            self._found.clear()
        self._found[key_id] = (self._clock_s(), found)
        return found
