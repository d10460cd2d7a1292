"""The functions of filters. Of null they are null."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Date, Float, Integer, Numeric, Text, cast, extract, func
from sqlalchemy.types import TypeEngine

from api.odata.sets import Kind
from api.odata.typed import NUMBERS, Typed, require

_TEXT: tuple[Kind, ...] = ("text",)
_DAYS: tuple[Kind, ...] = ("date", "instant")
_INSTANTS: tuple[Kind, ...] = ("instant",)


def _text(found: Typed, what: str) -> ColumnElement[str]:
    sql = require(found, _TEXT, what).sql
    return cast(sql, Text) if found.kind == "null" else sql


def _number(found: Typed, what: str, kind: type[TypeEngine[Any]] = Integer) -> ColumnElement[Any]:
    return cast(require(found, NUMBERS, what).sql, kind)


def _contains(whole: Typed, part: Typed) -> Typed:
    """Not by LIKE, in which % and _ would mean something."""
    return Typed(func.strpos(_text(whole, "contains"), _text(part, "contains")) > 0, "boolean")


def _starts_with(whole: Typed, part: Typed) -> Typed:
    return Typed(func.starts_with(_text(whole, "startswith"), _text(part, "startswith")), "boolean")


def _ends_with(whole: Typed, part: Typed) -> Typed:
    end = _text(part, "endswith")
    return Typed(func.right(_text(whole, "endswith"), func.length(end)) == end, "boolean")


def _length(whole: Typed) -> Typed:
    return Typed(func.length(_text(whole, "length")), "integer")


def _index_of(whole: Typed, part: Typed) -> Typed:
    return Typed(func.strpos(_text(whole, "indexof"), _text(part, "indexof")) - 1, "integer")


def _substring(whole: Typed, start: Typed, length: Typed | None = None) -> Typed:
    first = func.greatest(_number(start, "substring"), 0) + 1
    more = () if length is None else (func.greatest(_number(length, "substring"), 0),)
    return Typed(func.substr(_text(whole, "substring"), first, *more), "text")


def _concat(one: Typed, other: Typed) -> Typed:
    return Typed(_text(one, "concat") + _text(other, "concat"), "text")


def _changed(name: str, change: Any) -> Callable[[Typed], Typed]:
    return lambda whole: Typed(change(_text(whole, name)), "text")


def _part(name: str, kinds: tuple[Kind, ...]) -> Callable[[Typed], Typed]:
    """Of a time in UTC; a second without its fraction. A day has no hour."""

    def part(time: Typed) -> Typed:
        sql = require(time, kinds, name).sql
        if time.kind == "null":
            return Typed(cast(sql, Integer), "integer")
        return Typed(cast(func.floor(extract(name, sql)), Integer), "integer")

    return part


def _date(time: Typed) -> Typed:
    return Typed(cast(require(time, _DAYS, "date").sql, Date), "date")


def _now() -> Typed:
    return Typed(func.timezone("UTC", func.now()), "instant")


def _rounded(name: str, change: Any) -> Callable[[Typed], Typed]:
    """As numeric: it rounds halves away from zero, as OData does."""
    return lambda number: Typed(cast(change(_number(number, name, Numeric)), Float), "decimal")


FUNCTIONS: dict[str, Callable[..., Typed]] = {
    "contains": _contains,
    "startswith": _starts_with,
    "endswith": _ends_with,
    "length": _length,
    "indexof": _index_of,
    "substring": _substring,
    "concat": _concat,
    "tolower": _changed("tolower", func.lower),
    "toupper": _changed("toupper", func.upper),
    "trim": _changed("trim", func.btrim),
    "year": _part("year", _DAYS),
    "month": _part("month", _DAYS),
    "day": _part("day", _DAYS),
    "hour": _part("hour", _INSTANTS),
    "minute": _part("minute", _INSTANTS),
    "second": _part("second", _INSTANTS),
    "date": _date,
    "now": _now,
    "round": _rounded("round", func.round),
    "floor": _rounded("floor", func.floor),
    "ceiling": _rounded("ceiling", func.ceil),
}
