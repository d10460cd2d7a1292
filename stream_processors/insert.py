"""Rows of a fact, as COPY text, into Postgres: once each, whatever was redelivered."""

from __future__ import annotations

from itertools import chain
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.errors import FeatureNotSupported, UniqueViolation

_ROWS_AT_ONCE = 200


def insert(cursor: Cursor[Any], fact: str, columns: str, new: list[tuple[str, str]]) -> set[UUID] | None:
    """COPY straight into the fact; only where that meets a redelivered event, by way of a temporary table, and where the
    role lacks BYPASSRLS, without which COPY refuses tables with row-level security.

    Returns the ids that are new where some are not, None where all are.
    """
    if not new:
        return None
    try:
        with cursor.connection.transaction():
            _copy(cursor, f"COPY rpt.{fact} ({columns}) FROM STDIN", new)
        return None
    except (UniqueViolation, FeatureNotSupported):
        stage = f"stage_{fact}"
        cursor.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage} (LIKE rpt.{fact} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
        )
        _copy(cursor, f"COPY {stage} ({columns}) FROM STDIN", new)
        cursor.execute(
            f"INSERT INTO rpt.{fact} ({columns}) SELECT {columns} FROM {stage} ON CONFLICT DO NOTHING RETURNING event_id"  # noqa: S608
        )
        return {event_id for (event_id,) in cursor.fetchall()}


def _copy(cursor: Cursor[Any], statement: str, new: list[tuple[str, str]]) -> None:
    with cursor.copy(statement.encode()) as copy:
        for first in range(0, len(new), _ROWS_AT_ONCE):
            copy.write("".join(chain.from_iterable(new[first : first + _ROWS_AT_ONCE])).encode())
