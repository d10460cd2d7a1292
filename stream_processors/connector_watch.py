"""Restarts the connector where it failed, as `clearsight.restarts` says. One worker at a time does it, and what it remembers
is in Postgres: it survives workers, and everybody can see it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
from psycopg import Connection, Cursor

from clearsight.java_trace import cause_of
from clearsight.restarts import Watch, step
from clearsight.settings import ConnectSettings

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of each request

EVERY_S = 2.0
_TIMEOUT_S = 2.0
_ADVISORY_LOCK = 4_715_308  # any number that nothing else of ours has

_KEPT = """
SELECT now(), state, since, restarts, restarted_at, reason FROM (SELECT) one
LEFT JOIN rpt.connector_watch ON connector = %s
"""
_KEEP = """
INSERT INTO rpt.connector_watch (connector, state, since, restarts, restarted_at, reason) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (connector) DO UPDATE SET state = excluded.state, since = excluded.since, restarts = excluded.restarts,
    restarted_at = excluded.restarted_at, reason = excluded.reason
"""


class ConnectorWatch:
    """Looks at one connector. Used by one thread at a time."""

    def __init__(self, connect: ConnectSettings, database: Callable[[], Connection[Any]]) -> None:
        self._name = connect.connector_name
        self._limit = connect.restart_limit
        self._database = database
        self._connection: Connection[Any] | None = None
        self._client = httpx.Client(base_url=connect.url, timeout=_TIMEOUT_S, trust_env=False)
        self._place = f"/connectors/{quote(self._name, safe='')}"

    def look(self) -> None:
        """Restart the connector where that is due. Where Kafka Connect or the database is away, nothing happens this time."""
        try:
            observed = self._observe()
            if observed is not None:
                self._note(observed[0])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            log.debug("Kafka Connect: %s", type(error).__name__)
        except psycopg.Error as error:
            log.debug("what is known of the connector was not written down: %s", type(error).__name__)

    def close(self) -> None:
        self._client.close()
        if self._connection is not None:
            self._connection.close()

    def _observe(self) -> tuple[str | None] | None:
        """Why it failed, None in it where it runs; None where neither can be said: it is paused, starting or not there."""
        answer = self._client.get(f"{self._place}/status")
        if not answer.is_success:
            return None
        status: dict[str, Any] = answer.json()
        parts = [status["connector"], *status["tasks"]]
        for part in parts:
            if part["state"] == "FAILED":
                return (cause_of(part.get("trace", "")),)
        runs = len(parts) > 1 and {part["state"] for part in parts} == {"RUNNING"}
        return (None,) if runs else None

    def _note(self, failed: str | None) -> None:
        connection = self._open()
        with connection.transaction(), connection.cursor() as cursor:
            if not cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK]).fetchall()[0][0]:
                return
            self._step(cursor, failed)

    def _step(self, cursor: Cursor[Any], failed: str | None) -> None:
        ((now, *row),) = cursor.execute(_KEPT, [self._name]).fetchall()
        kept = Watch(*row) if row[0] else None
        watch, restart = step(kept, failed, now, self._limit)
        if watch == kept:
            return
        cursor.execute(_KEEP, (self._name, *watch))
        if restart:
            log.warning(
                "the connector %s failed: %s; restart %d of %d", self._name, failed, watch.restarts, self._limit
            )
            self._client.post(f"{self._place}/restart", params={"includeTasks": True, "onlyFailed": True})
        elif kept is None or watch.state != kept.state:
            log.log(
                logging.INFO if watch.state == "running" else logging.ERROR,
                "the connector %s is %s%s",
                self._name,
                watch.state.replace("_", " "),
                f": {failed}" if failed else "",
            )

    def _open(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed or self._connection.broken:
            self._connection = self._database()
        return self._connection
