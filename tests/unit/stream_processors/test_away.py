"""Which errors of the reporting database a worker waits out, and which it does not."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from stream_processors.worker import away

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("connection refused"),
        errors.AdminShutdown(),
        errors.CrashShutdown(),
        errors.IdleInTransactionSessionTimeout(),
        errors.TransactionTimeout(),
        errors.ReadOnlySqlTransaction("a server that is not promoted yet"),
    ],
)
def test_it_waits_until_the_database_may_do_the_same(error: psycopg.Error) -> None:
    assert away(error)


@pytest.mark.parametrize(
    "error", [errors.NumericValueOutOfRange(), errors.UniqueViolation(), errors.UndefinedColumn(), ValueError()]
)
def test_it_does_not_wait_where_waiting_changes_nothing(error: Exception) -> None:
    assert not away(error)
