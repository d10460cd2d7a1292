"""The reporting database as the questions see it: read only, one snapshot a question, bounded in time, and only what the
caller may see: row-level security in the database shows nothing to a question that does not say who asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import NullPool
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from api.callers import OPERATOR, Caller
from clearsight.errors import ClearSightError, ConfigurationError, Unavailable
from clearsight.settings import Settings, required
from sql.engine import sqlalchemy_url

_BEGIN_AS = sql.SQL("BEGIN; SELECT rpt.ask_as({}, {})")
MEND = "start it (`clearsight up`), or correct CLEARSIGHT_REPORT__API_DSN"


class QuestionTooSlow(ClearSightError):
    """The database stopped a question that took longer than `api.statement_timeout_s`."""


def pooled_engine(settings: Settings) -> AsyncEngine:
    """For a process that answers many questions."""
    return _engine(
        settings,
        pool_size=settings.api.pool_size,
        max_overflow=0,
        pool_timeout=settings.api.pool_wait_s,
        pool_use_lifo=True,  # the connection whose statements are prepared
    )


def single_engine(settings: Settings) -> AsyncEngine:
    """For a command that asks once, for whoever holds the connection string."""
    return _engine(settings, poolclass=NullPool).execution_options(clearsight_caller=OPERATOR)


def _engine(settings: Settings, **pool: Any) -> AsyncEngine:
    """Repeatable read: an answer and its coverage show the same instant."""
    session = {
        "timezone": "UTC",
        "statement_timeout": f"{settings.api.statement_timeout_s * 1000:.0f}",
        "default_transaction_isolation": "repeatable\\ read",
        "default_transaction_read_only": "on",
    }
    return create_async_engine(
        sqlalchemy_url(required(settings.report.api_dsn, "report.api_dsn")),
        connect_args={
            "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
            "connect_timeout": 3,
            "application_name": "clearsight-api",
            "prepare_threshold": 1,
        },
        isolation_level="AUTOCOMMIT",  # a question begins and ends its transaction itself
        json_deserializer=msgspec.json.decode,
        use_native_hstore=False,
        **pool,
    )


@asynccontextmanager
async def question(engine: AsyncEngine, caller: Caller | None = None) -> AsyncIterator[AsyncConnection]:
    """A connection in one read-only transaction that sees what the caller may see; without a caller, the engine's own, if
    it has one, else nothing.

    Raises Unavailable where the database does not answer, QuestionTooSlow where it took too long, ConfigurationError where
    the schema or a right is missing.
    """
    try:
        connection = await _begun(engine, caller or engine.get_execution_options().get("clearsight_caller"))
        try:
            yield connection
            # at a rollback psycopg forgets its prepared statements, and all is planned anew
            await (await _driver(connection)).commit()
        finally:
            await connection.close()
    except PoolTimeout:
        raise Unavailable(
            "all connections to the reporting database are busy", "ask again, or raise api.pool_size"
        ) from None
    except DBAPIError as error:
        raise _explained(error) from error
    except psycopg.Error as error:
        raise _explained(DBAPIError(None, None, error)) from error
    except OSError as error:
        raise Unavailable(f"the reporting database did not answer: {error.strerror or error}", MEND) from None


async def _begun(engine: AsyncEngine, caller: Caller | None) -> AsyncConnection:
    """A connection in its transaction, as the caller. One that died in the pool shows it here, before anything was asked:
    then all are made anew, once, so that a database that was restarted is no error."""
    try:
        return await _begin(engine, caller)
    except _Dead:
        await engine.dispose()
    try:
        return await _begin(engine, caller)
    except _Dead as dead:
        raise dead.error from None


async def _begin(engine: AsyncEngine, caller: Caller | None) -> AsyncConnection:
    """In one round trip, by the driver itself: this is a part of every answer's time."""
    connection = await engine.connect()
    try:
        driver = await _driver(connection)
        await driver.execute(_asking(caller.role, caller.user_id) if caller else b"BEGIN", prepare=False)
    except psycopg.OperationalError as error:
        await connection.close()
        raise (_Dead(error) if driver.closed else error) from None
    except BaseException:
        await connection.close()
        raise
    return connection


@lru_cache(1024)
def _asking(role: str, user_id: str | None) -> bytes:
    return _BEGIN_AS.format(role, user_id).as_bytes()


class _Dead(Exception):
    def __init__(self, error: psycopg.OperationalError) -> None:
        super().__init__(str(error))
        self.error = error


async def _driver(connection: AsyncConnection) -> psycopg.AsyncConnection[Any]:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, psycopg.AsyncConnection)
    return driver


def _explained(error: DBAPIError) -> ClearSightError | SQLAlchemyError:
    state = getattr(error.orig, "sqlstate", None)
    reason = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
    if state == "57014":
        return QuestionTooSlow(
            "the question took too long", "ask for a shorter range, or raise api.statement_timeout_s"
        )
    if state in ("3F000", "42P01", "42703", "42501", "42883"):
        return ConfigurationError(f"the reporting database is not as it must be: {reason}", "run `clearsight migrate`")
    if state and state.startswith("28"):
        return Unavailable(f"the reporting database refused the login: {reason}", "correct CLEARSIGHT_REPORT__API_DSN")
    if (
        isinstance(error, OperationalError)
        or isinstance(error.orig, psycopg.OperationalError)
        or error.connection_invalidated
        or state in (None, "57P01", "57P02", "57P03")
    ):
        return Unavailable(f"the reporting database did not answer: {reason}", MEND)
    return error
