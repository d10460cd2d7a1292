"""The connection of commands that correct what the reporting database says about the pipeline's own work."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection

    from clearsight.settings import Settings


@contextmanager
def writer(settings: Settings) -> Iterator[Connection[Any]]:
    """A connection of clearsight_writer.

    Raises Unavailable where the database does not answer, ConfigurationError where its schema is not the newest.
    """
    import psycopg

    from clearsight.errors import ConfigurationError, Unavailable, first_line_of
    from stream_processors.worker import connector

    try:
        with connector(settings)() as connection:
            yield connection
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName):
        raise ConfigurationError(
            "the reporting database does not have the newest schema", "run `clearsight migrate`"
        ) from None
    except psycopg.OperationalError as error:
        reason = first_line_of(error)
        raise Unavailable(
            f"the reporting database did not answer: {reason}", "check CLEARSIGHT_REPORT__WRITER_DSN"
        ) from None


def caller() -> str:
    """The name that this process's user has on this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
