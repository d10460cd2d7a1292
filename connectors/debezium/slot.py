"""The connector's replication slot, as its own role sees and drops it."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import Connection

from clearsight.errors import SourceError

_LEFT_LIMIT_S = 10.0
_POLL_S = 0.1


def is_lost(connection: Connection[Any], name: str) -> bool:
    """Whether the slot is not there, or no longer holds what comes next."""
    row = connection.execute("SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", [name]).fetchone()
    return row is None or row[0] == "lost"


def drop(connection: Connection[Any], name: str) -> None:
    """Nothing where it is not there. Raises SourceError where somebody reads it."""
    deadline = time.monotonic() + _LEFT_LIMIT_S
    while True:
        try:
            connection.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [name]
            )
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > deadline:
                raise SourceError(
                    f"the replication slot {name} is read by somebody else", "end that, then register again"
                ) from None
            time.sleep(_POLL_S)
        else:
            return
