"""The rows of each visual of a page, as the report asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from powerbi.asking import Scope, visual_bases, visual_query
from powerbi.layout import placed
from powerbi.model import Model
from powerbi.report import Field, MeasureField, Page, Report, Visual

_ROOT = f"{Path(__file__).parents[2]}/"


@dataclass(frozen=True, slots=True)
class Shown:
    """A visual and its rows. A row has a value for each of `fields`, in their order."""

    visual: Visual
    fields: tuple[Field, ...]
    rows: list[tuple[Any, ...]]

    def column(self, field: Field) -> list[Any]:
        place = self.fields.index(field)
        return [row[place] for row in self.rows]


def shown(
    connection: psycopg.Connection[Any], model: Model, report: Report, page: Page, scope: Scope, selected: Scope
) -> list[Shown]:
    """`selected` is what somebody chose in a list of the page: it holds for what else shows the newest."""
    return [_shown(connection, model, visual, selected if visual.top else scope) for visual in placed(report, page)]


def _shown(connection: psycopg.Connection[Any], model: Model, visual: Visual, scope: Scope) -> Shown:
    """What several facts are counted for has one row, put together."""
    bases = visual_bases(model, visual)
    if not bases:
        return Shown(visual, (), [])
    asked = [visual_query(model, visual, base, scope) for base in bases]
    answers = [connection.execute(query.sql.encode(), query.parameters).fetchall() for query in asked]
    if len(asked) == 1:
        return Shown(visual, asked[0].columns, [tuple(map(_from_root, row)) for row in answers[0]])
    assert all(isinstance(each, MeasureField) for each in visual.fields)
    told = {
        each: value
        for query, rows in zip(asked, answers, strict=True)
        for each, value in zip(query.columns, rows[0], strict=True)
    }
    return Shown(visual, visual.fields, [tuple(told[each] for each in visual.fields)])


def _from_root(value: Any) -> Any:
    """A stack names files of this checkout from its root."""
    return value.replace(_ROOT, "") if isinstance(value, str) else value
