"""The table of API keys, through the owner's connection: no other role reads or writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import psycopg
from psycopg import Connection
from psycopg.rows import class_row

from clearsight.errors import ConfigurationError, Unavailable
from clearsight.keys import NewKey, Role


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as a list shows it: nothing that opens anything."""

    key_id: str
    role: str
    user_id: str | None
    scopes: list[str]
    note: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None

    def state(self, now: datetime) -> str:
        """revoked, expired or valid."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"


@contextmanager
def key_table(owner_dsn: str) -> Iterator[Connection[Any]]:
    """One transaction. Raises Unavailable where the database does not answer, ConfigurationError where it is too old."""
    try:
        with psycopg.connect(owner_dsn, connect_timeout=5, options="-c timezone=UTC") as connection:
            yield connection
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        raise ConfigurationError(
            "the reporting database does not have the newest schema", "run `clearsight migrate`"
        ) from None
    except psycopg.errors.InsufficientPrivilege:
        raise ConfigurationError(
            "this login may not keep keys", "let CLEARSIGHT_REPORT__OWNER_DSN name the owner of the reporting database"
        ) from None
    except psycopg.OperationalError as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Unavailable(
            f"the reporting database did not answer: {reason}", "check CLEARSIGHT_REPORT__OWNER_DSN"
        ) from None


def add(
    connection: Connection[Any],
    key: NewKey,
    role: Role,
    user_id: str | None,
    scopes: list[str],
    note: str | None,
    created_by: str,
    expires_at: datetime | None,
) -> None:
    connection.execute(
        "INSERT INTO rpt.api_key (key_id, secret_hash, role, user_id, scopes, note, created_by, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (key.key_id, key.secret_hash, role, user_id, scopes, note, created_by, expires_at),
    )


def listed(connection: Connection[Any]) -> list[KeyRow]:
    """All keys, the newest first."""
    with connection.cursor(row_factory=class_row(KeyRow)) as cursor:
        cursor.execute(
            "SELECT key_id, role, user_id, scopes, note, created_at, created_by, expires_at, revoked_at"
            " FROM rpt.api_key ORDER BY created_at DESC, key_id"
        )
        return cursor.fetchall()


def revoke(connection: Connection[Any], key_ids: list[str]) -> set[str]:
    """Those of them that there are; one that was revoked before keeps its time."""
    rows = connection.execute(
        "UPDATE rpt.api_key SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = ANY(%s) RETURNING key_id",
        [key_ids],
    )
    return {cast(str, key_id) for (key_id,) in rows}


def owns_scenarios(connection: Connection[Any], user_id: str) -> bool:
    row = connection.execute("SELECT EXISTS (SELECT FROM rpt.dim_scenario WHERE owner = %s)", [user_id]).fetchone()
    return bool(row and row[0])
