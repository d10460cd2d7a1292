"""Measures in DAX."""

from __future__ import annotations

from powerbi.measuring import Expression, Of, Rows, Share, Where
from powerbi.model import Rank

_FUNCTIONS = {
    "sum": "SUM",
    "average": "AVERAGE",
    "minimum": "MIN",
    "maximum": "MAX",
    "distinct": "DISTINCTCOUNTNOBLANK",
}


def dax(table: str, value: Expression) -> str:
    match value:
        case Rows(where):
            return _where(table, f"COUNTROWS({quoted(table)})", where)
        case Of(function, column, where, per):
            found = _where(table, f"{_FUNCTIONS[function]}({reference(table, column)})", where)
            return found if per == 1 else f"DIVIDE({found}, {per})"
        case Share(part, whole):
            return f"DIVIDE([{part}], [{whole}])"


def rank(table: str, value: Rank) -> str:
    """A computed column, of its own row alone: DirectQuery folds it to a CASE."""
    places = ", ".join(f'"{each}", {place}' for place, each in enumerate(value.values, start=1))
    return f"SWITCH({reference(table, value.of)}, {places}, 0)"


def reference(table: str, column: str) -> str:
    return f"{quoted(table)}[{column}]"


def quoted(name: str) -> str:
    return f"'{name.replace(chr(39), chr(39) * 2)}'"


def _where(table: str, found: str, where: Where | None) -> str:
    """KEEPFILTERS: beside what the visual filters, not instead of it."""
    if where is None:
        return found
    values = ", ".join(_literal(value) for value in where.values)
    return f"CALCULATE({found}, KEEPFILTERS({reference(table, where.column)} IN {{{values}}}))"


def _literal(value: str | bool) -> str:
    return ("TRUE()" if value else "FALSE()") if isinstance(value, bool) else f'"{value}"'
