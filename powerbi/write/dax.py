"""Measures in DAX."""

from __future__ import annotations

from powerbi.measuring import Beyond, Chosen, Despite, Expression, Minus, Of, Rows, Share, Unlike, Where
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
        case Beyond():
            return _beyond(table, value)
        case Despite(of, tables):
            free = ", ".join(f"REMOVEFILTERS({quoted(each)})" for each in tables)
            return f"CALCULATE({dax(table, of)}, {free})"
        case Share(part, whole):
            return f"DIVIDE([{part}], [{whole}])"
        case Minus((_, one), (_, other), per):
            less = "one - other" if per == 1 else f"DIVIDE(one - other, {per})"
            missing = "ISBLANK(one) || ISBLANK(other)"
            return f"VAR one = [{one}] VAR other = [{other}] RETURN IF({missing}, BLANK(), {less})"
        case Chosen(slicer, (_, then), otherwise):
            return f"IF(ISFILTERED({reference(*slicer)}), [{then}], {dax(table, otherwise)})"
        case Unlike():
            return _unlike(value)


def _beyond(table: str, value: Beyond) -> str:
    """Of a table's name, REMOVEFILTERS and ALLEXCEPT mean all that it is related to as well."""
    columns = ", ".join(reference(table, each) for each in value.kept)
    free = f"ALLEXCEPT({quoted(table)}, {columns})" if columns else f"REMOVEFILTERS({quoted(table)})"
    found = dax(table, value.value)
    column, (_, measure) = value.key
    return f"VAR wanted = [{measure}] RETURN CALCULATE({found}, {free}, {reference(table, column)} = wanted)"


def _unlike(value: Unlike) -> str:
    """EXACT minds upper and lower case, and takes nothing for an empty text."""
    alike = "EXACT(one, other) && ISBLANK(one) = ISBLANK(other)"
    nothing = f"ISBLANK([{value.given[1]}]) || {alike}"
    return f"VAR one = [{value.one}] VAR other = [{value.other}] RETURN IF({nothing}, BLANK(), [{value.value}])"


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
