"""The questions of visuals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, false, literal, or_, select, union_all
from sqlalchemy.dialects.postgresql import psycopg

from powerbi.asking.joined import Joined
from powerbi.asking.measured import aggregated, leaves, measured, needs, others
from powerbi.asking.scope import Query, Scope
from powerbi.layout import placed
from powerbi.measuring import Beyond, Chosen, Despite, Leaf, Named, Where
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
    """A group that no measure says anything about is not shown. What is computed of sums is computed once these are known."""
    shown = tuple(shown)
    asked = _Asked(model, base, scope, only, top)
    rows = _Rows(asked, shown)
    keys: dict[Field, ColumnElement[Any]] = {
        each: rows.column(each.table, each.name) for each in shown if isinstance(each, ColumnField)
    }
    known = _Known(asked, rows, keys, shown)
    if any(not isinstance(base.measure(each.name).value, Leaf) for each in shown if isinstance(each, MeasureField)):
        known.sum_up()
    columns = {each: known.value(each) for each in shown}
    values = [column for each, column in columns.items() if isinstance(each, MeasureField)]
    labels = [column.label(f"c{number}") for number, column in enumerate(columns.values())]
    statement = select(*labels).select_from(known.source)
    said = or_(false(), *(value.is_not(None) for value in values))
    if known.is_summed:
        return statement.where(said) if keys and values else statement
    if keys:
        statement = statement.group_by(*keys.values())
        if values:
            statement = statement.having(said)
    return statement


@dataclass(frozen=True, slots=True)
class _Asked:
    model: Model
    base: Table
    scope: Scope
    only: Only = ()
    top: Top | None = None

    def measure(self, measure: Named) -> ColumnElement[Any]:
        """Asked for itself, with the same filters."""
        table, name = measure
        field = MeasureField(table, name)
        return _grouped(self.model, self.model.table(table), (field,), self.scope, (), self.top).scalar_subquery()


class _Known:
    """Sums of rows: computed where they stand if each measure is one, else first, by name."""

    def __init__(
        self, asked: _Asked, rows: _Rows, keys: Mapping[Field, ColumnElement[Any]], shown: Sequence[Field]
    ) -> None:
        self._asked, self._keys = asked, dict(keys)
        self._leaves = {each: rows.leaf(each) for each in _leaves(asked.base, shown)}
        self._others = {each: asked.measure(each) for each in _others(asked, shown)}
        self.source: Subquery = rows.source
        self.is_summed = False

    def sum_up(self) -> None:
        names = {each: f"k{number}" for number, each in enumerate(self._keys)}
        leaves = {each: f"l{number}" for number, each in enumerate(self._leaves)}
        others = {each: f"o{number}" for number, each in enumerate(self._others)}
        statement = select(
            *(self._keys[each].label(name) for each, name in names.items()),
            *(self._leaves[each].label(name) for each, name in leaves.items()),
            *(self._others[each].label(name) for each, name in others.items()),
        ).select_from(self.source)
        if names:
            statement = statement.group_by(*self._keys.values())
        self.source = statement.subquery("sums")
        self._keys = {each: self.source.c[name] for each, name in names.items()}
        self._leaves = {each: self.source.c[name] for each, name in leaves.items()}
        self._others = {each: self.source.c[name] for each, name in others.items()}
        self.is_summed = True

    def value(self, shown: Field) -> ColumnElement[Any]:
        if isinstance(shown, ColumnField):
            return self._keys[shown]
        return measured(self._asked.base, self._asked.base.measure(shown.name).value, self)

    def leaf(self, of: Leaf) -> ColumnElement[Any]:
        return self._leaves[of]

    def elsewhere(self, measure: Named) -> ColumnElement[Any]:
        return self._others[measure]

    def is_chosen(self, slicer: Named) -> bool:
        return slicer in self._asked.scope.chosen


class _Rows:
    """The rows of a base that filters leave, and those beyond them, with the columns that are shown or measured."""

    def __init__(self, asked: _Asked, shown: Iterable[Field]) -> None:
        shown = tuple(shown)
        self._asked = asked
        leaves = _leaves(asked.base, shown)
        self._beyond = next((each for each in leaves if isinstance(each, Beyond | Despite)), None)
        own = [(asked.base.name, name) for each in leaves for name in sorted(needs(each))]
        columns = [(each.table, each.name) for each in shown if isinstance(each, ColumnField)]
        self._places = {place: f"a{number}" for number, place in enumerate(dict.fromkeys([*columns, *own]))}
        parts = []
        if self._beyond is None or any(not isinstance(each, Beyond | Despite) for each in leaves):
            parts.append(self._part(self._left, True))
        if self._beyond is not None:
            parts.append(self._part(self._left_beyond, False))
        self._is_split = len(parts) > 1
        self.source: Subquery = (union_all(*parts) if self._is_split else parts[0]).subquery("rows")

    def column(self, table: str, name: str) -> ColumnElement[Any]:
        return self.source.c[self._places[table, name]]

    def leaf(self, of: Leaf) -> ColumnElement[Any]:
        here: ColumnElement[bool] | None = self.source.c["here"] if self._is_split else None
        if isinstance(of, Beyond | Despite):
            return aggregated(of.value, self._own, None if here is None else ~here)
        return aggregated(of, self._own, here)

    def _own(self, name: str) -> ColumnElement[Any]:
        return self.column(self._asked.base.name, name)

    def _part(self, conditions: Callable[[Joined], list[ColumnElement[bool]]], here: bool) -> Select[Any]:
        base, joined = self._asked.base, Joined(self._asked.model, self._asked.base)
        columns: list[ColumnElement[Any]] = [joined.column(*place).label(at) for place, at in self._places.items()]
        if self._beyond is not None:
            columns.append(literal(here).label("here"))
        columns = columns or [joined.column(base.name, base.columns[0].name)]
        found = conditions(joined)
        return select(*columns).select_from(joined.source()).where(*found)

    def _left(self, joined: Joined) -> list[ColumnElement[bool]]:
        asked, top = self._asked, self._asked.top
        conditions = _conditions(joined, asked.scope, asked.only)
        if top is not None:
            conditions.append(joined.column(top.of.table, top.of.name).in_(_top(asked.model, top, asked.scope)))
        return conditions

    def _left_beyond(self, joined: Joined) -> list[ColumnElement[bool]]:
        asked, beyond = self._asked, self._beyond
        assert beyond is not None
        if isinstance(beyond, Despite):
            chosen = {place: values for place, values in asked.scope.chosen.items() if place[0] not in beyond.tables}
            return _conditions(joined, replace(asked.scope, chosen=chosen), asked.only)
        column, measure = beyond.key
        return [joined.column(asked.base.name, column) == asked.measure(measure)]


def _leaves(base: Table, shown: Iterable[Field]) -> list[Leaf]:
    names = [each.name for each in shown if isinstance(each, MeasureField)]
    return list(dict.fromkeys(leaf for name in names for leaf in leaves(base, base.measure(name).value)))


def _others(asked: _Asked, shown: Iterable[Field]) -> list[Named]:
    """Without what stands for a slicer in which nothing is chosen."""
    values = [asked.base.measure(each.name).value for each in shown if isinstance(each, MeasureField)]
    unused = {value.then for value in values if isinstance(value, Chosen) and value.slicer not in asked.scope.chosen}
    return [
        each
        for each in dict.fromkeys(name for value in values for name in others(asked.base, value))
        if each not in unused
    ]


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
