"""A part of a filter as SQL, with its kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from odata_query import ast
from sqlalchemy import BigInteger, Boolean, ColumnElement, Date, DateTime, Float, Numeric, Text, cast, literal, null

from api.odata.faults import BadRequest, NotSupported
from api.odata.sets import Kind

MOST_DIGITS = 30
NUMBERS: tuple[Kind, ...] = ("integer", "decimal")

_BIGGEST = 2**63


@dataclass(frozen=True, slots=True)
class Typed:
    sql: ColumnElement[Any]
    kind: Kind
    constant: Any = None
    """The value of a literal; None for everything else, and for null."""


def require(found: Typed, kinds: tuple[Kind, ...], what: str) -> Typed:
    """Of one of these kinds, or null. Raises BadRequest."""
    if found.kind not in (*kinds, "null"):
        raise BadRequest(f"$filter: {what} cannot take {found.kind}")
    return found


def of_literal(node: ast._Literal) -> Typed:
    """Raises BadRequest where it is none that a property could hold, NotSupported for types that none has."""
    try:
        return _of_literal(node)
    except (ValueError, OverflowError):
        raise BadRequest(f"$filter: no such value: {str(getattr(node, 'val', ''))[:60]}") from None


def _of_literal(node: ast._Literal) -> Typed:
    match node:
        case ast.Null():
            return Typed(null(), "null")
        case ast.Boolean():
            return Typed(literal(node.py_val, Boolean), "boolean", node.py_val)
        case ast.Integer():
            return _of_integer(node.val)
        case ast.Float():
            return Typed(literal(node.py_val, Float), "decimal", node.py_val)
        case ast.String() | ast.GUID():
            return Typed(literal(node.val, Text), "text", node.val)
        case ast.Date():
            return of_date(node.py_val)
        case ast.DateTime():
            return of_instant(node.py_val)
    raise NotSupported(f"a literal of type {type(node).__name__}")


def _of_integer(text: str) -> Typed:
    if len(text) > MOST_DIGITS:
        raise ValueError(text)
    value = int(text)
    return Typed(literal(value, BigInteger if -_BIGGEST <= value < _BIGGEST else Numeric), "integer", value)


def of_date(value: date) -> Typed:
    return Typed(literal(value, Date), "date", value)


def of_instant(value: datetime) -> Typed:
    """Without an offset it is UTC. Raises OverflowError where UTC has no such year."""
    utc = value.replace(tzinfo=None) if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return Typed(literal(utc, DateTime), "instant", utc)


def comparable(left: Typed, right: Typed) -> tuple[Typed, Typed]:
    """Both so that SQL compares them; a day is the instant that it begins with. Raises BadRequest."""
    if left.kind == right.kind or "null" in (left.kind, right.kind):
        return left, right
    if left.kind in NUMBERS and right.kind in NUMBERS:
        return left, right
    if left.kind == "date" and right.kind == "instant":
        return _same_times(left, right)
    if left.kind == "instant" and right.kind == "date":
        return _same_times(right, left)[::-1]
    raise BadRequest(f"$filter: {left.kind} cannot be compared with {right.kind}")


def _same_times(day: Typed, instant: Typed) -> tuple[Typed, Typed]:
    """As days where the instant is a midnight that was written down: a day's index can be used."""
    if day.constant is not None:
        return of_instant(datetime.combine(day.constant, time())), instant
    if instant.constant is not None and instant.constant.time() == time():
        return day, of_date(instant.constant.date())
    return Typed(cast(day.sql, DateTime), "instant"), instant
