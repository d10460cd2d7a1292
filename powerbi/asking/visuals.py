"""The questions of visuals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, or_, select
from sqlalchemy.dialects.postgresql import psycopg

from powerbi.asking.joined import Joined
from powerbi.asking.measured import measured, needs
from powerbi.asking.scope import Query, Scope
from powerbi.layout import placed
from powerbi.measuring import Where
from powerbi.model import Model, Table
from powerbi.report import ColumnField, Field, MeasureField, Page, Report, Top, Visual

ROWS_OF_A_QUERY = 1_000_001
ROWS_OF_A_LIST = 501
"""A table or a list shows its first 500 rows and asks for more when it is scrolled."""
_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]
_LISTS = ("tableEx", "slicer")

Only = tuple[tuple[str, Where], ...]


def visual_queries(model: Model, report: Report, scope: Scope) -> dict[str, Query]:
    """By "page/visual"; what measures facts of several tables asks once for each: "page/visual/table"."""
    return {name: query for page in report.pages for name, query in page_queries(model, report, page, scope)}


def page_queries(model: Model, report: Report, page: Page, scope: Scope) -> Iterator[tuple[str, Query]]:
    for visual in placed(report, page):
        bases = visual_bases(model, visual)
        for base in bases:
            name = f"{page.key}/{visual.key}" + (f"/{base.name}" if len(bases) > 1 else "")
            yield name, visual_query(model, visual, base, scope)


def visual_bases(model: Model, visual: Visual) -> list[Table]:
    """The tables whose rows a visual counts: those of its measures; without any, the one that is related to all others.

    Raises KeyError where there is none.
    """
    measuring = dict.fromkeys(each.table for each in visual.fields if isinstance(each, MeasureField))
    if measuring:
        return [model.table(name) for name in measuring]
    shown = [model.table(name) for name in dict.fromkeys(each.table for each in visual.fields)]
    if not shown:
        return []
    found = next((each for each in shown if all(Joined(model, each).reaches(other.name) for other in shown)), None)
    if found is None:
        raise KeyError(f"{visual.key}: none of its tables is related to all others")
    return [found]


def visual_query(model: Model, visual: Visual, base: Table, scope: Scope) -> Query:
    """Raises KeyError where a field is not related to the base."""
    shown = [each for each in visual.fields if isinstance(each, ColumnField) or each.table == base.name]
    shown = list(dict.fromkeys(shown))
    statement = _grouped(model, base, shown, scope, visual.only, visual.top)
    if visual.sort is not None and visual.sort.by in shown:
        key = statement.selected_columns[shown.index(visual.sort.by)]
        statement = statement.order_by(key.desc().nulls_last() if visual.sort.descending else key.asc().nulls_last())
    most = ROWS_OF_A_LIST if visual.kind in _LISTS else ROWS_OF_A_QUERY
    compiled = statement.limit(most).compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return Query(str(compiled), dict(compiled.params), tuple(shown))


def _grouped(
    model: Model, base: Table, shown: Iterable[Field], scope: Scope, only: Only = (), top: Top | None = None
) -> Select[Any]:
    """A group that no measure says anything about is not shown."""
    rows = _Rows(model, base, shown, scope, only, top)
    columns = {each: rows.value(each) for each in shown}
    values = [column for each, column in columns.items() if isinstance(each, MeasureField)]
    keys = [column for each, column in columns.items() if isinstance(each, ColumnField)]
    labels = [column.label(f"c{number}") for number, column in enumerate(columns.values())]
    statement = select(*labels).select_from(rows.source)
    if keys:
        statement = statement.group_by(*keys)
        if values:
            statement = statement.having(or_(*(value.is_not(None) for value in values)))
    return statement


class _Rows:
    """The rows of a base that filters leave, with the columns that are shown or measured."""

    def __init__(
        self, model: Model, base: Table, shown: Iterable[Field], scope: Scope, only: Only, top: Top | None
    ) -> None:
        self._base = base
        self._places: dict[tuple[str, str], str] = {}
        joined = Joined(model, base)
        columns: list[ColumnElement[Any]] = []
        for place in dict.fromkeys(name for each in shown for name in _columns(base, each)):
            self._places[place] = f"a{len(self._places)}"
            columns.append(joined.column(*place).label(self._places[place]))
        conditions = _conditions(joined, scope, only)
        if top is not None:
            conditions.append(joined.column(top.of.table, top.of.name).in_(_top(model, top, scope)))
        if not columns:
            columns = [joined.column(base.name, base.columns[0].name)]
        self.source: Subquery = select(*columns).select_from(joined.source()).where(*conditions).subquery("rows")

    def value(self, shown: Field) -> ColumnElement[Any]:
        if isinstance(shown, ColumnField):
            return self._column(shown.table, shown.name)
        value = self._base.measure(shown.name).value
        return measured(self._base, value, lambda name: self._column(self._base.name, name))

    def _column(self, table: str, name: str) -> ColumnElement[Any]:
        return self.source.c[self._places[table, name]]


def _columns(base: Table, shown: Field) -> list[tuple[str, str]]:
    if isinstance(shown, ColumnField):
        return [(shown.table, shown.name)]
    return [(base.name, name) for name in sorted(needs(base, base.measure(shown.name).value))]


def _conditions(joined: Joined, scope: Scope, only: Only) -> list[ColumnElement[bool]]:
    """A filter on a table that the base is not related to says nothing about it."""
    chosen = [*scope.chosen.items(), *(((table, where.column), where.values) for table, where in only)]
    found: list[ColumnElement[bool]] = []
    found += [joined.column(*place).in_(values) for place, values in chosen if joined.reaches(place[0])]
    if joined.reaches("Date") and scope.since is not None:
        found.append(joined.column("Date", "Date") >= scope.since)
    if joined.reaches("Date") and scope.until is not None:
        found.append(joined.column("Date", "Date") <= scope.until)
    return found


def _top(model: Model, top: Top, scope: Scope) -> Select[Any]:
    statement = _grouped(model, model.table(top.by.table), (top.of, top.by), scope)
    greatest = statement.order_by(statement.selected_columns[1].desc().nulls_last()).limit(top.count).subquery("top")
    return select(greatest.c.c0)
