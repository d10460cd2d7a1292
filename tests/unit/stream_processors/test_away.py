"""Which errors of the reporting database a worker waits out, and which it does not."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from stream_processors.database_errors import away, passes, too_much

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("connection refused"),
        errors.AdminShutdown(),
        errors.CrashShutdown(),
        errors.IdleInTransactionSessionTimeout(),
        errors.ReadOnlySqlTransaction("a server that is not promoted yet"),
    ],
)
def test_it_waits_until_the_database_may_do_the_same(error: psycopg.Error) -> None:
    assert away(error)


@pytest.mark.parametrize(
    "error",
    [
        errors.NumericValueOutOfRange(),
        errors.UniqueViolation(),
        errors.UndefinedColumn(),
        errors.TransactionTimeout(),
        ValueError(),
    ],
)
def test_it_does_not_wait_where_waiting_changes_nothing(error: Exception) -> None:
    assert not away(error)


def test_less_at_once_may_go() -> None:
    assert too_much(errors.TransactionTimeout())
    assert not too_much(errors.IdleInTransactionSessionTimeout())


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [(errors.TransactionTimeout(), True), (errors.AdminShutdown(), True), (errors.UniqueViolation(), False)],
)
def test_neither_stops_a_worker(error: psycopg.Error, goes_on: bool) -> None:
    assert passes(error) == goes_on
