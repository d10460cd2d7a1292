"""What the application itself knows of its transactions: under which correlation id, and for whom, it worked in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, Engine, event

from clearsight.context import current_context


class Intent(NamedTuple):
    correlation_id: str | None
    user_id: str | None


NOBODYS = Intent(None, None)
"""Of a job that nobody gave a context."""

_TXID = "SELECT pg_current_xact_id_if_assigned()::xid::text::bigint"


class Intents:
    """By transaction, as logical decoding names it. Written down before the commit: where its answer was lost, it may have
    been done."""

    def __init__(self, engine: Engine) -> None:
        self._of: dict[int, Intent] = {}
        event.listen(engine, "commit", self._note)

    @property
    def of(self) -> Mapping[int, Intent]:
        return self._of

    def _note(self, connection: Connection) -> None:
        txid = connection.exec_driver_sql(_TXID).scalar_one()
        context = current_context()
        if txid is not None:
            self._of[txid] = Intent(context.correlation_id, context.user) if context else NOBODYS
