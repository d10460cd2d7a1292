"""Reads what workers remember of a connector that they restart."""

from __future__ import annotations

import psycopg

from clearsight.doctor.finding import Away
from clearsight.login import log_in
from clearsight.restarts import Watch


def observe_watch(dsn: str, connector: str) -> Watch | None:
    """None where nothing is remembered, or nobody can say within three seconds."""
    connection = log_in(dsn)
    if isinstance(connection, Away):
        return None
    with connection:
        try:
            row = connection.execute(
                "SELECT state, since, restarts, restarted_at, reason FROM rpt.connector_watch WHERE connector = %s",
                [connector],
            ).fetchone()
        except psycopg.Error:
            return None
    return Watch(*row) if row else None
