"""What an error of the reporting database says of what was tried: the same may go later, or less of it, or never. Pure."""

from __future__ import annotations

import psycopg
from psycopg import errors

_PASSING = (psycopg.OperationalError, errors.IdleInTransactionSessionTimeout, errors.ReadOnlySqlTransaction)
"""The last of a server that is not promoted yet."""


def away(error: Exception) -> bool:
    """Whether the database may do the same later."""
    if not isinstance(error, psycopg.Error) or refuses_value(error):
        return False
    return isinstance(error, _PASSING)


def too_much(error: Exception) -> bool:
    """Whether the transaction took longer than one may: half of it may go."""
    return isinstance(error, errors.TransactionTimeout)


def passes(error: Exception) -> bool:
    """Whether it may go later, at once or in parts: no reason to stop."""
    return away(error) or too_much(error)


def refuses_value(error: psycopg.Error) -> bool:
    """Whether Postgres will never take a value of this batch: out of range, not text, too long for an index."""
    return isinstance(error, psycopg.DataError) or (error.sqlstate or "").startswith("54")
